import type { Secret } from '@/lib/api/types';

const DAY = 86_400;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

export const SECRETS: Secret[] = [
  {
    kind: 'provider',
    id: 'p-1',
    name: 'vllm',
    headers: [],
    app: null,
    is_readable: true,
    created_at: ago(90 * DAY),
    updated_at: ago(4 * DAY),
  },
  {
    kind: 'api',
    id: 'api-1',
    name: 'weather',
    headers: [],
    app: null,
    is_readable: false,
    created_at: ago(30 * DAY),
    updated_at: ago(30 * DAY),
  },
  {
    kind: 'mcp',
    id: 'mcp-1',
    name: 'github',
    headers: ['Authorization', 'X-GitHub-Organisation'],
    app: null,
    is_readable: true,
    created_at: ago(12 * DAY),
    updated_at: ago(3600),
  },
  {
    kind: 'environment_variable',
    id: 'pipeline',
    name: 'LEDGER_TOKEN',
    headers: [],
    app: { name: 'Invoice pipeline', mode: 'workflow' },
    is_readable: true,
    created_at: null,
    updated_at: ago(600),
  },
];

/** A workspace that has been in use for a while. */
export const MANY_SECRETS: Secret[] = [
  ...SECRETS,
  ...Array.from(
    { length: 14 },
    (_, index): Secret => ({
      kind: 'environment_variable',
      id: 'guide',
      name: index === 3 ? 'CUSTOMER_RELATIONSHIP_MANAGEMENT_SERVICE_ACCOUNT_TOKEN' : `PARTNER_${index + 1}_KEY`,
      headers: [],
      app: {
        name: index === 4 ? 'Museum guide for visitors of every branch' : 'Museum guide',
        mode: 'advanced-chat',
      },
      is_readable: true,
      created_at: null,
      updated_at: ago(index * DAY),
    }),
  ),
];
