import { valueText } from '../core/format.js';
import { html } from '../core/html.js';

/** What is known of a lead; the server leaves out what the role may not see. */
export function Attributes({ detail, why }) {
  if (!detail) return html`<p class="muted">${why ?? 'Reading…'}</p>`;
  if (!detail.attributes) return html`<p class="muted">Your role shows the reasons, not the attributes.</p>`;
  const known = Object.entries(detail.attributes);
  if (known.length === 0) return html`<p class="muted">Nothing yet.</p>`;
  return html`<dl class="attributes">
    ${known.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${valueText(value)}</dd></div>`)}
  </dl>`;
}
