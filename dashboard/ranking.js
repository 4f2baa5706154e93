/** Leads by score, highest first; of equal scores the lower id first, as the API sorts them. */

/** @typedef {{id: string, score: {score: number}}} Ranked */

/** @param {Ranked} a @param {Ranked} b */
export function byScore(a, b) {
  return b.score.score - a.score.score || byId(a.id, b.id);
}

/** Ids are integers that may pass 2^53, so they are compared as text of one length. */
function byId(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
