/** The leads on the page: the best of them by score, kept current by the feed. */
import * as api from './api.js';
import { byScore } from './ranking.js';
import { Revisions } from './revisions.js';
import { batch, computed, signal } from './vendor/signals.js';

const PAGE = 200;
const MOST_ROWS = 2000;
const HELD_MS = 1500;
const PACE_MS = 100; // nobody reads faster, and a list is sorted once for all that came meanwhile
const HIDDEN_PACE_MS = 1000;
const RECOUNT_MS = 5000;

/**
 * @typedef {object} Row
 * @property {object} lead a ScoredLead
 * @property {boolean} live true if the feed brought it, false if it was read with the page
 */

export class Leads {
  /** Ids in the order shown. */
  order = signal([]);
  total = signal(null);
  /** Tiers shown; empty means all. */
  tiers = signal([]);
  loading = signal(true);
  /** The sentence that says why the last reading failed, or null. */
  trouble = signal(null);
  /** The lead whose panel is open: it stays current even where it leaves the list. */
  open = signal(null);
  cursor = signal(null);
  canGrow = computed(() => this.cursor.value !== null && this.order.value.length <= MOST_ROWS - PAGE);

  #rows = new Map();
  #revisions = new Revisions();
  #pending = new Map();
  #floor = null;
  #reading = 0;
  #heldUntil = 0;
  #flush = 0;
  #settledAt = 0;
  #recount = 0;
  #resort = 0;

  /** @param {string} id @returns {import('./vendor/signals.js').Signal<Row>} */
  row(id) {
    return this.#rows.get(id);
  }

  /** Reads page one anew. @returns {Promise<object | null>} where in the feed it was read; throws api.Problem */
  async read() {
    const page = await this.#fetch(null);
    return page.position;
  }

  /** Reads the next page below. */
  async readMore() {
    await this.#fetch(this.cursor.value).catch(() => null);
  }

  /** @param {string} tier */
  toggle(tier) {
    const chosen = this.tiers.value;
    this.#choose(chosen.includes(tier) ? chosen.filter((each) => each !== tier) : [...chosen, tier].sort());
  }

  showAll() {
    this.#choose([]);
  }

  /** @param {object[]} events as the feed brings them: doubled or out of order does no harm */
  apply(events) {
    for (const event of events) {
      if (event.rev > (this.#pending.get(event.key)?.rev ?? -1)) this.#pending.set(event.key, event);
    }
    this.#schedule();
  }

  /** Somebody points at the list: for a moment no row moves away from under the pointer. */
  hold() {
    this.#heldUntil = Date.now() + HELD_MS;
  }

  show(id) {
    this.open.value = this.row(id).peek();
  }

  hide() {
    this.open.value = null;
  }

  forget() {
    this.#reading++;
    clearTimeout(this.#flush);
    clearTimeout(this.#recount);
    this.#flush = this.#recount = 0;
    this.#pending.clear();
    this.hide();
    this.#replace({ leads: [], total: null, next_cursor: null });
    this.trouble.value = null;
    this.loading.value = true;
  }

  #choose(tiers) {
    this.tiers.value = tiers;
    this.read().catch(() => null);
  }

  async #fetch(cursor) {
    const reading = ++this.#reading;
    this.loading.value = true;
    try {
      const page = await api.leadPage({ tiers: this.tiers.value, limit: PAGE, cursor });
      if (reading === this.#reading) this.#take(page, cursor);
      return page;
    } catch (problem) {
      if (reading === this.#reading) this.trouble.value = problem.message;
      throw problem;
    } finally {
      if (reading === this.#reading) {
        this.loading.value = false;
        this.#schedule();
      }
    }
  }

  #take(page, cursor) {
    batch(() => {
      this.trouble.value = null;
      if (cursor) this.#append(page);
      else this.#replace(page);
    });
  }

  #replace(page) {
    batch(() => {
      this.#rows = new Map();
      this.#revisions.clear();
      this.#append(page);
    });
  }

  #append(page) {
    for (const lead of page.leads) {
      if (this.#revisions.stands(lead.id, lead.score.rev)) this.#put(lead, false);
    }
    this.cursor.value = page.next_cursor;
    this.#floor = page.next_cursor ? page.leads.at(-1) : null;
    this.total.value = page.total;
    this.#sort();
  }

  #schedule() {
    // Before a reading ends its rows are not known, so what the feed brings waits for them.
    if (this.#flush || this.#pending.size === 0 || this.loading.value) return;
    const due = this.#settledAt + (document.hidden ? HIDDEN_PACE_MS : PACE_MS);
    this.#flush = setTimeout(() => this.#flushNow(), Math.max(0, due - Date.now()));
  }

  #flushNow() {
    this.#flush = 0;
    if (this.loading.value) return;
    this.#settledAt = Date.now();
    batch(() => this.#settle());
  }

  #settle() {
    let membersChanged = false;
    for (const event of this.#pending.values()) membersChanged = this.#settleOne(event) || membersChanged;
    this.#pending.clear();
    this.#sort();
    if (membersChanged) this.#recountSoon();
    if (this.#rows.size > MOST_ROWS) this.read().catch(() => null);
    else if (this.cursor.value && this.#rows.size < PAGE / 2) this.readMore();
  }

  /** @returns {boolean} true if the number of leads may have changed */
  #settleOne({ kind, key, rev, body }) {
    const id = key.slice('lead:'.length);
    if (!this.#revisions.rises(id, rev)) return false;
    const gone = kind === 'removed';
    if (this.open.value?.lead.id === id) {
      this.open.value = gone ? { ...this.open.value, gone } : { lead: body, live: true };
    }
    const had = this.#rows.has(id);
    const has = !gone && this.#belongs(body);
    if (has) this.#put(body, true);
    else this.#rows.delete(id);
    return gone || rev === 1 || had !== has;
  }

  #belongs(lead) {
    const tiers = this.tiers.value;
    if (tiers.length && !tiers.includes(lead.score.tier)) return false;
    return this.#floor === null || byScore(lead, this.#floor) <= 0;
  }

  #put(lead, live) {
    const row = this.#rows.get(lead.id);
    if (row) row.value = { lead, live };
    else this.#rows.set(lead.id, signal({ lead, live }));
  }

  #sort() {
    const wait = this.#heldUntil - Date.now();
    const ids = wait > 0 ? this.#inPlace() : this.#ranked();
    if (wait > 0) {
      clearTimeout(this.#resort);
      this.#resort = setTimeout(() => this.#sort(), wait);
    }
    const before = this.order.value;
    if (ids.length !== before.length || ids.some((id, i) => id !== before[i])) this.order.value = ids;
  }

  #ranked() {
    const leads = [...this.#rows.values()].map((row) => row.peek().lead);
    return leads.sort(byScore).map((lead) => lead.id);
  }

  /** The order as it stands, without what left; what is new waits. */
  #inPlace() {
    return this.order.value.filter((id) => this.#rows.has(id));
  }

  #recountSoon() {
    this.#recount ||= setTimeout(async () => {
      this.#recount = 0;
      const tiers = this.tiers.value;
      const page = await api.leadPage({ tiers, limit: 1 }).catch(() => null);
      if (page && tiers === this.tiers.value) this.total.value = page.total;
    }, RECOUNT_MS);
  }
}
