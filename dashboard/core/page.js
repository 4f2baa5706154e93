import { dialog } from './dialogs.js';
import { count } from './format.js';
import { html } from './html.js';
import { listen } from './keys.js';
import { lazy, styled } from './lazy.js';
import { ListWindow } from '../leads/list_window.js';
import { overseer } from './session.js';
import { toast } from './toast.js';
import { useEffect, useMemo } from '../vendor/preact-hooks.js';
import { lookAtAll, place } from './view.js';
import { narrow } from './viewport.js';
import { AlarmList } from './alarm_list.js';
import { Empty } from './empty.js';
import { Filters } from '../leads/filters.js';
import { Header } from './header.js';
import { Above, LeadList, walk } from '../leads/lead_list.js';
import { Search } from '../leads/search.js';

const REST_MS = 500;

const LeadPanel = lazy(async () => (await import('../leads/lead_panel.js')).LeadPanel);
const Palette = lazy(async () => (await import('./palette.js')).Palette);
const Help = lazy(async () => (await import('./help.js')).Help);
const STYLES = new URL('../styles/places.css', import.meta.url).href;
const RunsPage = lazy(async () => {
  const [{ RunsPage: part }] = await Promise.all([import('../runs/runs_page.js'), styled(STYLES)]);
  return part;
});
const ModelsPage = lazy(async () => {
  const [{ ModelsPage: part }] = await Promise.all([import('../models/models_page.js'), styled(STYLES)]);
  return part;
});

/** Whoever presses Ctrl-K types on at once, so the rest is fetched as soon as the first part has settled. */
function useRest(leads) {
  const settled = !leads.loading.value;
  useEffect(() => {
    if (settled) setTimeout(() => [LeadPanel, Palette, Help].forEach((part) => part.warm()), REST_MS);
  }, [settled]);
}

const PARTIAL = 'What was read before is narrowed to this filter; there may be more leads like that.';

function Trouble({ leads }) {
  if (!leads.trouble.value) return null;
  return html`<div class="trouble" role="alert">
    <p><strong>The leads could not be read.</strong> ${leads.trouble} ${leads.partial.value && PARTIAL}</p>
    <button type="button" onClick=${() => leads.read().catch(() => null)}>Try again</button>
  </div>`;
}

function Foot({ leads }) {
  const shown = leads.order.value.length;
  if (leads.partial.value) {
    return html`<p class="more muted">${count(shown)} of those read before, highest score first</p>`;
  }
  const total = Math.max(shown, leads.total.value ?? 0);
  return html`<p class="more muted">${count(shown)} of ${count(total)}, highest score first; ${rest(leads, total)}</p>`;
}

function rest(leads, total) {
  if (leads.canGrow.value) return 'reading more as you scroll';
  return leads.order.value.length < total ? 'narrow the list to see the rest' : 'that is all';
}

function Body({ leads, frame, watch }) {
  if (leads.order.value.length) {
    return html`<${LeadList} leads=${leads} frame=${frame} watch=${watch} /><${Foot} leads=${leads} />`;
  }
  if (leads.trouble.value && !leads.loading.value) return leads.partial.value && html`<${NoneHere} />`;
  if (!leads.loading.value && !leads.partial.value) return html`<${Empty} />`;
  return html`<p class="empty muted" aria-busy="true">Reading leads…</p>`;
}

/** Whether the server has such leads is not known. */
function NoneHere() {
  return html`<div class="empty">
    <h2>None of those read before is like that</h2>
    <button type="button" onClick=${lookAtAll}>Show all that were read</button>
  </div>`;
}

function Count({ leads }) {
  const shown = leads.order.value.length;
  if (leads.total.value === null && !leads.partial.value) return html`<span>Leads</span>`;
  const total = Math.max(leads.total.value ?? 0, shown);
  const words = `${total === 1 ? 'lead' : 'leads'}${leads.partial.value ? ' so far' : ''}`;
  return html`<span><span class="count">${count(total)}</span> ${words}</span>`;
}


function LeadsPage({ leads, frame, watch }) {
  return html`<div class="bar"><h1><${Count} leads=${leads} /></h1><${Search} /><${Filters} /></div>
    <${Trouble} leads=${leads} />
    <${Above} frame=${frame} />
    <${Body} leads=${leads} frame=${frame} watch=${watch} />`;
}

function Place({ at, leads, runs, frame, watch }) {
  if (at === 'runs') return html`<${RunsPage} runs=${runs} />`;
  if (at === 'models') return html`<${ModelsPage} />`;
  return html`<${LeadsPage} leads=${leads} frame=${frame} watch=${watch} />`;
}

export function Page({ leads, runs, alarms, connection, watch }) {
  const frame = useMemo(() => new ListWindow(), []);
  useEffect(() => listen(leads, (step) => walk(leads, frame, step)), []);
  useRest(leads);
  const at = overseer.value ? place.value : 'leads';
  const open = at === 'leads' && leads.open.value;
  const covered = Boolean(open) && narrow.value;
  return html`<div class="page" data-panel=${Boolean(open)}>
      <div class="list-side" inert=${covered}>
        <div class="sticky"><${Header} leads=${leads} runs=${runs} connection=${connection} /></div>
        <main>
          <${AlarmList} alarms=${alarms} />
          <${Place} at=${at} leads=${leads} runs=${runs} frame=${frame} watch=${watch} />
        </main>
      </div>
      ${open && html`<${LeadPanel} open=${open} onClose=${() => leads.hide()} />`}
    </div>
    ${dialog.value === 'palette' && html`<${Palette} leads=${leads} />`}
    ${dialog.value === 'help' && html`<${Help} />`}
    <p class="toast" role="status" data-shown=${Boolean(toast.value)}>${toast.value}</p>`;
}
