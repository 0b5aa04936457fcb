import { screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { ARCHIVE } from '../feature-fixtures';
import { makeApp } from '../fixtures';
import { put, renderAt } from '../render';

const feature = (name: string) => screen.findByRole('region', { name });
const draftOf = (world: ReturnType<typeof renderAt>['world'], id: string) =>
  world.apps.find((app) => app.id === id)?.draft ?? {};

it('sets which files are taken, how many, and warns where the model sees none of them', async () => {
  const { user, world } = renderAt('/apps/museum');
  const files = within(await feature('Files'));
  await user.click(files.getByRole('checkbox', { name: 'Videos' }));
  await user.click(files.getByRole('checkbox', { name: 'Documents' }));
  await user.click(files.getByRole('checkbox', { name: 'Others' }));
  put(files.getByLabelText('Extensions of the others'), '.STEP, dwg  .step');
  await files.findByText(/Models don’t read these by themselves: Documents and Others/);
  await user.click(files.getByRole('checkbox', { name: 'URL' }));
  expect(files.getByRole('checkbox', { name: 'Upload' }).hasAttribute('disabled')).toBe(true);
  await waitFor(
    () =>
      expect(draftOf(world, 'museum').file_upload).toMatchObject({
        allowed_file_types: ['image', 'video', 'document', 'custom'],
        allowed_file_extensions: ['.step', '.dwg'],
        allowed_file_upload_methods: ['local_file'],
        image: { enabled: true, transfer_methods: ['local_file'] },
      }),
    { timeout: 4000 },
  );
  await user.click(screen.getByRole('button', { name: /^Model:/ }));
  await user.click(await screen.findByRole('button', { name: /smollm2/ }));
  await files.findByText(/can’t see pictures or videos/);
  for (const kind of ['Pictures', 'Videos']) await user.click(files.getByRole('checkbox', { name: kind }));
  await waitFor(() => expect(files.queryByText(/can’t see pictures or videos/)).toBeNull());
});

it('lets another model ask the follow-up questions, in words of its own', async () => {
  const { user, world } = renderAt('/apps/museum');
  const followUps = within(await feature('Follow-up questions'));
  await user.click(followUps.getByRole('radio', { name: 'Another model' }));
  await user.click(await followUps.findByRole('button', { name: /^Model:/ }));
  await user.click(await screen.findByRole('button', { name: /qwen3-vl-8b/ }));
  put(followUps.getByLabelText(/Instructions of your own/), 'Ask like a child.');
  await waitFor(
    () =>
      expect(draftOf(world, 'museum').suggested_questions_after_answer).toEqual({
        enabled: true,
        prompt: 'Ask like a child.',
        model: { provider: 'vllm', name: 'qwen3-vl-8b', mode: 'chat', completion_params: {} },
      }),
    { timeout: 4000 },
  );
});

it('says when a file asks for moderation that is not here, and offers keywords', async () => {
  const { user, world } = renderAt('/apps/archive', { apps: [makeApp('archive', ARCHIVE)] });
  const moderation = within(await feature('Keyword moderation'));
  moderation.getByText(/asks for “openai_moderation”/);
  await user.click(moderation.getByRole('button', { name: 'Use keywords' }));
  put(await moderation.findByLabelText('Keywords'), 'secret');
  put(moderation.getByLabelText('Answer instead, when the question matches'), 'Not that.');
  await waitFor(
    () =>
      expect(draftOf(world, 'archive').sensitive_word_avoidance).toMatchObject({
        enabled: true,
        type: 'keywords',
        config: { keywords: 'secret', inputs_config: { enabled: true, preset_response: 'Not that.' } },
      }),
    { timeout: 4000 },
  );
});

it('says what compares questions with saved answers', async () => {
  renderAt('/apps/museum');
  await within(await feature('Annotation reply')).findByText(/Compared by minilm-l6/);
});

it('adds fields for files and JSON to the form', async () => {
  const { user, world } = renderAt('/apps/museum');
  await user.click(await screen.findByRole('button', { name: 'Add variable' }));
  let dialog = within(await screen.findByRole('dialog'));
  await user.click(dialog.getByRole('button', { name: 'Files' }));
  put(dialog.getByLabelText('Variable name'), 'plans');
  await user.click(dialog.getByRole('checkbox', { name: 'Documents' }));
  put(dialog.getByLabelText('Maximum files'), '4');
  await user.click(dialog.getByRole('button', { name: 'Add' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await user.click(screen.getByRole('button', { name: 'Add variable' }));
  dialog = within(await screen.findByRole('dialog'));
  await user.click(dialog.getByRole('button', { name: 'JSON' }));
  put(dialog.getByLabelText('Variable name'), 'options');
  put(dialog.getByLabelText(/JSON Schema/), '{"type": ');
  await user.click(dialog.getByRole('button', { name: 'Add' }));
  await dialog.findByText('This is not a JSON object.');
  put(dialog.getByLabelText(/JSON Schema/), '{"type": "object"}');
  put(dialog.getByLabelText(/Default/), '{"deep": true}');
  await user.click(dialog.getByRole('button', { name: 'Add' }));
  await waitFor(
    () =>
      expect(draftOf(world, 'museum').user_input_form).toEqual(
        expect.arrayContaining([
          {
            'file-list': {
              variable: 'plans',
              label: 'plans',
              required: true,
              max_length: 4,
              allowed_file_types: ['image', 'document'],
              allowed_file_extensions: [],
              allowed_file_upload_methods: ['local_file', 'remote_url'],
            },
          },
          {
            json_object: {
              variable: 'options',
              label: 'options',
              required: true,
              json_schema: '{"type": "object"}',
              default: { deep: true },
            },
          },
        ]),
      ),
    { timeout: 4000 },
  );
});
