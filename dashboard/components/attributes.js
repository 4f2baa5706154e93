import { leadDetail } from '../api.js';
import { valueText } from '../format.js';
import { html } from '../html.js';
import { useEffect, useState } from '../vendor/preact-hooks.js';

/** What is known of a lead, read anew with every revision of it; the server leaves out what the role may not see. */
export function Attributes({ id, revision }) {
  const [read, setRead] = useState({ state: 'reading' });
  useEffect(() => {
    let current = true;
    leadDetail(id).then(
      ({ attributes }) => current && setRead({ state: 'known', attributes }),
      (problem) => current && setRead({ state: 'failed', why: problem.message }),
    );
    return () => (current = false);
  }, [id, revision]);

  if (read.state === 'reading') return html`<p class="muted">Reading…</p>`;
  if (read.state === 'failed') return html`<p class="muted">${read.why}</p>`;
  if (!read.attributes) return html`<p class="muted">Your role shows the reasons, not the attributes.</p>`;
  return html`<dl class="attributes">
    ${Object.entries(read.attributes).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${valueText(value)}</dd></div>`)}
  </dl>`;
}
