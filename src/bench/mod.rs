//! Measurements that people can repeat: `ashlar bench …`. Each prints its settings with its figures.

pub mod engine;
pub mod http;

use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure a local model: time to first token, time between tokens, tokens per second
    Engine(Box<engine::EngineBench>),
    /// Compare one packed batch of prompts of mixed lengths with the same prompts padded to the longest
    Packing(Box<engine::PackingBench>),
    /// Measure the HTTP layer over the null model: time to first event, events per second
    Http(Box<http::HttpBench>),
}

pub async fn run(command: BenchCommand) -> Result<()> {
    match command {
        BenchCommand::Engine(args) => engine::run(*args).await,
        BenchCommand::Http(args) => http::run(*args).await,
        BenchCommand::Packing(args) => tokio::task::spawn_blocking(move || engine::run_packing(&args)).await?,
    }
}
