// Before the first paint: a dark console never flashes white, and what index.html shows looks like what comes after it.
// Kept out of the bundle and of the page (CSP).
(() => {
  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const { classList, dataset } = document.documentElement;
  const theme = read('ashlar.theme');
  const choice = theme ?? 'system';
  classList.toggle(
    'dark',
    choice === 'dark' || (choice === 'system' && matchMedia('(prefers-color-scheme: dark)').matches),
  );
  // The sidebar's place, for whoever was signed in here before: their account's theme is known.
  if (theme && !/^\/(sign-in|setup|invite|form|a)(\/|$)/.test(location.pathname)) {
    dataset.sidebar = read('ashlar.sidebar') === 'collapsed' ? 'collapsed' : 'open';
  }
})();
