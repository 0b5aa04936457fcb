import { screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { put, renderAt } from '../render';

it('creates a key, shows it once and fills it into the examples', async () => {
  const { user, world } = renderAt('/apps/museum/api');
  await user.click(await screen.findByRole('button', { name: 'Create key' }));
  const dialog = await screen.findByRole('dialog');
  put(within(dialog).getByLabelText(/Name/), 'CI');
  await user.click(within(dialog).getByRole('button', { name: 'Create' }));
  expect((await screen.findByTestId('new-key')).textContent).toBe('app-Ab3dEfGh1jKlMn0pQrStUvWx');
  await user.click(screen.getByRole('button', { name: 'Done' }));
  expect(document.body.textContent).toContain("-H 'Authorization: Bearer app-Ab3dEfGh1jKlMn0pQrStUvWx'");
  expect(world.keys[0]?.name).toBe('CI');
  await user.click(screen.getByRole('button', { name: 'Revoke: CI' }));
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Revoke' }));
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Revoke: CI' })).toBeNull());
});

it('keeps the chosen example in the address', async () => {
  const { user, router } = renderAt('/apps/museum/api?task=picture&lang=python');
  await waitFor(() => expect(document.body.textContent).toContain('/files/upload'));
  await user.click(screen.getByRole('radio', { name: 'OpenAI client' }));
  expect(router.state.location.search).toEqual({ task: 'openai', lang: 'python' });
  await waitFor(() => expect(document.body.textContent).toContain('from openai import OpenAI'));
});

it('loads a local model and says why another can not be', async () => {
  const { user, world } = renderAt('/models');
  await user.click(await screen.findByRole('button', { name: 'Load' }));
  await waitFor(() => expect(world.models[1]?.status).toBe('ready'));
  expect(screen.getByText(/MambaForCausalLM is not supported/)).toBeTruthy();
});

it('adds a provider and tests it', async () => {
  const { user, world } = renderAt('/models/providers');
  await user.click(await screen.findByRole('button', { name: 'Test connection' }));
  await screen.findByText('It answers, with 2 models.');
  await user.click(screen.getByRole('button', { name: 'Add provider' }));
  const dialog = await screen.findByRole('dialog');
  put(within(dialog).getByLabelText('Name'), 'ollama');
  put(within(dialog).getByLabelText('Base URL'), 'localhost');
  await user.click(within(dialog).getByRole('button', { name: 'Save' }));
  await within(dialog).findByText(/Enter a full URL/);
  put(within(dialog).getByLabelText('Base URL'), 'http://localhost:11434/v1/');
  put(within(dialog).getByLabelText(/API key/), 'secret');
  await user.click(within(dialog).getByRole('button', { name: 'Add model' }));
  put(within(dialog).getByLabelText('Model name 1'), 'llama3');
  await user.click(within(dialog).getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(world.providers).toHaveLength(2));
  const sent = world.seen.find((request) => request.line === 'POST /api/providers')?.body;
  expect(sent).toEqual({
    name: 'ollama',
    base_url: 'http://localhost:11434/v1',
    api_key: 'secret',
    timeout_ms: 120_000,
    max_retries: 2,
    models: [{ name: 'llama3', kind: 'llm', context_size: 32_768, features: [] }],
  });
});

it('invites by link', async () => {
  const { user } = renderAt('/settings/members');
  await screen.findByText('Charles Babbage');
  await user.click(screen.getByRole('button', { name: 'Invite' }));
  const dialog = await screen.findByRole('dialog');
  put(within(dialog).getByLabelText('Email'), 'grace@example.com');
  await user.click(within(dialog).getByRole('button', { name: 'Create link' }));
  await screen.findByText('http://localhost:8080/invite?token=good');
});

it('switches to Chinese and keeps it with the account', async () => {
  const { user, world } = renderAt('/settings/account');
  await user.click(await screen.findByRole('combobox', { name: 'Language' }));
  await user.click(await screen.findByRole('option', { name: '简体中文' }));
  await screen.findByRole('heading', { name: '设置' });
  expect(document.documentElement.lang).toBe('zh-Hans');
  await waitFor(() => expect(world.session?.account.language).toBe('zh-Hans'));
  const { setLanguage } = await import('@/lib/i18n');
  setLanguage('en-US');
});

it('changes the password and shows the server’s reason when it can not', async () => {
  const { user } = renderAt('/settings/account');
  put(await screen.findByLabelText('Current password'), 'wrong');
  put(screen.getByLabelText('New password'), 'difference2');
  put(screen.getByLabelText('New password again'), 'difference');
  await user.click(screen.getByRole('button', { name: 'Change password' }));
  await screen.findByText('The two passwords differ.');
  put(screen.getByLabelText('New password again'), 'difference2');
  await user.click(screen.getByRole('button', { name: 'Change password' }));
  await screen.findByText('current_password is not right.');
});
