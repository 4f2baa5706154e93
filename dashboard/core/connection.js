/** What may honestly be said of the feed, in one word and since when. */
import { everySecond } from './clock.js';
import { computed, signal } from '../vendor/signals.js';

const online = signal(true);

/**
 * @param {import('./feed.js').Feed} feed
 * @returns two signals: `state` is connecting | live | reconnecting | stale | offline; `since`, when the relay was last
 *   known to be current, in ms since the epoch, or null
 */
export function connectionOf(feed) {
  const state = computed(() => {
    if (!online.value) return 'offline';
    if (feed.heardAt.value === null) return 'connecting';
    // Silence outweighs an open socket, and also a socket that is being opened again.
    if (everySecond.value - feed.heardAt.value > feed.allowedSilenceMs.value) return 'stale';
    if (feed.awaySince.value !== null) return 'stale';
    return feed.subscribed.value ? 'live' : 'reconnecting';
  });
  return { state, since: computed(() => feed.awaySince.value ?? feed.heardAt.value) };
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
