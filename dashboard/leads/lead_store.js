/** The leads on the page, as far as somebody scrolled: read in pages, kept current by the feed. */
import * as api from '../core/api.js';
import { Arrivals } from './arrivals.js';
import { Ranking, ranksWith } from './ranking.js';
import { Reasons, rescored } from './reasons.js';
import { Revisions } from '../core/revisions.js';
import { batch, computed, signal } from '../vendor/signals.js';
import { admits, isContact, NOTHING, openId, view } from '../core/view.js';

const FIRST_PAGE = 60; // what a tall screen shows, so that it is there at once
const PAGE = 200;
const FAR = 1000; // who has come so far reads on in the largest pages
const LARGEST_PAGE = 500; // that the API gives
const MOST_ROWS = 120_000;
const MOST_GROWN = MOST_ROWS - LARGEST_PAGE;
const HELD_MS = 1500;
const PACE_MS = 100; // nobody reads faster, and the list is arranged once for all that came meanwhile
const HIDDEN_PACE_MS = 1000;
const RECOUNT_MS = 5000;
const REFUSALS = [400, 422];
const QUIET_MS = 5000; // so long after the last lead in sight that a run changed, it is at another place

/**
 * @typedef {object} Row
 * @property {object} lead a ScoredLead; in the list without its factors
 * @property {boolean} live true if the feed brought it, false if it was read with the page
 */

export class Leads {
  /** Ids in the order shown; never changed in place. */
  order = signal([]);
  total = signal(null);
  loading = signal(true);
  /** The sentence that says why the last reading failed, or null. */
  trouble = signal(null);
  /** Whether it failed because the API takes no such view: asked again, it would fail again. */
  refused = false;
  /** The lead whose panel is open: it stays current even where it leaves the list. */
  open = signal(null);
  /** When the list was paused, in ms since the epoch; null while changes are applied. */
  pausedAt = signal(null);
  /** How many leads have changed since. */
  waiting = signal(0);
  cursor = signal(null);
  /** True while the rows were read for another view: those that this view shows are shown, and it may have more. */
  partial = signal(false);
  canGrow = computed(() => !this.partial.value && this.cursor.value !== null && this.order.value.length <= MOST_GROWN);

