/** Which of the page's dialogs is open: none, the palette or the help. */
import { signal } from '../vendor/signals.js';

/** @type {import('../vendor/signals.js').Signal<'palette' | 'help' | null>} */
export const dialog = signal(null);
