-- What agents thought and did on the way to an answer, a row a round.
create table agent_thoughts (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    message_id uuid not null references messages on delete cascade,
    position integer not null,
    thought text not null default '',
    -- names, separated by semicolons
    tool text not null default '',
    tool_labels jsonb not null default '{}',
    -- JSON texts, by tool
    tool_input text not null default '',
    observation text not null default '',
    -- ids of message_files
    files jsonb not null default '[]',
    created_at timestamptz not null default now(),
    unique (message_id, position)
);
create index agent_thoughts_workspace_id_idx on agent_thoughts (workspace_id);
