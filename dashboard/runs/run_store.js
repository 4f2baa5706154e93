/** The rescoring runs, newest first: read once, kept current by the feed. */
import * as api from '../core/api.js';
import { computed, signal } from '../vendor/signals.js';

const ACTIVE = ['running', 'paused'];
const PACE_MS = 100; // a run tells of each step; nobody reads faster

export class Runs {
  /** @type {import('../vendor/signals.js').Signal<object[] | null>} null before the first reading */
  list = signal(null);
  trouble = signal(null);
  active = computed(() => (this.list.value ?? []).filter(({ state }) => ACTIVE.includes(state)));

  #ended;
  #known = new Map();
  #timer = 0;

  /** @param {(run: object) => void} ended told once of each run that ended while somebody looked */
  constructor(ended) {
    this.#ended = ended;
  }

  async read() {
    try {
      const { runs } = await api.runs();
      this.trouble.value = null;
      for (const run of runs) this.#take(run);
      this.#show();
    } catch (problem) {
      this.trouble.value = problem.message;
    }
  }

  /** @param {object[]} events of kind `run`: doubled or out of order does no harm */
  apply(events) {
    for (const { body } of events) this.#take(body, true);
    if (this.list.peek() !== null) this.#timer ||= setTimeout(() => this.#show(), PACE_MS);
  }

  /** @param {string} id @param {'pause' | 'resume' | 'cancel' | 'retry'} action */
  async act(id, action) {
    this.#take(await api.runAction(id, action));
    this.#show();
  }

  async begin(asked) {
    this.#take(await api.beginRun(asked));
    this.#show();
  }

  forget() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#known.clear();
    this.list.value = this.trouble.value = null;
  }

  #take(run, live = false) {
    const before = this.#known.get(run.id);
    if (before && before.rev >= run.rev) return;
    this.#known.set(run.id, run);
    // A short one may have ended before anything else was told of it.
    const ran = before ? ACTIVE.includes(before.state) : live;
    if (ran && !ACTIVE.includes(run.state)) this.#ended(run);
  }

  #show() {
    this.#timer = 0;
    this.list.value = [...this.#known.values()].sort((a, b) => Number(b.id) - Number(a.id));
  }
}
