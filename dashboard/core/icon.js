import { html } from './html.js';

/** One line each, drawn in the colour of the text. */
const PATHS = {
  search: 'M7 12.5A5.5 5.5 0 1 0 7 1.5a5.5 5.5 0 0 0 0 11ZM11 11l3.5 3.5',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  pause: 'M5 3v10M11 3v10',
  play: 'M4.5 2.5v11l9-5.5Z',
  filter: 'M2 4h12M4.5 8h7M7 12h2',
  menu: 'M2 4h12M2 8h12M2 12h12',
  up: 'M8 13V3M3.5 7.5 8 3l4.5 4.5',
  light: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  dark: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z',
  system: 'M2 3h12v8H2ZM6 14h4M8 11v3',
  comfortable: 'M2 3h12v4H2ZM2 10h12v4H2Z',
  compact: 'M2 3h12M2 6.5h12M2 10h12M2 13.5h12',
};

/** @param {{name: keyof typeof PATHS}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}
