import { dialog } from './dialogs.js';
import { html } from './html.js';
import { DialogFrame } from './dialog_frame.js';
import { Tier } from '../leads/tier.js';

const KEYS = [
  [['j', 'k'], 'next and previous lead'],
  [['Enter'], 'open the lead'],
  [['Esc'], 'close what is open'],
  [['/'], 'search'],
  [['1', '2', '3', '4'], 'show tier A, B, C, D'],
  [['x'], 'show all leads'],
  [['p'], 'pause and resume live changes'],
  [['l', 'r', 'm'], 'leads, rescoring, models'],
  [['g'], 'back to the top'],
  [['d'], 'row height'],
  [['t'], 'theme'],
  [['Ctrl', 'K'], 'commands'],
  [['?'], 'this help'],
];

const TIERS = { A: 'call first', B: 'promising', C: 'undecided', D: 'weak' };

export function Help() {
  return html`<${DialogFrame} label="Keyboard and signs" kind="help">
    <h2>Keyboard</h2>
    <dl class="keys">
      ${KEYS.map(
        ([keys, text]) => html`<div key=${text}>
          <dt>${keys.map((key) => html`<kbd key=${key}>${key}</kbd> `)}</dt><dd>${text}</dd>
        </div>`,
      )}
    </dl>
    <h2>Tiers</h2>
    <dl class="keys">
      ${Object.entries(TIERS).map(
        ([tier, text]) => html`<div key=${tier}><dt><${Tier} tier=${tier} /></dt><dd>${text}</dd></div>`,
      )}
    </dl>
    <button type="button" class="strong" onClick=${() => (dialog.value = null)}>Close</button>
  </${DialogFrame}>`;
}
