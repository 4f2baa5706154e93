/** A run's events carry only the score of a lead; its factors are read for the leads that are looked at. */
import { leadsOf } from '../core/api.js';

const PACE_MS = 1000; // read at most so often
const MOST_IDS = 500; // that one answer holds

/** @param {object} lead a ScoredLead @param {object} event of kind `rescored` @returns {object} the lead with it */
export function rescored(lead, { rev, at, body }) {
  const score = { ...lead.score, score: body.score, tier: body.tier, rev, updated_at: at };
  delete score.factors; // they add up to the score before
  return { ...lead, previous_score: body.previous_score, score };
}

export class Reasons {
  #owed = new Set();
  #timer = 0;
  #lookedAt;
  #took;

  /** @param {(id: string) => boolean} lookedAt @param {(leads: object[]) => void} took */
  constructor(lookedAt, took) {
    this.#lookedAt = lookedAt;
    this.#took = took;
  }

  /** @param {string} id of a lead whose reason is older than its score */
  owe(id) {
    this.#owed.add(id);
    this.#soon();
  }

  /** Other leads are looked at now. */
  look() {
    if (this.#owed.size > 0) this.#soon();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#owed.clear();
  }

  #soon() {
    this.#timer ||= setTimeout(() => this.#read(), PACE_MS);
  }

  async #read() {
    const ids = [...this.#owed].filter(this.#lookedAt).slice(0, MOST_IDS);
    for (const id of ids) this.#owed.delete(id);
    const page = ids.length > 0 && (await leadsOf(ids).catch(() => null));
    this.#timer = 0;
    if (page) this.#took(page.leads);
    else if (ids.length > 0) ids.forEach((id) => this.owe(id));
  }
}
