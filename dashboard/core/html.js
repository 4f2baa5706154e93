/** Markup as tagged templates, so that no build step stands between this folder and a browser. */
import { h } from '../vendor/preact.js';
import htm from '../vendor/htm.js';

export const html = htm.bind(h);
