import { html } from '../core/html.js';

const STAGES = { champion: '★ In charge', candidate: '○ Candidate', retired: '– Retired' };
const READY = { ready: '✓ Ready', fair: '◐ Fair', 'not ready': '✕ Not ready' };

export const Stage = ({ stage }) => html`<span class="mark" data-stage=${stage}>${STAGES[stage]}</span>`;
export const Readiness = ({ state }) => html`<span class="mark" data-ready=${state}>${READY[state]}</span>`;

/** What was decided when it was made; a person may have decided otherwise since. */
export function Verdict({ contest: { promoted, reason } }) {
  return html`<p class="muted">${promoted ? 'Promoted' : 'Not promoted'} by itself: ${reason}.</p>`;
}
