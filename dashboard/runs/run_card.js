import { age, count, duration, moment, valueText } from '../core/format.js';
import { everyQuarterMinute } from '../core/clock.js';
import { html } from '../core/html.js';
import { admin } from '../core/session.js';
import { say } from '../core/toast.js';
import { Confirm } from '../core/confirm.js';

const MARKS = { running: '●', paused: '❙❙', done: '✓', cancelled: '✕', failed: '▲' };
const WORDS = { running: 'Running', paused: 'Paused', done: 'Done', cancelled: 'Cancelled', failed: 'Failed' };
const REASONS = { operator: 'asked for', schedule: 'by schedule', sweep: 'after a promotion' };
const OPERATORS = { '=': 'is', '!=': 'is not', '<': 'below', '<=': 'at most', '>': 'above', '>=': 'at least' };

/** @param {object} filter a LeadFilter @returns {string} which leads it means, in words */
export function filterText(filter) {
  const { sources, tiers, owners, stages, where } = filter;
  const { changed_before: before, changed_since: since, other_model: other } = filter;
  const parts = [
    tiers.length && `in tier ${tiers.join(', ')}`,
    sources.length && `from ${sources.join(', ')}`,
    owners.length && `of ${owners.join(', ')}`,
    stages.length && `in stage ${stages.join(', ')}`,
    before && `scored before ${moment(before)}`,
    since && `scored since ${moment(since)}`,
    other && 'scored by another model',
    ...where.map(({ attribute, operator, value }) => `with ${attribute} ${OPERATORS[operator]} ${valueText(value)}`),
  ].filter(Boolean);
  return parts.length ? `Leads ${parts.join('; ')}` : 'All leads';
}

/** One run: how far, how fast, and what it changed. */
export function RunCard({ run, runs }) {
  const { id, state, error } = run;
  const began = age(run.created_at, everyQuarterMinute.value);
  return html`<li class="run" data-state=${state} aria-labelledby=${`run-${id}`}>
    <div class="run-top">
      <h2 id=${`run-${id}`}>${filterText(run.filter)}</h2>
      <span class="run-state"><span aria-hidden="true">${MARKS[state]}</span> ${WORDS[state]}</span>
    </div>
    <p class="muted">
      Run ${id}, ${REASONS[run.reason] ?? run.reason} by ${run.actor}, ${began}; scored by ${run.model_version}
    </p>
    <${Progress} run=${run} />
    <${Figures} run=${run} />
    ${error && html`<p class="notice">${error}</p>`}
    ${admin.value && html`<${Actions} run=${run} runs=${runs} />`}
  </li>`;
}

function Progress({ run: { leads_done: done, leads_total: total, seconds_left: left, state } }) {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const remaining = state === 'running' && left !== null ? `, ${duration(left)} left` : '';
  const text = `${count(done)} of ${count(total)} leads${remaining}`;
  return html`<div class="progress" role="progressbar" aria-label="Progress" aria-valuemin="0"
    aria-valuemax=${total} aria-valuenow=${done} aria-valuetext=${text}>
      <span style=${{ transform: `scaleX(${share})` }}></span>
    </div>
    <p class="run-progress"><b>${Math.floor(share * 100)}%</b> <span class="muted">${text}</span></p>`;
}

function Figures({ run }) {
  const { leads_per_second: speed, leads_done: done, leads_changed: changed, tiers_changed: tiers } = run;
  const took = run.finished_at && (Date.parse(run.finished_at) - Date.parse(run.created_at)) / 1000;
  return html`<dl class="figures">
    <div><dt>Leads a second</dt><dd>${speed === null ? '–' : count(Math.round(speed))}</dd></div>
    <div>
      <dt>Scores changed</dt>
      <dd>
        ${count(changed)}${done > 0 && html` <span class="muted">${Math.round((100 * changed) / done)}%</span>`}
      </dd>
    </div>
    <div><dt>Tiers changed</dt><dd>${count(tiers)}</dd></div>
    ${took !== null && html`<div><dt>Took</dt><dd>${duration(took)}</dd></div>`}
  </dl>`;
}

function Actions({ run: { id, state }, runs }) {
  const act = (action) => runs.act(id, action);
  const now = (action) => () => act(action).catch((problem) => say(problem.message));
  if (state === 'done' || state === 'cancelled') return null;
  return html`<div class="deeds">
    ${state === 'running' && html`<button type="button" onClick=${now('pause')}>Pause</button>`}
    ${state === 'paused' && html`<button type="button" class="strong" onClick=${now('resume')}>Resume</button>`}
    ${state === 'failed' && html`<button type="button" class="strong" onClick=${now('retry')}>Try again</button>`}
    <${Confirm} label="Cancel" question="End it for good? What it has written stays." yes="Yes, end it"
      onYes=${() => act('cancel')} />
  </div>`;
}
