-- Which of the workspace's models runs in place of one that an imported file names.

create table model_mappings (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    from_provider text not null,
    -- empty: every model of the provider
    from_name text not null,
    to_provider text not null,
    -- empty: the one of the same name
    to_name text not null,
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (workspace_id, from_provider, from_name)
);
