// Before the first paint, so that a dark console never flashes white. Kept out of the bundle and of the page (CSP).
(() => {
  let choice = 'system';
  try {
    choice = localStorage.getItem('ashlar.theme') ?? 'system';
  } catch {}
  const dark = choice === 'dark' || (choice === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.classList.toggle('dark', dark);
})();
