import { cleanup, configure } from '@testing-library/react';
import { afterEach, beforeAll, beforeEach, vi } from 'vitest';
import { startI18n } from '@/lib/i18n';

// What jsdom lacks and Radix, the router and the theme ask for.
class Observer {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('ResizeObserver', Observer);
Object.defineProperties(Element.prototype, {
  scrollIntoView: { value: () => undefined, writable: true },
  scrollTo: { value: () => undefined, writable: true },
  hasPointerCapture: { value: () => false, writable: true },
  setPointerCapture: { value: () => undefined, writable: true },
  releasePointerCapture: { value: () => undefined, writable: true },
});
// Editors measure their lines.
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
Range.prototype.getBoundingClientRect = () =>
  ({ left: 0, right: 0, top: 0, bottom: 0, width: 0, height: 0, x: 0, y: 0 }) as DOMRect;
window.scrollTo = () => undefined;
window.matchMedia = (query: string) =>
  ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }) as unknown as MediaQueryList;
URL.createObjectURL = () => 'blob:picture';
URL.revokeObjectURL = () => undefined;

// jsdom's files can't be read as text.
Blob.prototype.text ??= function text(this: Blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsText(this);
  });
};
configure({
  asyncUtilTimeout: 15_000,
  getElementError: (message) => new Error(`${message ?? ''}\n\n${document.body.textContent?.slice(0, 1500)}`),
});

beforeAll(startI18n);
beforeEach(() => localStorage.clear());
afterEach(cleanup);
