/** Who is signed in: this tab's access token, and what the token says. */
import { shareSession } from './tabs.js';
import { computed, signal } from '../vendor/signals.js';

const KEPT = 'service6.token';
const ASKING_MS = 300; // another tab answers within a few

/** @type {import('../vendor/signals.js').Signal<string | null>} */
export const token = signal(null);

/** Why the last session ended, and whose it was; null before the first one. */
export const farewell = signal(null);

/** True while a tab that was just opened waits for another one to hand over its session. */
export const asking = signal(false);

/** For display only: the server decides what this reader may see. */
export const role = computed(() => claims(token.value)?.role ?? null);

/** Runs and models tell of all leads: the server shows them to these roles. */
export const overseer = computed(() => role.value === 'admin' || role.value === 'executive');
export const admin = computed(() => role.value === 'admin');

const tabs = shareSession({
  held: () => token.peek(),
  took: (text) => token.peek() ?? signIn(text),
  left: () => token.peek() && signOut('You signed out in another tab.'),
});

/** Takes the token from the address (`#token=…`), from this tab's storage, or from another tab that has one. */
export function openSession() {
  takeFromAddress();
  // A second link opened in the same tab changes only the fragment, which reloads nothing. `popstate` comes first, and
  // whoever listens to it next writes the address again.
  addEventListener('popstate', takeFromAddress);
  addEventListener('hashchange', takeFromAddress);
  if (!token.value && !farewell.value) signIn(sessionStorage.getItem(KEPT) ?? '');
  if (!token.value && !farewell.value) {
    asking.value = true;
    setTimeout(() => (asking.value = false), ASKING_MS);
    tabs.ask();
  }
  // Somebody may have opened a fresh link in another tab meanwhile.
  document.addEventListener('visibilitychange', () => document.hidden || token.peek() || tabs.ask());
}

/**
 * @param {string} text an access token, or a whole link that carries one
 * @returns {boolean} false if there is no token in it
 */
export function signIn(text) {
  const found = text.trim().replace(/^.*#token=/, '');
  const claimed = claims(found);
  if (!claimed) return false;
  if (claimed.exp && claimed.exp * 1000 <= Date.now()) {
    leave('This link has expired.', claimed.role);
    return true;
  }
  sessionStorage.setItem(KEPT, found);
  farewell.value = null;
  token.value = found;
  return true;
}

/** Ends this tab's session. @param {string} reason a sentence for the reader */
export function signOut(reason) {
  leave(reason, role.peek());
}

/** The reader asks for it: ends the session in all tabs. */
export function signOutEverywhere() {
  tabs.leave();
  signOut('You signed out.');
}

function leave(reason, of) {
  sessionStorage.removeItem(KEPT);
  farewell.value = { reason, role: of };
  token.value = null;
}

function takeFromAddress() {
  if (!location.hash.startsWith('#token=')) return;
  const link = location.hash;
  // Out of the address at once: history, bookmarks and shared screens would keep it.
  history.replaceState(history.state, '', location.pathname + location.search);
  if (!signIn(link)) signOut('That link holds no valid token.');
}

function claims(jwt) {
  try {
    const body = jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    return JSON.parse(atob(body));
  } catch {
    return null;
  }
}
