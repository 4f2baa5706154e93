import { html } from '../core/html.js';
import { farewell, signIn } from '../core/session.js';
import { useState } from '../vendor/preact-hooks.js';
import { Sign } from '../core/brand.js';
import { Command } from '../core/command.js';

/** Shown without a token: how to get a link, and a field for one. */
export function SignIn() {
  const [wrong, setWrong] = useState(false);
  const enter = (event) => {
    event.preventDefault();
    setWrong(!signIn(new FormData(event.currentTarget).get('link')));
  };
  return html`<main class="sign-in">
    <h1><${Sign} size=${32} />Service 6</h1>
    ${farewell.value && html`<p class="notice" role="status">${farewell.value}</p>`}
    <p>This page opens with a link. Make one where Service 6 runs:</p>
    <${Command} text="service6 token --role admin --link" />
    <form onSubmit=${enter}>
      <label for="link">Paste the link, or the token in it</label>
      <div class="sign-in-field">
        <input id="link" name="link" autocomplete="off" spellcheck=${false} required aria-invalid=${String(wrong)} aria-describedby="link-wrong" />
        <button type="submit" class="strong">Open</button>
      </div>
      <p id="link-wrong" class="wrong" role="alert">${wrong && 'There is no token in that. A link ends in #token= and a long text.'}</p>
    </form>
  </main>`;
}
