/** What a person should look at: alarms that are raised, read once and kept current by the feed. */
import { models } from './api.js';
import { computed, signal } from '../vendor/signals.js';

export class Alarms {
  #known = signal(new Map());
  raised = computed(() => [...this.#known.value.values()].filter(({ state }) => state === 'raised'));

  async read() {
    const told = await models().catch(() => null);
    if (told) this.#take(told.alarms);
  }

  /** @param {object[]} events of kind `alarm` */
  apply(events) {
    if (events.length > 0) this.#take(events.map(({ body }) => body));
  }

  forget() {
    this.#known.value = new Map();
  }

  #take(alarms) {
    const known = new Map(this.#known.peek());
    for (const alarm of alarms) if (alarm.rev > (known.get(alarm.name)?.rev ?? -1)) known.set(alarm.name, alarm);
    this.#known.value = known;
  }
}
