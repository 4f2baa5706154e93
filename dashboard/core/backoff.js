/** How long to wait before the next attempt to connect. */

const FIRST_MS = 500;
const MOST_MS = 8000;
/** The server may ask for a longer wait, up to this. */
const MOST_TOLD_MS = 30_000;
/** A connection this old makes the failures before it forgotten; a younger one may be the next of a series. */
export const LASTED_MS = 5000;

/** Full jitter: a thousand pages that lost one relay do not come back at the same time. */
export class Backoff {
  #failures = 0;
  #connectedAt = null;

  /** The server has accepted the connection. */
  connected() {
    this.#connectedAt = Date.now();
  }

  /**
   * The connection, or the attempt to connect, has ended.
   *
   * @param {number} chance 0 to 1
   * @param {number | null} toldMs what the server asked for, if it did: it knows why it ended the connection
   * @returns {number} milliseconds to wait
   */
  next(chance, toldMs = null) {
    if (this.#connectedAt !== null && Date.now() - this.#connectedAt >= LASTED_MS) this.reset();
    this.#connectedAt = null;
    if (toldMs !== null) return Math.min(MOST_TOLD_MS, toldMs);
    return chance * Math.min(MOST_MS, FIRST_MS * 2 ** this.#failures++);
  }

  reset() {
    this.#failures = 0;
  }
}
