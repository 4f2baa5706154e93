import { count } from '../format.js';
import { html } from '../html.js';
import { narrow } from '../viewport.js';
import { Empty } from './empty.js';
import { Filters } from './filters.js';
import { Header } from './header.js';
import { LeadList } from './lead_list.js';
import { LeadPanel } from './lead_panel.js';

function Trouble({ leads }) {
  if (!leads.trouble.value) return null;
  return html`<div class="trouble" role="alert">
    <p><strong>The leads could not be read.</strong> ${leads.trouble}</p>
    <button type="button" onClick=${() => leads.read().catch(() => null)}>Try again</button>
  </div>`;
}

function More({ leads }) {
  const shown = leads.order.value.length;
  return html`<p class="more">
    <span class="muted">${count(shown)} of ${count(Math.max(shown, leads.total.value))}, highest score first</span>
    ${leads.canGrow.value && html`<button type="button" disabled=${leads.loading} onClick=${() => leads.readMore()}>Load more</button>`}
  </p>`;
}

function Body({ leads }) {
  if (leads.order.value.length) return html`<${LeadList} leads=${leads} /><${More} leads=${leads} />`;
  if (leads.loading.value) return html`<p class="empty muted" aria-busy="true">Reading leads…</p>`;
  return leads.trouble.value ? null : html`<${Empty} leads=${leads} />`;
}

function Count({ leads }) {
  const total = Math.max(leads.total.value ?? 0, leads.order.value.length);
  if (leads.total.value === null) return html`<span>Leads</span>`;
  return html`<span><span class="count">${count(total)}</span> ${total === 1 ? 'lead' : 'leads'}</span>`;
}

export function Page({ leads, connection }) {
  const open = leads.open.value;
  const close = () => {
    leads.hide();
    document.querySelector(`[data-lead="${open.lead.id}"] .lead-name`)?.focus();
  };
  const covered = Boolean(open) && narrow.value;
  return html`<div class="page" data-panel=${Boolean(open)}>
    <div class="list-side" inert=${covered}>
      <${Header} connection=${connection} />
      <main>
        <div class="bar"><h1><${Count} leads=${leads} /></h1><${Filters} leads=${leads} /></div>
        <${Trouble} leads=${leads} />
        <${Body} leads=${leads} />
      </main>
    </div>
    ${open && html`<${LeadPanel} open=${open} onClose=${close} />`}
  </div>`;
}
