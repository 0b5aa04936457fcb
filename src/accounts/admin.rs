//! What the command line does with accounts and keys, for whoever holds the server: `ashlar admin …`, `ashlar key create`.

use clap::{Args, ValueEnum};
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::password::NewPassword;
use super::{ClientIp, Entry, NewKey, Role, audit, create_key, db, profile};
use crate::error::{Code, Error, OnConstraint, Result};
use crate::http::text;
use crate::ids::{AccountId, AppId, WorkspaceId};

/// `ashlar admin create`
#[derive(Debug, Clone, Args)]
pub struct CreateAdmin {
    /// E-mail address to sign in with
    #[arg(long)]
    pub email: String,

    /// Name to show [default: the first part of the address]
    #[arg(long)]
    pub name: Option<String>,

    /// Workspace to administer [default: the oldest; the first account makes one and owns it]
    #[arg(long)]
    pub workspace: Option<String>,
}

/// What `create` did.
#[derive(Debug, PartialEq, Eq)]
pub struct CreatedAdmin {
    pub account_id: AccountId,
    pub workspace_id: WorkspaceId,
    pub workspace_name: String,
    pub role: Role,
}

/// Makes an account: the owner of a new workspace when there is none, else an admin of an existing one.
pub async fn create(db: &PgPool, args: &CreateAdmin, password: String) -> Result<CreatedAdmin> {
    let email = text::email("email", &args.email)?;
    let name = args.name.as_deref().or(email.split('@').next()).unwrap_or_default();
    let name = text::line("name", name, profile::NAME_CHARS)?;
    let password_hash = NewPassword::parse("password", password)?.hash().await?;

    let mut tx = db.begin().await?;
    db::lock_setup(&mut *tx).await?;
    let workspace = find_or_make_workspace(&mut tx, args.workspace.as_deref()).await?;
    let role = if workspace.has_owner { Role::Admin } else { Role::Owner };
    let workspace_id = workspace.id;
    let account_id = AccountId::new();
    db::insert_account(&mut *tx, account_id, &email, &name, &password_hash, None)
        .await
        .on_constraint("accounts_email_key", || Error::new(Code::Conflict, format!("{email} has an account already.")).param("email"))?;
    db::insert_member(&mut *tx, workspace_id, account_id, role).await?;
    note(&mut tx, workspace_id, "account.create", ("account", account_id.to_string())).await?;
    tx.commit().await?;
    Ok(CreatedAdmin { account_id, workspace_id, workspace_name: workspace.name, role })
}

/// `ashlar admin reset-password`
#[derive(Debug, Clone, Args)]
pub struct ResetPassword {
    /// E-mail address of the account
    #[arg(long)]
    pub email: String,
}

/// Sets an account's password and ends its sessions.
pub async fn reset_password(db: &PgPool, args: &ResetPassword, password: String) -> Result<()> {
    let email = text::email("email", &args.email)?;
    let account = db::find_account(db, &email).await?.ok_or_else(|| Error::not_found(format!("{email} has no account.")))?;
    let hash = NewPassword::parse("password", password)?.hash().await?;
    let mut tx = db.begin().await?;
    db::set_password(&mut *tx, account.id, &hash, None).await?;
    if let Some(workspace_id) = db::find_workspace_to_enter(&mut *tx, account.id).await? {
        note(&mut tx, workspace_id, "account.reset_password", ("account", account.id.to_string())).await?;
    }
    Ok(tx.commit().await?)
}

/// `ashlar key create`
#[derive(Debug, Clone, Args)]
pub struct CreateKeyArgs {
    /// App that the key opens, by id or name
    #[arg(long, required_unless_present = "kind", conflicts_with = "kind")]
    pub app: Option<String>,

    /// Make a key of the workspace instead
    #[arg(long)]
    pub kind: Option<WorkspaceKey>,

    /// Workspace, by id or name [default: the app's, else the oldest]
    #[arg(long)]
    pub workspace: Option<String>,

    /// Name to show in lists
    #[arg(long, default_value = "")]
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkspaceKey {
    /// dataset-…: the knowledge API
    Dataset,
    /// sk-…: any model, through the OpenAI API
    Model,
}

/// Makes a key and gives its token.
pub async fn create_api_key(db: &PgPool, args: &CreateKeyArgs) -> Result<String> {
    let mut tx = db.begin().await?;
    let wanted = args.workspace.as_deref();
    let workspace = db::find_workspace(&mut *tx, wanted).await?;
    let workspace_id = workspace
        .ok_or_else(|| Error::not_found("There is no such workspace. Without any, set up the server first: ashlar admin create."))?
        .id;
    let (workspace_id, opens) = match (&args.app, args.kind) {
        (Some(app), _) => {
            let found = db::find_apps_by_id_or_name(&mut *tx, wanted.map(|_| workspace_id), app).await?;
            match found[..] {
                [(workspace_id, app_id)] => (workspace_id, NewKey::App(app_id)),
                [] => return Err(Error::not_found(format!("No app has the name or id {app:?}: see ashlar app list."))),
                _ => return Err(Error::new(Code::Conflict, format!("Several apps are named {app:?}: give the id from ashlar app list."))),
            }
        }
        (None, Some(WorkspaceKey::Dataset)) => (workspace_id, NewKey::Dataset),
        (None, Some(WorkspaceKey::Model) | None) => (workspace_id, NewKey::Model),
    };
    let created = create_key(&mut tx, workspace_id, None, opens, &args.name).await?;
    note(&mut tx, workspace_id, "api_key.create", ("api_key", created.key.id.to_string())).await?;
    tx.commit().await?;
    Ok(created.token)
}

/// A key for an app that the command line has just imported.
pub async fn create_app_key(db: &PgPool, workspace_id: WorkspaceId, app_id: AppId, name: &str) -> Result<String> {
    let mut tx = db.begin().await?;
    let created = create_key(&mut tx, workspace_id, None, NewKey::App(app_id), name).await?;
    note(&mut tx, workspace_id, "api_key.create", ("api_key", created.key.id.to_string())).await?;
    tx.commit().await?;
    Ok(created.token)
}

/// The workspace of this id or name, else the oldest, else a new one without members, so that a script needs no account.
/// The setup hands such a one to the first account.
pub async fn enter_workspace(db: &PgPool, wanted: Option<&str>) -> Result<WorkspaceId> {
    let mut tx = db.begin().await?;
    db::lock_setup(&mut *tx).await?;
    let workspace = find_or_make_workspace(&mut tx, wanted).await?;
    tx.commit().await?;
    Ok(workspace.id)
}

/// Call it under [`db::lock_setup`].
pub(super) async fn find_or_make_workspace(db: &mut PgConnection, wanted: Option<&str>) -> Result<db::FoundWorkspace> {
    match (db::find_workspace(&mut *db, wanted).await?, wanted) {
        (Some(found), _) => Ok(found),
        (None, Some(wanted)) => Err(Error::not_found(format!("No workspace has the name or id {wanted:?}."))),
        (None, None) => {
            let (id, name) = (WorkspaceId::new(), "My workspace".to_owned());
            db::insert_workspace(&mut *db, id, &name).await?;
            Ok(db::FoundWorkspace { id, name, has_owner: false })
        }
    }
}

async fn note(db: &mut PgConnection, workspace_id: WorkspaceId, action: &'static str, target: (&'static str, String)) -> Result<()> {
    let entry = Entry { action, target_type: target.0, target_id: target.1, detail: json!({"by": "command line"}) };
    audit::record(db, workspace_id, None, ClientIp(None), entry).await
}
