import { html } from './html.js';
import { styled } from './lazy.js';
import { theme } from './preferences.js';
import { useEffect, useRef } from '../vendor/preact-hooks.js';
import UPlot from '../vendor/uplot.js';

const STYLES = new URL('../vendor/uplot.css', import.meta.url).href;

/** @typedef {{line: string, grid: string, words: string, font: string}} Paint the page's colours at this element */

/**
 * A chart, as wide as its place and in the page's colours, whatever they change to. For the eye only; a table stands
 * beside it.
 *
 * @param {object} props
 * @param {number} props.height in pixels
 * @param {number[][]} props.data as uPlot takes it; drawn again when it is another
 * @param {(paint: Paint) => object} props.options of uPlot, but for its size
 */
export function Plot({ height, data, options }) {
  const host = useRef(null);
  useEffect(() => {
    styled(STYLES).catch(() => null);
    const system = matchMedia('(prefers-color-scheme: dark)');
    const { current: room } = host;
    let drawing = draw(room, height, data, options);
    const redraw = () => {
      drawing.destroy();
      drawing = draw(room, height, data, options);
    };
    const sizes = new ResizeObserver(() => drawing.setSize({ width: room.clientWidth, height }));
    sizes.observe(room);
    system.addEventListener('change', redraw);
    return () => {
      system.removeEventListener('change', redraw);
      sizes.disconnect();
      drawing.destroy();
    };
  }, [data, theme.value]);
  return html`<div class="chart" style=${{ height: `${height}px` }} ref=${host} aria-hidden="true"></div>`;
}

/** One axis's look. @param {Paint} paint */
export const axis = ({ words, font, grid }, more) => ({
  stroke: words,
  font: `11px ${font}`,
  ticks: { show: false },
  grid: { stroke: grid, width: 1 },
  ...more,
});

export const stepped = UPlot.paths.stepped({ align: 1 });

function draw(host, height, data, options) {
  // The canvas cannot read the styles' variables, so it is told the colours that they come to here.
  const { color, borderTopColor, outlineColor, fontFamily } = getComputedStyle(host);
  const paint = { line: color, grid: borderTopColor, words: outlineColor, font: fontFamily };
  const hidden = { legend: { show: false }, cursor: { show: false } };
  const common = { width: host.clientWidth, height, ...hidden, padding: [8, 18, 0, 0] };
  return new UPlot({ ...common, ...options(paint) }, data, host);
}
