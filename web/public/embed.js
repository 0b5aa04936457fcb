// A round button in the corner of any page that opens a published app in a frame.
//   <script src="https://…/embed.js" data-code="…" defer></script>
// data-code: the last part of the app's link. data-title, data-color (#rrggbb), data-side (left, right), data-open (true).
(() => {
  const script = document.currentScript;
  const { code, title = 'Chat', color = '#0d7a6f', side = 'right', open = 'false' } = script?.dataset ?? {};
  if (!code || document.getElementById('ashlar-embed')) return;
  const origin = new URL(script.src).origin;

  const host = document.createElement('div');
  host.id = 'ashlar-embed';
  // styles of the page stay out, ours stay in
  const root = host.attachShadow({ mode: 'open' });
  const edge = side === 'left' ? 'left' : 'right';
  const style = document.createElement('style');
  style.textContent = `
    :host { all: initial; }
    button, iframe { position: fixed; z-index: 2147483000; border: 0; ${edge}: 20px; }
    button { bottom: 20px; width: 56px; height: 56px; border-radius: 18px; cursor: pointer;
      box-shadow: 0 8px 24px rgb(0 0 0 / .22); transition: transform .15s; }
    button:hover { transform: translateY(-2px); }
    button:focus-visible { outline: 3px solid currentColor; outline-offset: -6px; }
    svg { width: 28px; height: 28px; }
    iframe { bottom: 88px; width: min(420px, calc(100vw - 40px)); height: min(680px, calc(100vh - 116px));
      border-radius: 16px; background: #fff; box-shadow: 0 18px 60px rgb(0 0 0 / .28); }
    iframe[hidden] { display: none; }
    @media (max-width: 520px) {
      iframe { inset: 0 0 88px 0; width: 100vw; height: calc(100vh - 88px); height: calc(100dvh - 88px); border-radius: 0; }
    }
    @media (prefers-reduced-motion: reduce) { button { transition: none; } }
  `;

  // #rgb too; the picture on it is black or white, whichever stands out more (WCAG's relative luminance)
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(color)?.[1] ?? '0d7a6f';
  const hex = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits;
  const [r, g, b] = [0, 2, 4].map((at) => {
    const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const isLight = 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179;

  const button = document.createElement('button');
  button.type = 'button';
  button.style.background = `#${hex}`;
  button.style.color = isLight ? '#000' : '#fff';
  button.setAttribute('aria-label', title);
  button.innerHTML =
    '<svg viewBox="0 0 32 32" aria-hidden="true"><path fill="currentColor" d="M5 6.5A1.5 1.5 0 0 1 6.5 5H19v9.6H5zM21.2 5h4.3A1.5 1.5 0 0 1 27 6.5v8.1h-5.8zM5 17.4h5.8V27H6.5A1.5 1.5 0 0 1 5 25.5zM13 17.4h14v8.1a1.5 1.5 0 0 1-1.5 1.5H13z"/></svg>';

  let frame = null;
  const show = (wanted) => {
    const hadFocus = root.activeElement;
    if (wanted && !frame) {
      frame = document.createElement('iframe');
      frame.src = `${origin}/a/${encodeURIComponent(code)}`;
      frame.title = title;
      frame.allow = 'clipboard-write';
      root.append(frame);
    }
    if (frame) frame.hidden = !wanted;
    button.setAttribute('aria-expanded', String(wanted));
    if (wanted) frame.focus();
    else if (hadFocus) button.focus();
  };
  button.addEventListener('click', () => show(!frame || frame.hidden));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.defaultPrevented && frame && !frame.hidden) show(false);
  });
  // Escape inside the frame, where nothing else was open
  window.addEventListener('message', (event) => {
    if (frame && event.source === frame.contentWindow && event.data === 'ashlar:close') show(false);
  });

  root.append(style, button);
  document.body.append(host);
  show(open === 'true');
})();
