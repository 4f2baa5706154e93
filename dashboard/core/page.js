import { dialog } from './dialogs.js';
import { count } from './format.js';
import { html } from './html.js';
import { listen } from './keys.js';
import { lazy, styled } from './lazy.js';
import { ListWindow } from '../leads/list_window.js';
import { overseer } from './session.js';
import { toast } from './toast.js';
import { useEffect, useMemo } from '../vendor/preact-hooks.js';
import { place } from './view.js';
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

/** Whoever presses Ctrl-K types on at once, so the rest of the page is fetched as soon as its first part has settled. */
function useRest(leads) {
  const settled = !leads.loading.value;
  useEffect(() => {
    if (settled) setTimeout(() => [LeadPanel, Palette, Help].forEach((part) => part.warm()), REST_MS);
  }, [settled]);
}

function Trouble({ leads }) {
  if (!leads.trouble.value) return null;
  return html`<div class="trouble" role="alert">
    <p><strong>The leads could not be read.</strong> ${leads.trouble}</p>
    <button type="button" onClick=${() => leads.read().catch(() => null)}>Try again</button>
  </div>`;
}

function Foot({ leads }) {
  const shown = leads.order.value.length;
  const total = Math.max(shown, leads.total.value ?? 0);
  const rest = leads.canGrow.value ? 'reading more as you scroll' : shown < total ? 'narrow the list to see the rest' : 'that is all';
  return html`<p class="more muted">${count(shown)} of ${count(total)}, highest score first; ${rest}</p>`;
}

function Body({ leads, frame, watch }) {
  if (leads.order.value.length) return html`<${LeadList} leads=${leads} frame=${frame} watch=${watch} /><${Foot} leads=${leads} />`;
  if (leads.loading.value) return html`<p class="empty muted" aria-busy="true">Reading leads…</p>`;
  return leads.trouble.value ? null : html`<${Empty} />`;
}

function Count({ leads }) {
  const total = Math.max(leads.total.value ?? 0, leads.order.value.length);
  if (leads.total.value === null) return html`<span>Leads</span>`;
  return html`<span><span class="count">${count(total)}</span> ${total === 1 ? 'lead' : 'leads'}</span>`;
}

/** The keyboard, for as long as the page is there. @returns {() => void} closes the panel, and goes back to its row */
function useKeys(leads, frame) {
  const close = () => {
    const id = leads.open.peek()?.lead.id;
    if (!id) return;
    leads.hide();
    // Where the panel covered the list, nothing there takes the focus before it is drawn again.
    requestAnimationFrame(() => document.querySelector(`[data-lead="${id}"] .lead-name`)?.focus({ preventScroll: true }));
  };
  useEffect(() => listen(leads, (step) => walk(leads, frame, step), close), []);
  return close;
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
  const close = useKeys(leads, frame);
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
      ${open && html`<${LeadPanel} open=${open} onClose=${close} />`}
    </div>
    ${dialog.value === 'palette' && html`<${Palette} leads=${leads} />`}
    ${dialog.value === 'help' && html`<${Help} />`}
    <p class="toast" role="status" data-shown=${Boolean(toast.value)}>${toast.value}</p>`;
}
