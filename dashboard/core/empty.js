import { html } from './html.js';
import { admin, role } from './session.js';
import { isContact, lookAtAll, narrowed, view } from './view.js';
import { Command } from './command.js';

/** Shown where the list has no row: why, and what to do next. */
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

const WAYS = [
  {
    title: 'See how it works',
    text: 'A minute of invented leads, as a CRM would send them.',
    command: 'service6 simulate --rate 5 --seconds 60',
  },
  {
    title: 'Bring your leads',
    text: 'From any CSV; the same file twice changes nothing.',
    command: 'service6 import leads leads.csv --source crm --id Id',
  },
  {
    title: 'Connect your CRM',
    text: 'Its webhooks go to this address, signed; the README has the rest.',
    command: `${location.origin}/webhooks/standard`,
  },
];

/** Only an admin can do something about it. */
function Beginning() {
  if (!admin.value) return html`<${Waiting} />`;
  return html`<div class="empty empty-wide">
    <h2>No leads yet</h2>
    <p>Three ways to begin. The leads appear here by themselves.</p>
    <ol class="ways">
      ${WAYS.map(({ title, text, command }) => html`<li key=${title}>
        <h3>${title}</h3><p class="muted">${text}</p><${Command} text=${command} />
      </li>`)}
    </ol>
  </div>`;
}

function Waiting() {
  const own = role.value === 'agent';
  return html`<div class="empty">
    <h2>No leads yet</h2>
    <p>Leads appear here as soon as ${own ? 'you are their owner' : 'the CRM sends them'}.</p>
    ${own && html`<p class="muted">Are some missing? Ask your sales manager who owns them.</p>`}
  </div>`;
}
