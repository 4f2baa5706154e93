import { html } from './html.js';

const SIGN = new URL('../icon.svg', import.meta.url).href;

/** @param {{size: number}} props in pixels */
export function Sign({ size }) {
  return html`<img src=${SIGN} alt="" width=${size} height=${size} />`;
}
