import { choices } from '../core/api.js';
import { html } from '../core/html.js';
import { useEffect, useState } from '../vendor/preact-hooks.js';
import { look, lookAtAll, narrowed, TIERS, toggleTier, view } from '../core/view.js';
import { Icon } from '../core/icon.js';
import { Tier } from './tier.js';

const SINCE = { '1h': 'Last hour', '1d': 'Last day', '7d': 'Last week' };
const WORDS = [
  { name: 'source', plural: 'sources', label: 'Source', any: 'Any source' },
  { name: 'owner', plural: 'owners', label: 'Owner', any: 'Any owner' },
  { name: 'stage', plural: 'stages', label: 'Stage', any: 'Any stage' },
];

export function Filters() {
  const [shown, setShown] = useState(false);
  const { source, owner, stage, since } = view.value;
  const words = [source, owner, stage, since].filter(Boolean).length;
  return html`<div class="filters" role="group" aria-label="Filters">
    <${Tiers} />
    <button type="button" class="only-narrow" aria-expanded=${String(shown)} onClick=${() => setShown(!shown)}>
      <${Icon} name="filter" /> Filters${words > 0 && ` · ${words}`}
    </button>
    <${Words} shown=${shown} />
    ${narrowed.value && html`<button type="button" class="quiet" onClick=${lookAtAll}>Show all</button>`}
  </div>`;
}

function Tiers() {
  const { tiers } = view.value;
  return html`<div class="tiers" role="group" aria-label="Show tiers">
    ${TIERS.map(
      (tier) => html`<button key=${tier} type="button" class="filter" aria-pressed=${String(tiers.includes(tier))}
        onClick=${() => toggleTier(tier)}>
        <${Tier} tier=${tier} />
      </button>`,
    )}
  </div>`;
}

function Words({ shown }) {
  const looked = view.value;
  const [known, setKnown] = useState(null);
  const [asked, setAsked] = useState(shown);
  const ask = () => setAsked(true);
  useEffect(() => {
    if ((asked || shown) && !known) choices().then(setKnown, () => setAsked(false));
  }, [asked, shown]);
  return html`<div class="words" data-shown=${shown} onPointerEnter=${ask} onFocusIn=${ask}>
    ${WORDS.map(
      ({ name, plural, label, any }) => html`<${Choice} key=${name} name=${name} label=${label} any=${any}
        value=${looked[name]} texts=${texts(known?.[plural], looked[name])} />`,
    )}
    <${Choice} name="since" label="Changed" any="Changed any time" value=${looked.since} texts=${SINCE} />
  </div>`;
}

/** What can be chosen, and what is chosen even where nobody has it any more. */
const texts = (words, chosen) =>
  Object.fromEntries([...(words ?? []), ...(chosen ? [chosen] : [])].map((word) => [word, word]));

function Choice({ name, label, any, value, texts }) {
  return html`<select class="choice" aria-label=${label} data-set=${Boolean(value)} value=${value}
    onChange=${(event) => look({ [name]: event.currentTarget.value })}>
    <option value="">${any}</option>
    ${Object.entries(texts).map(
      ([word, text]) => html`<option key=${word} value=${word} selected=${word === value}>${text}</option>`,
    )}
  </select>`;
}
