import { html } from '../core/html.js';
import { farewell, signIn } from '../core/session.js';
import { useState } from '../vendor/preact-hooks.js';
import { Sign } from '../core/brand.js';
import { Command } from '../core/command.js';

/** Whom each role asks for a new link. Only an admin can make one. */
const ASK = {
  executive: 'Ask an administrator of Service 6 for a new link for executives.',
  agent: 'Ask your sales manager or an administrator of Service 6 for a new link. It shows your own leads.',
  viewer: 'Ask an administrator of Service 6 for a new link for viewers.',
};

/** Shown without a token: how to get a link, and a field for one. */
export function SignIn() {
  const [wrong, setWrong] = useState(false);
  const enter = (event) => {
    event.preventDefault();
    setWrong(!signIn(new FormData(event.currentTarget).get('link')));
  };
  return html`<main class="sign-in">
    <h1><${Sign} size=${32} />Service 6</h1>
    ${farewell.value && html`<p class="notice" role="status">${farewell.value.reason}</p>`}
    <${WayIn} role=${farewell.value?.role} />
    <form onSubmit=${enter}>
      <label for="link">Paste the link, or the token in it</label>
      <div class="sign-in-field">
        <input id="link" name="link" autocomplete="off" spellcheck=${false} required
          aria-invalid=${String(wrong)} aria-describedby="link-wrong" />
        <button type="submit" class="strong">Open</button>
      </div>
      <p id="link-wrong" class="wrong" role="alert">
        ${wrong && 'There is no token in that. A link ends in #token= and a long text.'}
      </p>
    </form>
  </main>`;
}

/** How to get a link. @param {{role: string | undefined}} props of the last session; undefined where none is known */
function WayIn({ role }) {
  if (role === 'admin') return html`<p>Make a new link where Service 6 runs:</p><${MakeLink} />`;
  if (role) return html`<p>${ASK[role] ?? 'Ask an administrator of Service 6 for a new link.'}</p>`;
  return html`<p>This page opens with a sign-in link. Ask an administrator of Service 6 for one.</p>
    <details class="own-link">
      <summary>I am the administrator</summary>
      <p>Make a link where Service 6 runs:</p>
      <${MakeLink} />
    </details>`;
}

const MakeLink = () => html`<${Command} text="service6 token --role admin --link" />`;
