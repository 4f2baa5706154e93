import { signed, tenths, valueText } from '../core/format.js';
import { html } from '../core/html.js';

/** The sum that makes the score, each term as a bar from the middle: right gave points, left took them. */
export function Factors({ score }) {
  const { base, factors, others } = score;
  if (factors.length === 0) return html`<p class="muted">Too little is known of this lead to say why.</p>`;
  const longest = Math.max(...factors.map(({ points }) => Math.abs(points)));
  return html`<ol class="factors">
    <${Plain} label="Every lead starts with" points=${tenths(base)} />
    ${factors.map((factor) => html`<${Bar} key=${factor.attribute} factor=${factor} longest=${longest} />`)}
    ${others !== 0 && html`<${Plain} label="All else, kept within 0 and 100" points=${signed(others)} />`}
    <${Plain} label="Score" points=${tenths(score.score)} sum />
  </ol>`;
}

function Plain({ label, points, sum }) {
  return html`<li class="factor" data-sum=${Boolean(sum)}>
    <span class="factor-label">${label}</span><span class="factor-points">${points}</span>
  </li>`;
}

function Bar({ factor, longest }) {
  const { label, points, value } = factor;
  const seen = value === null || value === undefined ? '' : valueText(value);
  // `Seniority: founder` has said it already.
  const isTold = typeof value !== 'number' && label.toLowerCase().endsWith(seen.toLowerCase());
  const share = longest === 0 ? 0 : Math.abs(points) / longest;
  return html`<li class="factor" data-way=${points < 0 ? 'down' : 'up'}>
    <span class="factor-label">
      ${label} ${!isTold && html`<span class="factor-value">${seen}</span>`}
    </span>
    <span class="factor-points">${signed(points)}</span>
    <span class="factor-track" aria-hidden="true">
      <span class="factor-bar" style=${{ '--share': share }}></span>
    </span>
  </li>`;
}
