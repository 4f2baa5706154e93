import { html } from '../html.js';
import { role, signOut } from '../session.js';
import { Status } from './status.js';

export function Header({ connection }) {
  return html`<header class="top">
    <div class="top-brand"><img src="./icon.svg" alt="" width="24" height="24" /><span class="top-name">Service 6</span></div>
    <${Status} connection=${connection} />
    <div class="top-session">
      <span class="top-role">${role}</span>
      <button type="button" class="quiet" onClick=${() => signOut('You signed out.')}>Sign out</button>
    </div>
  </header>`;
}
