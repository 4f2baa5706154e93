import { leadsNamed } from './api.js';
import { commands } from './commands.js';
import { dialog } from './dialogs.js';
import { tenths } from './format.js';
import { html } from './html.js';
import { say } from './toast.js';
import { useEffect, useRef, useState } from '../vendor/preact-hooks.js';
import { isContact } from './view.js';
import { DialogFrame } from './dialog_frame.js';
import { Tier } from '../leads/tier.js';

const SETTLED_MS = 150;

/** One field for everything: what the page can do, and any lead by how its id begins. */
export function Palette({ leads }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const found = useLeads(text);
  const wanted = text.trim().toLowerCase();
  const known = commands(leads).filter(({ name }) => name.toLowerCase().includes(wanted));
  const entries = [...known.map(commandEntry), ...found.map((lead) => leadEntry(leads, lead))];
  const at = Math.min(chosen, entries.length - 1);
  const run = (entry) => {
    dialog.value = null;
    entry.run();
  };
  const press = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && entries.length) setChosen((at + step + entries.length) % entries.length);
    else if (event.key === 'Enter' && entries[at]) run(entries[at]);
    else return;
    event.preventDefault();
  };
  const type = (event) => {
    setText(event.currentTarget.value);
    setChosen(0);
  };
  return html`<${DialogFrame} label="Commands" kind="palette">
    <input class="palette-field" type="text" role="combobox" aria-label="Command or lead id"
      placeholder="Type a command or a lead id" autocomplete="off" spellcheck=${false} maxlength="200" autofocus
      aria-expanded="true" aria-controls="palette-list" aria-activedescendant=${entries[at] && `palette-${at}`}
      value=${text} onInput=${type} onKeyDown=${press} />
    <ul class="palette-list" id="palette-list" role="listbox" aria-label="Commands and leads">
      ${entries.map(
        (entry, n) =>
          html`<${Entry} key=${entry.key} entry=${entry} n=${n} chosen=${n === at} onRun=${() => run(entry)} />`,
      )}
    </ul>
    ${entries.length === 0 && html`<p class="palette-none muted">No command and no lead begins like that.</p>`}
  </${DialogFrame}>`;
}

function Entry({ entry, n, chosen, onRun }) {
  const element = useRef(null);
  useEffect(() => {
    if (chosen) element.current.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  return html`<li id=${`palette-${n}`} class="palette-entry" role="option" aria-selected=${String(chosen)}
    ref=${element} onClick=${onRun}>${entry.line}</li>`;
}

const commandEntry = ({ name, keys, run }) => ({
  key: name,
  run,
  line: html`<span>${name}</span>${keys && html`<kbd>${keys}</kbd>`}`,
});

const leadEntry = (leads, lead) => ({
  key: lead.id,
  run: () => leads.show(lead.id).catch((problem) => say(problem.message)),
  line: html`<${Tier} tier=${lead.score.tier} />
    <span>${lead.external_id} <span class="muted">${lead.source}</span></span>
    <b>${tenths(lead.score.score)}</b>`,
});

function useLeads(text) {
  const [found, setFound] = useState([]);
  useEffect(() => {
    let current = true;
    const asked = text.trim();
    if (!asked || isContact(asked)) return setFound([]);
    const show = (leads) => current && setFound(leads);
    const look = () => leadsNamed(asked).then(({ leads }) => show(leads), () => show([]));
    const timer = setTimeout(look, SETTLED_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);
  return found;
}
