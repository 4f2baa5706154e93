import { html } from '../html.js';
import { Command } from './command.js';

/** No row to show: says why, and what to do next. */
export function Empty({ leads }) {
  const chosen = leads.tiers.value;
  if (chosen.length) {
    return html`<div class="empty">
      <h2>No lead in tier ${chosen.join(' or ')}</h2>
      <p>Leads come in here as soon as their score says so.</p>
      <button type="button" onClick=${() => leads.showAll()}>Show all tiers</button>
    </div>`;
  }
  return html`<div class="empty">
    <h2>No leads yet</h2>
    <p>Send a minute of invented ones, and watch them arrive:</p>
    <${Command} text="service6 simulate --rate 5 --seconds 60" />
    <p class="muted">Or point your CRM at this server: the README has the address and the signature.</p>
  </div>`;
}
