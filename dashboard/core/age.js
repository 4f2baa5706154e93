import { everyQuarterMinute } from './clock.js';
import { age, moment } from './format.js';
import { html } from './html.js';

/** Formatting a full moment costs a hundred times as much as an age, so it is done only when someone points at it. */
const tellInFull = ({ currentTarget }) => (currentTarget.title = moment(currentTarget.dateTime));

/** @param {{at: string}} props an ISO moment */
export function Age({ at }) {
  return html`<time datetime=${at} onPointerEnter=${tellInFull}>${age(at, everyQuarterMinute.value)}</time>`;
}
