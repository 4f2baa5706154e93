/* Runs before the first paint, so that nobody sees the wrong theme for a moment: preferences.js says what is kept. */
(() => {
  const root = document.documentElement;
  for (const name of ['theme', 'density']) {
    const chosen = localStorage.getItem(`service6.${name}`);
    if (chosen) root.dataset[name] = chosen;
  }
})();
