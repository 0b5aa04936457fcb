import type { SecretInfo } from '@/lib/api/types';

const NOW = Math.floor(Date.now() / 1000);
const DAY = 86_400;

export const SECRETS: SecretInfo[] = [
  {
    kind: 'provider',
    id: 'p-1',
    name: 'vllm',
    headers: [],
    app: null,
    created_at: NOW - 90 * DAY,
    updated_at: NOW - 4 * DAY,
  },
  {
    kind: 'api',
    id: 'api-1',
    name: 'weather',
    headers: [],
    app: null,
    created_at: NOW - 30 * DAY,
    updated_at: NOW - 30 * DAY,
  },
  {
    kind: 'mcp',
    id: 'mcp-1',
    name: 'github',
    headers: ['Authorization', 'X-GitHub-Organisation'],
    app: null,
    created_at: NOW - 12 * DAY,
    updated_at: NOW - 3600,
  },
  {
    kind: 'environment_variable',
    id: 'pipeline',
    name: 'LEDGER_TOKEN',
    headers: [],
    app: { id: 'pipeline', name: 'Invoice pipeline', mode: 'workflow' },
    created_at: null,
    updated_at: NOW - 600,
  },
];

/** A workspace that has been in use for a while. */
export const MANY_SECRETS: SecretInfo[] = [
  ...SECRETS,
  ...Array.from(
    { length: 14 },
    (_, index): SecretInfo => ({
      kind: 'environment_variable',
      id: 'guide',
      name: index === 3 ? 'CUSTOMER_RELATIONSHIP_MANAGEMENT_SERVICE_ACCOUNT_TOKEN' : `PARTNER_${index + 1}_KEY`,
      headers: [],
      app: {
        id: 'guide',
        name: index === 4 ? 'Museum guide for visitors of every branch' : 'Museum guide',
        mode: 'advanced-chat',
      },
      created_at: null,
      updated_at: NOW - index * DAY,
    }),
  ),
];
