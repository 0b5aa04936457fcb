//! What the workflow runtime costs: graphs without models or servers, run in this process. `tools/bench/graphon_peer.py` runs
//! the same files through the engine behind Dify.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{print_json, print_line};
use crate::workflows::event::{RunStatus, StartReason};
use crate::workflows::graph::Flow;
use crate::workflows::host::NoHost;
use crate::workflows::run::{Limits, Run, RunOutcome, View};
use crate::workflows::vars::Pool;

#[derive(Debug, Clone, Args, Serialize)]
pub struct GraphsBench {
    /// DSL files to run; their start node gets the input `q`
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// For each file
    #[arg(long, default_value_t = 3.0)]
    pub seconds: f64,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    file: String,
    /// One after the other, reading the graph each time.
    runs_per_s: f64,
    events: usize,
}

pub async fn run(args: GraphsBench) -> Result<()> {
    let mut figures = Vec::new();
    for path in &args.files {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        let document = crate::apps::dsl::parse(&text).map_err(|e| anyhow::anyhow!("{}: {}", path.display(), e.message))?;
        let graph = document.config.get("graph").context("the file has no graph")?;
        let events = once(graph).await?;
        let (started, mut n_runs) = (Instant::now(), 0u32);
        while started.elapsed() < Duration::from_secs_f64(args.seconds) {
            once(graph).await?;
            n_runs += 1;
        }
        let runs_per_s = f64::from(n_runs) / started.elapsed().as_secs_f64();
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !args.json {
            print_line(format_args!("{file}: {runs_per_s:.0} runs/s, {events} events a run"));
        }
        figures.push(Figures { file, runs_per_s, events });
    }
    if args.json { print_json(&figures) } else { Ok(()) }
}

/// Reads the graph and runs it to its end; gives the number of events.
async fn once(graph: &Value) -> Result<usize> {
    let flow = Flow::build(graph, None)?;
    let mut pool = Pool::default();
    pool.set(&flow.entry_node().id, "q", Value::from("banana"));
    let (events, mut received) = mpsc::unbounded_channel();
    let run = Run {
        run_id: Uuid::now_v7(),
        flow,
        pool,
        limits: Limits::default(),
        host: Arc::new(NoHost),
        finished: HashMap::new(),
        reason: StartReason::Initial,
        stop: CancellationToken::new(),
        view: View::default(),
    };
    let outcome = run.execute(events).await;
    ensure!(matches!(&outcome, RunOutcome::Ended(end) if end.status == RunStatus::Succeeded), "a run failed: {outcome:?}");
    let mut n_events = 0;
    while received.try_recv().is_ok() {
        n_events += 1;
    }
    Ok(n_events)
}
