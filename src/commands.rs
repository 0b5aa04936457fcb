//! Commands that work on the data of a server, running or not: each opens it, calls one slice, prints the result.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::accounts::Role;
use crate::accounts::admin::{self, CreateAdmin, CreateKeyArgs, ResetPassword};
use crate::apps::cli::{self, ExportArgs, ImportArgs, ListArgs};
use crate::config::Config;
use crate::runtime::Runtime;
use crate::workflows;
use crate::workflows::cli::{RunArgs, run_file};

#[derive(Subcommand)]
pub enum AdminCommand {
    /// Make an account: the owner of the first workspace, later an admin
    Create(WithPassword<CreateAdmin>),
    /// Give an account a new password and end its sessions
    ResetPassword(WithPassword<ResetPassword>),
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make an API key and print it
    Create(With<CreateKeyArgs>),
}

#[derive(Subcommand)]
pub enum AppCommand {
    /// Make an app from a file
    Import(With<ImportArgs>),
    /// Print an app's draft as YAML
    Export(With<ExportArgs>),
    /// Show the apps of a workspace
    List(With<ListArgs>),
    /// Run a workflow file and print its outputs as JSON
    Run(Box<With<RunArgs>>),
}

/// A slice's arguments and where its data is.
#[derive(Args)]
pub struct With<A: Args> {
    #[command(flatten)]
    args: A,
    #[command(flatten)]
    config: Config,
}

#[derive(Args)]
pub struct WithPassword<A: Args> {
    #[command(flatten)]
    with: With<A>,

    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

pub async fn admin(command: AdminCommand) -> Result<()> {
    match command {
        AdminCommand::Create(command) => {
            let (args, config, password) = command.open()?;
            let runtime = Runtime::attach(config).await?;
            let created = admin::create(&runtime.state.db, &args, password).await;
            runtime.stop().await;
            let created = created?;
            let role = if created.role == Role::Owner { "the owner" } else { "an admin" };
            print(&format!("{} is {role} of the workspace \"{}\".", args.email, created.workspace_name));
        }
        AdminCommand::ResetPassword(command) => {
            let (args, config, password) = command.open()?;
            let runtime = Runtime::attach(config).await?;
            let done = admin::reset_password(&runtime.state.db, &args, password).await;
            runtime.stop().await;
            done?;
            print("The password is changed; all sessions of the account have ended.");
        }
    }
    Ok(())
}

pub async fn key(command: KeyCommand) -> Result<()> {
    let KeyCommand::Create(With { args, config }) = command;
    let runtime = Runtime::attach(config).await?;
    let token = admin::create_api_key(&runtime.state.db, &args).await;
    runtime.stop().await;
    print(&token?);
    Ok(())
}

pub async fn app(command: AppCommand) -> Result<()> {
    match command {
        AppCommand::Import(With { args, config }) => {
            let runtime = Runtime::attach(config).await?;
            let imported = cli::import_file(&runtime.state, &args, workflows::check_publishable).await;
            runtime.stop().await;
            let imported = imported?;
            for warning in &imported.warnings {
                tracing::warn!("{warning}");
            }
            match imported.key {
                Some(key) => print(&key),
                None => print(&format!("{}  {}", imported.app_id, imported.name)),
            }
        }
        AppCommand::Export(With { args, config }) => {
            let runtime = Runtime::attach(config).await?;
            let yaml = cli::export_app(&runtime.state.db, &args).await;
            runtime.stop().await;
            print(yaml?.trim_end());
        }
        AppCommand::Run(command) => {
            let With { args, config } = *command;
            let runtime = Runtime::attach(config).await?;
            let outputs = run_file(&runtime.state, &args, &mut |line| progress(line)).await;
            runtime.stop().await;
            print(&serde_json::to_string_pretty(&outputs?)?);
        }
        AppCommand::List(With { args, config }) => {
            let runtime = Runtime::attach(config).await?;
            let apps = cli::list_apps(&runtime.state.db, &args).await;
            runtime.stop().await;
            for (id, mode, published, name) in apps? {
                print(&format!("{id}  {mode:13}  {}  {name}", if published { "published" } else { "draft    " }));
            }
        }
    }
    Ok(())
}

impl<A: Args> WithPassword<A> {
    fn open(self) -> Result<(A, Config, String)> {
        let password = if self.password_stdin {
            let mut line = String::new();
            std::io::stdin().lock().read_line(&mut line).context("reading the password from standard input")?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        } else if std::io::stdin().is_terminal() {
            let password = rpassword::prompt_password("Password: ").context("reading the password")?;
            if rpassword::prompt_password("Once more: ").context("reading the password")? != password {
                bail!("the two passwords differ");
            }
            password
        } else {
            bail!("there is no terminal to ask for the password: use --password-stdin")
        };
        Ok((self.with.args, self.with.config, password))
    }
}

fn progress(line: &str) {
    eprintln!("{line}");
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn print(text: &str) {
    println!("{text}");
}
