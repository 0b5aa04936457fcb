-- What an imported DSL file held beside the config and the columns of apps: {"app": {…}, "file": {"dependencies", …}}.
-- Exported again as it came.
alter table apps add column dsl_extra jsonb not null default '{}';
