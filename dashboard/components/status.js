import { clockTime } from '../format.js';
import { html } from '../html.js';

const MARKS = { live: '●', connecting: '○', reconnecting: '◌', stale: '▲', offline: '✕' };
const WORDS = { live: 'Live', connecting: 'Connecting…', reconnecting: 'Reconnecting…', stale: 'Stale', offline: 'Offline' };

/** How current the page is; spoken when it changes. */
export function Status({ connection }) {
  if (!connection.value) return null;
  const state = connection.value.state.value;
  return html`<p class="status" data-state=${state} role="status">
    <span class="status-mark" aria-hidden="true">${MARKS[state]}</span>
    <span>${WORDS[state]}</span> <${Since} state=${state} since=${connection.value.since} />
  </p>`;
}

function Since({ state, since }) {
  // While it is live the moment changes with every message, and nobody needs it.
  if (state === 'live' || since.value === null) return null;
  return html`<span class="status-since">${state === 'stale' ? 'since' : 'as of'} ${clockTime(since.value)}</span>`;
}
