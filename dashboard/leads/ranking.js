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

/** Copied in slices, which costs next to nothing. @param {number[]} indices rising */
function without(ids, indices) {
  if (indices.length === 0) return ids;
  const parts = indices.map((index, n) => ids.slice(n === 0 ? 0 : indices[n - 1] + 1, index));
  return [].concat(...parts, ids.slice(indices.at(-1) + 1));
}

/** Ids in order: a change costs a search and a copy, where a sort of a hundred thousand would be felt. */
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
    const left = [...changed.keys()].map((id) => this.indexOf(id)).filter((index) => index >= 0);
    const staying = without(this.ids, left.sort((a, b) => a - b));
    const arriving = [];
    for (const [id, lead] of changed) {
      if (lead) arriving.push(placeOf(lead));
      else this.#places.delete(id);
    }
    const parts = [];
    let from = 0;
    for (const place of arriving.sort(byScore)) {
      const to = this.#before(staying, place, from);
      parts.push(staying.slice(from, to), place.id);
      from = to;
    }
    for (const place of arriving) this.#places.set(place.id, place);
    this.ids = [].concat(...parts, staying.slice(from));
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
