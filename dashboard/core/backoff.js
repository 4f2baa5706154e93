const FIRST_MS = 500;
const MOST_MS = 8000;

/**
 * Full jitter: a thousand pages that lost one relay do not come back in step.
 *
 * @param {number} attempt 0 for the first one after a loss
 * @param {number} chance 0 to 1
 */
export function backoff(attempt, chance) {
  return chance * Math.min(MOST_MS, FIRST_MS * 2 ** attempt);
}
