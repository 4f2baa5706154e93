import { choices, previewRun } from '../core/api.js';
import { count, signed } from '../core/format.js';
import { html } from '../core/html.js';
import { useRead } from '../core/use_fetch.js';
import { say } from '../core/toast.js';
import { useState } from '../vendor/preact-hooks.js';
import { TIERS } from '../core/view.js';
import { Tier } from '../leads/tier.js';

const WORDS = [
  { name: 'sources', label: 'Source', any: 'Any source' },
  { name: 'owners', label: 'Owner', any: 'Any owner' },
  { name: 'stages', label: 'Stage', any: 'Any stage' },
];

/** Which leads to score again, and what that would change; nothing is written before Start. */
export function RunForm({ runs, onDone }) {
  const { value: known } = useRead(choices, []);
  const [filter, setFilter] = useState({ tiers: [], sources: [], owners: [], stages: [] });
  const [found, setFound] = useState({ preview: null, busy: false });
  const change = (part) => {
    setFilter((before) => ({ ...before, ...part }));
    setFound({ preview: null, busy: false });
  };
  const attempt = (act) => {
    setFound((before) => ({ ...before, busy: true }));
    act().catch((problem) => say(problem.message)).finally(() => setFound((before) => ({ ...before, busy: false })));
  };
  const look = () => attempt(async () => setFound({ preview: await previewRun({ filter }), busy: true }));
  const start = () => attempt(() => runs.begin({ filter }).then(onDone));
  const without = (tier) => filter.tiers.filter((other) => other !== tier);
  const toggle = (tier) =>
    change({ tiers: filter.tiers.includes(tier) ? without(tier) : [...filter.tiers, tier].sort() });
  return html`<section class="run-form" aria-label="A new run">
    <div class="filters">
      <div class="tiers" role="group" aria-label="Tiers">
        ${TIERS.map(
          (tier) => html`<button key=${tier} type="button" class="filter"
            aria-pressed=${String(filter.tiers.includes(tier))} onClick=${() => toggle(tier)}>
            <${Tier} tier=${tier} />
          </button>`,
        )}
      </div>
      ${WORDS.map(({ name, label, any }) => html`<select key=${name} class="choice" aria-label=${label}
        value=${filter[name][0] ?? ''}
        onChange=${({ currentTarget: { value } }) => change({ [name]: value ? [value] : [] })}>
        <option value="">${any}</option>
        ${(known?.[name] ?? []).map((word) => html`<option key=${word} value=${word}>${word}</option>`)}
      </select>`)}
    </div>
    <p class="muted">They are scored as of now, by the model in charge. Live scoring goes on meanwhile.</p>
    <div class="deeds">
      <button type="button" disabled=${found.busy} onClick=${look}>Preview</button>
      <button type="button" class="strong" disabled=${found.busy} onClick=${start}>Start</button>
      <button type="button" class="quiet" onClick=${onDone}>Close</button>
    </div>
    <div role="status">
      ${found.busy
        ? html`<p class="muted">Working…</p>`
        : found.preview && html`<${Preview} preview=${found.preview} />`}
    </div>
  </section>`;
}

function Preview({ preview: { leads, leads_changed: changed, tiers_changed: tiers, tier_moves: moves, deltas } }) {
  if (leads === 0) return html`<p>No lead is like that.</p>`;
  if (changed === 0) return html`<p>${count(leads)} leads; none of their scores would change.</p>`;
  return html`<p><b>${count(changed)}</b> of ${count(leads)} scores would change, and <b>${count(tiers)}</b> tiers.</p>
    <div class="preview">
      ${moves.length > 0 && html`<table class="plain">
        <caption>Tiers</caption>
        <tbody>
          ${moves.map(
            (move) => html`<tr key=${move.before + move.after}>
              <th scope="row">${Tier({ tier: move.before })} → ${Tier({ tier: move.after })}</th>
              <td>${count(move.leads)}</td>
            </tr>`,
          )}
        </tbody>
      </table>`}
      <table class="plain">
        <caption>Points</caption>
        <tbody>
          ${deltas.filter((bucket) => bucket.leads > 0).map(
            (bucket) => html`<tr key=${bucket.low ?? 'least'}>
              <th scope="row">${bucketText(bucket)}</th><td>${count(bucket.leads)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function bucketText({ low, high }) {
  if (low === null) return `below ${signed(high)}`;
  if (high === null) return `${signed(low)} and more`;
  return `${signed(low)} to ${signed(high)}`;
}
