import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { fireEvent, render, waitFor } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { setupServer } from 'msw/node';
import { afterEach, expect } from 'vitest';
import { setCsrfToken } from '@/lib/api/client';
import { makeRouter } from '@/router';
import { handlersOf, makeWorld, type World } from './fixtures';

let close: (() => void) | null = null;
afterEach(() => {
  close?.();
  close = null;
});

/** Somebody who clicks what takes clicks: a dialog is on the page a moment before it does. */
export function makeUser() {
  const user = userEvent.setup({ delay: null });
  const click = async (element: Element) => {
    await waitFor(() => expect(getComputedStyle(element).pointerEvents).not.toBe('none'));
    await user.click(element);
  };
  return { ...user, click };
}

/** The real route tree at `path`, against a made-up server. */
export function renderAt(path: string, patch: Partial<World> = {}) {
  const world = makeWorld(patch);
  const server = setupServer(...handlersOf(world));
  server.listen({ onUnhandledRequest: 'error' });
  close = () => server.close();
  setCsrfToken('');
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  const view = render(<RouterProvider router={router} />);
  return { world, server, router, user: makeUser(), ...view };
}

/** Puts text into a field in one step; much quicker than typing, for where the keys themselves do not matter. */
export function put(field: HTMLElement, value: string) {
  fireEvent.change(field, { target: { value } });
}
