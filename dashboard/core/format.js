/** Numbers and times as people read them. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const COUNT = new Intl.NumberFormat();
const SMALL = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const ISO_MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });

export const count = (number) => COUNT.format(number);
export const tenths = (number) => number.toFixed(1);
export const moment = (iso) => MOMENT.format(new Date(iso));

/** An attribute's value as a person would write it. */
export function valueText(value) {
  if (value === null || value === undefined || value === '') return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return (Math.abs(value) < 1 ? SMALL : COUNT).format(value);
  // A vendor's text may begin like a moment and be none.
  const at = ISO_MOMENT.test(value) ? Date.parse(value) : NaN;
  return Number.isNaN(at) ? value : MOMENT.format(at);
}

/** @param {number} points @returns {string} always signed, with a true minus */
export function signed(points) {
  const text = Math.abs(points).toFixed(1).replace(/\.0$/, '');
  if (Number(text) === 0) return '0';
  return (points < 0 ? '−' : '+') + text;
}

/** @param {number} ms since the epoch @returns {string} HH:MM:SS in the reader's zone */
export function clockTime(ms) {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** @param {string} iso @param {number} now ms since the epoch */
export function age(iso, now) {
  const ms = now - Date.parse(iso);
  if (ms < MINUTE) return 'just now';
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  const days = Math.floor(ms / DAY);
  if (days < 60) return days === 1 ? 'yesterday' : `${days} days ago`;
  return days < 730 ? `${Math.floor(days / 30.4)} months ago` : `${Math.floor(days / 365)} years ago`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** @param {number} share 0 to 1 */
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;
