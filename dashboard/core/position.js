/** Where in the feed: `{epoch, id}`, the id a pair of integers that may pass 2^53. */

/** @returns {boolean} true if `next` replaces `held`: it is newer, or of another epoch */
export function advances(next, held) {
  if (!next) return false;
  if (!held || next.epoch !== held.epoch) return true;
  const [ms, seq] = pair(next.id);
  const [heldMs, heldSeq] = pair(held.id);
  return ms === heldMs ? seq > heldSeq : ms > heldMs;
}

function pair(id) {
  return id.split('-').map(BigInt);
}
