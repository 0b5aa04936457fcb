-- What each member last saw the nodes of a draft do, and the values that the member put in place of what came out.

create table draft_nodes (
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    account_id uuid not null references accounts on delete cascade,
    -- or `sys`, `conversation`, whose records have outputs alone
    node_id text not null,
    -- in a whole run of the draft
    node_run_id uuid references node_runs on delete cascade,
    -- tried alone
    record json,
    -- of the record
    bytes integer not null default 0,
    updated_at timestamptz not null default now(),
    primary key (app_id, account_id, node_id),
    check ((node_run_id is null) <> (record is null))
);
create index draft_nodes_node_run_id_idx on draft_nodes (node_run_id) where node_run_id is not null;

create table draft_values (
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    account_id uuid not null references accounts on delete cascade,
    -- or `sys`, `conversation`
    node_id text not null,
    name text not null,
    value json not null,
    bytes integer not null,
    updated_at timestamptz not null default now(),
    primary key (app_id, account_id, node_id, name)
);

-- forms of draft runs are answered in the console
alter table human_input_forms add column answered_by_account uuid references accounts on delete set null;
