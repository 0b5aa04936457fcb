//! `ashlar app run`: a workflow file run in the terminal, with what its nodes do as they do it. Nothing of the run is recorded.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::event::{NodeStatus, RunEnd, RunEvent, RunStatus, StartReason};
use super::host::Host;
use super::job;
use super::nested::Caller;
use super::run::{Limits, Run, RunOutcome, View};
use super::run_row::Source;
use super::server_host::ServerHost;
use super::vars::Vars;
use super::version::Version;
use crate::accounts::admin;
use crate::apps::config::FieldKind;
use crate::apps::models::{self, mappings};
use crate::apps::{AppMode, dsl, inputs};
use crate::catalog::{self, ModelRef};
use crate::engine::host::{DEFAULT, Kind};
use crate::error::Error;
use crate::files::{Owner, Scope};
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;

/// `ashlar app run`
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// App file (YAML) of a workflow or chatflow
    pub file: PathBuf,

    /// An input, `name=value`; `name=@path` sends a file (repeatable)
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = parse_input)]
    pub inputs: Vec<(String, String)>,

    /// A file that the run is sent beside its inputs, as `sys.files` (repeatable)
    #[arg(long = "file", value_name = "PATH")]
    pub files: Vec<PathBuf>,

    /// Of chatflows: what is asked
    #[arg(long, default_value = "")]
    pub query: String,

    /// Runs models that are not set up here, as provider/name [default: local/default]
    #[arg(long)]
    pub model: Option<String>,

    /// Workspace, by id or name, whose models, tools and keys are used [default: the oldest]
    #[arg(long)]
    pub workspace: Option<String>,
}

fn parse_input(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// Runs the file; each line of progress goes to `tell`. The error is that of the run.
pub async fn run_file(state: &AppState, args: &RunArgs, tell: &mut dyn FnMut(&str)) -> Result<Vars> {
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("reading {}", args.file.display()))?;
    let named = |error: Error| anyhow::anyhow!("{}: {}", args.file.display(), error.message);
    let document = dsl::parse(&text).map_err(named)?;
    if !document.mode.is_workflow() {
        bail!("{} holds an app of mode {}: only workflows and chatflows are run", args.file.display(), document.mode.as_str());
    }
    let workspace_id = admin::enter_workspace(&state.db, args.workspace.as_deref()).await.map_err(named)?;
    let mut config = document.config;
    for replaced in map_models(state, workspace_id, args, &mut config).await? {
        tell(&replaced);
    }
    let version = Version::read(None, config).map_err(named)?;
    let flow = version.flow(None).map_err(named)?;
    // no app has this id: files that nodes make belong to the workspace alone
    let scope = Scope { workspace_id, app_id: AppId(Uuid::nil()), owner: Owner::Nobody };
    let caller = Caller::of_scope(state, &scope, Source::Debugger).await.map_err(named)?;
    let host = ServerHost::new(state, scope, caller);
    let run_id = Uuid::now_v7();
    let mut all = read_inputs(&host, &version, args).await?;
    all.insert("sys.workflow_run_id".into(), json!(run_id));
    all.insert("sys.user_id".into(), json!("terminal"));
    let mut files = Vec::new();
    for path in &args.files {
        files.push(keep_file(&host, path).await.with_context(|| format!("--file {}", path.display()))?);
    }
    all.insert("sys.files".into(), json!(files));
    if document.mode == AppMode::AdvancedChat {
        all.insert("sys.query".into(), json!(args.query));
        all.insert("sys.dialogue_count".into(), json!(1));
    }
    let variables = version.conversation_variables.iter().map(|v| (v.name.clone(), v.value.clone())).collect();
    let (events, received) = mpsc::unbounded_channel();
    let run = Run {
        run_id,
        pool: job::pool(&flow, &all, &version, variables),
        flow,
        limits: Limits::default(),
        host: Arc::new(host),
        finished: HashMap::new(),
        reason: StartReason::Initial,
        stop: CancellationToken::new(),
        view: View { mask: Arc::clone(&version.mask), every_text: false },
    };
    let (outcome, ()) = tokio::join!(run.execute(events), show(received, tell));
    match outcome {
        RunOutcome::Ended(RunEnd { status: RunStatus::Succeeded | RunStatus::PartialSucceeded, outputs, .. }) => Ok(outputs),
        RunOutcome::Ended(end) => bail!("the run failed: {}", end.error.unwrap_or_default()),
        RunOutcome::Paused { forms, .. } => {
            let waiting: Vec<_> = forms.iter().map(|form| form.node_title.as_str()).collect();
            bail!("the run waits for a person at {}: publish the app and run it on the server", waiting.join(", "))
        }
    }
}

