/** The keyboard: one letter a command, wherever the reader is not typing. */
import { focusSearch, nextDensity, nextTheme, togglePause, toTop } from './commands.js';
import { dialog } from './dialogs.js';
import { overseer } from './session.js';
import { go, lookAtAll, place, PLACES, toggleTier } from './view.js';

const TYPING = 'input:not([type=range]), select, textarea, dialog';

/**
 * @param {import('../leads/lead_store.js').Leads} leads
 * @param {(step: number) => void} walk goes that many leads down the list
 * @returns {() => void} undoes it
 */
export function listen(leads, walk) {
  const ofLeads = {
    j: () => walk(1),
    k: () => walk(-1),
    '/': focusSearch,
    x: lookAtAll,
    1: () => toggleTier('A'),
    2: () => toggleTier('B'),
    3: () => toggleTier('C'),
    4: () => toggleTier('D'),
  };
  const everywhere = {
    '?': () => (dialog.value = 'help'),
    p: () => togglePause(leads),
    t: nextTheme,
    d: nextDensity,
    g: toTop,
    ...Object.fromEntries(PLACES.map((name) => [name[0], () => overseer.peek() && go(name)])),
  };
  const pressed = (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      dialog.value = dialog.peek() === 'palette' ? null : 'palette';
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest(TYPING) || dialog.peek()) return;
    if (event.key === 'Escape') leads.hide();
    const act = everywhere[event.key] ?? (place.peek() === 'leads' ? ofLeads[event.key] : undefined);
    if (!act) return;
    event.preventDefault();
    act();
  };
  addEventListener('keydown', pressed);
  return () => removeEventListener('keydown', pressed);
}
