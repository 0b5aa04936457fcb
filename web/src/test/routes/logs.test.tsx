import { screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { put, renderAt } from '../render';

it('keeps what the log is narrowed to in the link', async () => {
  const { user, router } = renderAt('/apps/museum/logs');
  await user.click(await screen.findByRole('button', { name: 'With failures' }));
  await waitFor(() => expect(screen.queryByText('What time do you close on Thursdays?')).toBeNull());
  expect(screen.getByText('Is the second statue a copy?')).toBeTruthy();
  put(screen.getByRole('searchbox', { name: 'Search questions and answers' }), 'nothing');
  await screen.findByText('Nothing matches');
  expect(router.state.location.search).toEqual({ failed: true, q: 'nothing' });
  await user.click(screen.getByRole('button', { name: 'Clear filters' }));
  await screen.findByText('What time do you close on Thursdays?');
  expect(router.state.location.search).toEqual({ period: 'all' });
});

it('opens a conversation with its trace, and takes a verdict', async () => {
  const { user, world } = renderAt('/apps/museum/logs');
  await user.click(await screen.findByRole('button', { name: /inscription under the relief/ }));
  const drawer = await screen.findByRole('dialog');
  const cards = await within(drawer).findAllByRole('article');
  const [oldest, newest] = cards as [HTMLElement, HTMLElement];
  expect(within(oldest).getByText(/names the founder/)).toBeTruthy();
  // the newest message shows what was done for it
  expect(within(newest).getByText('Prepare the question')).toBeTruthy();
  expect(within(newest).getByText(/From cache 384/)).toBeTruthy();
  await user.click(within(oldest).getByRole('button', { name: 'Bad answer' }));
  await waitFor(() =>
    expect(world.seen.some((one) => one.line === 'PUT /api/apps/museum/messages/m-1/feedback')).toBe(true),
  );
  await waitFor(() => expect(world.logMessages[1]?.member_feedback?.rating).toBe('dislike'));
});

it('shows a run step by step', async () => {
  const { user } = renderAt('/apps/pipeline/logs?open=r-1');
  const drawer = await screen.findByRole('dialog');
  await user.click(await within(drawer).findByRole('button', { name: /Draft/ }));
  expect(await within(drawer).findByText('Details')).toBeTruthy();
  expect(within(drawer).getByText('The address answered 503.')).toBeTruthy();
});

it('counts in charts and, for whoever wants them, in numbers', async () => {
  const { user, router } = renderAt('/apps/museum/monitoring');
  await screen.findByRole('heading', { name: 'Answers' });
  await user.click(screen.getByRole('button', { name: 'Show as a table' }));
  const table = await screen.findByRole('table');
  expect(within(table).getAllByRole('row').length).toBe(8);
  expect(router.state.location.search).toEqual({ table: true });
});

it('exports what the filters leave: messages of a chat, runs of a workflow', async () => {
  const { user } = renderAt('/apps/pipeline/logs?period=all&status=failed');
  await user.click(await screen.findByRole('button', { name: 'Export' }));
  const hrefs = (await screen.findAllByRole('menuitem')).map((item) => item.getAttribute('href'));
  expect(hrefs).toEqual([
    '/api/apps/pipeline/runs/export?format=csv&published=true&status=failed',
    '/api/apps/pipeline/runs/export?format=jsonl&published=true&status=failed',
  ]);
});
