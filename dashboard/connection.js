/** What may honestly be said of the feed, in one word and since when. */
import { everySecond } from './clock.js';
import { computed, signal } from './vendor/signals.js';

const online = signal(true);

/**
 * @param {import('./feed.js').Feed} feed
 * @returns computed `{state, since}`; state is connecting | live | reconnecting | stale | offline, `since` when the relay
 *   was last heard, in ms since the epoch, or null
 */
export function connectionOf(feed) {
  return computed(() => {
    const since = feed.heardAt.value;
    if (!online.value) return { state: 'offline', since };
    if (since === null) return { state: 'connecting', since };
    // Silence outweighs an open socket, and also a socket that is being opened again.
    if (everySecond.value - since > feed.patienceMs.value) return { state: 'stale', since };
    if (feed.awaySince.value !== null) return { state: 'stale', since: feed.awaySince.value };
    return { state: feed.subscribed.value ? 'live' : 'reconnecting', since };
  });
}

/** @param {() => void} back called when the network returns, or the page is looked at again */
export function watchNetwork(back) {
  const look = () => {
    online.value = navigator.onLine;
    if (online.value && !document.hidden) back();
  };
  online.value = navigator.onLine;
  addEventListener('online', look);
  addEventListener('offline', look);
  document.addEventListener('visibilitychange', look);
}
