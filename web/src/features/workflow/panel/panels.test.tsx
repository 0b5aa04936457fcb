import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen } from '@testing-library/react';
import { ReactFlowProvider } from '@xyflow/react';
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { TooltipProvider } from '@/components/ui/tooltip';
import { handlersOf, makeWorld } from '@/test/fixtures';
import { GUIDE, TRIAGE } from '@/test/studio-fixtures';
import { type Data, isInnerStart, isNote, record, titleOf, typeOf } from '../graph/types';
import { makeRunner } from '../run/runner';
import { makeStudio, StudioProvider } from '../store';
import { NodePanel } from './node-panel';

const server = setupServer(...handlersOf(makeWorld()));
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterAll(() => server.close());

const runner = makeRunner('pipeline', () => undefined);
const flush = () => Promise.resolve(true);

/** Opens the panel of every node of a draft; the draft afterwards. */
async function openAll(draft: Data, isChat: boolean): Promise<unknown> {
  const store = makeStudio({ appId: 'pipeline', draft, isChat, canEdit: true });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  for (const node of store.getState().config.graph.nodes) {
    if (isNote(node) || isInnerStart(typeOf(node))) continue;
    const panel = (
      <QueryClientProvider client={client}>
        <TooltipProvider>
          <StudioProvider value={store}>
            <ReactFlowProvider>
              <NodePanel
                appId="pipeline"
                nodeId={node.id}
                runner={runner}
                flush={flush}
                onGo={() => undefined}
                onClose={() => undefined}
              />
            </ReactFlowProvider>
          </StudioProvider>
        </TooltipProvider>
      </QueryClientProvider>
    );
    const root = createRootRoute({ component: () => panel });
    render(<RouterProvider router={createRouter({ routeTree: root, history: createMemoryHistory() }) as never} />);
    // a part of it may be called the same
    await screen.findAllByRole('region', { name: titleOf(node) });
    cleanup();
  }
  return store.getState().config;
}

it('opens every panel of the made-up apps and changes nothing', async () => {
  expect(await openAll(TRIAGE, false)).toBe(TRIAGE);
  expect(await openAll(GUIDE, true)).toBe(GUIDE);
});

const FOLDERS = [process.env.DSL_SAMPLES ?? '', join(import.meta.dirname, '../../../../../tests/fixtures/workflows')];
const files = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name)),
);

it.each(files)('opens every panel of %s and changes nothing', async (file) => {
  const parsed = record(parse(readFileSync(file, 'utf8')));
  const section = record(parsed.workflow);
  if (!section.graph) return;
  const before = JSON.stringify(section);
  const after = await openAll(section, record(parsed.app).mode === 'advanced-chat');
  expect(after).toBe(section);
  expect(JSON.stringify(after)).toBe(before);
});
