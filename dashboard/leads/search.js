import { html } from '../core/html.js';
import { isContact, look, view } from '../core/view.js';
import { Icon } from '../core/icon.js';

/** Finds leads by how their id begins, or a person by the whole e-mail address or telephone number. */
export function Search() {
  const { text } = view.value;
  const leave = (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    if (text) look({ text: '' });
    else event.currentTarget.blur();
  };
  return html`<form class="search" role="search" onSubmit=${(event) => event.preventDefault()}>
    <${Icon} name="search" />
    <label class="unseen" for="search">Find leads by id, e-mail address or telephone number</label>
    <input
      id="search"
      type="search"
      placeholder="Lead id, e-mail or phone"
      autocomplete="off"
      spellcheck=${false}
      maxlength="200"
      value=${text}
      onInput=${(event) => look({ text: event.currentTarget.value })}
      onKeyDown=${leave}
    />
    ${text
      ? html`<button type="button" class="quiet" onClick=${() => look({ text: '' })}>
          <${Icon} name="close" /><span class="unseen">Clear the search</span>
        </button>`
      : html`<kbd class="only-wide" aria-hidden="true">/</kbd>`}
    ${isContact(text) && html`<span class="search-note">looked up exactly, kept out of the address</span>`}
  </form>`;
}
