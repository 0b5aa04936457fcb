import { screen, within } from '@testing-library/react';
import { HttpResponse, http } from 'msw';
import { expect, it } from 'vitest';
import { EN_SESSION } from '../fixtures';
import { renderAt } from '../render';
import { MANY_SECRETS } from '../secrets-fixtures';

it('lists what is kept sealed and leads to where it can be replaced', async () => {
  const { user, router } = renderAt('/settings/secrets');
  const row = (await screen.findByText('github')).closest('li') as HTMLElement;
  within(row).getByText('Authorization, X-GitHub-Organisation');
  expect(within(row).getByRole('link', { name: 'Tools: github' }).getAttribute('href')).toBe('/tools?open=mcp-1');
  expect(screen.queryByRole('group', { name: 'Kind' })).toBeNull();
  await user.click(screen.getByRole('link', { name: 'Invoice pipeline' }));
  expect(router.state.location).toMatchObject({ pathname: '/apps/pipeline', search: { panel: 'variables' } });
});

it('keeps the chosen kind in the address', async () => {
  const { user, router } = renderAt('/settings/secrets', { secrets: MANY_SECRETS });
  const row = (await screen.findByText('PARTNER_3_KEY')).closest('li') as HTMLElement;
  within(row).getByText(/enter it again/);
  expect(screen.getAllByText(/enter it again/)).toHaveLength(1);
  await user.click(screen.getByRole('radio', { name: 'MCP servers' }));
  expect(router.state.location.search).toEqual({ kind: 'mcp' });
  expect(screen.queryByText('LEDGER_TOKEN')).toBeNull();
  await screen.findByText('github');
  await user.click(screen.getByRole('radio', { name: 'All' }));
  await screen.findByText('LEDGER_TOKEN');
});

it('says so when there are none, and when they can not be listed', async () => {
  const { user, server } = renderAt('/settings/secrets', { secrets: [] });
  await screen.findByText('No secrets yet');
  server.use(
    http.get('*/api/secrets', () =>
      HttpResponse.json(
        { error: { code: 'internal', message: '', type: 'server_error', param: null } },
        { status: 500 },
      ),
    ),
  );
  await user.click(screen.getByRole('link', { name: 'Audit log' }));
  await user.click(screen.getByRole('link', { name: 'Secrets' }));
  await screen.findByRole('button', { name: 'Try again' });
});

it('is for administrators', async () => {
  renderAt('/settings/secrets', {
    session: { ...EN_SESSION, workspace: { ...EN_SESSION.workspace, role: 'editor' } },
  });
  await screen.findByText('For admins only');
  expect(screen.queryByRole('link', { name: 'Secrets' })).toBeNull();
});
