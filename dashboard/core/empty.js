import { html } from './html.js';
import { isContact, lookAtAll, narrowed, view } from './view.js';
import { Command } from './command.js';

/** No row to show: says why, and what to do next. */
export function Empty() {
  return narrowed.value ? html`<${Nothing} />` : html`<${Beginning} />`;
}

function Nothing() {
  const { tiers, text } = view.value;
  const found = isContact(text) ? 'Nobody has exactly this address or number' : `No lead's id begins with “${text}”`;
  const title = text ? found : tiers.length ? `No lead in tier ${tiers.join(' or ')}` : 'No lead is like that';
  return html`<div class="empty">
    <h2>${title}</h2>
    <p>Leads come in here as soon as they match.</p>
    <button type="button" onClick=${lookAtAll}>Show all leads</button>
  </div>`;
}

function Beginning() {
  return html`<div class="empty empty-wide">
    <h2>No leads yet</h2>
    <p>Three ways to begin. The leads appear here by themselves.</p>
    <ol class="ways">
      <li><h3>See how it works</h3><p class="muted">A minute of invented leads, as a CRM would send them.</p><${Command} text="service6 simulate --rate 5 --seconds 60" /></li>
      <li><h3>Bring your leads</h3><p class="muted">From any CSV; the same file twice changes nothing.</p><${Command} text="service6 import leads leads.csv --source crm --id Id" /></li>
      <li><h3>Connect your CRM</h3><p class="muted">Its webhooks go to this address, signed; the README has the rest.</p><${Command} text=${`${location.origin}/webhooks/standard`} /></li>
    </ol>
  </div>`;
}
