/** The highest `rev` seen of each key: what is not higher is a double or a straggler. */

const MOST_KEYS = 20_000;

export class Revisions {
  #seen = new Map();

  /** @returns {boolean} true, and remembered, if `rev` is newer than what was seen */
  rises(key, rev) {
    return this.#seen.get(key) !== rev && this.stands(key, rev);
  }

  /** @returns {boolean} true, and remembered, if nothing newer than `rev` was seen */
  stands(key, rev) {
    if (this.passed(key, rev)) return false;
    this.#seen.delete(key); // A Map keeps the order of insertion, so the first key is the longest untouched.
    this.#seen.set(key, rev);
    if (this.#seen.size > MOST_KEYS) this.#seen.delete(this.#seen.keys().next().value);
    return true;
  }

  /** @returns {boolean} true if something newer than `rev` was seen */
  passed(key, rev) {
    return rev < (this.#seen.get(key) ?? 0);
  }

  clear() {
    this.#seen.clear();
  }
}
