/** What the page can do, by name: the palette lists it. */
import { dialog } from './dialogs.js';
import { DENSITIES, density, next, setDensity, setTheme, theme, THEMES } from './preferences.js';
import { overseer, signOutEverywhere } from './session.js';
import { say } from './toast.js';
import { go, link, look, lookAtAll, narrowed, place, TIERS, toggleTier, view } from './view.js';

const SINCE = { '1h': 'in the last hour', '1d': 'in the last day', '7d': 'in the last week' };

const PLACE_COMMANDS = [
  { to: 'leads', name: 'Go to leads' },
  { to: 'runs', name: 'Go to rescoring' },
  { to: 'models', name: 'Go to models' },
];

const placeCommand = ({ to, name }) => ({ name, keys: to[0], run: () => go(to) });

/** @typedef {{name: string, keys?: string, run: () => void}} Command */

/** @param {import('../leads/lead_store.js').Leads} leads @returns {Command[]} those that make sense now */
export function commands(leads) {
  const paused = leads.pausedAt.value !== null;
  return [
    ...(overseer.value ? PLACE_COMMANDS.filter(({ to }) => to !== place.value).map(placeCommand) : []),
    { name: paused ? 'Resume live changes' : 'Pause live changes', keys: 'p', run: () => togglePause(leads) },
    ...TIERS.map((tier) => tierCommand(tier)),
    ...Object.keys(SINCE).map((since) => ({ name: `Changed ${SINCE[since]}`, run: () => look({ since }) })),
    ...(narrowed.value ? [{ name: 'Show all leads', keys: 'x', run: lookAtAll }] : []),
    { name: 'Back to the top', keys: 'g', run: toTop },
    { name: 'Copy a link to this view', run: copyLink },
    { name: `Theme: ${theme.value}, then ${next(theme.value, THEMES)}`, keys: 't', run: nextTheme },
    { name: density.value === 'compact' ? 'Comfortable rows' : 'Compact rows', keys: 'd', run: nextDensity },
    { name: 'Keyboard shortcuts', keys: '?', run: () => (dialog.value = 'help') },
    { name: 'Sign out', run: () => signOutEverywhere() },
  ];
}

export const nextTheme = () => setTheme(next(theme.peek(), THEMES));
export const nextDensity = () => setDensity(next(density.peek(), DENSITIES));
export const toTop = () => scrollTo({ top: 0, behavior: 'instant' });

/** @param {import('../leads/lead_store.js').Leads} leads */
export function togglePause(leads) {
  if (leads.pausedAt.peek() === null) leads.pause();
  else leads.resume();
}

export function focusSearch() {
  const field = document.querySelector('#search');
  field?.focus();
  field?.select();
}

function tierCommand(tier) {
  const shown = view.value.tiers.includes(tier);
  return { name: shown ? `Stop showing tier ${tier}` : `Show tier ${tier}`, run: () => toggleTier(tier) };
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(link());
    say('The link is copied. Whoever opens it signs in for themselves.');
  } catch {
    say('This browser does not let the page copy; the address bar has the same link.');
  }
}
