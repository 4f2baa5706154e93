/** The page: puts session, view, leads and feed together, and draws. */
import { Alarms } from './core/alarm_store.js';
import { Backoff } from './core/backoff.js';
import { startClocks } from './core/clock.js';
import { Page } from './core/page.js';
import { SignIn } from './account/sign_in.js';
import { connectionOf, watchNetwork } from './core/connection.js';
import { dialog } from './core/dialogs.js';
import { Feed } from './core/feed.js';
import { html } from './core/html.js';
import { Leads } from './leads/lead_store.js';
import { keepHistory, travelled } from './core/navigation.js';
import { Runs } from './runs/run_store.js';
import { asking, openSession, overseer, signOut, token } from './core/session.js';
import { say } from './core/toast.js';
import { render } from './vendor/preact.js';
import { computed, effect, signal, untracked } from './vendor/signals.js';
import { openId, openModel, place, view } from './core/view.js';
import { watchWidth } from './core/viewport.js';

const SETTLED_MS = 200;

const TOPICS = ['leads'];
const OVERSEER_TOPICS = ['leads', 'runs', 'metrics'];

const leads = new Leads();
// A run moves more leads than are in sight, so the list is read again when it ends.
const runs = new Runs((run) => run.leads_changed > 0 && leads.renew());
const alarms = new Alarms();
const feed = signal(null);
const connection = computed(() => feed.value && connectionOf(feed.value));

function apply(events) {
  const of = (...kinds) => events.filter(({ kind }) => kinds.includes(kind));
  runs.apply(of('run'));
  alarms.apply(of('alarm'));
  leads.apply(of('score', 'removed', 'rescored'));
}

function begin(bearer) {
  const opened = new Feed({
    token: bearer,
    topics: overseer.peek() ? OVERSEER_TOPICS : TOPICS,
    snapshot: () => {
      if (runs.list.peek() !== null) runs.read();
      return leads.snapshot();
    },
    apply,
    refused: signOut,
  });
  feed.value = opened;
  // The rows need no relay, so they are read at once; where that fails the feed reads them when it is ready.
  const reading = leads.read().catch(() => null);
  reading.then((position) => feed.peek() === opened && opened.start(position));
  if (overseer.peek()) alarms.read();
  if (openId.peek()) openAddressed();
}

/** The lead that the address names. */
function openAddressed() {
  if (openId.peek() === null) return leads.hide();
  leads.show(openId.peek()).then(
    (found) => found || say('There is no such lead that you may see.'),
    (problem) => say(problem.message),
  );
}

function end() {
  feed.value?.stop();
  feed.value = null;
  leads.forget();
  runs.forget();
  alarms.forget();
}

const watch = (ids) => feed.peek()?.watch(ids);

function App() {
  if (asking.value && !token.value) return html`<main><p class="empty muted" aria-busy="true">Signing in…</p></main>`;
  if (!token.value) return html`<${SignIn} />`;
  return html`<${Page} leads=${leads} runs=${runs} alarms=${alarms} connection=${connection} watch=${watch} />`;
}

startClocks();
openSession();
keepHistory();
watchWidth();
addEventListener('popstate', () => {
  if (token.peek() && openId.peek() !== (leads.open.peek()?.lead.id ?? null)) openAddressed();
});
effect(() => {
  // Going to another part of the page closes the panel.
  if (openId.value === null) untracked(() => leads.hide());
});
watchNetwork(() => feed.peek()?.hurry());
effect(() => {
  const bearer = token.value;
  untracked(() => {
    end();
    if (bearer) begin(bearer);
    else dialog.value = null;
  });
});
const tops = new Map(); // how far each part of the page was scrolled when it was left
let part = null;
effect(() => {
  const next = [place.value, openModel.value].join(' ');
  if (next === part) return;
  tops.set(part, scrollY);
  part = next;
  // Once it is drawn: the way back leads to where the reader was.
  requestAnimationFrame(() => {
    if (part === next) scrollTo({ top: (travelled.peek() && tops.get(next)) || 0, behavior: 'instant' });
  });
});
let looked = view.peek();
let reading = 0;
effect(() => {
  if (view.value === looked) return;
  const typing = view.value.text !== looked.text;
  looked = view.value;
  leads.narrow();
  scrollTo({ top: 0, behavior: 'instant' });
  clearTimeout(reading);
  // One request for each letter typed would be wasted.
  reading = setTimeout(() => token.peek() && leads.read().catch(() => null), typing ? SETTLED_MS : 0);
});
const again = new Backoff();
effect(() => {
  // What could not be read while the server was away is read now that it is back. A socket may outlive a network that
  // was away for a moment, so the first request after it may fail as well.
  if (connection.value?.state.value !== 'live' || leads.loading.value) return;
  if (leads.trouble.value === null) return again.reset();
  if (leads.refused) return; // it would be refused again
  const timer = setTimeout(() => leads.read().catch(() => null), again.next(Math.random()));
  return () => clearTimeout(timer);
});
document.querySelector('#app').replaceChildren();
render(html`<${App} />`, document.querySelector('#app'));
