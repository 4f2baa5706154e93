/**
 * Which rows of a long list are drawn: those in sight and a few beyond. And it keeps what is being read where it is,
 * however many rows come or go above it.
 */
import { signal } from '../vendor/signals.js';

const BEYOND = 8; // rows drawn above and below what is in sight
const STEP = 4; // rows scrolled before others are drawn

/** Who has not scrolled for so long has come to rest. */
export const REST_MS = 200;

export class ListWindow {
  /** Rises when other rows are to be drawn. */
  version = signal(0);
  /** How many more leads than before stand above what is being read. */
  above = signal(0);
  first = 0;
  last = 24;
  /** True while somebody scrolls. */
  moving = false;

  #body = null;
  #rowHeight = 56;
  #top = 0;
  #bottom = 20;
  #ids = [];
  #owed = 0;
  #rest = 0;

  /** @param {HTMLElement} body what holds the rows, all of one height @param {HTMLElement} gauge as high as one row */
  attach(body, gauge) {
    this.#body = body;
    const scrolled = () => {
      this.#move();
      this.look();
    };
    const look = () => this.look();
    const measure = () => {
      this.#rowHeight = gauge.offsetHeight;
      this.look();
    };
    // It tells the first time when the browser has laid out the page for itself; to ask would make it do so at once.
    const sizes = new ResizeObserver(measure);
    sizes.observe(gauge);
    addEventListener('scroll', scrolled, { passive: true });
    addEventListener('resize', look);
    return () => {
      clearTimeout(this.#rest);
      sizes.disconnect();
      removeEventListener('scroll', scrolled);
      removeEventListener('resize', look);
    };
  }

  /** Looks which rows are in sight now. */
  look() {
    const start = this.#body.getBoundingClientRect().top;
    this.#top = Math.max(0, Math.floor((headroom() - start) / this.#rowHeight));
    this.#bottom = Math.max(0, Math.ceil((innerHeight - start) / this.#rowHeight));
    if (this.#top === 0) this.above.value = 0;
    const first = Math.max(0, Math.floor((this.#top - BEYOND) / STEP) * STEP);
    // The same number of rows wherever it stands: none is built or thrown away.
    const last = first + Math.ceil((this.#bottom - this.#top + 2 * BEYOND) / STEP + 1) * STEP;
    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    this.version.value++;
  }

  #move() {
    this.moving = true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.moving = false;
      this.version.value++;
    }, REST_MS);
  }

  /** The ids are drawn next: if what is in sight stands elsewhere among them, the window goes with it. */
  follow(ids, indexOf) {
    if (ids === this.#ids) return;
    const before = this.#ids.slice(this.#top, this.#bottom);
    this.#ids = ids;
    // At the top of the list the newest is what people want to see; `#top` follows the scrolling a frame later.
    if (this.#top === 0 || scrollY === 0) return;
    const shifts = before.map((id, n) => [indexOf(id), n]).filter(([now]) => now >= 0);
    const shift = median(shifts.map(([now, n]) => now - (this.#top + n)));
    this.first = Math.max(0, this.first + shift);
    this.last += shift;
    this.#top += shift;
    this.#bottom += shift;
    this.#owed += shift;
  }

  /** After drawing: scrolls by what was added above, so that nothing in sight has moved. */
  settle() {
    const rows = this.#owed;
    if (rows === 0) return;
    this.#owed = 0;
    scrollBy({ top: rows * this.#rowHeight, behavior: 'instant' });
    this.above.value = Math.max(0, this.above.value + rows);
  }

  /** Scrolls as little as it takes to have that row in sight. */
  reveal(index) {
    const start = this.#body.getBoundingClientRect().top + index * this.#rowHeight;
    const over = start - headroom();
    const under = start + this.#rowHeight - innerHeight;
    if (over < 0) scrollBy({ top: over, behavior: 'instant' });
    else if (under > 0) scrollBy({ top: under, behavior: 'instant' });
    this.look();
  }

  /** @returns {number} the index of the first row in sight */
  get top() {
    return this.#top;
  }

  offset(index) {
    return index * this.#rowHeight;
  }
}

/** How much of the window's top the sticky header covers, in pixels. */
const headroom = () => document.querySelector('.sticky')?.offsetHeight ?? 0;

function median(numbers) {
  if (numbers.length === 0) return 0;
  return numbers.sort((a, b) => a - b)[numbers.length >> 1];
}
