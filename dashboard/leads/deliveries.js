import { leadDeliveries } from '../core/api.js';
import { moment, valueText } from '../core/format.js';
import { html } from '../core/html.js';
import { useRead } from '../core/use_fetch.js';
import { useState } from '../vendor/preact-hooks.js';

const FEW = 5;
const SHOWN_VALUES = 8;

/** What each delivery told of the lead that was new, the newest first. */
export function Deliveries({ id, rev }) {
  const { value, why } = useRead(() => leadDeliveries(id), [id, rev]);
  const [all, setAll] = useState(false);
  const deliveries = value?.deliveries ?? [];
  const shown = all ? deliveries : deliveries.slice(0, FEW);
  return html`<h3>Deliveries</h3>
    ${!value && html`<p class="muted">${why ?? 'Reading…'}</p>`}
    <ol class="deliveries">
      ${shown.map((delivery, n) => html`<${Delivery} key=${deliveries.length - n} delivery=${delivery} />`)}
      ${value && shown.length === deliveries.length && html`<li>
        <time datetime=${value.received_at}>${moment(value.received_at)}</time> <span>First heard of</span>
      </li>`}
    </ol>
    ${shown.length < deliveries.length &&
    html`<button type="button" onClick=${() => setAll(true)}>All ${deliveries.length} deliveries</button>`}`;
}

function Delivery({ delivery }) {
  const { at, received_at: received, attributes, attribute_count: count, contact_count: contacts } = delivery;
  const values = Object.entries(attributes ?? {});
  const named = [['stage', delivery.stage], ['owner', delivery.owner], ['outcome', delivery.outcome]];
  const words = named.filter(([, word]) => word);
  const left = count - Math.min(values.length, SHOWN_VALUES);
  const nothing = count + contacts + words.length === 0;
  return html`<li>
    <time datetime=${received} title=${`happened ${moment(at)}`}>${moment(received)}</time>
    <ul>
      ${[...words, ...values.slice(0, SHOWN_VALUES)].map(
        ([name, value]) => html`<li key=${name}><span class="muted">${name}</span> ${valueText(value)}</li>`,
      )}
      ${left > 0 && html`<li class="muted">
        ${left} ${words.length + values.length > 0 ? 'more' : ''} ${left === 1 ? 'attribute' : 'attributes'}
      </li>`}
      ${contacts > 0 && html`<li class="muted">
        ${contacts} contact ${contacts === 1 ? 'detail' : 'details'}, sealed
      </li>`}
      ${nothing && html`<li class="muted">Nothing new</li>`}
    </ul>
  </li>`;
}
