import { dialog } from './dialogs.js';
import { html } from './html.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';

/** The browser's own dialog: it keeps the focus inside, closes on Escape, and gives the focus back. */
export function DialogFrame({ label, kind, children }) {
  const element = useRef(null);
  useEffect(() => {
    const shown = element.current;
    const before = document.activeElement;
    shown.showModal();
    return () => {
      shown.close();
      if (before?.isConnected && document.activeElement === document.body) before.focus({ preventScroll: true });
    };
  }, []);
  // The browser tells of a closed dialog later; another one may be open by then.
  const close = () => dialog.peek() === kind && (dialog.value = null);
  const outside = (event) => event.target === event.currentTarget && close();
  const told = { 'data-kind': kind, 'aria-label': label, onClose: close, onClick: outside };
  return html`<dialog class="dialog" ref=${element} ...${told}>
    <div class="dialog-inside">${children}</div>
  </dialog>`;
}
