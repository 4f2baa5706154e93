import { html } from '../core/html.js';
import { useMemo } from '../vendor/preact-hooks.js';
import { axis, Plot, stepped } from '../core/plot.js';

const HEIGHT = 140;
const TWO_DAYS_S = 172_800;
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** The score over time, as steps: between two scores it did not change. */
export function Chart({ scores }) {
  const data = useMemo(() => {
    const ordered = [...scores].reverse();
    return [ordered.map(({ at }) => Date.parse(at) / 1000), ordered.map(({ score }) => score)];
  }, [scores]);
  const [times] = data;
  const long = times.at(-1) - times[0] > TWO_DAYS_S;
  const tell = (_, moments) => moments.map((seconds) => (long ? DAY : TIME).format(seconds * 1000));
  const options = (paint) => ({
    scales: { y: { range: [0, 100] } },
    series: [{}, { stroke: paint.line, width: 2, paths: stepped, points: { show: true, size: 6, fill: paint.line } }],
    axes: [
      axis(paint, { size: 26, space: 70, values: tell, grid: { show: false } }),
      axis(paint, { size: 32, splits: () => [0, 25, 50, 75, 100] }),
    ],
  });
  return html`<${Plot} height=${HEIGHT} data=${data} options=${options} />`;
}
