import { html } from '../core/html.js';
import { admin } from '../core/session.js';
import { useEffect, useState } from '../vendor/preact-hooks.js';
import { Command } from '../core/command.js';
import { RunCard } from './run_card.js';
import { RunForm } from './run_form.js';

/** Saved leads scored again: what runs now, and what ran. */
export function RunsPage({ runs }) {
  const [asking, setAsking] = useState(false);
  useEffect(() => void runs.read(), []);
  return html`<div class="place">
    <div class="place-top">
      <div><h1>Rescoring</h1><p class="muted">Saved leads scored again, while live scoring goes on.</p></div>
      ${admin.value && !asking && html`<${Start} onStart=${() => setAsking(true)} />`}
    </div>
    ${asking && html`<${RunForm} runs=${runs} onDone=${() => setAsking(false)} />`}
    ${runs.trouble.value && html`<${Trouble} runs=${runs} />`}
    <${List} runs=${runs} />
  </div>`;
}

const Start = ({ onStart }) => html`<button type="button" class="strong" onClick=${onStart}>Start a run…</button>`;

function Trouble({ runs }) {
  return html`<div class="trouble" role="alert">
    <p><strong>The runs could not be read.</strong> ${runs.trouble.value}</p>
    <button type="button" onClick=${() => runs.read()}>Try again</button>
  </div>`;
}

function List({ runs }) {
  const list = runs.list.value;
  if (list === null) return !runs.trouble.value && html`<p class="empty muted" aria-busy="true">Reading runs…</p>`;
  if (list.length === 0) return html`<${None} />`;
  return html`<ol class="runs">${list.map((run) => html`<${RunCard} key=${run.id} run=${run} runs=${runs} />`)}</ol>`;
}

function None() {
  return html`<div class="empty">
    <h2>Nothing has been rescored yet</h2>
    <p>After a promotion or a change of the scorecard, a run brings saved leads up to date.</p>
    ${admin.value && html`<${Command} text="service6 rescore --dry-run" />`}
  </div>`;
}
