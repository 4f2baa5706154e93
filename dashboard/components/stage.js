import { html } from '../html.js';

const MARKS = { won: '✓', lost: '✕' };

/** Where the deal stands; an outcome says more than the stage it was reached in. */
export function Stage({ lead }) {
  const { outcome, stage } = lead;
  if (!outcome) return html`<span>${stage ?? '–'}</span>`;
  return html`<span class="outcome" data-outcome=${outcome}>
    <span aria-hidden="true">${MARKS[outcome]}</span> ${outcome === 'won' ? 'Won' : 'Lost'}
  </span>`;
}
