import { screen, waitFor } from '@testing-library/react';
import { expect, it } from 'vitest';
import { put, renderAt } from '../render';

it('leads a new server through setup into the app list', async () => {
  const { user, world, router } = renderAt('/', { setupNeeded: true, session: null, apps: [] });
  await screen.findByRole('heading', { name: /first stone/ });
  await user.click(screen.getByRole('button', { name: 'Create account and start' }));
  expect(await screen.findAllByText('Please fill this in.')).not.toHaveLength(0);
  put(screen.getByLabelText('Name'), 'Ada');
  put(screen.getByLabelText('Email'), 'ada@example.com');
  put(screen.getByLabelText('Password'), 'onlyletters');
  await user.click(screen.getByRole('button', { name: 'Create account and start' }));
  await screen.findByText('Mix letters and numbers.');
  put(screen.getByLabelText('Password'), 'onlyletters1');
  await user.click(screen.getByRole('button', { name: 'Create account and start' }));
  await screen.findByText('Build your first app');
  expect(router.state.location.pathname).toBe('/apps');
  const sent = world.seen.find((request) => request.line === 'POST /api/setup');
  expect(sent?.body).toEqual({
    name: 'Ada',
    email: 'ada@example.com',
    password: 'onlyletters1',
    language: 'en-US',
    workspace_name: 'My workspace',
  });
});

it('sends a stranger to sign in and back to where they wanted to go', async () => {
  const { user, router } = renderAt('/apps/museum/api', { session: null });
  await screen.findByRole('heading', { name: 'Sign in' });
  put(screen.getByLabelText('Email'), 'ada@example.com');
  put(screen.getByLabelText('Password'), 'wrong');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await screen.findByText('Email or password is not right.');
  put(screen.getByLabelText('Password'), 'analytical1');
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/apps/museum/api'));
});

it('never follows a return address to another site', async () => {
  const { router } = renderAt('/sign-in?to=//evil.example');
  await waitFor(() => expect(router.state.location.pathname).toBe('/apps'));
});

it('accepts an invitation, and says when it is not valid', async () => {
  const { user, router } = renderAt('/invite?token=good', { session: null });
  await screen.findByRole('heading', { name: 'Join Analytical Engines' });
  put(screen.getByLabelText('Name'), 'Mary');
  put(screen.getByLabelText('Password'), 'somerville1');
  await user.click(screen.getByRole('button', { name: 'Join workspace' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/apps'));
});

it('shows a withdrawn invitation for what it is', async () => {
  renderAt('/invite?token=old', { session: null });
  await screen.findByRole('heading', { name: 'This invitation is not valid any more' });
});

it('carries the CSRF token on unsafe requests and signs out', async () => {
  const { user, world, router } = renderAt('/apps');
  await user.click(await screen.findByRole('button', { name: /^Account menu/ }));
  await user.click(await screen.findByRole('menuitem', { name: 'Sign out' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
  expect(world.seen.find((request) => request.line === 'DELETE /api/session')?.csrf).toBe('csrf-1');
});
