/**
 * The browser's history: each part of the page, each panel and each dialog that is opened is an entry, so that the way
 * back closes it. What closes it by hand goes back, too, so that no entry is left that shows the same as another.
 */
import { dialog } from './dialogs.js';
import { batch, effect, signal, untracked } from '../vendor/signals.js';
import { address, fromAddress, openId, openModel, place } from './view.js';

/**
 * What an entry shows.
 *
 * @typedef {{place: string, model: string | null, lead: string | null, dialog: string | null}} Layers
 */

/** True while what is shown was reached by the way back or forward. */
export const travelled = signal(false);

/** @type {{here: Layers, under: Layers | null} | null} the current entry, and the one that it was opened from */
let entry = null;
/** True from the moment this page asked the browser to go back until it is there. */
let returning = false;

/** Takes what is looked at from the address, and from then on keeps address and history. */
export function keepHistory() {
  fromAddress();
  const kept = known(history.state); // after a reload
  dialog.value = kept?.here.dialog ?? null;
  entry = { here: layers(), under: kept?.under ?? null };
  // A list that grows above what is read, or was scrolled beside an open panel, keeps its place itself.
  history.scrollRestoration = 'manual';
  addEventListener('popstate', arrive);
  effect(() => {
    const shown = layers();
    const path = address();
    untracked(() => settle(shown, path));
  });
}

const layers = () => ({ place: place.value, model: openModel.value, lead: openId.value, dialog: dialog.value });
const known = (state) => (state?.here ? state : null);
const same = (one, other) => Object.keys(one).every((name) => one[name] === other[name]);

/** Brings the history in line with what is shown. */
function settle(shown, path) {
  if (!entry || returning) return;
  const { here, under } = entry;
  if (under && (closesDialog(here, shown) || (closes(here, shown) && same(shown, under)))) {
    returning = true; // and settles when it is there
    history.back();
  } else if (opens(here, shown)) {
    travelled.value = false;
    entry = { here: shown, under: here };
    history.pushState(entry, '', path);
  } else {
    entry = { here: shown, under };
    history.replaceState(entry, '', path);
  }
}

const moves = (here, shown) => here.place !== shown.place;
const closesDialog = (here, shown) => here.dialog !== null && shown.dialog === null;

function closes(here, shown) {
  if (moves(here, shown)) return false;
  return (here.model && !shown.model) || (here.lead && !shown.lead) || closesDialog(here, shown);
}

/** From one lead to the next, or one dialog to the next, the entry stays: nobody goes back through all of them. */
function opens(here, shown) {
  if (closes(here, shown)) return false;
  if (moves(here, shown) || here.model !== shown.model) return true;
  return (!here.lead && shown.lead) || (!here.dialog && shown.dialog);
}

function arrive({ state }) {
  const reached = known(state);
  if (returning) {
    returning = false;
    entry = reached ?? { here: layers(), under: null };
  } else {
    entry = null; // while the signals change
    travelled.value = true;
    show(reached?.here);
    entry = { here: layers(), under: reached?.under ?? null };
  }
  settle(layers(), address());
}

/** The filters stay as they are: they belong to the list, not to an entry. @param {Layers | undefined} here */
function show(here) {
  batch(() => {
    if (!here) fromAddress(); // a link that differed only in its fragment
    else [place.value, openModel.value, openId.value] = [here.place, here.model, here.lead];
    dialog.value = here?.dialog ?? null;
  });
}
