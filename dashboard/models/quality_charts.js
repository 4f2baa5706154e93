import { count, percent } from '../core/format.js';
import { html } from '../core/html.js';
import { useMemo } from '../vendor/preact-hooks.js';
import { axis, Plot } from '../core/plot.js';

const HEIGHT = 200;
const TENTHS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const shares = (_, splits) => splits.map((split) => percent(split));

/** The figures behind a chart, for whoever cannot see it or wants them. */
export function Behind({ caption, headings, rows }) {
  return html`<details class="behind">
    <summary>As a table</summary>
    <table class="plain">
      <caption class="unseen">${caption}</caption>
      <thead><tr>${headings.map((text) => html`<th key=${text} scope="col">${text}</th>`)}</tr></thead>
      <tbody>
        ${rows.map(
          ([head, ...cells], n) => html`<tr key=${n}>
            <th scope="row">${head}</th>${cells.map((cell, at) => html`<td key=${at}>${cell}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
  </details>`;
}

/** What was promised against what came: on the diagonal a score of 70 means that 70 of 100 were won. */
export function Reliability({ buckets, caption }) {
  const filled = useMemo(() => buckets.filter(({ leads }) => leads > 0), [buckets]);
  const data = useMemo(() => {
    const promised = [0, ...filled.map((bucket) => bucket.promised), 1];
    return [promised, promised, [null, ...filled.map((bucket) => bucket.came), null]];
  }, [filled]);
  const options = (paint) => ({
    scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } },
    series: [
      {},
      { stroke: paint.words, dash: [4, 4], points: { show: false } },
      { stroke: paint.line, width: 2, points: { show: true, size: 7, fill: paint.line } },
    ],
    axes: [
      axis(paint, { size: 28, values: shares, splits: () => TENTHS }),
      axis(paint, { size: 44, values: shares, splits: () => TENTHS }),
    ],
  });
  const rows = filled.map((bucket) => [percent(bucket.promised, 1), percent(bucket.came, 1), count(bucket.leads)]);
  return html`<figure>
    <figcaption>Won, by the score that promised it</figcaption>
    <${Plot} height=${HEIGHT} data=${data} options=${options} />
    <${Behind} caption=${caption} headings=${['Promised', 'Won', 'Leads']} rows=${rows} />
  </figure>`;
}

/** How much more often than all leads the best ones were won. */
export function Lift({ points }) {
  const data = useMemo(
    () => [points.map(({ share }) => share), points.map(({ lift }) => lift), points.map(() => 1)],
    [points],
  );
  const options = (paint) => ({
    scales: { x: { time: false, range: [0, 1] }, y: { range: (_, __, most) => [0, Math.max(2, most * 1.05)] } },
    series: [
      {},
      { stroke: paint.line, width: 2, points: { show: false } },
      { stroke: paint.words, dash: [4, 4], points: { show: false } },
    ],
    axes: [
      axis(paint, { size: 28, values: shares, splits: () => TENTHS }),
      axis(paint, { size: 44, values: (_, splits) => splits.map((split) => `${split}×`) }),
    ],
  });
  const rows = points.map(({ share, lift }) => [percent(share), `${lift.toFixed(2)}×`]);
  return html`<figure>
    <figcaption>Wins among the best, as a multiple of all</figcaption>
    <${Plot} height=${HEIGHT} data=${data} options=${options} />
    <${Behind} caption="Lift by share of leads" headings=${['Best', 'Wins']} rows=${rows} />
  </figure>`;
}
