import { tenths } from '../format.js';
import { html } from '../html.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';
import { useComputed } from '../vendor/signals.js';
import { Age } from './age.js';
import { Confidence } from './confidence.js';
import { Delta } from './delta.js';
import { Stage } from './stage.js';
import { Tier } from './tier.js';

const FADE_MS = 1600;

/** A script's animation, because one of CSS would start again whenever the row moves to another place. */
function highlight(element) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  // Opacity alone fades without painting the row anew in every frame.
  element.animate({ opacity: [1, 0] }, { duration: FADE_MS, easing: 'ease-out', pseudoElement: '::before' });
}

/**
 * @param {object} props
 * @param {import('../leads.js').Leads} props.leads
 * @param {string} props.id
 * @param {import('../vendor/signals.js').Signal<import('../leads.js').Row>} props.row
 * @param {number} props.index its place in the list
 * @param {number} props.top the same in pixels
 */
export function LeadRow({ leads, id, row, index, top }) {
  const element = useRef(null);
  const seen = useRef(null);
  const { lead, live } = row.value;
  const { score } = lead;
  const open = useComputed(() => leads.open.value?.lead.id === id).value;
  useEffect(() => {
    // One that was scrolled into sight has not changed just now.
    if (live && (seen.current !== null || Date.now() - Date.parse(score.updated_at) < FADE_MS)) highlight(element.current);
    seen.current = score.rev;
  }, [score.rev]);
  return html`<tr role="row" class="lead" ref=${element} data-lead=${id} data-open=${open} aria-rowindex=${index + 2} style=${{ transform: `translateY(${top}px)` }}>
    <td role="cell" class="lead-tier"><${Tier} tier=${score.tier} /></td>
    <td role="cell" class="lead-score">
      <span class="lead-points">${tenths(score.score)}</span>
      <${Delta} score=${score.score} before=${lead.previous_score} live=${live} />
    </td>
    <td role="cell" class="lead-reason">
      <button type="button" class="lead-name" aria-expanded=${String(open)} onClick=${() => leads.show(id)}>${lead.external_id}</button>
      <span class="lead-why">${score.explanation}</span>
    </td>
    <td role="cell" class="lead-stage"><${Stage} lead=${lead} /></td>
    <td role="cell" class="lead-owner" data-none=${lead.owner === null ? '' : undefined}>${lead.owner ?? '–'}</td>
    <td role="cell" class="lead-age"><${Age} key=${lead.active_at} at=${lead.active_at} /></td>
    <td role="cell" class="lead-confidence"><${Confidence} share=${score.confidence} /></td>
  </tr>`;
}
