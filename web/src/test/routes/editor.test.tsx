import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { put, renderAt } from '../render';

const prompt = async () => (await screen.findByRole('combobox', { name: 'Instructions' })) as HTMLTextAreaElement;
const draftSaves = (world: ReturnType<typeof renderAt>['world']) =>
  world.seen.filter((request) => request.line === 'PUT /api/apps/museum/draft');

it('saves the draft a moment after the last change, from the right revision', async () => {
  const { world } = renderAt('/apps/museum');
  put(await prompt(), 'Be short. Be kind.');
  await waitFor(() => expect(draftSaves(world)).toHaveLength(1));
  const body = draftSaves(world)[0]?.body as { revision: number; config: Record<string, unknown> };
  expect(body.revision).toBe(4);
  expect(body.config.pre_prompt).toMatch(/Be kind\.$/);
  expect(body.config.dataset_configs).toEqual({ retrieval_model: 'multiple', top_k: 4, datasets: { datasets: [] } });
  await screen.findByText('Draft saved');
});

it('offers variables while typing and makes new ones', async () => {
  const { user, world } = renderAt('/apps/museum');
  const area = await prompt();
  put(area, 'In {{mus');
  await user.click(await screen.findByRole('option', { name: /museum/ }));
  expect(area.value).toMatch(/ \{\{museum\}\}$/);
  put(area, 'In {{museum}} with {{tone');
  await screen.findByRole('option', { name: 'New variable “tone”' });
  fireEvent.keyDown(area, { key: 'Enter' });
  expect(area.value).toMatch(/ \{\{tone\}\}$/);
  await waitFor(() => expect(JSON.stringify(world.apps[0]?.draft.user_input_form)).toContain('"variable":"tone"'), {
    timeout: 4000,
  });
});

it('points at variables that the form lacks', async () => {
  const { user } = renderAt('/apps/museum');
  fireEvent.change(await prompt(), { target: { value: 'Answer as {{persona}}.' } });
  await screen.findByText('Used but not defined:');
  await user.click(screen.getByRole('button', { name: 'Add to the form' }));
  await waitFor(() => expect(screen.queryByText('Used but not defined:')).toBeNull());
});

it('stops and asks when somebody else saved first', async () => {
  const { user, world } = renderAt('/apps/museum');
  const area = await prompt();
  world.apps = world.apps.map((app) => ({ ...app, draft_revision: 9, draft: { ...app.draft, pre_prompt: 'Theirs.' } }));
  put(area, 'Not theirs. Mine.');
  const dialog = await screen.findByRole('dialog', { name: 'Somebody else changed this draft' });
  await user.click(within(dialog).getByRole('button', { name: 'Reload their version' }));
  await waitFor(() => expect(area.value).toBe('Theirs.'));
  expect(world.apps[0]?.draft.pre_prompt).toBe('Theirs.');
});

it('keeps mine when asked to', async () => {
  const { user, world } = renderAt('/apps/museum');
  const area = await prompt();
  world.apps = world.apps.map((app) => ({ ...app, draft_revision: 9, draft: { ...app.draft, pre_prompt: 'Theirs.' } }));
  put(area, 'Not theirs. Mine.');
  await user.click(await screen.findByRole('button', { name: 'Keep mine' }));
  await waitFor(() => expect(String(world.apps[0]?.draft.pre_prompt)).toMatch(/ Mine\.$/));
});

it('edits the form', async () => {
  const { user, world } = renderAt('/apps/museum');
  await user.click(await screen.findByRole('button', { name: 'Add variable' }));
  const dialog = await screen.findByRole('dialog');
  await user.click(within(dialog).getByRole('button', { name: 'Select' }));
  const name = within(dialog).getByLabelText('Variable name');
  put(name, 'museum');
  await user.click(within(dialog).getByRole('button', { name: 'Add' }));
  await within(dialog).findByText('Another variable already has this name.');
  put(name, 'style');
  put(within(dialog).getByLabelText('Option 1'), 'short');
  await user.click(within(dialog).getByRole('button', { name: 'Add' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await waitFor(() =>
    expect(world.apps[0]?.draft.user_input_form).toContainEqual({
      select: { variable: 'style', label: 'style', required: true, options: ['short'], default: '' },
    }),
  );
});

it('sets parameters and the model', async () => {
  const { user, world } = renderAt('/apps/museum');
  await user.click(await screen.findByRole('button', { name: /^Parameters/ }));
  await user.click(await screen.findByRole('switch', { name: 'Seed' }));
  await user.keyboard('{Escape}');
  await user.click(screen.getByRole('button', { name: /^Model:/ }));
  await user.click(await screen.findByRole('button', { name: /qwen3-vl-8b/ }));
  await waitFor(() =>
    expect(world.apps[0]?.draft.model).toEqual({
      provider: 'vllm',
      name: 'qwen3-vl-8b',
      mode: 'chat',
      completion_params: { temperature: 0.2, max_tokens: 256, seed: 42 },
    }),
  );
});

it('publishes with a note, after saving what is pending', async () => {
  const { user, world } = renderAt('/apps/museum');
  put(await prompt(), ' Now.');
  await user.click(screen.getByRole('button', { name: 'Publish' }));
  put(await screen.findByLabelText(/Note/), 'Says now');
  await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Publish' }));
  await screen.findByText('Version 3 is live.');
  const lines = world.seen.map((request) => request.line);
  expect(lines.indexOf('PUT /api/apps/museum/draft')).toBeLessThan(lines.indexOf('POST /api/apps/museum/publish'));
  expect(world.apps[0]).toMatchObject({
    has_unpublished_changes: false,
    published_version: { number: 3, note: 'Says now' },
  });
});

it('restores a version into the draft', async () => {
  const { user } = renderAt('/apps/museum');
  const area = await prompt();
  await user.click(screen.getByRole('button', { name: 'Versions' }));
  const row = (await screen.findByText('#1')).closest('li') as HTMLElement;
  await user.click(within(row).getByRole('button', { name: 'Restore to draft' }));
  const confirm = await screen.findByRole('dialog', { name: 'Restore version 1?' });
  await user.click(within(confirm).getByRole('button', { name: 'Restore to draft' }));
  await waitFor(() => expect(area.value).toBe('The restored prompt.'));
});
