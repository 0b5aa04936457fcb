//! The command line: one line a command; what each does is in the module it calls.

use std::process::ExitCode;

use anyhow::Result;
use ashlar::catalog::{
    self,
    command::{ModelCommand, PlanModel},
};
use ashlar::commands::{AdminCommand, AppCommand, KeyCommand};
use ashlar::config::Config;
use ashlar::{bench, commands, doctor, runtime, sandbox, serve, server, telemetry, terminal};
use clap::{Parser, Subcommand};

/// Self-hosted platform for LLM applications, with the vision-language model inside the process
#[derive(Parser)]
#[command(name = "ashlar", version, propagate_version = true)]
struct Cli {
    /// What to log, in tracing's syntax, e.g. `info,ashlar=debug`
    #[arg(long, global = true, env = "ASHLAR_LOG")]
    log: Option<String>,

    /// How log lines look
    #[arg(long, global = true, env = "ASHLAR_LOG_FORMAT", value_enum, default_value_t)]
    log_format: telemetry::LogFormat,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server
    Serve(Box<Config>),
    /// Bring the database up to date and exit
    Migrate(Box<Config>),
    /// Check that this machine has what Ashlar needs
    Doctor(Box<Config>),
    /// Apps as files
    #[command(subcommand)]
    App(Box<AppCommand>),
    /// Models on this machine
    #[command(subcommand)]
    Model(Box<ModelCommand>),
    /// Show what a model needs in memory, for serving and for training
    Plan(Box<PlanModel>),
    /// Accounts, for whoever holds the server
    #[command(subcommand)]
    Admin(Box<AdminCommand>),
    /// API keys
    #[command(subcommand)]
    Key(Box<KeyCommand>),
    /// Talk to a local model in the terminal
    Chat(Box<terminal::ChatArgs>),
    /// Measure this machine
    #[command(subcommand)]
    Bench(Box<bench::BenchCommand>),
    /// Print the OpenAPI document
    Openapi,
    /// The process of one code node; the server starts it
    #[command(hide = true)]
    Sandbox(Box<sandbox::child::ChildArgs>),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // it must have one thread only, and logs nothing
    if let Command::Sandbox(args) = &cli.command {
        return sandbox::child::run(args);
    }
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ashlar: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<()> {
    let default_filter = if matches!(cli.command, Command::Serve(_)) { "info,sqlx=error" } else { "warn,sqlx=error" };
    telemetry::init(cli.log.as_deref().unwrap_or(default_filter), cli.log_format)?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(cli.command))
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Serve(config) => serve::run(*config).await,
        Command::Migrate(config) => runtime::migrate_only(*config).await,
        Command::Doctor(config) => doctor::run(*config).await,
        Command::App(command) => commands::app(*command).await,
        Command::Model(command) => catalog::command::run(*command).await,
        Command::Plan(args) => catalog::command::plan(*args),
        Command::Admin(command) => commands::admin(*command).await,
        Command::Key(command) => commands::key(*command).await,
        Command::Chat(args) => terminal::run(*args).await,
        Command::Bench(command) => bench::run(*command).await,
        Command::Openapi => server::print_openapi(),
        Command::Sandbox(_) => unreachable!("main has run it"),
    }
}
