//! What a call of the code sandbox costs: a trivial function, so that what is measured is everything around it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::sandbox::{Call, Language, Options, Sandbox};

#[derive(Debug, Clone, Args)]
pub struct SandboxBench {
    /// Calls of each part
    #[arg(long, default_value_t = 200)]
    pub calls: usize,
    /// Only this language
    #[arg(long, value_enum)]
    pub language: Option<Language>,
    /// Pause before each call of the first part, in which the pool starts the next process, milliseconds
    #[arg(long, default_value_t = 100)]
    pub pause_ms: u64,
    /// Callers at once in the last part
    #[arg(long, default_value_t = 20)]
    pub callers: usize,
}

#[derive(Debug, Serialize)]
struct Figures {
    language: &'static str,
    calls: usize,
    /// Of the very first call, which waits until the pool has started, looked for Python and booted an interpreter
    first_ms: f64,
    /// With a pause between calls, so that a process waits for each
    waiting: Latency,
    /// Each call as soon as the last has returned
    one_after_the_other: Latency,
    callers: usize,
    /// Of all callers together, each as in the part before
    calls_per_s: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
}

/// Prints the figures as JSON.
#[expect(clippy::print_stdout, reason = "the command's output")]
pub async fn run(args: SandboxBench) -> Result<()> {
    ensure!(args.calls > 0 && args.callers > 0, "calls and callers must be above 0");
    let languages = match args.language {
        Some(language) => vec![language],
        None => vec![Language::JavaScript, Language::Python3],
    };
    let mut figures = Vec::new();
    for language in languages {
        figures.push(measure(language, &args).await?);
    }
    println!("{}", serde_json::to_string_pretty(&figures)?);
    Ok(())
}

async fn measure(language: Language, args: &SandboxBench) -> Result<Figures> {
    let sandbox = Sandbox::start(Options { queue: args.callers, ..Options::default() });
    let first = call(&sandbox, language).await?;
    let waiting = sequence(&sandbox, language, args.calls, Duration::from_millis(args.pause_ms)).await?;
    let one_after_the_other = sequence(&sandbox, language, args.calls, Duration::ZERO).await?;

    let started = Instant::now();
    let mut callers = JoinSet::new();
    let each = args.calls.div_ceil(args.callers);
    for _ in 0..args.callers {
        let sandbox = sandbox.clone();
        callers.spawn(async move {
            for _ in 0..each {
                call(&sandbox, language).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    Ok(Figures {
        language: match language {
            Language::Python3 => "python3",
            Language::JavaScript => "javascript",
        },
        calls: args.calls,
        first_ms: first.as_secs_f64() * 1e3,
        waiting,
        one_after_the_other,
        callers: args.callers,
        calls_per_s: (each * args.callers) as f64 / started.elapsed().as_secs_f64(),
    })
}

async fn sequence(sandbox: &Sandbox, language: Language, calls: usize, pause: Duration) -> Result<Latency> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        tokio::time::sleep(pause).await;
        times.push(call(sandbox, language).await?);
    }
    times.sort();
    let at = |q: f64| times.get(((times.len() - 1) as f64 * q).round() as usize).map_or(0.0, |d| d.as_secs_f64() * 1e3);
    Ok(Latency { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99) })
}

async fn call(sandbox: &Sandbox, language: Language) -> Result<Duration> {
    let code = match language {
        Language::Python3 => "def main(a, b):\n    return {'sum': a + b}\n",
        Language::JavaScript => "function main({a, b}) { return {sum: a + b} }",
    };
    let inputs = [("a".to_owned(), Value::from(2)), ("b".to_owned(), Value::from(3))].into_iter().collect();
    let started = Instant::now();
    let result = sandbox.run(Call { language, code: code.to_owned(), inputs }).await?;
    let took = started.elapsed();
    ensure!(Value::Object(result) == json!({"sum": 5}), "the function returned something else");
    Ok(took)
}
