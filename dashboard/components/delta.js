import { tenths } from '../format.js';
import { html } from '../html.js';

const ARROWS = { up: '▲', down: '▼' };

/**
 * What moved since the score before this one.
 *
 * @param {{score: number, before: number | null, live: boolean}} props `live`: it came while somebody watched
 */
export function Delta({ score, before, live }) {
  if (before === null) return html`<span class="delta" data-way="new">${live && 'new'}</span>`;
  const moved = Math.round((score - before) * 10) / 10;
  if (moved === 0) return html`<span class="delta"><span class="unseen">unchanged</span></span>`;
  const way = moved > 0 ? 'up' : 'down';
  return html`<span class="delta" data-way=${way}>
    <span aria-hidden="true">${ARROWS[way]}</span> <span class="unseen">${way}</span> ${tenths(Math.abs(moved))}
  </span>`;
}