/// Models that this workspace does not have are replaced; says which.
async fn map_models(state: &AppState, workspace_id: WorkspaceId, args: &RunArgs, config: &mut Value) -> Result<Vec<String>> {
    let instead = match &args.model {
        Some(text) => {
            let (provider, name) = text.split_once('/').context("--model: write it as provider/name")?;
            ModelRef { provider: provider.to_owned(), name: name.to_owned() }
        }
        None => ModelRef::local(DEFAULT),
    };
    let mut missing = HashSet::new();
    for place in models::places(config).into_iter().filter(|place| place.kind == Kind::Llm) {
        if catalog::resolve(state, workspace_id, &place.reference).await.is_err() {
            missing.insert(place.reference);
        }
    }
    let mapped = mappings::apply(config, |reference| missing.contains(reference).then(|| instead.clone()));
    Ok(mapped.into_iter().map(|mapped| format!("{} is not set up here: {} runs in its place", mapped.from, mapped.to)).collect())
}

async fn read_inputs(host: &ServerHost, version: &Version, args: &RunArgs) -> Result<Vars> {
    let mut given = Map::new();
    let mut files = Vars::new();
    for (name, value) in &args.inputs {
        let kind = version.features.form().find(|(_, field)| field.variable == *name).map(|(kind, _)| kind);
        let Some(kind) = kind else {
            let known: Vec<_> = version.features.form().map(|(_, field)| field.variable.as_str()).collect();
            bail!("--input {name}: the form has no such input; it has {}", known.join(", "));
        };
        match value.strip_prefix('@').filter(|_| matches!(kind, FieldKind::File | FieldKind::FileList)) {
            Some(path) => {
                let file = keep_file(host, Path::new(path)).await.with_context(|| format!("--input {name}"))?;
                match (kind, files.get_mut(name)) {
                    (FieldKind::FileList, Some(Value::Array(list))) => list.push(file),
                    (FieldKind::FileList, _) => drop(files.insert(name.clone(), json!([file]))),
                    _ => drop(files.insert(name.clone(), file)),
                }
            }
            None if kind == FieldKind::JsonObject => {
                let object = serde_json::from_str(value).with_context(|| format!("--input {name}: is not JSON"))?;
                given.insert(name.clone(), object);
            }
            None => drop(given.insert(name.clone(), json!(value))),
        }
    }
    // files are there already: the form is asked for the rest
    let form = version.features.form().filter(|(_, field)| !files.contains_key(&field.variable));
    let mut all = inputs::validate(form, &given).map_err(|error| anyhow::anyhow!("--input: {}", error.message))?;
    all.extend(files);
    Ok(all)
}

async fn keep_file(host: &ServerHost, path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mime_type = mime_guess::from_path(path).first_or_octet_stream();
    let saved = host.save_file(&name, mime_type.essence_str(), bytes.into()).await;
    saved.map_err(|error| anyhow::anyhow!("{error}"))
}

async fn show(mut events: mpsc::UnboundedReceiver<RunEvent>, tell: &mut dyn FnMut(&str)) {
    while let Some(event) = events.recv().await {
        if let Some(line) = line(&event) {
            tell(&line);
        }
    }
}

fn line(event: &RunEvent) -> Option<String> {
    let within = |round: &Option<super::event::Round>| {
        let mut rounds = Vec::new();
        let mut at = round.as_ref();
        while let Some(round) = at {
            rounds.push(format!("[{}]", round.index + 1));
            at = round.outer.as_deref();
        }
        rounds.into_iter().rev().collect::<String>()
    };
    Some(match event {
        RunEvent::NodeStarted(start) => format!("  … {}{} ({})", start.title, within(&start.round), start.node_type),
        RunEvent::ContainerStarted { start, length, .. } => {
            format!("  … {}{} ({}, {length})", start.title, within(&start.round), start.node_type)
        }
        RunEvent::NodeFinished(record) | RunEvent::ContainerFinished { record, .. } => {
            let start = &record.start;
            let tokens = if record.usage.total_tokens > 0 { format!(", {} tokens", record.usage.total_tokens) } else { String::new() };
            let mark = match record.status {
                NodeStatus::Succeeded => "✓",
                NodeStatus::Exception => "!",
                _ => "✗",
            };
            let error = record.error.as_ref().map(|error| format!(": {}", error.message)).unwrap_or_default();
            format!("  {mark} {}{} {:.2} s{tokens}{error}", start.title, within(&start.round), record.elapsed_s)
        }
        RunEvent::NodeRetry { record, retry_index } => {
            let error = record.error.as_ref().map(|error| error.message.as_str()).unwrap_or_default();
            format!("  ↻ {} try {}: {error}", record.start.title, retry_index + 1)
        }
        _ => return None,
    })
}
