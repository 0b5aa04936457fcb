-- Published workflows that apps of the workspace call as tools.
create table workflow_tools (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    name text not null,
    label text not null,
    description text not null,
    -- [{"name", "description", "form"}] of inputs of the start node; what is not named here is the model's
    parameters jsonb not null default '[]',
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (workspace_id, name),
    unique (workspace_id, app_id)
);

-- How many runs stand around this one, each calling the next as a tool.
alter table workflow_runs add column call_depth integer not null default 0;
