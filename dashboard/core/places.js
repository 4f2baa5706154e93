import { html } from './html.js';
import { overseer } from './session.js';
import { go, place } from './view.js';

const NAMES = { leads: 'Leads', runs: 'Rescoring', models: 'Models' };

/** The parts of the page; a reader who sees only their own leads, or no attributes, has only one. */
export function Places({ runs }) {
  if (!overseer.value) return null;
  const follow = (to) => (event) => {
    // With a key held down the browser opens another tab.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<nav class="places" aria-label="Parts of the page">
    ${Object.entries(NAMES).map(([name, text]) => html`<a key=${name}
      href=${name === 'leads' ? location.pathname : `?page=${name}`}
      aria-current=${place.value === name ? 'page' : undefined} onClick=${follow(name)}>
      ${text}${name === 'runs' && runs.active.value.length > 0 &&
      html`<span class="places-mark"><span class="unseen">, running</span></span>`}
    </a>`)}
  </nav>`;
}
