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
    ${!value && html`<p class="empty muted">${why ?? 'Reading the card…'}</p>`}
    ${value && html`<${Card} told=${value} onDecided=${() => setDecided((n) => n + 1)} />`}
  </article>`;
}

function Card({ told: { model, card, shapes, training, accuracy, drift }, onDecided }) {
  const { readiness, reasons } = card;
  const promotable = admin.value && model.stage !== 'champion';
  return html`<div class="place-top">
      <div>
        <h1 id="card-name">${model.version}</h1>
        <p class="marks"><${Stage} stage=${model.stage} /> <${Readiness} state=${readiness} /></p>
      </div>
      ${promotable && html`<${Promote} model=${model} readiness=${readiness} onDecided=${onDecided} />`}
    </div>
    <${Summary} card=${card} />
    ${reasons.length > 0 && html`<ul class="notice reasons">
      ${reasons.map((reason) => html`<li key=${reason}>${reason}</li>`)}
    </ul>`}
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
  const question = anyway
    ? 'Its card says that it is not ready. Put it in charge anyway?'
    : 'Put it in charge? Leads that change are scored by it from then on.';
  const act = async () => {
    const { stale } = await promoteModel(model.version, anyway);
    onDecided();
    const left = stale > 0 ? `${count(stale)} saved leads have a score of another: a rescoring renews them.` : '';
    say(`${model.version} is in charge. ${left}`);
  };
  return html`<${Confirm} label="Put in charge…" question=${question} yes="Yes, promote" strong onYes=${act} />`;
}

const of100 = (share, digits = 0) => Number((100 * share).toFixed(digits));

/** Only figures of the same leads stand in one comparison. */
function Summary({ card }) {
  const { quality, trained_on: trained, tested_on: tested, method } = card;
  return html`<p class="summary">
    Learned from ${leadsOf(trained, card.sampled)}, by ${method}.
    ${' '}Tested on ${leadsOf(tested, card.test_sampled)}, all newer and none seen before: given one lead that was
    won and one that was lost, it ranks the right one higher ${of100(quality.roc_auc)} times out of 100.
    ${' '}${bestTenth(quality)} Its scores are off by ${(100 * quality.calibration_error).toFixed(1)} points on average.
  </p>`;
}

function leadsOf({ leads, won }, drawn) {
  const all = `${count(leads)} leads, of which ${count(won)} were won`;
  return drawn ? `${count(drawn)} leads drawn from ${all}` : all;
}

/** Cards from before the shares were kept tell the ratio only. */
function bestTenth({ lift_at_tenth: lift, won_share: all, won_share_at_tenth: best }) {
  if (typeof all !== 'number' || typeof best !== 'number') {
    return `The tenth with the best scores was won ${lift.toFixed(2)} times as often as all tested leads.`;
  }
  const [before, after] = [of100(all, 1), of100(best, 1)];
  return `Of all tested leads ${before} in 100 were won; of the tenth with the best scores ${after} in 100.`;
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
  return html`<dl class="figures">
    ${Object.entries(figures).map(([name, figure]) => html`<div key=${name}><dt>${name}</dt><dd>${figure}</dd></div>`)}
  </dl>`;
}

function Since({ accuracy, drift }) {
  return html`${accuracy
      ? html`<${Accuracy} accuracy=${accuracy} />`
      : html`<p class="muted">Too few outcomes of leads that it scored have come in. They appear here as they do.</p>`}
    ${drift && html`<${Drift} features=${drift.features} />`}`;
}

function Accuracy({ accuracy: { leads, since, promised, came, roc_auc: auc, calibration } }) {
  return html`<p class="summary">
      ${count(leads)} outcomes since ${moment(since)}: the scores promised ${percent(promised, 1)},
      ${' '}and ${percent(came, 1)} were won.${auc !== null && ` ROC-AUC ${auc.toFixed(3)}.`}
    </p>
    <div class="charts"><${Reliability} buckets=${calibration} caption="Reliability on outcomes" /></div>`;
}

function Drift({ features }) {
  const rows = features.map(({ attribute, index }) => [attribute, index.toFixed(3)]);
  return html`<p>Leads of late against those it learned from (above 0.25 is another population):</p>
    <${Behind} caption="Drift by attribute" headings=${['Attribute', 'Stability index']} rows=${rows} />`;
}

function Tiers({ tiers }) {
  const rows = tiers.map(({ tier, won, lost }) => [
    html`<${Tier} tier=${tier} />`,
    count(won),
    count(lost),
    won + lost > 0 ? percent(won / (won + lost)) : '–',
  ]);
  const headings = ['Tier', 'Won', 'Lost', 'Won of all'];
  return html`<${Wide} caption="Outcomes of the test by tier" headings=${headings} rows=${rows} />`;
}

/** A table that scrolls sideways where there is no room for it. */
function Wide({ caption, headings, rows }) {
  return html`<div class="wide"><table class="plain">
    <caption class="unseen">${caption}</caption>
    <thead><tr>${headings.map((text) => html`<th key=${text} scope="col">${text}</th>`)}</tr></thead>
    <tbody>${rows.map(([head, ...cells], n) => html`<tr key=${n}>
      <th scope="row">${head}</th>${cells.map((cell, at) => html`<td key=${at}>${cell}</td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}

function Shapes({ shapes }) {
  const [all, setAll] = useState(false);
  const shown = all ? shapes : shapes.slice(0, FEW);
  return html`<div class="shapes">
      ${shown.map((shape) => html`<${Shape} key=${nameOf(shape)} shape=${shape} />`)}
    </div>
    ${shown.length < shapes.length && html`<${All} count=${shapes.length} onAll=${() => setAll(true)} />`}`;
}

const nameOf = ({ axes }) => axes.map(({ attribute }) => attribute).join(' × ');
const All = ({ count: all, onAll }) => html`<button type="button" onClick=${onAll}>All ${all} terms</button>`;

function Segments({ segments }) {
  const rows = segments.map(({ attribute, value, leads, won, roc_auc: auc, selected }) => [
    html`<span class="muted">${attribute}</span> ${value}`,
    count(leads),
    count(won),
    auc === null ? '–' : auc.toFixed(3),
    percent(selected),
  ]);
  const headings = ['Segment', 'Leads', 'Won', 'ROC-AUC', 'In tier A or B'];
  return html`<${Wide} caption="Quality by segment" headings=${headings} rows=${rows} />`;
}

function LeftOut({ card: { left_out: left, leaks } }) {
  const leaky = (auc) => `Tells the outcome by itself (ROC-AUC ${auc.toFixed(3)}): it must have been written after it.`;
  const told = [
    ...leaks.map(({ attribute, roc_auc: auc }) => ({ key: `leak ${attribute}`, attribute, why: leaky(auc) })),
    ...left.map(({ attribute, reason }) => ({ key: attribute, attribute, why: reason })),
  ];
  if (told.length === 0) return html`<p class="muted">Nothing.</p>`;
  return html`<dl class="attributes">
    ${told.map(({ key, attribute, why }) => html`<div key=${key}><dt>${attribute}</dt><dd>${why}</dd></div>`)}
  </dl>`;
}
