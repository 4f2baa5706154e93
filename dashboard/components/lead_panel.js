import { tenths } from '../format.js';
import { html } from '../html.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';
import { Age } from './age.js';
import { Attributes } from './attributes.js';
import { Confidence } from './confidence.js';
import { Delta } from './delta.js';
import { Factors } from './factors.js';
import { Stage } from './stage.js';
import { Tier } from './tier.js';

function Facts({ lead }) {
  return html`<dl class="facts">
    <div><dt>Stage</dt><dd><${Stage} lead=${lead} /></dd></div>
    <div><dt>Owner</dt><dd>${lead.owner ?? '–'}</dd></div>
    <div><dt>Active</dt><dd><${Age} key=${lead.active_at} at=${lead.active_at} /></dd></div>
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

/** One lead, in full. Takes the focus when it opens; Escape closes it. */
export function LeadPanel({ open, onClose }) {
  const heading = useRef(null);
  const { lead, live, gone } = open;
  useEffect(() => heading.current.focus(), [lead.id]);
  const escape = (event) => event.key === 'Escape' && onClose();
  return html`<aside class="panel" aria-labelledby="panel-name" onKeyDown=${escape}>
    <div class="panel-top">
      <h2 id="panel-name" tabindex="-1" ref=${heading}>${lead.external_id}</h2>
      <button type="button" class="quiet" onClick=${onClose}>Close</button>
    </div>
    ${gone && html`<p class="notice">This lead belongs to somebody else now; this is how it looked last.</p>`}
    <${Verdict} lead=${lead} live=${live} />
    <h3>Why this score</h3>
    <${Factors} score=${lead.score} />
    <h3>At a glance</h3>
    <${Facts} lead=${lead} />
    ${!gone && html`<h3>What is known</h3><${Attributes} key=${lead.id} id=${lead.id} revision=${lead.score.lead_revision} />`}
  </aside>`;
}
