-- What was done for an answer, span by span: [{"kind", "name", "start_s", "duration_s", …}].
alter table messages add column trace jsonb not null default '[]';

-- Of the models that a run asked.
alter table workflow_runs add column total_price double precision not null default 0;
alter table workflow_runs add column currency text;

-- The log lists conversations by their last message.
create index conversations_log_idx on conversations (workspace_id, app_id, updated_at desc, id desc) where deleted_at is null;
create index annotations_message_id_idx on annotations (message_id) where message_id is not null;

-- Statistics read these alone. A row comes in once, when it is finished: what is written while an answer runs does not touch them.
create index messages_statistics_idx on messages (workspace_id, app_id, created_at)
    include (source, status, end_user_id, conversation_id, prompt_tokens, completion_tokens, total_price, latency_s, time_to_first_token_s,
             time_to_generate_s)
    where finished_at is not null;
create index workflow_runs_statistics_idx on workflow_runs (workspace_id, app_id, created_at)
    include (source, status, end_user_id, total_tokens, total_price, elapsed_s)
    where finished_at is not null;
