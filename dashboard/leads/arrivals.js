/** What the feed brought and the list has not taken yet: of each lead the newest change. */

const MOST_KEYS = 5000;

export class Arrivals {
  /** True if more came than is kept: then the list is read again. */
  missed = false;

  #byKey = new Map();

  /** @param {object[]} events doubled or out of order does no harm */
  add(events) {
    for (const event of events) {
      if (event.rev > (this.#byKey.get(event.key)?.rev ?? -1)) this.#byKey.set(event.key, event);
    }
  }

  /** While nothing is taken: keeps what is waiting within bounds. @returns {number} how many leads have changed */
  count() {
    if (this.#byKey.size > MOST_KEYS) {
      this.missed = true;
      this.#byKey.clear();
    }
    return this.missed ? Infinity : this.#byKey.size;
  }

  get any() {
    return this.#byKey.size > 0;
  }

  /** @returns {object[]} all of them, which are taken by this */
  take() {
    const events = [...this.#byKey.values()];
    this.clear();
    return events;
  }

  clear() {
    this.missed = false;
    this.#byKey.clear();
  }
}
