import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { HttpResponse, http } from 'msw';
import { expect, it } from 'vitest';
import { ARCHIVE } from '../feature-fixtures';
import { makeApp } from '../fixtures';
import { put, renderAt } from '../render';

const composer = () => screen.findByRole('textbox', { name: 'Ask about a picture, or anything…' });
const asked = (world: ReturnType<typeof renderAt>['world']) =>
  world.seen
    .filter((request) => request.line.endsWith('/preview'))
    .map((request) => request.body as Record<string, unknown>);

it('asks about a picture with the unsaved draft and shows the answer, its cost and follow-ups', async () => {
  const { user, world } = renderAt('/apps/museum');
  await user.upload(await screen.findByTestId('file-input'), new File(['x'], 'circle.png', { type: 'image/png' }));
  await waitFor(() => expect(screen.queryByRole('status', { name: /Uploading/ })).toBeNull());
  await user.type(await composer(), 'What is it?{Enter}');
  await screen.findByText('one red circle');
  expect(screen.getByRole('table')).toBeTruthy();
  await screen.findByText(/245 tokens · first token 0.38 s · 1.42 s · 29 tokens\/s/);
  expect(asked(world)[0]).toMatchObject({
    query: 'What is it?',
    inputs: { museum: 'the Louvre', language: 'English' },
    files: [{ type: 'image', transfer_method: 'local_file', upload_file_id: 'file-1' }],
    config: { pre_prompt: expect.stringContaining('{{museum}}') },
  });
  await user.click(await screen.findByRole('button', { name: 'Who made it?' }));
  await waitFor(() => expect(asked(world)).toHaveLength(2));
  expect(asked(world)[1]).toMatchObject({ query: 'Who made it?', conversation_id: 'c-1', files: [] });
});

it('takes pictures by drop and paste, refuses other files, and counts', async () => {
  const { user } = renderAt('/apps/museum');
  const box = await composer();
  const picture = (name: string) => new File(['x'], name, { type: 'image/png' });
  fireEvent.paste(box, { clipboardData: { files: [picture('a.png')], types: ['Files'] } });
  await screen.findByRole('img', { name: 'a.png' });
  const surface = screen.getByRole('region', { name: 'Preview' });
  fireEvent.dragOver(surface, { dataTransfer: { types: ['Files'], files: [] } });
  await screen.findByText('Drop to add the picture');
  fireEvent.drop(surface, {
    dataTransfer: { types: ['Files'], files: [picture('b.png'), picture('c.png'), picture('d.png')] },
  });
  await screen.findByText('Only 3 files fit here.');
  expect(screen.queryByRole('img', { name: 'd.png' })).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Remove a.png' }));
  fireEvent.paste(box, {
    clipboardData: { files: [new File(['x'], 'notes.txt', { type: 'text/plain' })], types: ['Files'] },
  });
  await screen.findByText('notes.txt is not a kind of file that this app takes.');
});

it('tells the three ways an answer can fail, and asks again', async () => {
  const { user, world } = renderAt('/apps/museum');
  const box = await composer();
  await user.type(box, 'fail{Enter}');
  await screen.findByText('The model is busy. Try again in a moment.');
  await user.type(box, 'break{Enter}');
  await screen.findByText('The provider closed the connection.');
  await user.type(box, 'cut{Enter}');
  await screen.findByText('The connection was lost while the answer was coming in.');
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await waitFor(() => expect(asked(world).map((body) => body.query)).toEqual(['fail', 'break', 'cut', 'cut']));
});

it('stops an answer by its task', async () => {
  const { user, world, server } = renderAt('/apps/museum');
  let close = () => {};
  server.use(
    http.post('*/api/apps/:id/preview', () => {
      const encoder = new TextEncoder();
      const common = { conversation_id: 'c-9', message_id: 'm-9', task_id: 't-9', created_at: 1 };
      const send = (event: object) => encoder.encode(`data: ${JSON.stringify({ ...common, ...event })}\n\n`);
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(send({ event: 'message', answer: 'Once upon' }));
          close = () => {
            controller.enqueue(send({ event: 'message_end', metadata: { usage: null } }));
            controller.close();
          };
        },
      });
      return new HttpResponse(body, { headers: { 'Content-Type': 'text/event-stream' } });
    }),
    http.post('*/api/apps/:id/preview/:task/stop', ({ params }) => {
      world.seen.push({ line: `stop ${String(params.task)}`, body: null, csrf: null });
      close();
      return HttpResponse.json({ result: 'success' });
    }),
  );
  await user.type(await composer(), 'Tell me{Enter}');
  await screen.findByText('Once upon');
  await user.click(screen.getByRole('button', { name: 'Stop' }));
  await screen.findByText('Stopped');
  expect(world.seen.some((request) => request.line === 'stop t-9')).toBe(true);
});

