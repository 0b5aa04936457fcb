//! `ashlar model list|pull|plan|rm`, and `ashlar plan`.

use std::path::Path;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use indicatif::HumanBytes;

use super::hub::{self, Hub, Progress, Repo};
use crate::config::Config;
use crate::engine::host::{BUNDLED, DEFAULT, Engines, LocalModel, Status, inspect};
use crate::engine::plan::{self, PlanArgs};
use crate::state::host_options;

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Show the models on this machine
    List(ListModels),
    /// Download a model from a hub
    Pull(PullModel),
    /// Show what a model needs in memory, for serving and for training
    Plan(PlanModel),
    /// Delete a model from the models folder
    Rm(RemoveModel),
}

#[derive(Debug, Args)]
pub struct ListModels {
    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Args)]
pub struct PullModel {
    /// OWNER/NAME, with @REVISION for a branch, tag or commit
    model: String,

    /// Fetch only files that match, as in '*Q4_K_M.gguf' (repeatable)
    #[arg(long = "file", value_name = "GLOB")]
    files: Vec<String>,

    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Args)]
pub struct PlanModel {
    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    config: Config,
}

#[derive(Debug, Args)]
pub struct RemoveModel {
    /// Name as `ashlar model list` shows it
    name: String,

    #[command(flatten)]
    config: Config,
}

pub async fn run(command: ModelCommand) -> Result<()> {
    match command {
        ModelCommand::List(args) => list(&args.config),
        ModelCommand::Pull(args) => pull(&args).await,
        ModelCommand::Plan(args) => plan(args),
        ModelCommand::Rm(args) => remove(&args),
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn list(config: &Config) -> Result<()> {
    let models = Engines::new(host_options(config)).list();
    let name_width = models.iter().map(|m| m.name.len()).max().unwrap_or(0).max(4);
    println!("{:name_width$}  {:14}  {:>10}  {:>8}  ARCHITECTURE", "NAME", "KIND", "SIZE", "CONTEXT");
    for model in models {
        let architecture = model.architecture.as_deref().unwrap_or("?");
        let size = HumanBytes(model.weight_bytes).to_string();
        let default = if model.is_default { "  (default)" } else { "" };
        let parent = model.parent.as_ref().map(|parent| format!("  (adapter of {parent})")).unwrap_or_default();
        println!(
            "{:name_width$}  {:14}  {size:>10}  {:>8}  {architecture}{parent}{default}",
            model.name,
            model.kind.as_str(),
            model.context_size
        );
        if let Status::Refused(reason) = model.status {
            println!("{:name_width$}  can't be run: {reason}", "");
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn pull(args: &PullModel) -> Result<()> {
    let repo: Repo = args.model.parse().map_err(anyhow::Error::msg)?;
    let config = &args.config;
    let hub = Hub::new(config, Progress::on_terminal());
    let pulled = hub.pull(&repo, &args.files).await?;
    if pulled.up_to_date {
        println!("{} is up to date in {}", pulled.name, pulled.path.display());
    } else {
        println!("{}: {} files, {} downloaded, in {}", pulled.name, pulled.n_files, HumanBytes(pulled.n_bytes), pulled.path.display());
    }
    if let Some(Status::Refused(reason)) = Engines::new(host_options(config)).get(&pulled.name).map(|model| model.status) {
        println!("can't be run: {reason}");
    }
    Ok(())
}

/// The model is a path, a name in the models folder, the name of a shape, or a number of parameters.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub fn plan(args: PlanModel) -> Result<()> {
    let mut plan = args.plan;
    plan.device = args.config.device;
    let named = args.config.models_dir().join(&plan.model);
    if !Path::new(&plan.model).exists() && named.exists() {
        plan.model = named.display().to_string();
    }
    if let Some(adapter) = inspect::read(Path::new(&plan.model)).adapter {
        let mut config = args.config.clone();
        config.default_model = Some(plan.model.clone());
        let engines = Engines::new(host_options(&config));
        let (adapter_model, base) = match engines.get(DEFAULT) {
            Some(LocalModel { status: Status::Refused(reason), name, .. }) => bail!("{name} can't be run: {reason}"),
            Some(model) => (model.name, model.parent.and_then(|base| engines.get(&base))),
            None => bail!("there is no model {}", plan.model),
        };
        let Some(base) = base else { bail!("the base of {adapter_model} is gone") };
        (plan.model, plan.adapters, plan.adapter_rank) = (base.path.display().to_string(), plan.adapters.max(1), adapter.rank as u64);
    }
    print!("{}", plan::render(&plan)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn remove(args: &RemoveModel) -> Result<()> {
    let models_dir = args.config.models_dir();
    if args.name == BUNDLED && !models_dir.join(BUNDLED).exists() {
        bail!("{BUNDLED} is part of the program and can't be deleted");
    }
    let (path, freed) = hub::remove(&models_dir, &args.name)?;
    println!("deleted {} ({} freed)", path.display(), HumanBytes(freed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::engine::ops::Device;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        plan: PlanModel,
    }

    #[test]
    fn a_plan_is_asked_for_with_and_without_a_device() {
        let plain = Line::try_parse_from(["plan", "qwen3-vl-2b"]).unwrap().plan;
        assert_eq!(plain.config.device, Device::default());
        let named = Line::try_parse_from(["plan", "qwen3-vl-2b", "--device", "cuda", "--memory", "80GB"]).unwrap().plan;
        assert_eq!((named.config.device, named.plan.memory), (Device::Cuda, Some(80_000_000_000)));
    }
}
