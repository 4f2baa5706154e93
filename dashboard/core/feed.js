/** One socket to the relay, kept open: signs in, subscribes, resumes where it left off, notices silence. */
import { Backoff } from './backoff.js';
import { advances } from './position.js';
import { signal } from '../vendor/signals.js';

const PATH = '/api/v1/dashboard/real-time';
const OPENING_MS = 10_000;
const SILENT_HEARTBEATS = 2.5;
const QUIET_HEARTBEATS = 1.25; // silence this long is asked about
const ANSWER_MS = 5000; // to that question
const WATCHED_MS = 200;
const TERMINAL = {
  4001: 'Your link has expired.',
  4003: 'Your link does not open this page.',
};

/**
 * @typedef {object} Reader what the feed serves
 * @property {string} token
 * @property {string[]} topics
 * @property {() => Promise<{epoch: string, id: string} | null>} snapshot reads page one; tells its place in the feed
 * @property {(events: object[]) => void} apply
 * @property {(reason: string) => void} refused the relay will not have this token again
 */

export class Feed {
  /** True while the relay has us subscribed. */
  subscribed = signal(false);
  /** When the relay was last heard, in ms since the epoch; null before the first time. */
  heardAt = signal(null);
  /** How long silence may last before what is shown counts as stale. */
  allowedSilenceMs = signal(SILENT_HEARTBEATS * 20_000);
  /** Since when the relay itself has been cut off from the changes; null while it is not. */
  awaySince = signal(null);

  #reader;
  #socket = null;
  #position = null;
  #backoff = new Backoff();
  #openedAt = 0;
  #askedAt = null;
  #retry = 0;
  #watch = 0;
  #watched = [];
  #telling = 0;

  /** @param {Reader} reader */
  constructor(reader) {
    this.#reader = reader;
  }

  /** @param {{epoch: string, id: string} | null} position where the rows already shown were read */
  start(position) {
    this.#position = position;
    this.#watch = setInterval(() => this.#watchSilence(), 1000);
    this.#open();
  }

  stop() {
    clearInterval(this.#watch);
    this.#watch = 0;
    clearTimeout(this.#telling);
    this.#drop();
  }

  /** There is a network again, or somebody looks again: wait no longer, and do not trust a socket from before. */
  hurry() {
    this.#backoff.reset();
    if (!this.#watch) return;
    if (!this.#socket) this.#open();
    else if (this.subscribed.peek()) this.#ask();
  }

  /** The relay sends what runs change for these leads only. @param {string[]} ids */
  watch(ids) {
    if (ids.length === this.#watched.length && ids.every((id, n) => id === this.#watched[n])) return;
    this.#watched = ids;
    // A reader who scrolls passes more leads than they look at.
    clearTimeout(this.#telling);
    this.#telling = setTimeout(() => {
      if (this.subscribed.peek()) this.#send({ t: 'watch', leads: this.#watched });
    }, WATCHED_MS);
  }

  #open() {
    clearTimeout(this.#retry);
    this.#openedAt = Date.now();
    const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + PATH);
    this.#socket = socket;
    socket.onopen = () => this.#send({ t: 'auth', token: this.#reader.token });
    socket.onmessage = (message) => this.#hear(JSON.parse(message.data));
    socket.onclose = (event) => this.#closed(event);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #hear(message) {
    this.heardAt.value = Date.now();
    this.#askedAt = null;
    const answer = {
      ready: () => this.#ready(message),
      subscribed: () => this.#welcome(message),
      changes: () => this.#change(message),
      heartbeat: () => this.#beat(message),
    }[message.t];
    answer?.();
  }

  async #ready({ heartbeat_s: heartbeat }) {
    this.allowedSilenceMs.value = heartbeat * 1000 * SILENT_HEARTBEATS;
    if (!this.#position && !(await this.#snapshot())) return;
    const { topics } = this.#reader;
    this.#send({ t: 'subscribe', topics, leads: null, watch: this.#watched, position: this.#position });
  }

  #welcome({ position, resumed }) {
    this.#backoff.connected();
    this.awaySince.value = null;
    this.subscribed.value = true;
    if (!resumed) {
      this.#position = position;
      this.#snapshot();
    }
  }

  #change({ events, position }) {
    this.awaySince.value = null;
    this.#reader.apply(events);
    this.#advance(position);
  }

  #beat({ position, away_s: awayS }) {
    this.awaySince.value = awayS ? Date.now() - awayS * 1000 : null;
    this.#advance(position);
  }

  #advance(position) {
    if (advances(position, this.#position)) this.#position = position;
  }

  /** Reads page one again; where that fails the socket is given up, so that the next one starts from there. */
  async #snapshot() {
    const socket = this.#socket;
    try {
      const read = await this.#reader.snapshot();
      this.#position ??= read;
    } catch {
      if (this.#socket === socket) {
        this.#position = null;
        this.#wait(this.#backoff.next(Math.random()));
      }
    }
    return this.#socket === socket && socket !== null;
  }

  #watchSilence() {
    if (!this.#socket) return;
    const now = Date.now();
    const silentMs = now - Math.max(this.heardAt.value ?? 0, this.#openedAt);
    const allowedMs = this.subscribed.value ? this.allowedSilenceMs.value : OPENING_MS;
    // A half-open socket is never closed by the other side: leave it and open another.
    if (silentMs > allowedMs || (this.#askedAt !== null && now - this.#askedAt > ANSWER_MS)) this.#wait(0);
    else if (this.subscribed.value && silentMs > this.#quietMs) this.#ask();
  }

  get #quietMs() {
    return (this.allowedSilenceMs.value / SILENT_HEARTBEATS) * QUIET_HEARTBEATS;
  }

  /** Asks the relay for a heartbeat, which tells a quiet time from a socket that has died. */
  #ask() {
    if (this.#askedAt !== null) return;
    this.#askedAt = Date.now();
    this.#send({ t: 'ping' });
  }

  #closed({ code, reason }) {
    if (TERMINAL[code]) {
      this.stop();
      this.#reader.refused(TERMINAL[code]);
      return;
    }
    const told = /retry-after=([\d.]+)/.exec(reason);
    this.#wait(this.#backoff.next(Math.random(), told && Number(told[1]) * 1000));
  }

  #wait(ms) {
    this.#drop();
    this.#retry = setTimeout(() => this.#open(), ms);
  }

  #drop() {
    clearTimeout(this.#retry);
    this.#askedAt = null;
    this.subscribed.value = false;
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }
}
