-- The secret parts of the addresses at which an app is published: as a web app, and as an MCP server.
alter table apps add column site_code text not null unique default substr(md5(gen_random_uuid()::text), 1, 16);
alter table apps add column enable_mcp boolean not null default false;
alter table apps add column mcp_code text not null unique default md5(gen_random_uuid()::text);
