//! What packed batches gain workflows: `llm` nodes side by side against the same nodes one after the other, with a model of this
//! process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{print_json, print_line};
use crate::catalog::{self, Model, ModelRef};
use crate::engine::EngineOptions;
use crate::engine::host::{DEFAULT, Engines, HostOptions};
use crate::workflows::event::{NodeRecord, RunEnd, RunStatus, StartReason};
use crate::workflows::graph::Flow;
use crate::workflows::host::Host;
use crate::workflows::nodes::NodeError;
use crate::workflows::run::{Limits, Run, RunOutcome, View};
use crate::workflows::vars::Pool;

#[derive(Debug, Clone, Args, Serialize)]
pub struct FanOutBench {
    /// Folder of a checkpoint, or a GGUF file [default: the bundled model]
    #[arg(long)]
    model: Option<PathBuf>,
    #[arg(long, default_value_t = 20)]
    nodes: usize,
    /// Tokens that each node may write
    #[arg(long, default_value_t = 64)]
    output_tokens: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Figures {
    nodes: usize,
    /// Of prompts and answers, in each of the two runs
    tokens: u64,
    one_after_the_other_s: f64,
    side_by_side_s: f64,
    speed_up: f64,
}

pub async fn run(args: FanOutBench) -> Result<()> {
    ensure!(args.nodes > 0, "nodes must be above 0");
    let data = tempfile::tempdir()?;
    let engines = Engines::new(HostOptions {
        models_dir: data.path().join("models"),
        data_dir: data.path().to_owned(),
        default_model: args.model.as_ref().map(|path| path.display().to_string()),
        adapter_bases: Vec::new(),
        engine: EngineOptions::default(),
    });
    let model = catalog::resolve_local(&engines, DEFAULT).map_err(|error| anyhow::anyhow!(error.message))?;
    engines.load(DEFAULT).await?;
    // loads what the first request loads
    execute(&model, 0, graph(&args, false, 1)).await?;
    let (one_after_the_other_s, tokens) = execute(&model, 1, graph(&args, false, args.nodes)).await?;
    let (side_by_side_s, again) = execute(&model, 2, graph(&args, true, args.nodes)).await?;
    ensure!(tokens == again, "the two runs wrote {tokens} and {again} tokens: they are not the same work");
    let figures =
        Figures { nodes: args.nodes, tokens, one_after_the_other_s, side_by_side_s, speed_up: one_after_the_other_s / side_by_side_s };
    if args.json {
        return print_json(&figures);
    }
    print_line(format_args!(
        "{} llm nodes, {tokens} tokens: one after the other {one_after_the_other_s:.2} s, side by side {side_by_side_s:.2} s, {:.2} times as fast",
        figures.nodes, figures.speed_up
    ));
    Ok(())
}

/// start → the nodes → end.
fn graph(args: &FanOutBench, side_by_side: bool, n: usize) -> Value {
    let id = |at: usize| format!("n{at}");
    let llm = |at: usize| {
        let parameters = json!({"temperature": 0, "max_tokens": args.output_tokens});
        let text = format!("Tell the story of stone number {at} in a wall of {n} stones, from the quarry to the wall, in many words.");
        json!({"id": id(at), "data": {"type": "llm", "title": id(at), "prompt_template": [{"role": "user", "text": text}],
               "model": {"provider": "local", "name": DEFAULT, "mode": "chat", "completion_params": parameters}}})
    };
    let mut nodes: Vec<Value> = (0..n).map(llm).collect();
    nodes.push(json!({"id": "s", "data": {"type": "start", "title": "Start", "variables": []}}));
    nodes.push(json!({"id": "e", "data": {"type": "end", "title": "End", "outputs": []}}));
    let edge = |source: String, target: String| json!({"source": source, "target": target});
    let edges: Vec<Value> = if side_by_side {
        (0..n).flat_map(|at| [edge("s".into(), id(at)), edge(id(at), "e".into())]).collect()
    } else {
        let stops = std::iter::once("s".to_owned()).chain((0..n).map(id)).chain(std::iter::once("e".to_owned())).collect::<Vec<_>>();
        stops.windows(2).map(|pair| edge(pair[0].clone(), pair[1].clone())).collect()
    };
    json!({"nodes": nodes, "edges": edges})
}

/// Seconds and tokens of a run. Runs of different salts share no computed prefixes.
async fn execute(model: &Model, salt: u128, graph: Value) -> Result<(f64, u64)> {
    let flow = Flow::build(&graph, None)?;
    let (events, _received) = mpsc::unbounded_channel();
    let run = Run {
        run_id: Uuid::now_v7(),
        flow,
        pool: Pool::default(),
        limits: Limits::default(),
        view: View::default(),
        host: Arc::new(OneModel { model: model.clone(), salt }),
        finished: HashMap::new(),
        reason: StartReason::Initial,
        stop: CancellationToken::new(),
    };
    let started = Instant::now();
    match run.execute(events).await {
        RunOutcome::Ended(RunEnd { status: RunStatus::Succeeded, summary, .. }) => {
            Ok((started.elapsed().as_secs_f64(), summary.usage.total_tokens))
        }
        other => anyhow::bail!("a run failed: {other:?}"),
    }
}

struct OneModel {
    model: Model,
    salt: u128,
}

#[async_trait]
impl Host for OneModel {
    async fn model(&self, _reference: &ModelRef) -> Result<Model, NodeError> {
        Ok(self.model.clone())
    }

    fn cache_salt(&self) -> u128 {
        self.salt
    }

    async fn commit(&self, _record: &NodeRecord) -> Result<(), NodeError> {
        Ok(())
    }
}
