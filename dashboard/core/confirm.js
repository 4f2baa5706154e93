import { html } from './html.js';
import { say } from './toast.js';
import { useEffect, useRef, useState } from '../vendor/preact-hooks.js';

/** A button for what cannot be taken back lightly: it asks once more, in place. Escape and No leave all as it is. */
export function Confirm({ label, question, yes, strong, onYes }) {
  const [asking, setAsking] = useState(false);
  const first = useRef(null);
  useEffect(() => {
    if (asking) first.current.focus();
  }, [asking]);
  if (!asking) {
    const ask = () => setAsking(true);
    return html`<button type="button" class=${strong ? 'strong' : ''} onClick=${ask}>${label}</button>`;
  }
  const leave = (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    setAsking(false);
  };
  const act = () => {
    setAsking(false);
    onYes().catch((problem) => say(problem.message));
  };
  return html`<div class="confirm" role="group" aria-label=${question} onKeyDown=${leave}>
    <span>${question}</span>
    <button type="button" class="strong" ref=${first} onClick=${act}>${yes}</button>
    <button type="button" onClick=${() => setAsking(false)}>No</button>
  </div>`;
}
