-- Following a stream finds its message by the task.
create index messages_task_id_idx on messages (workspace_id, task_id);
