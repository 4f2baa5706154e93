/**
 * @typedef {object} Slot an element of the list, and the lead it shows
 * @property {number} key
 * @property {string} id
 * @property {number} index of that lead; −1 where it is not to be shown any more, and nothing else is yet
 * @property {object | null} vnode
 */

const MOST_A_FRAME = 24; // elements filled at once: what is in sight on most screens

/**
 * Which element shows which lead. One whose lead scrolls out of sight shows a lead that scrolls in: filling an element
 * again costs a fraction of throwing it away and building another.
 */
export class RowSlots {
  /** True where more was wanted than one frame should hold: it is to be asked again in the next. */
  owing = false;

  /** @type {Slot[]} as they stand in the document */
  #slots = [];
  #keys = 0;

  /**
   * @param {Map<string, number>} wanted the ids to show, each with its index; the most urgent first
   * @param {object} how
   * @param {boolean} how.sorted true to have them in the order of their indices, as Tab and screen readers need it;
   *   while somebody scrolls nobody needs it
   * @param {string | undefined} how.focused whose element has the focus: it never shows another lead
   */
  assign(wanted, { sorted, focused }) {
    const held = new Set(this.#slots.map(({ id }) => id));
    const missing = [...wanted.keys()].filter((id) => !held.has(id));
    const arriving = missing.slice(0, MOST_A_FRAME);
    this.owing = arriving.length < missing.length;
    // From the first on, so that where all are replaced they stand in order.
    arriving.reverse();
    this.#slots = this.#slots.filter((slot) => this.#stays(slot, wanted, arriving, focused));
    while (arriving.length > 0) this.#slots.push({ key: this.#keys++, id: arriving.pop(), index: -1, vnode: null });
    for (const slot of this.#slots) slot.index = wanted.get(slot.id) ?? -1;
    if (sorted && !this.owing) this.#slots.sort((a, b) => a.index - b.index);
    return this.#slots;
  }

  #stays(slot, wanted, arriving, focused) {
    if (wanted.has(slot.id)) return true;
    if (slot.id === focused) return false;
    if (arriving.length === 0) return this.owing; // to be filled in the next frame
    slot.id = arriving.pop();
    return true;
  }
}
