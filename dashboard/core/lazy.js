/** Parts of the page that are fetched when there is time for them, or when they are first needed. */
import { html } from './html.js';
import { say } from './toast.js';
import { useEffect, useState } from '../vendor/preact-hooks.js';

/**
 * @param {() => Promise<Function>} load
 * @returns {Function & {warm: () => Promise<void>}} a component that shows nothing until the real one is there; `warm`
 *   fetches it ahead
 */
export function lazy(load) {
  let Known = null;
  const warm = async () => {
    // While the server is away it is tried again the next time somebody needs it.
    Known ??= await load().catch(() => null);
  };
  function Lazy(props) {
    const [, redraw] = useState(0);
    const drawn = Known; // it may be fetched ahead before the effect runs
    useEffect(() => {
      if (!drawn) warm().then(() => (Known ? redraw(1) : say('The server cannot be reached.')));
    }, []);
    return drawn && html`<${drawn} ...${props} />`;
  }
  return Object.assign(Lazy, { warm });
}

/** @param {string} url of a stylesheet that belongs to such a part @returns {Promise<void>} once it applies */
export function styled(url) {
  const known = document.querySelector(`link[href="${url}"]`);
  const link = known ?? Object.assign(document.createElement('link'), { rel: 'stylesheet', href: url });
  if (link.sheet) return Promise.resolve();
  if (!known) document.head.append(link);
  return new Promise((done, failed) => {
    link.addEventListener('load', done);
    link.addEventListener('error', () => failed(link.remove()));
  });
}
