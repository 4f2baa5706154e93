import { html } from '../core/html.js';

/**
 * Letter, shape and colour each show the tier, so that a reader needs only one of them (styles/leads.css).
 *
 * @param {{tier: 'A' | 'B' | 'C' | 'D'}} props
 */
export function Tier({ tier }) {
  return html`<span class="tier" role="img" aria-label=${`Tier ${tier}`} data-tier=${tier}>${tier}</span>`;
}