  #looked = NOTHING; // the view that the rows were read for
  #rows = new Map();
  #ranking = new Ranking();
  #unplaced = new Map();
  #revisions = new Revisions();
  #arrivals = new Arrivals();
  #floor = null;
  #reading = 0;
  #begun = 0;
  #renewing = false;
  #heldUntil = 0;
  #flush = 0;
  #settledAt = 0;
  #recount = 0;
  #arrangeLater = 0;
  #renewLater = 0;
  #inSight = new Set();
  #reach = FIRST_PAGE;
  #reasons = new Reasons(
    (id) => this.#inSight.has(id) || id === openId.peek(),
    (leads) => this.#explain(leads),
  );

  /** @param {string} id @returns {import('../vendor/signals.js').Signal<Row> | undefined} */
  row(id) {
    return this.#rows.get(id);
  }

  /** @param {string} id @returns {number} its place in `order`, or −1 */
  indexOf(id) {
    return this.partial.peek() ? this.order.peek().indexOf(id) : this.#ranking.indexOf(id);
  }

  /** Switches to another view: until it is read, only rows that belong to it are shown. */
  narrow() {
    batch(() => {
      this.total.value = null;
      this.#show();
    });
  }

  /** Reads page one again. @returns {Promise<object | null>} where in the feed it was read; throws api.Problem */
  async read() {
    return (await this.#fetch(null, FIRST_PAGE)).position;
  }

  /** As `read`, because the feed starts over: a paused list does not move before it is resumed. */
  async snapshot() {
    // As many as were there, within what one answer holds: nobody wants to be thrown back to the top.
    const wanted = Math.min(LARGEST_PAGE, Math.max(FIRST_PAGE, this.order.peek().length));
    if (this.pausedAt.peek() === null) {
      const page = await this.#fetch(null, wanted).catch(() => null);
      if (page) return page.position;
    } else {
      this.#arrivals.missed = true; // until it is resumed
      this.waiting.value = this.#arrivals.count();
    }
    // What somebody is still typing into the search may be refused; the feed goes on all the same.
    return (await api.leadPage(NOTHING, { limit: 1 })).position;
  }

  /** Reads the next page below. */
  async readMore() {
    if (this.loading.peek() || this.partial.peek()) return;
    const limit = this.order.peek().length < FAR ? PAGE : LARGEST_PAGE;
    await this.#fetch(this.cursor.peek(), limit).catch(() => null);
  }

  /**
   * @param {string[]} ids that are drawn now @param {number} last the index of the last of them
   * @returns {string[]} those that a run's changes are wanted of
   */
  look(ids, last) {
    this.#inSight = new Set(ids);
    this.#reach = last;
    this.#reasons.look();
    const open = openId.peek();
    return open && !this.#inSight.has(open) ? [...ids, open] : ids;
  }

  /**
   * Reads again what is held, down to where the reader is: a run moves more leads than its events name. What the feed
   * brought meanwhile stays.
   */
  async renew() {
    clearTimeout(this.#renewLater);
    this.#renewLater = 0;
    if (this.pausedAt.peek() !== null) return void (this.#arrivals.missed = true); // until it is resumed
    if (this.partial.peek()) return void this.read().catch(() => null);
    if (this.loading.peek() || this.#renewing) return this.#renewSoon();
    const [begun, reading] = [this.#begun, this.#reading];
    this.#renewing = true;
    let refused = false;
    const page = await this.#held(reading).catch((problem) => void (refused = REFUSALS.includes(problem.status)));
    this.#renewing = false;
    this.#schedule();
    if (begun !== this.#begun) return; // all was read again meanwhile
    if (this.pausedAt.peek() !== null) this.#arrivals.missed = true;
    else if (page && reading === this.#reading && !this.partial.peek()) batch(() => this.#renewed(page));
    else if (!refused) this.#renewSoon(); // what the API does not take now it takes no later
  }

  /** All down to where the reader is, as one page; cut short where another reading has begun. */
  async #held(reading) {
    const wanted = Math.max(FIRST_PAGE, Math.min(this.#reach, this.order.peek().length));
    const looked = view.peek();
    const leads = [];
    let page = null;
    do {
      page = await api.leadPage(looked, { limit: LARGEST_PAGE, cursor: page?.next_cursor });
      leads.push(...page.leads);
    } while (page.next_cursor && leads.length < wanted && reading === this.#reading);
    return { ...page, leads };
  }

  /** @param {object[]} events as the feed brings them: doubled or out of order does no harm */
  apply(events) {
    this.#arrivals.add(events);
    if (this.pausedAt.peek() !== null) this.waiting.value = this.#arrivals.count();
    else this.#schedule();
  }

  pause() {
    this.pausedAt.value = Date.now();
    clearTimeout(this.#flush);
    this.#flush = 0;
    this.waiting.value = this.#arrivals.count();
  }

  resume() {
    this.pausedAt.value = null;
    this.waiting.value = 0;
    if (this.#arrivals.missed) this.renew();
    else this.#schedule();
    this.#arrivals.missed = false;
  }

  /** Somebody points at the list or scrolls: for a moment no row moves away from under them. */
  hold(ms = HELD_MS) {
    this.#heldUntil = Math.max(this.#heldUntil, Date.now() + ms);
  }

  /** @param {string} id @returns {Promise<boolean>} false if this reader may see no such lead; throws api.Problem */
  async show(id) {
    openId.value = id;
    const row = this.row(id);
    if (row) {
      this.open.value = row.peek();
      return true;
    }
    const lead = await api.leadDetail(id).catch((problem) => {
      if (problem.status === 404) return null;
      // The panel still shows the lead before, and the address tells what is shown.
      if (openId.peek() === id) openId.value = this.open.peek()?.lead.id ?? id;
      throw problem;
    });
    if (openId.peek() !== id) return true;
    if (!lead) this.hide();
    else if (this.#revisions.passed(id, lead.score.rev)) return this.show(id); // the feed was quicker
    else this.open.value = { lead, live: false };
    return lead !== null;
  }

  hide() {
    this.open.value = openId.value = null;
  }

  forget() {
    this.#reading++;
    for (const timer of [this.#flush, this.#recount, this.#arrangeLater, this.#renewLater]) clearTimeout(timer);
    this.#flush = this.#recount = this.#arrangeLater = this.#renewLater = 0;
    this.#reasons.clear();
    this.#arrivals.clear();
    batch(() => {
      this.open.value = this.pausedAt.value = this.trouble.value = null;
      this.#replace({ leads: [], total: null, next_cursor: null }, view.peek());
      this.loading.value = true;
    });
  }

  async #fetch(cursor, limit) {
    const reading = ++this.#reading;
    const looked = view.peek();
    this.loading.value = true;
    try {
      const page = await api.leadPage(looked, { limit, cursor });
      if (reading === this.#reading) this.#take(page, cursor, looked);
      return page;
    } catch (problem) {
      if (reading === this.#reading) {
        this.refused = REFUSALS.includes(problem.status);
        this.trouble.value = problem.message;
      }
      throw problem;
    } finally {
      if (reading === this.#reading) {
        this.loading.value = false;
        this.#schedule();
      }
    }
  }

  #take(page, cursor, looked) {
    batch(() => {
      this.trouble.value = null;
      if (cursor) this.#append(page);
      else this.#replace(page, looked);
    });
  }

  #replace(page, looked) {
    this.#begun++;
    this.#looked = looked;
    this.#rows = new Map();
    this.#ranking.clear();
    this.#unplaced.clear();
    this.#revisions.clear();
    this.#append(page);
  }

  /** What is held is newer for a lead that has changed since the page was read. */
  #renewed(page) {
    const held = this.#rows;
    this.#rows = new Map();
    this.#ranking.clear();
    this.#unplaced.clear();
    const came = new Map();
    for (const read of page.leads) {
      const newest = this.#revisions.stands(read.id, read.score.rev) ? read : held.get(read.id)?.peek().lead;
      if (!newest) continue;
      const row = held.get(read.id);
      if (row) this.#rows.set(read.id, row);
      this.#put(newest, false);
      came.set(read.id, newest);
    }
    this.#read(page, came);
  }

  #append(page) {
    const came = new Map();
    for (const lead of page.leads) {
      if (!this.#revisions.stands(lead.id, lead.score.rev)) continue;
      this.#put(lead, false);
      this.#unplaced.delete(lead.id); // one that fell out of the part that was read is in this one
      came.set(lead.id, lead);
    }
    this.#read(page, came);
  }

  #read(page, came) {
    this.cursor.value = page.next_cursor;
    this.#floor = page.next_cursor ? page.leads.at(-1) : null;
    this.total.value = this.#looked === view.peek() ? page.total : null;
    this.#place(came);
  }

  get #busy() {
    return this.loading.peek() || this.#renewing;
  }

  #schedule() {
    // Before a reading ends its rows are not known, so what the feed brings waits for them.
    if (this.#flush || !this.#arrivals.any || this.#busy || this.pausedAt.peek() !== null) return;
    const due = this.#settledAt + (document.hidden ? HIDDEN_PACE_MS : PACE_MS);
    this.#flush = setTimeout(() => this.#flushNow(), Math.max(0, due - Date.now()));
  }

  #flushNow() {
    this.#flush = 0;
    if (this.#busy) return;
    this.#settledAt = Date.now();
    batch(() => this.#settle());
  }

  #settle() {
    let membersChanged = false;
    for (const event of this.#arrivals.take()) membersChanged = this.#settleOne(event) || membersChanged;
    this.#arrange();
    if (membersChanged) this.#recountSoon();
    if (this.#rows.size > MOST_ROWS) this.read().catch(() => null);
    else if (this.cursor.peek() && this.#rows.size < FIRST_PAGE / 2) this.readMore();
  }

  /** @returns {boolean} true if the number of leads may have changed */
  #settleOne(event) {
    const id = event.key.slice('lead:'.length);
    if (!this.#revisions.rises(id, event.rev)) return false;
    const gone = event.kind === 'removed';
    const lead = event.kind === 'rescored' ? this.#rescore(id, event) : event.body;
    if (!lead && !gone) return false;
    if (this.open.peek()?.lead.id === id) {
      this.open.value = gone ? { ...this.open.peek(), gone } : { lead, live: true };
    }
    const had = this.#rows.has(id);
    const has = !gone && this.#belongs(lead);
    if (has) this.#put(lead, true);
    else this.#rows.delete(id);
    if (had || has) this.#unplaced.set(id, has ? lead : null);
    return gone || event.rev === 1 || had !== has;
  }

  /** @returns {object | undefined} the lead as a run has left it, where it is known */
  #rescore(id, event) {
    this.#renewSoon();
    const known = this.#rows.get(id)?.peek().lead ?? (openId.peek() === id ? this.open.peek()?.lead : undefined);
    if (known) this.#reasons.owe(id);
    return known && rescored(known, event);
  }

  #explain(leads) {
    batch(() => {
      for (const lead of leads) {
        if (!this.#revisions.stands(lead.id, lead.score.rev)) continue;
        if (this.#rows.has(lead.id)) this.#put(lead, true);
        if (this.open.peek()?.lead.id === lead.id) this.open.value = { lead, live: true };
      }
    });
  }

  #renewSoon() {
    clearTimeout(this.#renewLater);
    this.#renewLater = setTimeout(() => this.renew(), QUIET_MS);
  }

  #belongs(lead) {
    // Who has an e-mail address only the server can tell.
    if (isContact(this.#looked.text)) return this.#rows.has(lead.id);
    return admits(lead, this.#looked) && (this.#floor === null || ranksWith(lead, this.#floor));
  }

  #put(lead, live) {
    // Factors are read where they are shown: a hundred thousand times five would not be held for nothing.
    const { factors, base, others, ...score } = lead.score;
    const shown = { lead: { ...lead, score }, live };
    const row = this.#rows.get(lead.id);
    if (row) row.value = shown;
    else this.#rows.set(lead.id, signal(shown));
  }

  #arrange() {
    const wait = this.#heldUntil - Date.now();
    if (wait > 0) {
      this.#place(new Map([...this.#unplaced].filter(([, lead]) => lead === null)));
      clearTimeout(this.#arrangeLater);
      this.#arrangeLater = setTimeout(() => this.#arrange(), wait);
      return;
    }
    this.#place(this.#unplaced);
    this.#unplaced.clear();
  }

  #place(changed) {
    if (changed.size > 0) this.#ranking.update(changed);
    this.#show();
  }

  #show() {
    const looked = view.peek();
    const { ids } = this.#ranking;
    this.partial.value = looked !== this.#looked;
    this.order.value = this.partial.peek() ? ids.filter((id) => admits(this.#rows.get(id).peek().lead, looked)) : ids;
  }

  #recountSoon() {
    this.#recount ||= setTimeout(async () => {
      this.#recount = 0;
      const looked = view.peek();
      const page = await api.leadPage(looked, { limit: 1 }).catch(() => null);
      if (page && looked === view.peek() && looked === this.#looked) this.total.value = page.total;
    }, RECOUNT_MS);
  }
}
