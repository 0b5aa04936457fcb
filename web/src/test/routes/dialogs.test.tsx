import { render, screen, waitFor, within } from '@testing-library/react';
import { useState } from 'react';
import { expect, it } from 'vitest';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Tooltip, TooltipProvider } from '@/components/ui/tooltip';
import { makeUser, renderAt } from '../render';

it('gives the focus back to what opened a dialog, through a menu too', async () => {
  const { user } = renderAt('/apps');
  const create = await screen.findByRole('button', { name: 'New app' });
  await user.click(create);
  await screen.findByRole('dialog');
  await user.keyboard('{Escape}');
  await waitFor(() => expect(document.activeElement).toBe(create));
  const more = screen.getAllByRole('button', { name: /^More actions/ })[0] as HTMLElement;
  await user.click(more);
  await user.click(await screen.findByRole('menuitem', { name: 'Edit details' }));
  await screen.findByRole('dialog', { name: 'App details' });
  await user.keyboard('{Escape}');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await waitFor(() => expect(document.activeElement).toBe(more));
});

/** A drawer whose button opens a dialog; the button goes away meanwhile, or stays. */
function Stack({ isOnce }: { isOnce: boolean }) {
  const [drawer, setDrawer] = useState(true);
  const [dialog, setDialog] = useState(false);
  const [asked, setAsked] = useState(false);
  const ask = () => {
    setDialog(true);
    setAsked(true);
  };
  return (
    <TooltipProvider delayDuration={0}>
      <Dialog open={drawer} onOpenChange={setDrawer} title="Drawer">
        {!(isOnce && asked) && (
          <Tooltip text="More">
            <Button onClick={ask}>Ask</Button>
          </Tooltip>
        )}
        {dialog && <Dialog open onOpenChange={setDialog} title="Question" />}
      </Dialog>
    </TooltipProvider>
  );
}

it('closes one dialog after the other by Escape, whatever became of their buttons', async () => {
  for (const isOnce of [false, true]) {
    const user = makeUser();
    const { unmount } = render(<Stack isOnce={isOnce} />);
    const drawer = await screen.findByRole('dialog', { name: 'Drawer' });
    const button = within(drawer).getByRole('button', { name: 'Ask' });
    await user.click(button);
    await screen.findByRole('dialog', { name: 'Question' });
    await user.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Question' })).toBeNull());
    await waitFor(() => expect(document.activeElement).toBe(isOnce ? drawer : button));
    await user.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    unmount();
  }
});
