import { leadScores } from '../core/api.js';
import { moment, signed, tenths } from '../core/format.js';
import { html } from '../core/html.js';
import { lazy } from '../core/lazy.js';
import { useRead } from '../core/use_fetch.js';
import { useState } from '../vendor/preact-hooks.js';
import { Age } from '../core/age.js';

const FEW = 5;

const Chart = lazy(async () => (await import('./score_chart.js')).Chart);

/** The scores of a lead over time, and what moved each: a chart for the eye, a table for everybody. */
export function History({ id, rev }) {
  const { value, why } = useRead(() => leadScores(id), [id, rev]);
  const [all, setAll] = useState(false);
  const scores = value?.scores ?? [];
  const shown = all ? scores : scores.slice(0, FEW);
  return html`<h3>What moved it</h3>
    ${!value && html`<p class="muted">${why ?? 'Reading…'}</p>`}
    ${value && scores.length < 2 && html`<p class="muted">One score so far.</p>`}
    ${scores.length > 1 && html`<${Chart} scores=${scores} /><${Table} scores=${scores} shown=${shown} />`}
    ${shown.length < scores.length &&
    html`<button type="button" onClick=${() => setAll(true)}>All ${scores.length} scores</button>`}`;
}

function Table({ scores, shown }) {
  return html`<table class="history">
    <caption class="unseen">Scores, the newest first</caption>
    <thead><tr><th scope="col">Score</th><th scope="col">What moved it</th></tr></thead>
    <tbody>
      ${shown.map((score, n) => html`<${Entry} key=${score.rev} score=${score} before=${scores[n + 1]} />`)}
    </tbody>
  </table>`;
}

function Entry({ score, before }) {
  const change = before ? score.score - before.score : null;
  return html`<tr>
    <th scope="row">
      <span class="history-score">${tenths(score.score)}</span>
      ${change !== null &&
      html` <span class="delta" data-way=${change > 0 ? 'up' : change < 0 ? 'down' : 'none'}>${signed(change)}</span>`}
      <span class="history-when"><${Age} at=${score.at} /></span>
    </th>
    <td><${Moves} score=${score} change=${change} before=${before} /></td>
  </tr>`;
}

function Moves({ score, change, before }) {
  if (!before) return html`<span class="muted">First score, ${moment(score.at)}</span>`;
  if (!score.moves) return html`<span class="muted">Not kept at that time</span>`;
  const rest = change - score.moves.reduce((sum, { points }) => sum + points, 0);
  const felt = Math.abs(rest) >= 0.05;
  if (score.moves.length === 0 && !felt) return html`<span class="muted">Nothing that counts</span>`;
  return html`<ul class="moves">
    ${score.moves.map((move) => html`<${Move} key=${move.attribute} move=${move} />`)}
    ${felt && html`<li><span>kept within 0 and 100, or another start</span> <b>${signed(rest)}</b></li>`}
  </ul>`;
}

function Move({ move: { before, after, points } }) {
  return html`<li data-way=${points < 0 ? 'down' : 'up'}>
    <span>
      ${after ?? 'no longer counted'} <span class="muted">before: ${before ?? 'not counted'}</span>
    </span> <b>${signed(points)}</b>
  </li>`;
}
