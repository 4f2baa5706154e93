import { tenths } from '../core/format.js';
import { html } from '../core/html.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';
import { Age } from '../core/age.js';
import { Confidence } from './confidence.js';
import { Delta } from './delta.js';
import { Stage } from './stage.js';
import { Tier } from './tier.js';

const FADE_MS = 1600;

/** A script's animation, because one of CSS would start again whenever the row moves to another place. */
function highlight(element) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return null;
  // Only opacity fades without painting the row again in every frame.
  return element.animate({ opacity: [1, 0] }, { duration: FADE_MS, easing: 'ease-out', pseudoElement: '::before' });
}

/** Shows that a lead has changed just now; one that was scrolled into sight has not. */
function useHighlight(element, { lead: { id, score }, live }) {
  const seen = useRef({ id: null, fading: null });
  useEffect(() => {
    const before = seen.current;
    if (before.id !== id) before.fading?.cancel();
    const fresh = live && (before.id === id || Date.now() - Date.parse(score.updated_at) < FADE_MS);
    seen.current = { id, fading: fresh ? highlight(element.current) : null };
  }, [id, score.rev]);
}

/**
 * One element of the list, which shows one lead and later another (row_slots.js).
 *
 * @param {object} props
 * @param {import('./lead_store.js').Leads} props.leads
 * @param {import('../vendor/signals.js').Signal<import('./lead_store.js').Row>} props.row
 * @param {boolean} props.open true while its panel is open
 * @param {number} props.index its place in the list
 * @param {number} props.top the same in pixels
 */
export function LeadRow({ leads, row, open, index, top }) {
  const element = useRef(null);
  const { lead, live } = row.value;
  const { id, score } = lead;
  useHighlight(element, row.value);
  // Its parts are called, not made components of their own: of forty rows at once they would be half of the work.
  return html`<div role="row" class="lead" ref=${element} data-lead=${id} data-open=${open}
    aria-rowindex=${index + 2} style=${{ transform: `translateY(${top}px)` }}>
    <div role="cell" class="lead-tier">${Tier({ tier: score.tier })}</div>
    <div role="cell" class="lead-score">
      <span class="lead-points">${tenths(score.score)}</span>
      ${Delta({ score: score.score, before: lead.previous_score, live })}
    </div>
    <div role="cell" class="lead-reason">
      <button type="button" class="lead-name" aria-expanded=${String(open)} onClick=${() => leads.show(id)}>
        ${lead.external_id}
      </button>
      <span class="lead-why">${score.explanation}</span>
    </div>
    <div role="cell" class="lead-stage">${Stage({ lead })}</div>
    <div role="cell" class="lead-owner" data-none=${lead.owner === null ? '' : undefined}>${lead.owner ?? '–'}</div>
    <div role="cell" class="lead-age">${Age({ at: lead.active_at })}</div>
    <div role="cell" class="lead-confidence">${Confidence({ share: score.confidence })}</div>
  </div>`;
}
