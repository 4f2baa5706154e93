import { moment } from './format.js';
import { html } from './html.js';
import { go, place } from './view.js';

const WORDS = { model: 'A model is damaged', drift: 'Leads have changed', accuracy: 'Outcomes differ from the scores' };

/** The alarms that are raised: one quiet line each, with a link to the details. */
export function AlarmList({ alarms }) {
  const raised = alarms.raised.value;
  if (raised.length === 0) return null;
  return html`<ul class="alarms" role="status" aria-label="Alarms">
    ${raised.map(({ name, subject, detail, at }) => html`<li key=${name}>
      <span aria-hidden="true">▲</span>
      <p>
        <strong>${WORDS[name] ?? name}</strong> <span class="muted">${subject}, since ${moment(at)}.</span> ${detail}
      </p>
      ${place.value !== 'models' &&
      html`<button type="button" class="quiet" onClick=${() => go('models')}>Models</button>`}
    </li>`)}
  </ul>`;
}
