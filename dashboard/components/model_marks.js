import { html } from '../html.js';

const STAGES = { champion: '★ In charge', candidate: '○ Candidate', retired: '– Retired' };
const READY = { ready: '✓ Ready', fair: '◐ Fair', 'not ready': '✕ Not ready' };

export const Stage = ({ stage }) => html`<span class="mark" data-stage=${stage}>${STAGES[stage]}</span>`;
export const Readiness = ({ state }) => html`<span class="mark" data-ready=${state}>${READY[state]}</span>`;
