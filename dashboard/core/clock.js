/** The page's clocks: signals, so that what shows an age renews itself. */
import { signal } from '../vendor/signals.js';

export const everySecond = signal(Date.now());
export const everyQuarterMinute = signal(Date.now());

export function startClocks() {
  setInterval(() => (everySecond.value = Date.now()), 1000);
  setInterval(() => (everyQuarterMinute.value = Date.now()), 15_000);
}
