import { count } from '../format.js';
import { html } from '../html.js';
import { useEffect, useLayoutEffect, useRef } from '../vendor/preact-hooks.js';
import { Icon } from './icon.js';
import { LeadRow } from './lead_row.js';

const HEADINGS = ['Tier', 'Score', 'Lead and reason', 'Stage', 'Owner', 'Active', 'Confidence'];
const AHEAD = 80; // rows below those in sight that are read before somebody gets there
const SCROLLING_MS = 200;

const nameOf = (id) => document.querySelector(`[data-lead="${id}"] .lead-name`);
const focusedLead = () => document.activeElement?.closest('[data-lead]')?.dataset.lead;

/** A browser takes the focus from an element that moves: where the row lives on, it is given back. */
function useFocusThatFollows() {
  const focused = focusedLead();
  useLayoutEffect(() => {
    if (focused && document.activeElement === document.body) nameOf(focused)?.focus({ preventScroll: true });
  });
}

/** The indices to draw: the window's, and the row that has the focus, which must not vanish under the reader. */
function drawn(frame, ids, focused) {
  const first = Math.min(frame.first, ids.length);
  const last = Math.min(frame.last, ids.length);
  const indices = Array.from({ length: Math.max(0, last - first) }, (_, n) => first + n);
  if (focused >= 0 && (focused < first || focused >= last)) indices.push(focused);
  return indices;
}

/** A row that stays where it is keeps its vnode, and Preact passes over it: only what scrolls into sight costs. */
function useRows(leads, frame) {
  const kept = useRef(new Map());
  return (ids, indices) => {
    const before = kept.current;
    kept.current = new Map();
    return indices.map((index) => {
      const id = ids[index];
      const props = { id, index, top: frame.offset(index), row: leads.row(id) };
      const known = before.get(id);
      const same = known && Object.keys(props).every((name) => known.props[name] === props[name]);
      const vnode = same ? known : html`<${LeadRow} key=${id} leads=${leads} ...${props} />`;
      kept.current.set(id, vnode);
      return vnode;
    });
  };
}

export function LeadList({ leads, frame }) {
  const gauge = useRef(null);
  const body = useRef(null);
  const ids = leads.order.value;
  const indexOf = (id) => leads.indexOf(id);
  frame.version.value; // drawn anew when it rises
  const rows = useRows(leads, frame);
  frame.follow(ids, indexOf);
  useFocusThatFollows();
  useLayoutEffect(() => frame.attach(body.current, gauge.current), []);
  useLayoutEffect(() => frame.settle());
  useEffect(() => {
    if (frame.last + AHEAD > ids.length && leads.canGrow.value && !leads.trouble.peek()) leads.readMore();
  });
  useEffect(() => {
    const still = () => leads.hold(SCROLLING_MS);
    addEventListener('scroll', still, { passive: true });
    return () => removeEventListener('scroll', still);
  }, []);
  const hold = () => leads.hold();
  const focused = focusedLead();
  return html`<table class="leads" role="table" aria-label="Leads by score" aria-rowcount=${(leads.total.value ?? ids.length) + 1} onPointerMove=${hold} onFocusIn=${hold}>
    <thead role="rowgroup">
      <tr role="row" aria-rowindex="1">
        ${HEADINGS.map((text) => html`<th key=${text} role="columnheader" scope="col">${text}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup" ref=${body} style=${{ height: `${frame.offset(ids.length)}px` }}>
      <div class="lead-gauge" ref=${gauge} aria-hidden="true" role="presentation"></div>
      ${rows(ids, drawn(frame, ids, focused ? indexOf(focused) : -1))}
    </tbody>
  </table>`;
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
 * @param {import('../leads.js').Leads} leads @param {import('../list_window.js').ListWindow} frame
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
