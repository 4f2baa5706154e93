/** The HTTP API as functions; every failure is a Problem whose text is fit to show. */
import { signOut, token } from './session.js';
import { isContact, SPANS } from './view.js';

const ROOT = '/api/v1';
const TIMEOUT_MS = 15_000;
const LONG_MS = 120_000; // a preview looks at every lead

export class Problem extends Error {
  /** @param {number} status 0 where no answer came */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * @param {typeof import('./view.js').view.value} looked
 * @param {{limit: number, cursor?: string | null}} part
 */
export function leadPage({ tiers, source, owner, stage, since, text }, { limit, cursor }) {
  if (isContact(text)) return post('/leads/lookup', { contact: text.trim() });
  const query = new URLSearchParams({ sort: '-score', limit: String(limit) });
  for (const tier of tiers) query.append('tier', tier);
  const words = { source, owner, stage, q: text.trim(), cursor };
  for (const [name, word] of Object.entries(words)) if (word) query.set(name, word);
  if (since) query.set('changed_since', new Date(Date.now() - SPANS[since]).toISOString());
  return get(`/leads?${query}`);
}

/** These leads as they are, of which at most 500. @param {string[]} ids */
export const leadsOf = (ids) =>
  get(`/leads?${new URLSearchParams([['limit', '500'], ...ids.map((id) => ['id', id])])}`);

/** Leads whose id begins like this, for the palette. */
export const leadsNamed = (text) => get(`/leads?${new URLSearchParams({ q: text, limit: '8' })}`);

export const choices = () => get('/leads/choices');

/** @param {string} id */
export const leadDetail = (id) => get(`/leads/${encodeURIComponent(id)}`);
export const leadScores = (id) => get(`/leads/${encodeURIComponent(id)}/scores`);
export const leadDeliveries = (id) => get(`/leads/${encodeURIComponent(id)}/deliveries`);
export const leadLevers = (id) => get(`/leads/${encodeURIComponent(id)}/levers`);

/** What the lead would score with these attributes changed; nothing is saved. */
export const attempt = (id, attributes) => post('/ai/score-lead', { lead_id: id, attributes });

export const runs = () => get('/rescore-runs?limit=50');
export const beginRun = (asked) => write('/rescore-runs', asked);
export const previewRun = (asked) => post('/rescore-runs/preview', asked, LONG_MS);
/** @param {string} id @param {'pause' | 'resume' | 'cancel' | 'retry'} action */
export const runAction = (id, action) => write(`/rescore-runs/${encodeURIComponent(id)}/${action}`);

export const models = () => get('/models');
export const modelDetail = (version) => get(`/models/${encodeURIComponent(version)}`);
export const promoteModel = (version, anyway) => write(`/models/${encodeURIComponent(version)}/promote`, { anyway });
export const revertModel = () => write('/models/revert');
export const trainings = () => get('/trainings');
export const train = () => write('/trainings', {});

const get = (path) => call(path, {});
const post = (path, body, timeoutMs) => call(path, { method: 'POST', body: body && JSON.stringify(body) }, timeoutMs);

/** As `post`, with a key: where no answer came, the same again does nothing twice. */
const write = (path, body) =>
  call(path, { method: 'POST', body: body && JSON.stringify(body), headers: { 'Idempotency-Key': key() } });

// Not randomUUID, which browsers keep from pages that come without TLS.
const key = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

async function call(path, request, timeoutMs = TIMEOUT_MS) {
  const used = token.value;
  const answer = await ask(path, used, request, timeoutMs);
  if (answer.ok) return answer.json();
  const said = await answer.json().catch(() => null);
  const problem = new Problem(answer.status, said?.detail ?? `The server answered ${answer.status}.`);
  // A late answer to an old token must not end the session that replaced it.
  if (answer.status === 401 && token.value === used) signOut(problem.message);
  throw problem;
}

async function ask(path, bearer, request, timeoutMs) {
  const headers = { ...request.headers, Authorization: `Bearer ${bearer}`, Accept: 'application/json' };
  if (request.body) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(ROOT + path, { ...request, headers, signal: AbortSignal.timeout(timeoutMs), cache: 'no-store' });
  } catch (error) {
    const slow = error.name === 'TimeoutError';
    throw new Problem(0, slow ? 'The server is slow to answer.' : 'The server cannot be reached.');
  }
}
