import { html } from '../html.js';
import { Tier } from './tier.js';

const TIERS = ['A', 'B', 'C', 'D'];

export function Filters({ leads }) {
  const chosen = leads.tiers.value;
  const button = (tier) => html`<button
    key=${tier}
    type="button"
    class="filter"
    aria-pressed=${String(chosen.includes(tier))}
    onClick=${() => leads.toggle(tier)}
  >
    <${Tier} tier=${tier} />
  </button>`;
  return html`<div class="filters" role="group" aria-label="Show tiers">${TIERS.map(button)}</div>`;
}
