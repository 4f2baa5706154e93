import { html } from '../core/html.js';

/**
 * A tier is told by its letter, its shape and its colour, so that no one of them is needed (styles/leads.css).
 *
 * @param {{tier: 'A' | 'B' | 'C' | 'D'}} props
 */
export function Tier({ tier }) {
  return html`<span class="tier" role="img" aria-label=${`Tier ${tier}`} data-tier=${tier}>${tier}</span>`;
}
