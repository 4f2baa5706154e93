import { modelDetail, promoteModel } from '../core/api.js';
import { everyQuarterMinute } from '../core/clock.js';
import { count, moment, percent } from '../core/format.js';
import { html } from '../core/html.js';
import { useRead } from '../core/use_fetch.js';
import { admin } from '../core/session.js';
import { say } from '../core/toast.js';
import { useState } from '../vendor/preact-hooks.js';
import { go } from '../core/view.js';
import { Confirm } from '../core/confirm.js';
import { Readiness, Stage, Verdict } from './model_marks.js';
import { Behind, Lift, Reliability } from './quality_charts.js';
import { Shape } from './term_shape.js';
import { Tier } from '../leads/tier.js';

const FEW = 6;

/** One learned model: whether to trust it, what it learned, and how right it has been since. */
export function ModelCard({ version }) {
  const [decided, setDecided] = useState(0);
  // Outcomes come in one by one; the panel follows them.
  const { value, why } = useRead(() => modelDetail(version), [version, decided, everyQuarterMinute.value]);
  return html`<article class="place card" aria-labelledby="card-name">
    <button type="button" class="quiet back" onClick=${() => go('models')}>← All models</button>
    ${value ? html`<${Card} told=${value} onDecided=${() => setDecided((n) => n + 1)} />` : html`<p class="empty muted">${why ?? 'Reading the card…'}</p>`}
  </article>`;
}

function Card({ told: { model, card, shapes, training, accuracy, drift }, onDecided }) {
  return html`<div class="place-top">
      <div><h1 id="card-name">${model.version}</h1><p class="marks"><${Stage} stage=${model.stage} /> <${Readiness} state=${card.readiness} /></p></div>
      ${admin.value && model.stage !== 'champion' && html`<${Promote} model=${model} readiness=${card.readiness} onDecided=${onDecided} />`}
    </div>
    <${Summary} card=${card} />
    ${card.reasons.length > 0 && html`<ul class="notice reasons">${card.reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}</ul>`}
    ${training?.contest && html`<${Verdict} contest=${training.contest} />`}
    <${Figures} quality=${card.quality} />
    <div class="charts">
      <${Reliability} buckets=${card.quality.calibration} caption="Reliability on the test" />
      ${card.quality.lift.length > 0 && html`<${Lift} points=${card.quality.lift} />`}
    </div>
    <h2>Since it came into use</h2>
    <${Since} accuracy=${accuracy} drift=${drift} />
    <h2>By tier</h2>
    <${Tiers} tiers=${card.quality.tiers} />
    <h2>What it learned</h2>
    <p class="muted">Points that each value gives or takes, for an average lead. They add up: nothing else decides.</p>
    <${Shapes} shapes=${shapes} />
    ${card.segments.length > 0 && html`<h2>By segment</h2><${Segments} segments=${card.segments} />`}
    <h2>What was left out</h2>
    <${LeftOut} card=${card} />`;
}

function Promote({ model, readiness, onDecided }) {
  const anyway = readiness === 'not ready';
  const question = anyway ? 'Its card says that it is not ready. Put it in charge anyway?' : 'Put it in charge? Leads that change are scored by it from then on.';
  const act = async () => {
    const { stale } = await promoteModel(model.version, anyway);
    onDecided();
    say(`${model.version} is in charge. ${stale > 0 ? `${count(stale)} saved leads have a score of another: a rescoring renews them.` : ''}`);
  };
  return html`<${Confirm} label="Put in charge…" question=${question} yes="Yes, promote" strong onYes=${act} />`;
}

function Summary({ card: { quality, base_rate: rate, trained_on: trained, tested_on: tested, method } }) {
  const of100 = (share) => Math.round(100 * share);
  return html`<p class="summary">
    Learned from ${count(trained.leads)} leads, of which ${count(trained.won)} were won, by ${method}.
    Tested on ${count(tested.leads)} newer ones that it had not seen: given one lead that was won and one that was lost, it
    ranks the right one higher ${of100(quality.roc_auc)} times out of 100. Of all leads ${of100(rate)} in 100 are won; of the best
    tenth ${Math.min(100, of100(rate * quality.lift_at_tenth))} in 100. Its scores are off by
    ${' '}${(100 * quality.calibration_error).toFixed(1)} points on average.
  </p>`;
}

