import { html } from '../core/html.js';
import { admin } from '../core/session.js';
import { useEffect, useState } from '../vendor/preact-hooks.js';
import { Command } from '../core/command.js';
import { RunCard } from './run_card.js';
import { RunForm } from './run_form.js';

/** Saved leads scored anew: what runs now, and what ran. */
export function RunsPage({ runs }) {
  const [asking, setAsking] = useState(false);
  useEffect(() => void runs.read(), []);
  const list = runs.list.value;
  return html`<div class="place">
    <div class="place-top">
      <div><h1>Rescoring</h1><p class="muted">Saved leads scored anew, while live scoring goes on.</p></div>
      ${admin.value && !asking && html`<button type="button" class="strong" onClick=${() => setAsking(true)}>Start a run…</button>`}
    </div>
    ${asking && html`<${RunForm} runs=${runs} onDone=${() => setAsking(false)} />`}
    ${runs.trouble.value && html`<div class="trouble" role="alert"><p><strong>The runs could not be read.</strong> ${runs.trouble.value}</p><button type="button" onClick=${() => runs.read()}>Try again</button></div>`}
    ${list === null ? !runs.trouble.value && html`<p class="empty muted" aria-busy="true">Reading runs…</p>` : list.length === 0 ? html`<${None} />` : html`<ol class="runs">${list.map((run) => html`<${RunCard} key=${run.id} run=${run} runs=${runs} />`)}</ol>`}
  </div>`;
}

function None() {
  return html`<div class="empty">
    <h2>Nothing has been rescored yet</h2>
    <p>After a promotion or a change of the scorecard, a run brings saved leads up to date.</p>
    <${Command} text="service6 rescore --dry-run" />
  </div>`;
}
