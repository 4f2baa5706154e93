import { dialog } from './dialogs.js';
import { html } from './html.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';

/** The browser's own dialog: it keeps the focus inside, closes on Escape, and gives the focus back. */
export function DialogFrame({ label, kind, children }) {
  const element = useRef(null);
  const close = () => (dialog.value = null);
  useEffect(() => {
    const shown = element.current;
    const before = document.activeElement;
    shown.addEventListener('close', close);
    shown.showModal();
    return () => {
      // The browser tells of it later, when another dialog may be open.
      shown.removeEventListener('close', close);
      shown.close();
      if (before?.isConnected && document.activeElement === document.body) before.focus({ preventScroll: true });
    };
  }, []);
  const outside = (event) => event.target === event.currentTarget && close();
  return html`<dialog class="dialog" data-kind=${kind} aria-label=${label} ref=${element} onClick=${outside}>
    <div class="dialog-inside">${children}</div>
  </dialog>`;
}
