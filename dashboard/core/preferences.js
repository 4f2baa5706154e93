/** How this reader likes the page; kept in this browser, and set on the root element for the styles to follow. */
import { signal } from '../vendor/signals.js';

export const THEMES = ['system', 'light', 'dark'];
export const DENSITIES = ['comfortable', 'compact'];

const chosen = (name, choices) => {
  const kept = document.documentElement.dataset[name];
  return signal(choices.includes(kept) ? kept : choices[0]);
};

export const theme = chosen('theme', THEMES);
export const density = chosen('density', DENSITIES);

export const setTheme = (value) => keep('theme', theme, value);
export const setDensity = (value) => keep('density', density, value);

/** @param {string} value @param {string[]} choices @returns {string} the one after it */
export const next = (value, choices) => choices[(choices.indexOf(value) + 1) % choices.length];

function keep(name, held, value) {
  localStorage.setItem(`service6.${name}`, value);
  document.documentElement.dataset[name] = value;
  held.value = value;
}
