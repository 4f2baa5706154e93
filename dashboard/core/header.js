import { nextDensity, nextTheme } from './commands.js';
import { dialog } from './dialogs.js';
import { html } from './html.js';
import { density, theme } from './preferences.js';
import { role, signOutEverywhere } from './session.js';
import { Sign } from './brand.js';
import { Icon } from './icon.js';
import { Places } from './places.js';
import { Status } from './status.js';

const THEMES = { system: 'as the system', light: 'light', dark: 'dark' };

export function Header({ leads, runs, connection }) {
  return html`<header class="top">
    <div class="top-brand"><${Sign} size=${24} /><span class="top-name">Service 6</span></div>
    <${Places} runs=${runs} />
    <${Status} leads=${leads} connection=${connection} />
    <div class="top-tools">
      <button type="button" class="quiet only-wide" title="Rows: ${density} (d)" onClick=${nextDensity}>
        <${Icon} name=${density.value} /><span class="unseen">Rows: ${density}</span>
      </button>
      <button type="button" class="quiet only-wide" title="Theme: ${THEMES[theme.value]} (t)" onClick=${nextTheme}>
        <${Icon} name=${theme.value} /><span class="unseen">Theme: ${THEMES[theme.value]}</span>
      </button>
      <button type="button" class="palette-opener" aria-haspopup="dialog" onClick=${() => (dialog.value = 'palette')}>
        <span class="only-wide">Commands <kbd>Ctrl K</kbd></span>
        <span class="only-narrow"><${Icon} name="menu" /><span class="unseen">Commands</span></span>
      </button>
      <span class="top-role only-wide">${role}</span>
      <button type="button" class="quiet only-wide" onClick=${() => signOutEverywhere()}>Sign out</button>
    </div>
  </header>`;
}
