import { models, revertModel, train, trainings } from '../core/api.js';
import { everyQuarterMinute } from '../core/clock.js';
import { age, count } from '../core/format.js';
import { html } from '../core/html.js';
import { useRead } from '../core/use_fetch.js';
import { admin } from '../core/session.js';
import { say } from '../core/toast.js';
import { useState } from '../vendor/preact-hooks.js';
import { go, openModel } from '../core/view.js';
import { Command } from '../core/command.js';
import { Confirm } from '../core/confirm.js';
import { ModelCard } from './model_card.js';
import { Readiness, Stage, Verdict } from './model_marks.js';

/** Learned models: which is in charge, which might be, and how each came about. */
export function ModelsPage() {
  const version = openModel.value;
  return version ? html`<${ModelCard} key=${version} version=${version} />` : html`<${Overview} />`;
}

function Overview() {
  const [decided, setDecided] = useState(0);
  const when = [decided, everyQuarterMinute.value];
  const { value, why } = useRead(models, when);
  const { value: made } = useRead(trainings, when);
  const reload = () => setDecided((n) => n + 1);
  const learn = () => train().then(reload, (problem) => say(problem.message));
  return html`<div class="place">
    <div class="place-top">
      <div><h1>Models</h1><p class="muted">${inCharge(value)}</p></div>
      ${admin.value && html`<div class="deeds">
        ${value?.champion && html`<${Revert} onYes=${() => revert().then(reload)} />`}
        <button type="button" class="strong" onClick=${learn}>Train a model</button>
      </div>`}
    </div>
    ${why && html`<div class="trouble" role="alert">
      <p><strong>The models could not be read.</strong> ${why}</p>
    </div>`}
    ${!value && !why && html`<p class="empty muted" aria-busy="true">Reading models…</p>`}
    ${value && (value.models.length > 0 ? html`<${Versions} list=${value.models} />` : html`<${None} />`)}
    ${made?.trainings.length > 0 && html`<${Trainings} list=${made.trainings} />`}
  </div>`;
}

function inCharge(known) {
  if (!known) return 'Scores that are learned from outcomes.';
  if (known.champion) return `${known.champion} scores the leads.`;
  return 'The scorecard scores the leads: points by rules, until a learned model is put in charge.';
}

function Revert({ onYes }) {
  const question = 'Put back what was in charge before?';
  return html`<${Confirm} label="Revert…" question=${question} yes="Yes, revert" onYes=${onYes} />`;
}

async function revert() {
  const { champion, stale } = await revertModel();
  const left = stale > 0 ? `${count(stale)} saved leads have a score of another.` : '';
  say(`${champion ?? 'The scorecard'} is in charge again. ${left}`);
}

const HEADINGS = ['Version', 'Stage', 'Readiness', 'ROC-AUC', 'Leads', 'Made'];

function Versions({ list }) {
  const open = (version) => (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go('models', version);
  };
  return html`<div class="wide"><table class="plain versions">
    <caption class="unseen">Model versions, the newest first</caption>
    <thead><tr>${HEADINGS.map((text) => html`<th key=${text} scope="col">${text}</th>`)}</tr></thead>
    <tbody>${list.map((model) => html`<tr key=${model.version}>
      <th scope="row">
        <a href=${`?page=models&model=${model.version}`} onClick=${open(model.version)}>${model.version}</a>
      </th>
      <td><${Stage} stage=${model.stage} /></td><td><${Readiness} state=${model.readiness} /></td>
      <td>${model.roc_auc.toFixed(3)}</td><td>${count(model.leads)}</td>
      <td>${age(model.created_at, everyQuarterMinute.value)}</td>
    </tr>`)}</tbody>
  </table></div>`;
}

const STATES = { waiting: '○ Waiting', running: '● Running', done: '✓ Done', refused: '✕ Refused', failed: '▲ Failed' };
const REASONS = { asked: 'asked for', outcomes: 'new outcomes', drift: 'drift' };

function Trainings({ list }) {
  return html`<h2>Trainings</h2>
    <ul class="trainings">
      ${list.map((training) => html`<${Training} key=${training.id} training=${training} />`)}
    </ul>`;
}

function Training({ training: { state, reason, actor, asked_at: at, error, version, contest } }) {
  const asked = `${REASONS[reason] ?? reason} by ${actor}, ${age(at, everyQuarterMinute.value)}`;
  return html`<li>
    <p><b>${STATES[state]}</b> <span class="muted">${asked}${version && `; made ${version}`}</span></p>
    ${error && html`<p class="muted">${error}</p>`}
    ${contest && html`<${Verdict} contest=${contest} />`}
  </li>`;
}

function None() {
  return html`<div class="empty">
    <h2>No model yet</h2>
    <p>A model is learned from leads whose outcome is known: imported with it, or won and lost since.</p>
    ${admin.value && html`<${Command} text="service6 train" />`}
  </div>`;
}
