import { attempt, leadLevers } from '../core/api.js';
import { count, signed, tenths } from '../core/format.js';
import { html } from '../core/html.js';
import { useRead } from '../core/use_fetch.js';
import { useEffect, useState } from '../vendor/preact-hooks.js';
import { Tier } from './tier.js';

const SETTLED_MS = 120;
const DAY_MS = 86_400_000;
const STEPS = 100;

/** The what-if inputs of a lead, and what it would score with them; nothing is saved. */
export function WhatIf({ id, rev, saved }) {
  const [open, setOpen] = useState(false);
  return html`<details class="what-if" onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>What if?</summary>
    ${open && html`<${Trial} id=${id} rev=${rev} saved=${saved} />`}
  </details>`;
}

function Trial({ id, rev, saved }) {
  const { value, why } = useRead(() => leadLevers(id), [id, rev]);
  const [pulled, setPulled] = useState({});
  const result = useAttempt(id, rev, pulled, value?.levers ?? []);
  if (!value) return html`<p class="muted">${why ?? 'Reading…'}</p>`;
  const pull = (attribute, to) => setPulled((before) => ({ ...before, [attribute]: to }));
  return html`<${Outcome} result=${result} saved=${saved} pulled=${Object.keys(pulled).length > 0}
      onReset=${() => setPulled({})} />
    <div class="levers">
      ${value.levers.map(
        (lever) =>
          html`<${Lever} key=${lever.attribute} lever=${lever} to=${pulled[lever.attribute]} onPull=${pull} />`,
      )}
    </div>`;
}

/** The score with the inputs as they are set; before the first is changed, the score of the lead as it is now. */
function useAttempt(id, rev, pulled, levers) {
  const [result, setResult] = useState({ score: null, why: null });
  useEffect(() => {
    let current = true;
    const changed = levers.filter(({ attribute }) => attribute in pulled);
    const attributes = Object.fromEntries(
      changed.map((lever) => [lever.attribute, sent(lever, pulled[lever.attribute])]),
    );
    const timer = setTimeout(() => {
      attempt(id, attributes).then(
        (score) => current && setResult({ score, why: null }),
        (problem) => current && setResult((before) => ({ ...before, why: problem.message })),
      );
    }, SETTLED_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [id, rev, pulled]);
  return result;
}

const sent = ({ kind }, to) => (kind === 'days' ? new Date(Date.now() - to * DAY_MS).toISOString() : to);

function Outcome({ result: { score, why }, saved, pulled, onReset }) {
  if (!score) return html`<p class="muted">${why ?? 'Scoring…'}</p>`;
  const change = Math.round((score.score - saved) * 10) / 10;
  return html`<div class="what-if-outcome">
    <p role="status">
      <${Tier} tier=${score.tier} /> <b class="what-if-score">${tenths(score.score)}</b>
      <span class="delta" data-way=${change > 0 ? 'up' : change < 0 ? 'down' : 'none'}>
        ${change === 0 ? 'as saved' : signed(change)}
      </span>
    </p>
    <button type="button" disabled=${!pulled} onClick=${onReset}>Reset</button>
    ${why && html`<p class="wrong">${why}</p>`}
  </div>`;
}

function Lever({ lever, to, onPull }) {
  const { attribute, label, kind, value } = lever;
  const now = to ?? value;
  const id = `lever-${attribute}`;
  return html`<div class="lever" data-pulled=${to !== undefined}>
    <label for=${id}>${label}</label>
    <${kind === 'word' ? Words : Slider} id=${id} lever=${lever} now=${now} onPull=${onPull} />
  </div>`;
}

function Slider({ id, lever: { attribute, kind, low, high }, now, onPull }) {
  const step = niceStep((high - low) / STEPS);
  const text = now === null ? 'not known' : `${count(Math.round(now * 10) / 10)}${kind === 'days' ? ' days ago' : ''}`;
  return html`<output class="lever-value" for=${id}>${text}</output>
    <input type="range" id=${id} min=${low} max=${high} step=${step} value=${now ?? low} aria-valuetext=${text}
      onInput=${(event) => onPull(attribute, Number(event.currentTarget.value))} />`;
}

function Words({ id, lever: { attribute, words }, now, onPull }) {
  const known = now === null || words.includes(now) ? words : [now, ...words];
  return html`<select id=${id} class="choice" value=${now ?? ''}
    onChange=${(event) => onPull(attribute, event.currentTarget.value)}>
    ${now === null && html`<option value="" disabled>not known</option>`}
    ${known.map((word) => html`<option key=${word} value=${word} selected=${word === now}>${word}</option>`)}
  </select>`;
}

/** 1, 2 or 5 times a power of ten, so that a slider stops at numbers that people say; no less than a tenth. */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 0.1)));
  return power * [1, 2, 5, 10].find((times) => times * power >= least * 0.999);
}
