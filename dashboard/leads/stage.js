import { html } from '../core/html.js';

const OUTCOMES = { won: '✓ Won', lost: '✕ Lost' };

/** Where the deal stands; an outcome says more than the stage it was reached in. */
export function Stage({ lead: { outcome, stage } }) {
  return html`<span class="stage" data-outcome=${outcome ?? undefined}>${OUTCOMES[outcome] ?? stage ?? '–'}</span>`;
}
