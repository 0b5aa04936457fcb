-- Everything is scoped by workspace_id; ids are UUID v7 made by the application; times are timestamptz.

create table accounts (
    id uuid primary key,
    email text not null,
    name text not null,
    password_hash text not null,
    language text not null default 'en-US',
    theme text not null default 'system' check (theme in ('system', 'light', 'dark')),
    status text not null default 'active' check (status in ('active', 'disabled')),
    last_login_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index accounts_email_key on accounts (lower(email));

create table workspaces (
    id uuid primary key,
    name text not null,
    status text not null default 'normal' check (status in ('normal', 'archived')),
    -- {"llm": {"provider", "name"}, "text-embedding": …, "rerank": …}; a missing kind means the instance default
    default_models jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table members (
    workspace_id uuid not null references workspaces on delete cascade,
    account_id uuid not null references accounts on delete cascade,
    role text not null check (role in ('owner', 'admin', 'editor', 'normal', 'dataset_operator')),
    created_at timestamptz not null default now(),
    primary key (workspace_id, account_id)
);
create index members_account_id_idx on members (account_id);
create unique index members_one_owner_key on members (workspace_id) where role = 'owner';

create table sessions (
    id uuid primary key,
    token_hash bytea not null unique,
    csrf_token text not null,
    account_id uuid not null references accounts on delete cascade,
    workspace_id uuid not null references workspaces on delete cascade,
    user_agent text,
    ip text,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index sessions_account_id_idx on sessions (account_id);

create table invitations (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    email text not null,
    role text not null check (role in ('admin', 'editor', 'normal', 'dataset_operator')),
    token_hash bytea not null unique,
    invited_by uuid references accounts on delete set null,
    expires_at timestamptz not null,
    accepted_at timestamptz,
    created_at timestamptz not null default now()
);
create unique index invitations_open_key on invitations (workspace_id, lower(email)) where accepted_at is null;

create table apps (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    name text not null,
    description text not null default '',
    mode text not null check (mode in ('chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow')),
    icon_type text not null default 'emoji' check (icon_type in ('emoji', 'image', 'link')),
    icon text not null default '🤖',
    icon_background text not null default '#FFEAD5',
    use_icon_as_answer_icon boolean not null default false,
    tags text[] not null default '{}',
    status text not null default 'normal' check (status in ('normal', 'disabled')),
    enable_api boolean not null default true,
    enable_site boolean not null default true,
    max_active_requests integer not null default 0 check (max_active_requests >= 0),
    site jsonb not null default '{}',
    -- model_config (chat, completion, agent-chat) or workflow section (advanced-chat, workflow) of the DSL
    draft jsonb not null,
    draft_revision bigint not null default 1,
    published_version_id uuid,
    -- {"enabled", "score_threshold", "provider", "model"}
    annotation_reply jsonb not null default '{"enabled": false}',
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create index apps_workspace_id_idx on apps (workspace_id, updated_at desc) where deleted_at is null;

create table app_versions (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    number integer not null,
    config jsonb not null,
    name text not null default '',
    note text not null default '',
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    unique (app_id, number)
);
alter table apps add foreign key (published_version_id) references app_versions on delete set null;

create table api_keys (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    -- app: 'app-…', one app; dataset: 'dataset-…', the workspace; model: 'sk-…', any model of the catalog
    kind text not null check (kind in ('app', 'dataset', 'model')),
    app_id uuid references apps on delete cascade,
    name text not null default '',
    token_hash bytea not null unique,
    -- prefix and last four characters, for lists
    hint text not null,
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    check ((kind = 'app') = (app_id is not null))
);
create index api_keys_workspace_id_idx on api_keys (workspace_id, app_id);

create table end_users (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    type text not null check (type in ('service-api', 'browser')),
    -- the caller's `user` value
    session_id text not null,
    external_user_id text,
    name text,
    is_anonymous boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (workspace_id, app_id, type, session_id)
);

create table files (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid references apps on delete set null,
    end_user_id uuid references end_users on delete set null,
    account_id uuid references accounts on delete set null,
    name text not null,
    extension text not null,
    mime_type text not null,
    kind text not null check (kind in ('image', 'document', 'audio', 'video', 'custom')),
    size bigint not null,
    sha256 bytea not null,
    blob_key text not null,
    width integer,
    height integer,
    created_at timestamptz not null default now()
);
create index files_workspace_id_idx on files (workspace_id, created_at desc);

create table conversations (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    app_version_id uuid references app_versions on delete set null,
    end_user_id uuid references end_users on delete cascade,
    account_id uuid references accounts on delete cascade,
    -- service-api, web-app, debugger (console preview)
    source text not null,
    name text not null,
    inputs jsonb not null default '{}',
    introduction text,
    status text not null default 'normal',
    message_count integer not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz,
    check ((end_user_id is null) <> (account_id is null))
);
create index conversations_app_end_user_idx on conversations (workspace_id, app_id, end_user_id, updated_at desc) where deleted_at is null;
create index conversations_app_account_idx on conversations (workspace_id, app_id, account_id, updated_at desc) where deleted_at is null;

create table conversation_variables (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    conversation_id uuid not null references conversations on delete cascade,
    name text not null,
    value_type text not null,
    value jsonb not null,
    description text not null default '',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (conversation_id, name)
);

create table annotations (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    message_id uuid,
    question text not null,
    answer text not null,
    hit_count integer not null default 0,
    -- little-endian f32 of the question, by `embedding_model`; null until embedded
    embedding bytea,
    embedding_model text,
    account_id uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index annotations_app_id_idx on annotations (workspace_id, app_id, created_at desc);

create table messages (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    app_version_id uuid references app_versions on delete set null,
    -- null for completion apps
    conversation_id uuid references conversations on delete cascade,
    parent_message_id uuid,
    end_user_id uuid references end_users on delete cascade,
    account_id uuid references accounts on delete cascade,
    source text not null,
    task_id uuid not null,
    inputs jsonb not null default '{}',
    query text not null default '',
    answer text not null default '',
    -- running until finished; a row found running whose replica is gone becomes 'interrupted'
    status text not null default 'running' check (status in ('running', 'normal', 'stopped', 'error', 'interrupted', 'paused')),
    error text,
    error_code text,
    replica text,
    heartbeat_at timestamptz,
    model_provider text,
    model_name text,
    prompt_tokens integer not null default 0,
    completion_tokens integer not null default 0,
    cached_tokens integer not null default 0,
    prompt_unit_price numeric(20, 10) not null default 0,
    completion_unit_price numeric(20, 10) not null default 0,
    price_unit numeric(20, 10) not null default 0,
    total_price numeric(20, 10) not null default 0,
    currency text not null default 'USD',
    latency_s double precision not null default 0,
    time_to_first_token_s double precision,
    time_to_generate_s double precision,
    -- retriever_resources, reasoning, … as sent in message_end
    metadata jsonb not null default '{}',
    annotation_id uuid references annotations on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    finished_at timestamptz
);
create index messages_conversation_id_idx on messages (workspace_id, conversation_id, created_at, id);
create index messages_app_id_idx on messages (workspace_id, app_id, created_at desc);
create index messages_running_idx on messages (heartbeat_at) where status = 'running';

create table message_files (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    message_id uuid not null references messages on delete cascade,
    file_id uuid references files on delete set null,
    type text not null,
    transfer_method text not null check (transfer_method in ('local_file', 'remote_url', 'tool_file')),
    url text,
    belongs_to text not null check (belongs_to in ('user', 'assistant')),
    position integer not null default 0,
    created_at timestamptz not null default now()
);
create index message_files_message_id_idx on message_files (message_id);
create index message_files_file_id_idx on message_files (file_id);

create table feedbacks (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    app_id uuid not null references apps on delete cascade,
    conversation_id uuid references conversations on delete cascade,
    message_id uuid not null references messages on delete cascade,
    rating text not null check (rating in ('like', 'dislike')),
    content text,
    from_source text not null check (from_source in ('user', 'admin')),
    from_end_user_id uuid references end_users on delete cascade,
    from_account_id uuid references accounts on delete cascade,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (message_id, from_source)
);
create index feedbacks_app_id_idx on feedbacks (workspace_id, app_id, created_at desc);

create table providers (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    -- the name that an app's model.provider holds; 'local' is the engine's
    name text not null check (name <> 'local'),
    kind text not null default 'openai_compatible' check (kind in ('openai_compatible')),
    base_url text not null,
    api_key_sealed bytea,
    timeout_ms integer not null default 120000 check (timeout_ms > 0),
    max_retries integer not null default 2 check (max_retries >= 0),
    created_by uuid references accounts on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (workspace_id, name)
);

create table provider_models (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    provider_id uuid not null references providers on delete cascade,
    name text not null,
    kind text not null check (kind in ('llm', 'text-embedding', 'rerank')),
    context_size integer not null default 32768 check (context_size > 0),
    features text[] not null default '{}',
    -- per price_unit (0.000001 = per million tokens)
    prompt_unit_price numeric(20, 10) not null default 0,
    completion_unit_price numeric(20, 10) not null default 0,
    price_unit numeric(20, 10) not null default 0.000001,
    currency text not null default 'USD',
    created_at timestamptz not null default now(),
    unique (provider_id, name)
);

create table jobs (
    id uuid primary key,
    workspace_id uuid references workspaces on delete cascade,
    kind text not null,
    payload jsonb not null,
    status text not null default 'queued' check (status in ('queued', 'running', 'completed', 'error')),
    attempts integer not null default 0,
    max_attempts integer not null default 5,
    run_at timestamptz not null default now(),
    claimed_by text,
    heartbeat_at timestamptz,
    error text,
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
create index jobs_queued_idx on jobs (run_at) where status = 'queued';
create index jobs_running_idx on jobs (heartbeat_at) where status = 'running';

create table audit_log (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    account_id uuid references accounts on delete set null,
    action text not null,
    target_type text not null,
    target_id text not null,
    detail jsonb not null default '{}',
    ip text,
    created_at timestamptz not null default now()
);
create index audit_log_workspace_id_idx on audit_log (workspace_id, created_at desc);
