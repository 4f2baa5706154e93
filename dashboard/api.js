/** The HTTP API as functions; every failure is a Problem whose text is fit to show. */
import { signOut, token } from './session.js';

const ROOT = '/api/v1';
const TIMEOUT_MS = 15_000;

export class Problem extends Error {
  /** @param {number} status 0 where no answer came */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** @param {{tiers: string[], limit: number, cursor?: string | null}} wanted */
export function leadPage({ tiers, limit, cursor }) {
  const query = new URLSearchParams({ sort: '-score', limit: String(limit) });
  for (const tier of tiers) query.append('tier', tier);
  if (cursor) query.set('cursor', cursor);
  return get(`/leads?${query}`);
}

/** @param {string} id */
export function leadDetail(id) {
  return get(`/leads/${encodeURIComponent(id)}`);
}

async function get(path) {
  const used = token.value;
  const answer = await ask(path, used);
  if (answer.ok) return answer.json();
  const said = await answer.json().catch(() => null);
  const problem = new Problem(answer.status, said?.detail ?? `The server answered ${answer.status}.`);
  // A late answer to an old token must not end the session that replaced it.
  if (answer.status === 401 && token.value === used) signOut(problem.message);
  throw problem;
}

async function ask(path, bearer) {
  try {
    return await fetch(ROOT + path, {
      headers: { Authorization: `Bearer ${bearer}`, Accept: 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      cache: 'no-store',
    });
  } catch (error) {
    throw new Problem(0, error.name === 'TimeoutError' ? 'The server is slow to answer.' : 'The server cannot be reached.');
  }
}
