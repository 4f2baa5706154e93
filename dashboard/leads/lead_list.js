import { count } from '../core/format.js';
import { html } from '../core/html.js';
import { REST_MS } from './list_window.js';
import { RowSlots } from './row_slots.js';
import { useEffect, useLayoutEffect, useRef } from '../vendor/preact-hooks.js';
import { Icon } from '../core/icon.js';
import { LeadRow } from './lead_row.js';

const HEADINGS = {
  tier: 'Tier',
  score: 'Score',
  reason: 'Lead and reason',
  stage: 'Stage',
  owner: 'Owner',
  age: 'Active',
  confidence: 'Confidence',
};
const AHEAD = 80; // rows below those in sight that are read before somebody gets there

const nameOf = (id) => document.querySelector(`[data-lead="${id}"] .lead-name`);
const focusedLead = () => document.activeElement?.closest('[data-lead]')?.dataset.lead;

/** A browser takes the focus from an element that moves: where the row lives on, it is given back. */
function useFocusThatFollows() {
  const focused = focusedLead();
  useLayoutEffect(() => {
    if (focused && document.activeElement === document.body) nameOf(focused)?.focus({ preventScroll: true });
  });
}

/**
 * The ids to draw, each with its index: those in sight, the rest of the window, and the one that has the focus, which
 * must not vanish under the reader.
 */
function drawn(frame, ids, focused) {
  const last = Math.min(frame.last, ids.length);
  // At the list's end as many as elsewhere, so that no element is thrown away and built again when the list grows.
  const first = Math.max(0, Math.min(frame.first, last - (frame.last - frame.first)));
  const wanted = new Map();
  for (let index = Math.max(first, frame.top); index < last; index++) wanted.set(ids[index], index);
  for (let index = first; index < last; index++) wanted.set(ids[index], index);
  if (focused >= 0) wanted.set(ids[focused], focused);
  return wanted;
}

/** A row that stays as it is keeps its vnode, and Preact passes over it. */
function useRows(leads, frame) {
  const { current: slots } = useRef(new RowSlots());
  useLayoutEffect(() => {
    // As a task of its own: what is asked of the next frame while this one is made may still be done in this one.
    if (slots.owing) setTimeout(() => frame.version.value++);
  });
  return (wanted, open, focused) => slots.assign(wanted, { sorted: !frame.moving, focused }).map((slot) => {
    const { id, index } = slot;
    if (index < 0) return slot.vnode;
    const props = { leads, row: leads.row(id), open: id === open, index, top: frame.offset(index) };
    const same = slot.vnode && Object.keys(props).every((name) => slot.vnode.props[name] === props[name]);
    if (!same) slot.vnode = html`<${LeadRow} key=${slot.key} ...${props} />`;
    return slot.vnode;
  });
}

export function LeadList({ leads, frame, watch }) {
  const gauge = useRef(null);
  const body = useRef(null);
  const ids = leads.order.value;
  const indexOf = (id) => leads.indexOf(id);
  frame.version.value; // drawn again when it rises
  const rows = useRows(leads, frame);
  frame.follow(ids, indexOf);
  useFocusThatFollows();
  useLayoutEffect(() => frame.attach(body.current, gauge.current), []);
  useLayoutEffect(() => frame.settle());
  useEffect(() => {
    if (frame.last + AHEAD > ids.length && leads.canGrow.value && !leads.trouble.peek()) leads.readMore();
  });
  useEffect(() => {
    const still = () => leads.hold(REST_MS);
    addEventListener('scroll', still, { passive: true });
    return () => removeEventListener('scroll', still);
  }, []);
  const hold = () => leads.hold();
  const focused = focusedLead();
  const wanted = drawn(frame, ids, focused ? indexOf(focused) : -1);
  useEffect(() => watch(leads.look([...wanted.keys()], frame.last)));
  return html`<div class="leads" role="table" aria-label="Leads by score"
    aria-rowcount=${(leads.total.value ?? ids.length) + 1} onPointerMove=${hold} onPointerDown=${hold}
    onFocusIn=${hold}>
    <div role="rowgroup">
      <div class="lead-headings" role="row" aria-rowindex="1">
        ${Object.entries(HEADINGS).map(
          ([name, text]) => html`<span key=${name} role="columnheader" class=${`lead-${name}`}>${text}</span>`,
        )}
      </div>
    </div>
    <div class="lead-rows" role="rowgroup" ref=${body} style=${{ height: `${frame.offset(ids.length)}px` }}>
      <div class="lead-gauge" ref=${gauge} aria-hidden="true" role="presentation"></div>
      ${rows(wanted, leads.open.value?.lead.id, focused)}
    </div>
  </div>`;
}

/** Says what came above while somebody reads further down, instead of showing it. */
export function Above({ frame }) {
  const above = frame.above.value;
  if (above === 0) return null;
  return html`<button type="button" class="above strong" onClick=${() => scrollTo({ top: 0, behavior: 'instant' })}>
    <${Icon} name="up" /> ${count(above)} new above
  </button>`;
}

/** At once where the row is drawn, so that a key held down goes on from there; else when it is. */
function focusSoon(id) {
  const there = nameOf(id);
  if (there) there.focus({ preventScroll: true });
  else requestAnimationFrame(() => nameOf(id)?.focus({ preventScroll: true }));
}

/**
 * One step down (1) or up (−1): to the next lead's name, or, where a panel is open, to its panel.
 *
 * @param {import('./lead_store.js').Leads} leads @param {import('./list_window.js').ListWindow} frame
 */
export function walk(leads, frame, step) {
  const ids = leads.order.peek();
  if (ids.length === 0) return;
  const open = leads.open.peek()?.lead.id;
  const from = open ?? focusedLead();
  const at = from ? leads.indexOf(from) : -1;
  const index = at < 0 ? frame.top : Math.min(ids.length - 1, Math.max(0, at + step));
  frame.reveal(index);
  if (open) leads.show(ids[index]);
  else focusSoon(ids[index]);
}
