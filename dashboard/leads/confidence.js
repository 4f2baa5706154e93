import { html } from '../core/html.js';

/** @param {{share: number}} props 0 to 1 */
export function Confidence({ share }) {
  const percent = Math.round(share * 100);
  return html`<span class="confidence" style=${{ '--share': percent / 100 }}>${percent}%</span>`;
}
