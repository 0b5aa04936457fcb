import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, it } from 'vitest';
import { put, renderAt } from '../render';
import { RUN_EVENTS, SITE, TASK_SITE } from '../site-fixtures';

const visitor = { session: null };

it('lets a visitor ask, rate, and come back to what was said', async () => {
  const { user, world, router } = renderAt('/a/code', visitor);
  put(await screen.findByRole('textbox', { name: 'Ask something…' }), 'How old is it?');
  await user.click(screen.getByRole('button', { name: 'Send' }));
  await screen.findByText('490 BC');
  const asked = world.seen.find((one) => one.line === 'POST /api/site/v1/chat-messages');
  expect(asked?.body).toEqual({
    query: 'How old is it?',
    inputs: { museum: 'the Louvre', language: 'English' },
    response_mode: 'streaming',
  });
  await screen.findByRole('button', { name: 'Who cut it?' });
  await waitFor(() => expect(router.state.location.search).toEqual({ c: 'v-1' }));
  // the new id mounts nothing anew
  expect(world.seen.filter((one) => one.line === 'GET /api/site/v1/messages')).toEqual([]);
  await user.click(screen.getByRole('button', { name: 'Good answer' }));
  await waitFor(() => expect(world.seen.at(-1)?.line).toBe('POST /api/site/v1/messages/m-new/feedbacks'));
});

it('asks for what the form needs before it sends', async () => {
  const parameters = {
    ...SITE.parameters,
    user_input_form: [{ 'text-input': { variable: 'museum', label: 'Museum', required: true } }],
  };
  const { user, world } = renderAt('/a/code', { ...visitor, site: { ...SITE, parameters } });
  put(await screen.findByRole('textbox', { name: 'Ask something…' }), 'How old is it?');
  await user.click(screen.getByRole('button', { name: 'Send' }));
  await screen.findByText('Please fill this in.');
  expect(world.seen.some((one) => one.line.startsWith('POST'))).toBe(false);
});

it('runs a workflow once and a table line by line', async () => {
  const { user } = renderAt('/a/code', { ...visitor, site: TASK_SITE, siteEvents: RUN_EVENTS });
  put(await screen.findByRole('textbox', { name: /Letter/ }), 'It is broken.');
  await user.click(screen.getByRole('button', { name: 'Run' }));
  await screen.findByText('2 steps');
  await user.click(screen.getByRole('radio', { name: 'Batch run' }));
  const file = new File(['letter,tone\none,formal\n,formal\n'], 'a.csv', { type: 'text/csv' });
  await user.upload(screen.getByTestId('batch-file'), file);
  await user.click(await screen.findByRole('button', { name: 'Run 2 lines' }));
  await screen.findByText('Missing: letter');
  await waitFor(() => expect(screen.getByText(/2 of 2 done/)).toBeTruthy());
});

it('says so when nothing is there', async () => {
  renderAt('/a/code', { ...visitor, site: null });
  await screen.findByText('There is no app here');
});

it('plays the sounds and films that come with an answer, and only names what other hosts have', async () => {
  const file = (type: string, url: string) => ({ event: 'message_file', id: url, type, url, belongs_to: 'assistant' });
  const signed = 'expires=1&signature=x';
  const siteEvents = [
    file('audio', `http://ashlar.test/files/1/speech.mp3?${signed}`),
    file('video', `/files/2/film.mp4?${signed}`),
    file('audio', 'https://example.com/other.mp3'),
    { event: 'message_end', metadata: {}, conversation_id: 'v-1', message_id: 'm-new' },
  ];
  const { user, container } = renderAt('/a/code', { ...visitor, siteEvents });
  put(await screen.findByRole('textbox', { name: 'Ask something…' }), 'Say it.');
  await user.click(screen.getByRole('button', { name: 'Send' }));
  const film = await screen.findByLabelText('film.mp4');
  expect([film.tagName, film.getAttribute('preload'), film.hasAttribute('controls')]).toEqual([
    'VIDEO',
    'metadata',
    true,
  ]);
  const sound = screen.getByLabelText('speech.mp3');
  expect([sound.tagName, sound.getAttribute('src')]).toEqual([
    'AUDIO',
    `${window.location.origin}/files/1/speech.mp3?${signed}`,
  ]);
  expect(screen.getByRole('link', { name: 'other.mp3' }).getAttribute('href')).toBe('https://example.com/other.mp3');
  expect(container.querySelectorAll('audio')).toHaveLength(1);
  // what this browser can't play is still there to open
  fireEvent.error(sound);
  await screen.findByRole('link', { name: 'speech.mp3' });
});

it('wears the colour of its app while it is open', async () => {
  const colored = { ...SITE, site: { ...SITE.site, chat_color_theme: '#FE0' } };
  const { unmount } = renderAt('/a/code', { ...visitor, site: colored });
  const header = await screen.findByRole('banner');
  const token = (element: HTMLElement, name: string) => element.style.getPropertyValue(name);
  expect(token(document.documentElement, '--bubble')).toBe('#ffee00');
  expect(token(document.documentElement, '--bubble-fg')).toBe('#000000');
  expect(token(header, '--surface')).toBe('#ffee00');
  unmount();
  expect(token(document.documentElement, '--bubble')).toBe('');
});

it('is given a colour on the publish page, which takes colours only', async () => {
  const { user, world } = renderAt('/apps/museum/publish');
  const color = await screen.findByRole('textbox', { name: 'Colour optional' });
  put(color, '#12');
  await screen.findByText('Enter a colour such as #0d7a6f.');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(world.seen.some((one) => one.line.startsWith('PATCH'))).toBe(false);
  put(color, '#1C64F2');
  expect(screen.getByRole('button', { name: '#1c64f2', pressed: true })).toBeTruthy();
  await user.click(screen.getByRole('switch', { name: 'Colour the head of the page' }));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() =>
    expect(world.seen.find((one) => one.line === 'PATCH /api/apps/museum')?.body).toMatchObject({
      site: { chat_color_theme: '#1c64f2', chat_color_theme_inverted: true },
    }),
  );
});
