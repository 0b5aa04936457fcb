import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { makeApp } from '../fixtures';
import { put, renderAt } from '../render';

const area = async () => (await screen.findByRole('combobox', { name: 'Instructions' })) as HTMLTextAreaElement;
const options = () => screen.getAllByRole('option').map((option) => option.textContent);
/** The marks under the text, those of unknown variables with a question mark. */
const marks = () =>
  [...document.querySelectorAll('mark')].map(
    (mark) => `${mark.textContent}${mark.className.includes('warn') ? '?' : ''}`,
  );

it('marks variables, unknown ones apart, and leaves other braces alone', async () => {
  renderAt('/apps/museum');
  const box = await area();
  put(box, 'In {{museum}}, {{ museum }}, {{nope}}, {{#context#}}, {{1st}} and {museum}.');
  expect(marks()).toEqual(['{{museum}}', '{{nope}}?', '{{#context#}}']);
  const drawn = document.querySelector('mark')?.parentElement?.textContent;
  expect(drawn).toBe(`${box.value}\n`);
});

it('completes by keyboard: arrows choose, Tab takes, Escape leaves the text', async () => {
  renderAt('/apps/museum');
  const box = await area();
  put(box, 'In {{');
  await screen.findByRole('listbox');
  expect(options()).toEqual(['museumMuseum', 'languageLanguage']);
  expect(box.getAttribute('aria-expanded')).toBe('true');
  fireEvent.keyDown(box, { key: 'ArrowDown' });
  const active = box.getAttribute('aria-activedescendant') ?? '';
  expect(document.getElementById(active)?.textContent).toContain('language');
  fireEvent.keyDown(box, { key: 'Tab' });
  expect(box.value).toBe('In {{language}}');
  put(box, 'In {{language}} and {{m');
  await screen.findByRole('listbox');
  fireEvent.keyDown(box, { key: 'Escape' });
  expect(screen.queryByRole('listbox')).toBeNull();
  expect(box.value).toBe('In {{language}} and {{m');
});

it('does not close braces twice', async () => {
  renderAt('/apps/museum');
  const box = await area();
  put(box, 'In {{mu}} now');
  box.setSelectionRange(7, 7);
  fireEvent.click(box);
  await screen.findByRole('option', { name: /museum/ });
  fireEvent.keyDown(box, { key: 'Enter' });
  expect(box.value).toBe('In {{museum}} now');
});

it('inserts from the menu, and makes a new variable there', async () => {
  const { user, world } = renderAt('/apps/museum');
  const box = await area();
  put(box, '');
  await user.click(screen.getByRole('button', { name: 'Insert variable' }));
  await user.click(await screen.findByRole('menuitem', { name: /language/ }));
  await waitFor(() => expect(box.value).toBe('{{language}}'));
  await user.click(screen.getByRole('button', { name: 'Insert variable' }));
  await user.click(await screen.findByRole('menuitem', { name: 'New variable…' }));
  await waitFor(() => expect(box.value).toContain('{{variable}}'));
  await waitFor(() => expect(JSON.stringify(world.apps[0]?.draft.user_input_form)).toContain('"variable":"variable"'), {
    timeout: 4000,
  });
});

it('completes in every message of an advanced prompt', async () => {
  renderAt('/apps/steps', {
    apps: [
      makeApp('steps', {
        draft: {
          prompt_type: 'advanced',
          chat_prompt_config: {
            prompt: [
              { role: 'system', text: 'Be brief.' },
              { role: 'user', text: '{{topic}}' },
            ],
          },
          user_input_form: [{ paragraph: { label: 'Topic', variable: 'topic', required: true } }],
        },
      }),
    ],
  });
  const system = (await screen.findByRole('combobox', { name: 'System' })) as HTMLTextAreaElement;
  put(system, 'Be brief about {{to');
  const list = within(await screen.findByRole('listbox'));
  fireEvent.mouseDown(list.getByRole('option', { name: /topic/ }));
  expect(system.value).toBe('Be brief about {{topic}}');
  expect(marks()).toEqual(['{{topic}}', '{{topic}}']);
});
