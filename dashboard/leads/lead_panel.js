import { leadDetail } from '../core/api.js';
import { tenths } from '../core/format.js';
import { html } from '../core/html.js';
import { useRead } from '../core/use_fetch.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';
import { Age } from '../core/age.js';
import { Attributes } from './attribute_table.js';
import { Confidence } from './confidence.js';
import { Deliveries } from './deliveries.js';
import { Delta } from './delta.js';
import { Factors } from './factors.js';
import { History } from './score_history.js';
import { Icon } from '../core/icon.js';
import { Stage } from './stage.js';
import { Tier } from './tier.js';
import { WhatIf } from './what_if.js';

function Facts({ lead }) {
  return html`<dl class="facts">
    <div><dt>Stage</dt><dd><${Stage} lead=${lead} /></dd></div>
    <div><dt>Owner</dt><dd>${lead.owner ?? '–'}</dd></div>
    <div><dt>Active</dt><dd><${Age} at=${lead.active_at} /></dd></div>
    <div><dt>Confidence</dt><dd><${Confidence} share=${lead.score.confidence} /></dd></div>
    <div><dt>Source</dt><dd>${lead.source}</dd></div>
    <div><dt>Scored by</dt><dd>${lead.score.model_version}</dd></div>
  </dl>`;
}

function Verdict({ lead, live }) {
  const { score } = lead;
  return html`<div class="verdict">
      <${Tier} tier=${score.tier} />
      <span class="verdict-points">${tenths(score.score)}</span>
      <${Delta} score=${score.score} before=${lead.previous_score} live=${live} />
    </div>
    <p class="verdict-why">${score.explanation}</p>`;
}

/** What is read about the lead, again with each new score; `stale` parts stay until the newer ones are there. */
function Details({ lead }) {
  const { id, score } = lead;
  const { value: detail, why } = useRead(() => leadDetail(id), [id, score.rev]);
  const told = score.factors ? score : detail?.score;
  return html`<h3>Why this score</h3>
    ${told ? html`<${Factors} score=${told} />` : html`<p class="muted">${why ?? 'Reading…'}</p>`}
    <${History} id=${id} rev=${score.rev} />
    ${detail?.attributes && html`<${WhatIf} key=${`what-if ${id}`} id=${id} rev=${score.rev} saved=${score.score} />`}
    <h3>At a glance</h3>
    <${Facts} lead=${lead} />
    <h3>What is known</h3>
    <${Attributes} detail=${detail} why=${why} />
    <${Deliveries} id=${id} rev=${score.rev} />`;
}

/** Takes the focus while the panel is open, and gives it to the lead's row when it closes, by whatever way. */
function useFocus(id) {
  const heading = useRef(null);
  const last = useRef(id);
  last.current = id;
  useEffect(() => heading.current.focus(), [id]);
  // Where the panel covered the list, nothing there takes the focus before it is drawn again.
  useEffect(() => () => requestAnimationFrame(() => focusRow(last.current)), []);
  return heading;
}

function focusRow(id) {
  if (document.activeElement !== document.body) return;
  document.querySelector(`[data-lead="${id}"] .lead-name`)?.focus({ preventScroll: true });
}

/** One lead, in full. Takes the focus when it opens; Escape closes it. */
export function LeadPanel({ open, onClose }) {
  const { lead, live, gone } = open;
  const heading = useFocus(lead.id);
  const escape = (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    onClose();
  };
  return html`<aside class="panel" aria-labelledby="panel-name" onKeyDown=${escape}>
    <div class="panel-top">
      <h2 id="panel-name" tabindex="-1" ref=${heading}>${lead.external_id}</h2>
      <button type="button" class="quiet" title="Close (Esc)" onClick=${onClose}><${Icon} name="close" /> Close</button>
    </div>
    ${gone && html`<p class="notice">This lead belongs to somebody else now; this is how it looked last.</p>`}
    <${Verdict} lead=${lead} live=${live} />
    ${!gone && html`<${Details} key=${lead.id} lead=${lead} />`}
  </aside>`;
}
