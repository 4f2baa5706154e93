import { everyQuarterMinute } from './clock.js';
import { age, moment } from './format.js';
import { html } from './html.js';

/** A moment in full costs a hundred times what an age costs, and is wanted by those who point at it. */
const tellInFull = ({ currentTarget }) => (currentTarget.title = moment(currentTarget.dateTime));

/** @param {{at: string}} props an ISO moment */
export function Age({ at }) {
  return html`<time datetime=${at} onPointerEnter=${tellInFull}>${age(at, everyQuarterMinute.value)}</time>`;
}
