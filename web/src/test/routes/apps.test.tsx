import { screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { put, renderAt } from '../render';

it('lists apps, searches and filters in the address', async () => {
  const { user, router } = renderAt('/apps');
  await screen.findByRole('link', { name: 'Museum companion' });
  put(screen.getByRole('searchbox', { name: 'Search apps' }), 'haiku');
  await waitFor(() => expect(screen.queryByRole('link', { name: 'Museum companion' })).toBeNull());
  expect(router.state.location.search).toEqual({ keyword: 'haiku' });
  await user.click(screen.getByRole('radio', { name: 'Workflow' }));
  await screen.findByText('Nothing matches');
  await user.click(screen.getAllByRole('button', { name: 'Clear filters' }).at(-1) as HTMLElement);
  await screen.findByRole('link', { name: 'Museum companion' });
});

it('creates an app and opens it', async () => {
  const { user, world, router } = renderAt('/apps');
  await user.click(await screen.findByRole('button', { name: 'New app' }));
  const dialog = await screen.findByRole('dialog');
  await user.click(within(dialog).getByRole('radio', { name: /Text generator/ }));
  put(within(dialog).getByLabelText('Name'), 'Captions');
  await user.click(within(dialog).getByRole('button', { name: 'Create app' }));
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/apps\/app-\d$/));
  expect(world.apps[0]).toMatchObject({ name: 'Captions', mode: 'completion', icon_type: 'emoji' });
});

it('duplicates and deletes', async () => {
  const { user, world } = renderAt('/apps');
  const before = world.apps.length;
  await user.click(await screen.findByRole('button', { name: 'More actions: Museum companion' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Duplicate' }));
  await screen.findByRole('link', { name: 'Museum companion (copy)' });
  await user.click(screen.getByRole('button', { name: 'More actions: Museum companion (copy)' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Delete' }));
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }));
  await waitFor(() => expect(screen.queryByRole('link', { name: 'Museum companion (copy)' })).toBeNull());
  expect(world.apps).toHaveLength(before);
});

it('imports a file, asks when it is of another version, and shows refusals', async () => {
  const { user, router } = renderAt('/apps');
  await user.click(await screen.findByRole('button', { name: 'Import a file' }));
  const choose = async (text: string) => {
    const dialog = screen.getByRole('dialog');
    const input = dialog.querySelector('input[type=file]') as HTMLInputElement;
    await user.upload(input, new File([text], 'app.yml', { type: 'application/yaml' }));
    await user.click(within(dialog).getByRole('button', { name: 'Import' }));
  };
  await choose('nothing: here');
  await screen.findByText('Missing app data in YAML content');
  await choose('version: 9.0.0\napp: {}');
  await screen.findByText('Made for another version');
  await user.click(screen.getByRole('button', { name: 'Import anyway' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/apps/imported'));
});

it('lets a member look, not touch', async () => {
  const { EN_SESSION } = await import('../fixtures');
  renderAt('/apps', { session: { ...EN_SESSION, workspace: { ...EN_SESSION.workspace, role: 'normal' } } });
  await screen.findByRole('link', { name: 'Museum companion' });
  expect(screen.queryByRole('button', { name: 'New app' })).toBeNull();
  expect(screen.queryByRole('link', { name: 'Members' })).toBeNull();
});

it('says so when an app is gone', async () => {
  renderAt('/apps/missing');
  await screen.findByText('There is no page here');
});
