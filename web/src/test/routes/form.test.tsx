import { screen, waitFor, within } from '@testing-library/react';
import { HttpResponse, http } from 'msw';
import { expect, it } from 'vitest';
import { ENDED, EXPIRED, SENT, TAKEN, WAITING } from '../form-fixtures';
import { put, renderAt } from '../render';

const at = { session: null };

it('shows a stranger the form with its fields in their places', async () => {
  const { world } = renderAt('/form/secret', at);
  await screen.findByRole('heading', { name: 'Check the refund' });
  screen.getByText('Support triage');
  screen.getByText(/^Open until .*\(.+\)$/);
  expect(screen.getByRole('textbox', { name: 'reply' })).toHaveProperty('value', expect.stringContaining('Dear Mary'));
  // texts stand before their fields
  const order = [
    screen.getByText(/goes to/),
    screen.getByRole('textbox', { name: 'reply' }),
    screen.getByText('Which account pays?'),
    screen.getByRole('combobox', { name: 'account' }),
    screen.getByRole('button', { name: 'Choose a file: approval' }),
    screen.getByText('pictures of the damage'),
    screen.getByRole('button', { name: 'Not mine' }),
  ];
  for (const [i, element] of order.slice(1).entries()) {
    expect(order[i]?.compareDocumentPosition(element), element.textContent ?? '').toBe(
      Node.DOCUMENT_POSITION_FOLLOWING,
    );
  }
  expect(document.title).toBe('Check the refund · Support triage');
  // no session was asked for
  expect(world.seen.map((request) => request.line)).toEqual(['GET /api/forms/secret']);
});

it('is answered, once what is missing is there', async () => {
  const { user, world } = renderAt('/form/secret', at);
  await user.click(await screen.findByRole('button', { name: 'Approve and send' }));
  screen.getByText('Choose one of the options.');
  screen.getByText('Add a file.');
  expect(document.activeElement).toBe(screen.getByRole('combobox', { name: 'account' }));
  expect(world.seen.some((request) => request.line.startsWith('POST'))).toBe(false);

  put(screen.getByRole('textbox', { name: 'reply' }), 'Dear Mary, it is on its way.');
  await user.click(screen.getByRole('combobox', { name: 'account' }));
  await user.click(await screen.findByRole('option', { name: 'Returns' }));
  await user.upload(screen.getByTestId('file-approval'), new File(['x'], 'approval.pdf', { type: 'application/pdf' }));
  await waitFor(() => expect(screen.queryByRole('status')).toBeNull());
  const address = screen.getByRole('textbox', { name: 'Web address of a file: pictures of the damage' });
  await user.type(address, 'https://example.com/shade.png{Enter}');
  await user.click(screen.getByRole('button', { name: 'Approve and send' }));

  const heading = await screen.findByRole('heading', { name: 'Thank you, your answer is in' });
  expect(document.activeElement).toBe(heading);
  screen.getByText(/You chose “Approve and send” on/);
  const sent = world.seen.find((request) => request.line === 'POST /api/forms/secret');
  expect(sent?.body).toEqual({
    action: 'approve',
    inputs: {
      reply: 'Dear Mary, it is on its way.',
      account: 'Returns',
      approval: { type: 'document', transfer_method: 'local_file', upload_file_id: 'f-1' },
      pictures_of_the_damage: [{ type: 'image', transfer_method: 'remote_url', url: 'https://example.com/shade.png' }],
    },
  });
});

it('refuses files that do not fit, and says what the server says of others', async () => {
  const { user, server } = renderAt('/form/secret', at);
  const field = await screen.findByTestId('file-pictures of the damage');
  const files = ['a.png', 'b.png', 'c.png', 'd.png'].map((name) => new File(['x'], name, { type: 'image/png' }));
  await user.upload(field, files);
  await screen.findByText('Only 3 files fit here.');
  await user.click(screen.getByRole('button', { name: 'Remove d.png' }));
  await user.click(screen.getByRole('button', { name: 'Remove c.png' }));
  expect(screen.queryByText('Only 3 files fit here.')).toBeNull();
  server.use(
    http.post('*/api/forms/:token/files', () =>
      HttpResponse.json({ error: { code: 'file_too_large', message: '', type: '', param: 'file' } }, { status: 413 }),
    ),
  );
  await user.upload(field, new File(['x'], 'huge.png', { type: 'image/png' }));
  within((await screen.findByText('huge.png')).closest('li') as HTMLElement).getByText('The file is too large.');
});

it('says so when somebody else was quicker', async () => {
  const form = { ...WAITING, questions: WAITING.questions && { ...WAITING.questions, content: [], inputs: [] } };
  const { user, world } = renderAt('/form/secret', { ...at, form });
  const reject = await screen.findByRole('button', { name: 'Reject' });
  world.form = TAKEN;
  await user.click(reject);
  await screen.findByRole('heading', { name: 'Already answered' });
  screen.getByText(/“Reject” was chosen on/);
  expect(screen.queryByRole('button', { name: 'Reject' })).toBeNull();
});

it('says so as soon as an upload tells', async () => {
  const { user, world } = renderAt('/form/secret', at);
  const field = await screen.findByTestId('file-approval');
  world.form = EXPIRED;
  await user.upload(field, new File(['x'], 'approval.pdf', { type: 'application/pdf' }));
  await screen.findByRole('heading', { name: 'This form has expired' });
});

it.each([
  ['sent', SENT, 'Thank you, your answer is in'],
  ['taken', TAKEN, 'Already answered'],
  ['expired', EXPIRED, 'This form has expired'],
  ['ended', ENDED, 'No answer is needed any more'],
  ['missing', null, 'There is no form here'],
])('shows one that is %s for what it is', async (_name, form, heading) => {
  renderAt('/form/secret', { ...at, form });
  await screen.findByRole('heading', { name: heading });
  expect(screen.queryByRole('button', { name: 'Approve and send' })).toBeNull();
});

it('can be tried again when there were too many tries', async () => {
  const { user, server } = renderAt('/form/secret', at);
  server.use(
    http.get(
      '*/api/forms/:token',
      () => HttpResponse.json({ error: { code: 'too_many_requests', message: '', type: '' } }, { status: 429 }),
      { once: true },
    ),
  );
  await screen.findByRole('heading', { name: 'The form could not be opened' });
  screen.getByText('Too many attempts. Wait a moment and try again.');
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByRole('heading', { name: 'Check the refund' });
});
