import { html } from '../html.js';

/** A tier is told by its letter, its shape and its colour, so that no one of them is needed. */
const SHAPES = {
  A: 'M14 1.5 25 7.75v12.5L14 26.5 3 20.25V7.75Z',
  B: 'M7 3h14a4 4 0 0 1 4 4v14a4 4 0 0 1-4 4H7a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4Z',
  C: 'M14 2a12 12 0 1 1 0 24 12 12 0 0 1 0-24Z',
  D: 'M14 1 27 14 14 27 1 14Z',
};

/** @param {{tier: 'A' | 'B' | 'C' | 'D'}} props */
export function Tier({ tier }) {
  return html`<span class="tier" data-tier=${tier}>
    <svg viewBox="0 0 28 28" aria-hidden="true"><path d=${SHAPES[tier]} /></svg>
    <span class="tier-letter"><span class="unseen">Tier </span>${tier}</span>
  </span>`;
}
