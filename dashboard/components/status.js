import { clockTime } from '../format.js';
import { html } from '../html.js';

const MARKS = { live: '●', connecting: '○', reconnecting: '◌', stale: '▲', offline: '✕' };

function words({ state, since }) {
  const as_of = since === null ? '' : clockTime(since);
  return {
    live: ['Live', ''],
    connecting: ['Connecting…', ''],
    reconnecting: ['Reconnecting…', `as of ${as_of}`],
    stale: [`Stale since ${as_of}`, ''],
    offline: ['Offline', as_of && `as of ${as_of}`],
  }[state];
}

/** How current the page is; spoken when it changes. */
export function Status({ connection }) {
  const told = connection.value;
  if (!told) return null;
  const [state, asOf] = words(told);
  return html`<p class="status" data-state=${told.state} role="status">
    <span class="status-mark" aria-hidden="true">${MARKS[told.state]}</span>
    <span>${state}</span>
    ${asOf && html`<span class="status-as-of">${asOf}</span>`}
  </p>`;
}
