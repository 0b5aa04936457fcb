-- Whom forms are sent to by e-mail, each with a link of their own, and how that went; through which link a form was answered.

create table human_input_recipients (
    id uuid primary key,
    workspace_id uuid not null references workspaces on delete cascade,
    form_id uuid not null references human_input_forms on delete cascade,
    -- which of the form's delivery methods
    method integer not null,
    email text not null,
    account_id uuid references accounts on delete set null,
    -- opens the form's page
    token text not null unique,
    -- dropped: the form was settled before the mail could be sent
    status text not null default 'queued' check (status in ('queued', 'sent', 'failed', 'dropped')),
    error text,
    sent_at timestamptz,
    created_at timestamptz not null default now()
);
create index human_input_recipients_form_id_idx on human_input_recipients (form_id);

-- null: through the form's own link, or the API
alter table human_input_forms add column answered_through uuid references human_input_recipients on delete set null;

-- what one end user uploaded is counted, and goes with them
create index files_end_user_id_idx on files (end_user_id) where end_user_id is not null;
