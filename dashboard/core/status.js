import { togglePause } from './commands.js';
import { clockTime, count } from './format.js';
import { html } from './html.js';
import { useComputed } from '../vendor/signals.js';
import { Icon } from './icon.js';

const MARKS = { live: '●', connecting: '○', reconnecting: '◌', stale: '▲', offline: '✕', paused: '❙❙' };
const WORDS = {
  live: 'Live',
  connecting: 'Connecting…',
  reconnecting: 'Reconnecting…',
  stale: 'Stale',
  offline: 'Offline',
  paused: 'Paused',
};

/** How current the page is; spoken when it changes. */
export function Status({ leads, connection }) {
  if (!connection.value) return null;
  const paused = leads.pausedAt.value !== null;
  const state = paused ? 'paused' : connection.value.state.value;
  return html`<div class="status" data-state=${state}>
    <p class="status-word" role="status">
      <span class="status-mark" aria-hidden="true">${MARKS[state]}</span>
      <span>${WORDS[state]}</span> <${Since} state=${state} since=${connection.value.since} />
    </p>
    <${AsOf} leads=${leads} state=${state} since=${connection.value.since} />
    <button type="button" class="quiet" title=${paused ? 'Resume (p)' : 'Pause (p)'}
      onClick=${() => togglePause(leads)}>
      <${Icon} name=${paused ? 'play' : 'pause'} />
      <span class="unseen">${paused ? 'Resume' : 'Pause'} live changes</span>
      ${paused && html`<${Waiting} leads=${leads} />`}
    </button>
  </div>`;
}

function Since({ state, since }) {
  if (state === 'live' || state === 'paused' || since.value === null) return null;
  return html`<span class="status-since">${state === 'stale' ? 'since' : 'as of'} ${clockTime(since.value)}</span>`;
}

/** When the relay was last heard. Not in what is spoken: a clock that speaks every second helps nobody. */
function AsOf({ leads, state, since }) {
  // Of two messages in one second the second changes no text, and draws nothing.
  const time = useComputed(() => clockTime(leads.pausedAt.value ?? since.value ?? Date.now())).value;
  if (state !== 'live' && state !== 'paused') return null;
  return html`<span class="status-since only-wide">as of ${time}</span>`;
}

function Waiting({ leads }) {
  const waiting = leads.waiting.value;
  return html`<span class="waiting">${waiting === Infinity ? 'many' : count(waiting)} waiting</span>`;
}
