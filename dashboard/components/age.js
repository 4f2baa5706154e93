import { everyQuarterMinute } from '../clock.js';
import { age, moment } from '../format.js';
import { html } from '../html.js';
import { useComputed } from '../vendor/signals.js';

/** @param {{at: string}} props an ISO moment */
export function Age({ at }) {
  // The text alone renews itself; the row around it stays as it is.
  const text = useComputed(() => age(at, everyQuarterMinute.value));
  return html`<time datetime=${at} title=${moment(at)}>${text}</time>`;
}
