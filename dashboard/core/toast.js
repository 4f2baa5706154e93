/** A sentence that tells what just happened, and goes away by itself. */
import { signal } from '../vendor/signals.js';

const SHOWN_MS = 4000;

export const toast = signal(null);

let timer = 0;

/** @param {string} text */
export function say(text) {
  clearTimeout(timer);
  toast.value = text;
  timer = setTimeout(() => (toast.value = null), SHOWN_MS);
}
