-- Where the tools of a workspace come from, beside those that are built in.
create table tool_providers (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    -- api: an OpenAPI document, mcp: an MCP server
    kind text not null check (kind in ('api', 'mcp')),
    name text not null,
    description text not null default '',
    -- api: as it was given
    document text check ((kind = 'api') = (document is not null)),
    -- mcp: of the server; api: where the document came from, if it came from a URL
    url text check (kind = 'api' or url is not null),
    -- api: {"type": "none" | "header" | "query", …}
    auth jsonb not null default '{"type": "none"}',
    -- api: the key; mcp: headers as JSON
    secret_sealed bytea,
    timeout_ms integer not null,
    -- what the document describes or the server listed last
    tools jsonb not null default '[]',
    tools_at timestamptz not null default now(),
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (workspace_id, kind, name)
);
