//! Ashlar: a self-hosted platform for LLM applications with the model inside the process.
//!
//! Modules in reading order; each may use what stands before it. The map with its walkthroughs is
//! `docs/architecture.md`.

pub mod engine;

pub mod bench;
pub mod documents;
pub mod jobs;
pub mod live;
pub mod local;
pub mod sandbox;

pub mod blobs;
pub mod config;
pub mod error;
pub mod ids;
pub mod mail;
pub mod outbound;
mod secret_list;
pub mod secrets;
pub mod state;
pub mod telemetry;
pub mod video;
pub mod yaml;

pub mod http;

pub mod accounts;

pub mod apps;
pub mod catalog;
pub mod files;
pub mod tools;

pub mod agents;
pub mod workflows;

pub mod chat;

pub mod mcp;
pub mod openai;
pub mod sites;

pub mod console;
pub mod health;
pub mod server;

pub mod commands;
pub mod doctor;
pub mod runtime;
pub mod serve;
pub mod terminal;
