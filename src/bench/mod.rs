//! Measurements that people can repeat: `ashlar bench …`. Each prints its settings with its figures.

mod adapters;
mod agreement;
mod decode;
pub mod engine;
mod fan_out;
mod graphs;
pub mod http;
mod model;
mod packing;
mod peaks;
mod pictures;
mod prefill;
mod sandbox;
mod serving;
mod soak;
mod workflows;
mod workload;

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure a local model under load: time to first token, time between tokens, tokens per second
    Engine(Box<engine::EngineBench>),
    /// Measure steps that only decode, at fixed batch sizes, against the memory's speed
    Decode(Box<decode::DecodeBench>),
    /// Measure packed prompts and the vision tower against the processor's speed
    Prefill(Box<prefill::PrefillBench>),
    /// Measure pictures that are tokens: to ids, to pixels, and drawn by the engine
    Pictures(Box<pictures::PicturesBench>),
    /// Compare one packed batch of prompts of mixed lengths with the same prompts padded to the longest
    Packing(Box<packing::PackingBench>),
    /// Compare a model's logits with another's, over every way through the model
    Agreement(Box<agreement::AgreementBench>),
    /// Measure the HTTP layer over the null model: time to first event, events per second
    Http(Box<http::HttpBench>),
    /// Compare the whole server with its engine alone, under one load: what everything around the model costs
    Serving(Box<serving::ServingBench>),
    /// Measure empty workflow runs over HTTP, each recorded in PostgreSQL: runs per second, time to first event
    Workflows(Box<workflows::WorkflowsBench>),
    /// Measure calls of code in the sandbox: from waiting processes, one after the other, many at once
    Sandbox(Box<sandbox::SandboxBench>),
    /// Send random requests for a while and look for what is not given back
    Soak(Box<soak::SoakBench>),
    /// Run graphs that need no model or server: how many a second
    Graphs(Box<graphs::GraphsBench>),
    /// Run llm nodes side by side and one after the other, with a local model
    FanOut(Box<fan_out::FanOutBench>),
}

pub async fn run(command: BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Engine(args) => engine::run(*args).await,
        BenchCommand::Decode(args) => decode::run(*args).await,
        BenchCommand::Prefill(args) => tokio::task::spawn_blocking(move || prefill::run(&args)).await?,
        BenchCommand::Pictures(args) => pictures::run(*args).await,
        BenchCommand::Packing(args) => tokio::task::spawn_blocking(move || packing::run(&args)).await?,
        BenchCommand::Agreement(args) => tokio::task::spawn_blocking(move || agreement::run(&args)).await?,
        BenchCommand::Http(args) => http::run(*args).await,
        BenchCommand::Serving(args) => serving::run(*args).await,
        BenchCommand::Workflows(args) => workflows::run(*args).await,
        BenchCommand::Sandbox(args) => sandbox::run(*args).await,
        BenchCommand::Soak(args) => soak::run(*args).await,
        BenchCommand::Graphs(args) => graphs::run(*args).await,
        BenchCommand::FanOut(args) => fan_out::run(*args).await,
    }
}

/// Mean and percentiles of some durations, milliseconds.
#[derive(Debug, Serialize)]
struct Spread {
    mean: f64,
    p50: f64,
    p99: f64,
}

impl Spread {
    /// Of seconds.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |q: f64| values.get(((values.len() as f64 - 1.0) * q).round() as usize).copied().unwrap_or(0.0) * 1e3;
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64 * 1e3;
        Self { mean, p50: at(0.5), p99: at(0.99) }
    }
}

#[expect(clippy::print_stdout, reason = "the report of a command")]
fn print_json(figures: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(figures)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the report of a command")]
fn print_line(line: impl std::fmt::Display) {
    println!("{line}");
}
