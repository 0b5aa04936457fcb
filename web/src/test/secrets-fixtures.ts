import type { Secret } from '@/lib/api/types';

const ago = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

export const SECRETS: Secret[] = [
  {
    kind: 'provider',
    id: 'p-1',
    name: 'vllm',
    headers: [],
    is_readable: true,
    app: null,
    created_at: ago(90),
    updated_at: ago(4),
  },
  {
    kind: 'api',
    id: 'api-1',
    name: 'weather',
    headers: [],
    is_readable: true,
    app: null,
    created_at: ago(30),
    updated_at: ago(30),
  },
  {
    kind: 'mcp',
    id: 'mcp-1',
    name: 'github',
    headers: ['Authorization', 'X-GitHub-Organisation'],
    is_readable: true,
    app: null,
    created_at: ago(12),
    updated_at: ago(0.05),
  },
  {
    kind: 'environment_variable',
    id: 'pipeline',
    name: 'LEDGER_TOKEN',
    headers: [],
    is_readable: true,
    app: { name: 'Invoice pipeline', mode: 'workflow' },
    created_at: null,
    updated_at: ago(0.01),
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
      is_readable: index !== 2,
      app: {
        name: index === 4 ? 'Museum guide for visitors of every branch' : 'Museum guide',
        mode: 'advanced-chat',
      },
      created_at: null,
      updated_at: ago(index),
    }),
  ),
];