function Figures({ quality }) {
  const figures = {
    'ROC-AUC': `${quality.roc_auc.toFixed(3)}`,
    'ROC-AUC at least': quality.roc_auc_low.toFixed(3),
    'PR-AUC': quality.pr_auc.toFixed(3),
    'Calibration error': quality.calibration_error.toFixed(3),
    Brier: quality.brier.toFixed(3),
    'Log loss': quality.log_loss.toFixed(3),
    'Lift at 10%': `${quality.lift_at_tenth.toFixed(2)}×`,
  };
  return html`<dl class="figures">${Object.entries(figures).map(([name, figure]) => html`<div key=${name}><dt>${name}</dt><dd>${figure}</dd></div>`)}</dl>`;
}

function Since({ accuracy, drift }) {
  return html`${accuracy
      ? html`<p class="summary">${count(accuracy.leads)} outcomes since ${moment(accuracy.since)}: the scores promised ${percent(accuracy.promised, 1)}, and ${percent(accuracy.came, 1)} were won.${accuracy.roc_auc !== null && ` ROC-AUC ${accuracy.roc_auc.toFixed(3)}.`}</p>
          <div class="charts"><${Reliability} buckets=${accuracy.calibration} caption="Reliability on outcomes" /></div>`
      : html`<p class="muted">Too few outcomes of leads that it scored have come in. They appear here as they do.</p>`}
    ${drift && html`<p>Leads of late against those it learned from (above 0.25 is another population):</p>
      <${Behind} caption="Drift by attribute" headings=${['Attribute', 'Stability index']} rows=${drift.features.map(({ attribute, index }) => [attribute, index.toFixed(3)])} />`}`;
}

function Tiers({ tiers }) {
  return html`<div class="wide"><table class="plain">
    <caption class="unseen">Outcomes of the test by tier</caption>
    <thead><tr><th scope="col">Tier</th><th scope="col">Won</th><th scope="col">Lost</th><th scope="col">Won of all</th></tr></thead>
    <tbody>${tiers.map(({ tier, won, lost }) => html`<tr key=${tier}><th scope="row"><${Tier} tier=${tier} /></th><td>${count(won)}</td><td>${count(lost)}</td><td>${won + lost > 0 ? percent(won / (won + lost)) : '–'}</td></tr>`)}</tbody>
  </table></div>`;
}

function Shapes({ shapes }) {
  const [all, setAll] = useState(false);
  const shown = all ? shapes : shapes.slice(0, FEW);
  return html`<div class="shapes">${shown.map((shape) => html`<${Shape} key=${shape.axes.map(({ attribute }) => attribute).join(' × ')} shape=${shape} />`)}</div>
    ${shown.length < shapes.length && html`<button type="button" onClick=${() => setAll(true)}>All ${shapes.length} terms</button>`}`;
}

function Segments({ segments }) {
  return html`<div class="wide"><table class="plain">
    <caption class="unseen">Quality by segment</caption>
    <thead><tr><th scope="col">Segment</th><th scope="col">Leads</th><th scope="col">Won</th><th scope="col">ROC-AUC</th><th scope="col">In tier A or B</th></tr></thead>
    <tbody>${segments.map(({ attribute, value, leads, won, roc_auc: auc, selected }) => html`<tr key=${`${attribute} ${value}`}><th scope="row"><span class="muted">${attribute}</span> ${value}</th><td>${count(leads)}</td><td>${count(won)}</td><td>${auc === null ? '–' : auc.toFixed(3)}</td><td>${percent(selected)}</td></tr>`)}</tbody>
  </table></div>`;
}

function LeftOut({ card: { left_out: left, leaks } }) {
  if (left.length + leaks.length === 0) return html`<p class="muted">Nothing.</p>`;
  return html`<dl class="attributes">
    ${leaks.map(({ attribute, roc_auc: auc }) => html`<div key=${`leak ${attribute}`}><dt>${attribute}</dt><dd>Tells the outcome alone (ROC-AUC ${auc.toFixed(3)}), so it must have been written after it.</dd></div>`)}
    ${left.map(({ attribute, reason }) => html`<div key=${attribute}><dt>${attribute}</dt><dd>${reason}</dd></div>`)}
  </dl>`;
}
