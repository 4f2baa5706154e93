import { html } from './html.js';
import { useState } from '../vendor/preact-hooks.js';

/** A command to type, with a button that copies it where the browser allows copying. */
export function Command({ text }) {
  const [copied, setCopied] = useState(false);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true));
  return html`<div class="command">
    <code>${text}</code>
    ${navigator.clipboard &&
    html`<button type="button" class="quiet" onClick=${copy}>${copied ? 'Copied' : 'Copy'}</button>`}
  </div>`;
}
