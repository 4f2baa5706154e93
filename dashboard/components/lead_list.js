import { html } from '../html.js';
import { useLayoutEffect } from '../vendor/preact-hooks.js';
import { LeadRow } from './lead_row.js';

const HEADINGS = ['Tier', 'Score', 'Lead and reason', 'Stage', 'Owner', 'Active', 'Confidence'];

const names = (list) => [...list.querySelectorAll('.lead-name')];

/** The arrow keys walk through the leads; Tab does too. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = names(event.currentTarget);
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** A browser takes the focus from an element that moves: where the row lives on, it is given back. */
function useFocusThatFollows() {
  const focused = document.activeElement?.closest('[data-lead]')?.dataset.lead;
  useLayoutEffect(() => {
    if (!focused || document.activeElement !== document.body) return;
    document.querySelector(`[data-lead="${focused}"] .lead-name`)?.focus({ preventScroll: true });
  });
}

export function LeadList({ leads }) {
  const ids = leads.order.value;
  useFocusThatFollows();
  const hold = () => leads.hold();
  return html`<table class="leads" role="table" aria-label="Leads by score" onKeyDown=${walk} onPointerMove=${hold} onFocusIn=${hold}>
    <thead role="rowgroup">
      <tr role="row">
        ${HEADINGS.map((text) => html`<th key=${text} role="columnheader" scope="col">${text}</th>`)}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${ids.map((id) => html`<${LeadRow} key=${id} id=${id} leads=${leads} row=${leads.row(id)} />`)}
    </tbody>
  </table>`;
}
