import { html } from '../core/html.js';

const OUTCOMES = { won: '✓ Won', lost: '✕ Lost' };

/** Where the deal stands: its outcome, or its stage while it has none. */
export function Stage({ lead: { outcome, stage } }) {
  return html`<span class="stage" data-outcome=${outcome ?? undefined}>${OUTCOMES[outcome] ?? stage ?? '–'}</span>`;
}
