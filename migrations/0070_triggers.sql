-- What starts workflows without being asked: one row for each trigger node that an app ever had, so that its address stays
-- the same when a version with it is published again.
create table triggers (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    node_id text not null,
    kind text not null check (kind in ('webhook', 'schedule')),
    enabled boolean not null default true,
    -- webhook: the secret part of its address
    webhook_id text unique check ((kind = 'webhook') = (webhook_id is not null)),
    -- schedule: of the published version; null when that has no such node, or one that can't be read
    cron text,
    timezone text,
    next_fire_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (app_id, node_id, kind)
);
create index triggers_workspace_id_idx on triggers (workspace_id, app_id);
create index triggers_due_idx on triggers (next_fire_at) where enabled and next_fire_at is not null;

-- when each fired last
create index workflow_runs_entry_node_id_idx on workflow_runs (workspace_id, app_id, entry_node_id, created_at desc)
    where entry_node_id is not null;

-- Deliveries of webhooks that said how they are told apart; kept for a day.
create table webhook_deliveries (
    trigger_id uuid not null references triggers on delete cascade,
    -- what the sender calls it
    key text not null,
    workspace_id uuid not null references workspaces on delete cascade,
    run_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (trigger_id, key)
);
create index webhook_deliveries_created_at_idx on webhook_deliveries (created_at);

-- The version whose triggers are in the table above. Whoever sees that it is not the published one brings them in step.
alter table apps add column triggers_version_id uuid;
-- holds no rows but those
create index apps_triggers_behind_idx on apps (id)
    where mode = 'workflow' and (case when deleted_at is null then published_version_id end) is distinct from triggers_version_id;
