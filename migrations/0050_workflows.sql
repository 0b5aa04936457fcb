-- Runs of workflows and chatflows, what each of their nodes gave, and the forms they wait for.
-- Values are `json`, not `jsonb`: a run that goes on after a crash must read them with their keys in order.

create table workflow_runs (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    -- null for a draft, whose config is kept here
    app_version_id uuid references app_versions on delete set null,
    config json,
    mode text not null check (mode in ('workflow', 'advanced-chat')),
    -- app-run, debugging, webhook, schedule
    triggered_from text not null,
    -- service-api, web-app, debugger
    source text not null,
    -- where it starts; null: the start node
    entry_node_id text,
    -- the caller's, and `sys.…`
    inputs json not null,
    status text not null check (status in ('scheduled', 'running', 'paused', 'succeeded', 'failed', 'stopped', 'partial-succeeded')),
    outputs json,
    error text,
    -- without the times it waited for people or for a new process
    elapsed_s double precision not null default 0,
    total_tokens bigint not null default 0,
    total_steps integer not null default 0,
    exceptions_count integer not null default 0,
    end_user_id uuid references end_users on delete cascade,
    account_id uuid references accounts on delete set null,
    conversation_id uuid references conversations on delete cascade,
    message_id uuid,
    task_id uuid not null,
    -- what callers were sent, saved now and then; exact in a paused run
    sent_text text not null default '',
    -- number of the last event sent, likewise
    last_event bigint not null default 0,
    -- the forms that a paused run waits for
    forms json,
    replica text,
    heartbeat_at timestamptz,
    -- finished nodes at the last resumption, and how many resumptions in a row found no more of them
    resumed_nodes integer not null default -1,
    vain_resumptions integer not null default 0,
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
create index workflow_runs_app_id_idx on workflow_runs (workspace_id, app_id, created_at desc, id);
create index workflow_runs_task_id_idx on workflow_runs (workspace_id, task_id);
create index workflow_runs_message_id_idx on workflow_runs (workspace_id, message_id) where message_id is not null;
-- not by heartbeat: an update of an unindexed column costs less, and these are few
create index workflow_runs_active_idx on workflow_runs (id) where status in ('running', 'scheduled');

create table node_runs (
    -- of this node in this place of its run
    id uuid primary key,
    workspace_id uuid not null,
    run_id uuid not null references workflow_runs on delete cascade,
    -- the node's id behind those of the rounds around it
    key text not null,
    node_id text not null,
    node_type text not null,
    title text not null,
    index integer not null,
    status text not null,
    -- all of it, as the run reads it when it goes on
    record json not null,
    elapsed_s double precision not null,
    created_at timestamptz not null,
    finished_at timestamptz not null
);
create index node_runs_run_id_idx on node_runs (run_id, index);

create table human_input_forms (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    run_id uuid not null references workflow_runs on delete cascade,
    -- of the node that asks; it asks again when its run goes on
    execution_id uuid not null unique,
    -- opens the form's page; null when it has none
    token text unique,
    form json not null,
    -- the node's delivery methods
    recipients json not null,
    status text not null default 'waiting' check (status in ('waiting', 'answered', 'expired')),
    answer json,
    answered_by uuid references end_users on delete set null,
    answered_at timestamptz,
    expires_at timestamptz not null,
    created_at timestamptz not null default now()
);
create index human_input_forms_run_id_idx on human_input_forms (run_id);
create index human_input_forms_waiting_idx on human_input_forms (expires_at) where status = 'waiting';
