import { tenths } from '../core/format.js';
import { html } from '../core/html.js';

/**
 * What moved since the score before this one; its arrow comes from the styles.
 *
 * @param {{score: number, before: number | null, live: boolean}} props `live`: it came while somebody watched
 */
export function Delta({ score, before, live }) {
  const moved = before === null ? null : Math.round((score - before) * 10) / 10;
  const way = moved === null ? 'new' : moved > 0 ? 'up' : moved < 0 ? 'down' : 'none';
  const text = moved === null ? live && 'new' : moved !== 0 && tenths(Math.abs(moved));
  return html`<span class="delta delta-arrow" data-way=${way}>${text}</span>`;
}
