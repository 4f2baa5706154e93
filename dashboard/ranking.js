/** Leads by score, highest first; of equal scores the lower id first, as the API sorts them. */

/** @typedef {{id: string, score: number}} Place */

/** @param {Place} a @param {Place} b */
function byScore(a, b) {
  return b.score - a.score || byId(a.id, b.id);
}

/** Ids are integers that may pass 2^53, so they are compared as text of one length. */
function byId(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export const placeOf = (lead) => ({ id: lead.id, score: lead.score.score });

/** @param {object} lead @param {object} other @returns {boolean} true if `lead` stands before the other, or is it */
export const ranksWith = (lead, other) => byScore(placeOf(lead), placeOf(other)) <= 0;

/** Ids in order: what changes costs one pass over them, where a sort of a hundred thousand would be felt. */
export class Ranking {
  /** @type {string[]} never changed in place */
  ids = [];
  #places = new Map();

  /** @param {string} id @returns {number} its index, or −1 */
  indexOf(id) {
    const place = this.#places.get(id);
    return place ? this.#before(this.ids, place) : -1;
  }

  /** @param {Map<string, object | null>} changed leads by id that came or moved; null for those that left */
  update(changed) {
    const staying = this.ids.some((id) => changed.has(id)) ? this.ids.filter((id) => !changed.has(id)) : this.ids;
    const arriving = [];
    for (const [id, lead] of changed) {
      if (lead) arriving.push(placeOf(lead));
      else this.#places.delete(id);
    }
    arriving.sort(byScore);
    const merged = [];
    let from = 0;
    for (const place of arriving) {
      const to = this.#before(staying, place, from);
      for (; from < to; from++) merged.push(staying[from]);
      merged.push(place.id);
      this.#places.set(place.id, place);
    }
    for (; from < staying.length; from++) merged.push(staying[from]);
    this.ids = merged;
  }

  clear() {
    this.ids = [];
    this.#places.clear();
  }

  /** How many of the ids, which stand in order, stand before the place. */
  #before(ids, place, low = 0) {
    let high = ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (byScore(this.#places.get(ids[middle]), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
