/**
 * What is looked at: which part of the page, the filters, the search, the open lead or model; kept in the address, so
 * that a link shows the same.
 */
import { hasPhone } from './phone.js';
import { batch, computed, signal } from '../vendor/signals.js';

export const TIERS = ['A', 'B', 'C', 'D'];

/** Name in the address -> how many milliseconds back. */
export const SPANS = { '1h': 3_600_000, '1d': 86_400_000, '7d': 604_800_000 };

export const NOTHING = { tiers: [], source: '', owner: '', stage: '', since: '', text: '' };
// An address is logged and copied, so it is no place for an e-mail address or a telephone number.
// The server keeps `0171 1234567` as an id; who types it here means a telephone number.
const TYPED_PHONE = /^(?=.*[\s()])(?:[\s()]*\d){7,15}$/;

const MODEL = /^[a-z0-9-]{1,100}$/;
const LEAD = /^\d{1,19}$/;

export const PLACES = ['leads', 'runs', 'models'];

/** Which part of the page is looked at. @type {import('../vendor/signals.js').Signal<'leads' | 'runs' | 'models'>} */
export const place = signal('leads');

/** The version of the model that is looked at, or null. */
export const openModel = signal(null);

/** @type {import('../vendor/signals.js').Signal<typeof NOTHING>} */
export const view = signal(NOTHING);

/** The id of the lead whose panel is open, or null. */
export const openId = signal(null);

export const narrowed = computed(() => {
  const { tiers, ...words } = view.value;
  return tiers.length > 0 || Object.values(words).some(Boolean);
});

/** @param {Partial<typeof NOTHING>} changes */
export function look(changes) {
  view.value = { ...view.peek(), ...changes };
}

export const lookAtAll = () => look(NOTHING);

/** @param {string} tier */
export function toggleTier(tier) {
  const { tiers } = view.peek();
  look({ tiers: tiers.includes(tier) ? tiers.filter((each) => each !== tier) : [...tiers, tier].sort() });
}

/** @returns {boolean} true if the text is an e-mail address or a telephone number rather than a lead's id */
export function isContact(text) {
  return text.includes('@') || hasPhone(text) || TYPED_PHONE.test(text.trim());
}

/** Goes to another part of the page; a lead's panel belongs to the part that is left. */
export function go(to, model = null) {
  if (to === place.peek() && model === openModel.peek()) return;
  batch(() => {
    place.value = to;
    openModel.value = model;
    openId.value = null;
  });
}

/** Takes all that is looked at from the address. */
export function fromAddress() {
  const told = new URLSearchParams(location.search);
  const since = told.get('since') ?? '';
  batch(() => {
    place.value = PLACES.includes(told.get('page')) ? told.get('page') : 'leads';
    openModel.value = place.value === 'models' && MODEL.test(told.get('model') ?? '') ? told.get('model') : null;
    look({
      tiers: TIERS.filter((tier) => told.getAll('tier').includes(tier)),
      source: told.get('source') ?? '',
      owner: told.get('owner') ?? '',
      stage: told.get('stage') ?? '',
      since: since in SPANS ? since : '',
      text: told.get('q') ?? '',
    });
    openId.value = place.value === 'leads' && LEAD.test(told.get('lead') ?? '') ? told.get('lead') : null;
  });
}

/** @returns {string} this view as a link to share, without who is signed in */
export const link = () => location.origin + address();

/** @returns {string} the address of what is looked at, without its origin */
export function address() {
  const { tiers, source, owner, stage, since, text } = view.value;
  const told = new URLSearchParams(tiers.map((tier) => ['tier', tier]));
  const page = place.value === 'leads' ? '' : place.value;
  const q = isContact(text) ? '' : text;
  const words = { page, model: openModel.value, source, owner, stage, since, q, lead: openId.value };
  for (const [name, word] of Object.entries(words)) if (word) told.set(name, word);
  const query = told.toString();
  return location.pathname + (query && `?${query}`);
}

/** @param {object} lead a ScoredLead @param {typeof NOTHING} looked @returns {boolean} true if the view shows it */
export function admits(lead, { tiers, source, owner, stage, since, text }) {
  if (tiers.length && !tiers.includes(lead.score.tier)) return false;
  if (source && lead.source !== source) return false;
  if (owner && lead.owner !== owner) return false;
  if (stage && lead.stage !== stage) return false;
  if (since && Date.parse(lead.score.updated_at) < Date.now() - SPANS[since]) return false;
  return !text || (!isContact(text) && lead.external_id.toLowerCase().startsWith(text.trim().toLowerCase()));
}
