/** How much room there is: below this width a lead's panel covers the list (styles/panel.css says the same). */
import { signal } from '../vendor/signals.js';

export const narrow = signal(false);

export function watchWidth() {
  const query = matchMedia('(max-width: 70rem)');
  narrow.value = query.matches;
  query.addEventListener('change', () => (narrow.value = query.matches));
}
