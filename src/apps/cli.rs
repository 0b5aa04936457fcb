//! `ashlar app import|export|list`: straight on the database, with the server running or not.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use sqlx::PgPool;

use super::dsl::{self, Import, Outcome};
use super::{PublishCheck, check_publishable, db, list, not_found};
use crate::accounts::admin;
use crate::error::Error;
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;
use crate::yaml;

/// `ashlar app import`
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// App file (YAML)
    pub file: PathBuf,

    /// Publish the app, so that it can be called
    #[arg(long)]
    pub publish: bool,

    /// Make an API key and print it alone on standard output
    #[arg(long)]
    pub print_key: bool,

    /// Workspace, by id or name [default: the oldest]
    #[arg(long)]
    pub workspace: Option<String>,
}

/// What an import made.
#[derive(Debug)]
pub struct Imported {
    pub app_id: AppId,
    pub name: String,
    pub warnings: Vec<String>,
    /// With `--print-key`.
    pub key: Option<String>,
}

/// Imports a file; a newer version is taken with a warning. `check`: what else forbids to publish it.
pub async fn import_file(state: &AppState, args: &ImportArgs, check: PublishCheck) -> Result<Imported> {
    let db = &state.db;
    let size = std::fs::metadata(&args.file).with_context(|| format!("reading {}", args.file.display()))?.len();
    if size > yaml::MAX_BYTES as u64 {
        bail!("{} is larger than {} MB", args.file.display(), yaml::MAX_BYTES >> 20);
    }
    let bytes = std::fs::read(&args.file).with_context(|| format!("reading {}", args.file.display()))?;
    let yaml = String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", args.file.display()))?;
    let named = |e: Error| anyhow::anyhow!("{}: {}", args.file.display(), e.message);
    let workspace_id = admin::enter_workspace(db, args.workspace.as_deref()).await.map_err(|e| anyhow::anyhow!(e.message))?;
    let import = Import { workspace_id, account_id: None, yaml: &yaml, confirmed: true, name: None, description: None };
    let Outcome::Created { app_id, warnings, .. } = dsl::import(state, import).await.map_err(named)? else {
        bail!("{}: the import waits for a confirmation", args.file.display());
    };
    let app = db::find_app(db, workspace_id, app_id).await?.ok_or_else(not_found)?;
    if args.publish {
        check_publishable(app.mode, &app.draft).and_then(|()| check(app.mode, &app.draft)).map_err(named)?;
        let mut tx = db.begin().await?;
        db::publish(&mut tx, workspace_id, app_id, None, ("", "Imported")).await?;
        tx.commit().await?;
    }
    let key = if args.print_key { Some(admin::create_app_key(db, workspace_id, app_id, "Command line").await?) } else { None };
    Ok(Imported { app_id, name: app.name, warnings, key })
}

/// `ashlar app export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Id of the app, as `ashlar app list` shows it
    pub app: AppId,

    /// Workspace, by id or name [default: the oldest]
    #[arg(long)]
    pub workspace: Option<String>,
}

/// The draft as YAML.
pub async fn export_app(db: &PgPool, args: &ExportArgs) -> Result<String> {
    let workspace_id = admin::enter_workspace(db, args.workspace.as_deref()).await?;
    let app = db::find_app(db, workspace_id, args.app).await?.with_context(|| format!("there is no app {}", args.app))?;
    Ok(dsl::export(&app, &app.draft)?)
}

/// `ashlar app list`
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Workspace, by id or name [default: the oldest]
    #[arg(long)]
    pub workspace: Option<String>,
}

/// Id, mode, whether it is published, and name of every app; newest first.
pub async fn list_apps(db: &PgPool, args: &ListArgs) -> Result<Vec<(AppId, &'static str, bool, String)>> {
    let workspace_id: WorkspaceId = admin::enter_workspace(db, args.workspace.as_deref()).await?;
    let rows = list::all(db, workspace_id).await?;
    Ok(rows.into_iter().map(|a| (a.id, a.mode.as_str(), a.published, a.name)).collect())
}