it('does not run HTML or fetch pictures from an answer', async () => {
  const { user } = renderAt('/apps/museum', {
    answer:
      'Hi <script>alert(1)</script> <img src=x onerror=alert(1)> ![pixel](https://evil.example/p.png) [bad](javascript:alert(1))',
  });
  await user.type(await composer(), 'hello{Enter}');
  const link = await screen.findByRole('link', { name: 'pixel' });
  expect(link.getAttribute('rel')).toContain('noopener');
  expect(document.querySelector('.prose-answer script, .prose-answer img')).toBeNull();
  expect(screen.getByText('bad').getAttribute('href') ?? '').not.toContain('javascript');
});

it('runs a text generator once its form is filled in', async () => {
  const { user, world } = renderAt('/apps/haiku');
  await user.click(await screen.findByRole('button', { name: 'Run' }));
  await screen.findByText('Fill in: Topic');
  put(screen.getByLabelText('Topic'), 'moss');
  await user.click(screen.getByRole('button', { name: 'Run' }));
  await screen.findByText('one red circle');
  expect(asked(world)[0]).toMatchObject({ inputs: { topic: 'moss' } });
  expect(asked(world)[0]).not.toHaveProperty('conversation_id');
});

it('sends files of every kind that the app takes, by upload and by address', async () => {
  const { user, world } = renderAt('/apps/archive', { apps: [makeApp('archive', ARCHIVE)] });
  const send = new File(['%PDF'], 'plan.pdf', { type: 'application/pdf' });
  await user.upload(await screen.findByTestId('file-input'), [send, new File(['x'], 'part.STEP')]);
  await screen.findByText('plan.pdf');
  await user.click(screen.getByRole('button', { name: 'File from URL' }));
  const popover = within(await screen.findByRole('dialog'));
  put(popover.getByRole('textbox', { name: 'File from URL' }), 'https://example.com/clip.mp4');
  await user.click(popover.getByRole('button', { name: 'Add' }));
  await screen.findByText('clip.mp4');
  await waitFor(() => expect(screen.queryByRole('status', { name: /Uploading/ })).toBeNull());
  put(screen.getByLabelText(/Report/), '{"year": 1851}');
  await user.upload(screen.getByTestId('file-Drawings'), new File(['x'], 'a.png', { type: 'image/png' }));
  const chosen = (await screen.findByText('a.png')).closest('li');
  await waitFor(() => expect(chosen?.querySelector('img')?.src).toBe('blob:picture'));
  await user.type(await screen.findByRole('textbox', { name: 'Ask about a picture, or anything…' }), 'Compare{Enter}');
  await screen.findByText('one red circle');
  expect(asked(world)[0]).toMatchObject({
    files: [
      { type: 'document', transfer_method: 'local_file', upload_file_id: 'file-1' },
      { type: 'custom', transfer_method: 'local_file', upload_file_id: 'file-1' },
      { type: 'video', transfer_method: 'remote_url', url: 'https://example.com/clip.mp4' },
    ],
    inputs: {
      report: { year: 1851 },
      drawings: [{ type: 'image', transfer_method: 'local_file', upload_file_id: 'file-1' }],
    },
  });
});

it('does not ask while a form field is not right', async () => {
  const { user, world } = renderAt('/apps/archive', { apps: [makeApp('archive', ARCHIVE)] });
  const report = await screen.findByLabelText(/Report/);
  put(report, '[1]');
  fireEvent.blur(report);
  await screen.findByText('This is not a JSON object.');
  await user.type(await screen.findByRole('textbox', { name: 'Ask about a picture, or anything…' }), 'Go{Enter}');
  await screen.findByText('Fill in: Report, Drawings');
  expect(asked(world)).toHaveLength(0);
});
