//! The API, from the outside: the whole router over a real PostgreSQL and Redis, a database per test, a module per slice.
//!
//! `source tools/services.sh` gives the two servers; `make test` does it by itself.
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod access;
mod accounts;
mod adapters;
mod agent_chat;
mod app_list;
mod app_run;
mod apps;
mod architecture;
mod catalog;
mod chat;
mod faults;
mod files;
mod forms;
mod images;
mod jobs;
mod keys;
mod logs;
mod mcp;
mod model_console;
mod openai;
mod pictures;
mod samples;
mod sandbox;
mod scripted;
mod secret_list;
mod server;
mod sites;
mod smtp;
mod statistics;
mod support;
mod templates;
mod terminal;
mod tools;
mod triggers;
mod videos;
mod workflow_console;
mod workflow_host;
mod workflow_tools;
mod workflows;
