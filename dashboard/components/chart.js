import { html } from '../html.js';
import { theme } from '../preferences.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';
import UPlot from '../vendor/uplot.js';

const HEIGHT = 140;
const TWO_DAYS_S = 172_800;
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const STYLES = new URL('../vendor/uplot.css', import.meta.url).href;

/** The score over time, as steps: between two scores it did not change. For the eye alone; a table stands beside it. */
export function Chart({ scores }) {
  const host = useRef(null);
  useEffect(() => {
    addStyles();
    const drawing = draw(host.current, scores);
    const sizes = new ResizeObserver(() => drawing.setSize({ width: host.current.clientWidth, height: HEIGHT }));
    sizes.observe(host.current);
    return () => {
      sizes.disconnect();
      drawing.destroy();
    };
  }, [scores, theme.value]);
  return html`<div class="chart" ref=${host} aria-hidden="true"></div>`;
}

function addStyles() {
  if (document.querySelector(`link[href="${STYLES}"]`)) return;
  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: STYLES }));
}

function draw(host, scores) {
  const ordered = [...scores].reverse();
  const times = ordered.map(({ at }) => Date.parse(at) / 1000);
  const points = ordered.map(({ score }) => score);
  // The canvas cannot read the styles' variables, so it is told the colours that they come to here.
  const { color: line, borderTopColor: grid, outlineColor: words, fontFamily } = getComputedStyle(host);
  const long = times.at(-1) - times[0] > TWO_DAYS_S;
  const tell = (_, moments) => moments.map((seconds) => (long ? DAY : TIME).format(seconds * 1000));
  const axis = { stroke: words, font: `11px ${fontFamily}`, ticks: { show: false } };
  return new UPlot(
    {
      width: host.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: { y: { range: [0, 100] } },
      series: [{}, { stroke: line, width: 2, paths: UPlot.paths.stepped({ align: 1 }), points: { show: true, size: 6, fill: line } }],
      axes: [
        { ...axis, size: 26, space: 70, values: tell, grid: { show: false } },
        { ...axis, size: 32, splits: () => [0, 25, 50, 75, 100], grid: { stroke: grid, width: 1 } },
      ],
    },
    [times, points],
    host,
  );
}
