import { signed } from '../core/format.js';
import { html } from '../core/html.js';
import { useMemo } from '../vendor/preact-hooks.js';
import { axis, Plot, stepped } from '../core/plot.js';
import { Behind } from './quality_charts.js';

const HEIGHT = 160;
const MOST_BARS = 8;

/** What one attribute, or two together, give and take from the score of an average lead. */
export function Shape({ shape }) {
  const { axes } = shape;
  const title = axes.map(({ label }) => label).join(' × ');
  const rows = useMemo(() => rowsOf(shape), [shape]);
  const ordered = axes.length === 1 && axes[0].kind !== 'category' && rows.length > 2;
  const table = rows.map(({ label, points, doubt }) => [label, signed(points), `± ${doubt.toFixed(1)}`]);
  return html`<section class="shape" aria-label=${title}>
    <h3>${title}${ordered && axes[0].kind === 'age' && html` <span class="muted">days ago</span>`}</h3>
    ${ordered ? html`<${Steps} shape=${shape} />` : html`<${Bars} rows=${rows} />`}
    <${Behind} caption=${`Points by ${title}`} headings=${['Value', 'Points', 'Doubt']} rows=${table} />
  </section>`;
}

function rowsOf({ axes, points, doubts }) {
  const [first, second] = axes;
  const label = (n) => {
    if (!second) return first.rows[n].label;
    return `${first.rows[Math.floor(n / second.rows.length)].label}, ${second.rows[n % second.rows.length].label}`;
  };
  return points.map((given, n) => ({ label: label(n), points: given, doubt: doubts[n] ?? 0 }));
}

/** A number's steps, between its bounds; beyond them the first and the last go on. The band is how sure it is. */
function Steps({ shape }) {
  const data = useMemo(() => stepsOf(shape), [shape]);
  const unknown = shape.points[0];
  const options = (paint) => ({
    scales: { x: { time: false } },
    series: [
      {},
      { paths: stepped, points: { show: false } },
      { paths: stepped, points: { show: false } },
      { stroke: paint.line, width: 2, paths: stepped, points: { show: false } },
      { stroke: paint.words, dash: [4, 4], points: { show: false } },
    ],
    bands: [{ series: [1, 2], fill: paint.grid }],
    axes: [
      axis(paint, { size: 28, grid: { show: false } }),
      axis(paint, { size: 40, values: (_, splits) => splits.map(signed) }),
    ],
  });
  return html`<${Plot} height=${HEIGHT} data=${data} options=${options} />
    <p class="muted">${shape.axes[0].rows[0].label}: ${signed(unknown)}</p>`;
}

function stepsOf({ axes: [{ rows }], points, doubts }) {
  const drawn = rows.map((row, n) => ({ ...row, points: points[n], doubt: doubts[n] ?? 0 }));
  const known = drawn.slice(1).filter(({ low, high }) => low !== null || high !== null);
  const from = known[0].low ?? known[0].high;
  const to = known.at(-1).high ?? known.at(-1).low;
  const margin = (to - from || 1) * 0.06;
  const starts = known.map(({ low }) => low ?? from - margin);
  const ends = [...known, known.at(-1)];
  const line = (value) => ends.map(value);
  return [
    [...starts, known.at(-1).high ?? to + margin],
    line((row) => row.points + row.doubt),
    line((row) => row.points - row.doubt),
    line((row) => row.points),
    ends.map(() => 0),
  ];
}

function Bars({ rows }) {
  const strongest = [...rows].sort((a, b) => Math.abs(b.points) - Math.abs(a.points)).slice(0, MOST_BARS);
  const longest = Math.abs(strongest[0].points) || 1;
  return html`<ol class="factors" aria-hidden="true">
    ${strongest.map(({ label, points }) => html`<li key=${label} class="factor"
      data-way=${signed(points) === '0' ? 'none' : points < 0 ? 'down' : 'up'}>
      <span class="factor-label">${label}</span><span class="factor-points">${signed(points)}</span>
      <span class="factor-track">
        <span class="factor-bar" style=${{ '--share': Math.abs(points) / longest }}></span>
      </span>
    </li>`)}
  </ol>`;
}
