/** Something read from the API for one component: what was known stays in sight until the newer answer is there. */
import { useEffect, useState } from '../vendor/preact-hooks.js';

/**
 * @template T
 * @param {() => Promise<T>} ask
 * @param {unknown[]} when asked again if one of these differs
 * @returns {{value: T | null, why: string | null}} both null before the first answer; `why` it failed
 */
export function useRead(ask, when) {
  const [read, setRead] = useState({ value: null, why: null });
  useEffect(() => {
    let current = true;
    ask().then(
      (value) => current && setRead({ value, why: null }),
      (problem) => current && setRead((before) => ({ ...before, why: problem.message })),
    );
    return () => (current = false);
  }, when);
  return read;
}
