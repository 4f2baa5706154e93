/** Who is signed in: this tab's access token, and what it says of itself. */
import { computed, signal } from '../vendor/signals.js';

const KEPT = 'service6.token';

/** @type {import('../vendor/signals.js').Signal<string | null>} */
export const token = signal(null);

/** Why the last session ended; null before the first one. */
export const farewell = signal(null);

/** For display only: the server decides what this reader may see. */
export const role = computed(() => claims(token.value)?.role ?? null);

/** Runs and models tell of all leads: the server shows them to these roles. */
export const overseer = computed(() => role.value === 'admin' || role.value === 'executive');
export const admin = computed(() => role.value === 'admin');

/** Takes the token from the address (`#token=…`) or from this tab's storage. */
export function openSession() {
  takeFromAddress();
  // A second link opened in the same tab changes the fragment only, which reloads nothing.
  addEventListener('hashchange', takeFromAddress);
  if (!token.value) signIn(sessionStorage.getItem(KEPT) ?? '');
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
    signOut('This link has expired.');
    return true;
  }
  sessionStorage.setItem(KEPT, found);
  farewell.value = null;
  token.value = found;
  return true;
}

/** @param {string} reason a sentence for the reader */
export function signOut(reason) {
  sessionStorage.removeItem(KEPT);
  farewell.value = reason;
  token.value = null;
}

function takeFromAddress() {
  if (!location.hash.startsWith('#token=')) return;
  const link = location.hash;
  // Out of the address at once: history, bookmarks and shared screens would keep it.
  history.replaceState(null, '', location.pathname + location.search);
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
