//! The console's routes over apps: settings, draft, versions, import and export.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::dsl::{self, Import, Outcome};
use super::list::TAG_CHARS;
use super::models::mappings::Mapped;
use super::models::missing::Missing;
use super::service::Site;
use super::{AppMode, PublishCheck, annotations, check_config, check_publishable, config, db, inputs, not_found, secret_variables};
use crate::accounts::{Editor, Reader, Session};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::http::text;
use crate::ids::{AppId, AppVersionId, WorkspaceId};
use crate::outbound::Limits;
use crate::state::AppState;
use crate::yaml;

/// Seconds that an unconfirmed import is kept.
const PENDING_IMPORT_S: u64 = 600;
const NAME_CHARS: usize = 100;
const DESCRIPTION_CHARS: usize = 2000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(create_app))
        .routes(routes!(import_app))
        .routes(routes!(confirm_import))
        .routes(routes!(get_app, update_app, delete_app))
        .routes(routes!(replace_draft))
        .routes(routes!(duplicate_app))
        .routes(routes!(list_versions))
        .routes(routes!(get_version))
        .routes(routes!(restore_version))
        .routes(routes!(export_app))
        .routes(routes!(renew_site_code))
        .routes(routes!(renew_mcp_code))
}

/// One line of the app list.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppSummary {
    pub id: AppId,
    pub name: String,
    pub description: String,
    pub mode: AppMode,
    /// emoji, image or link
    pub icon_type: String,
    pub icon: String,
    pub icon_background: String,
    pub tags: Vec<String>,
    /// Callers get an answer from it
    pub published: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Null when the account is gone or the command line made the app
    pub created_by_name: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct App {
    #[serde(flatten)]
    pub summary: AppSummary,
    pub enable_api: bool,
    pub enable_site: bool,
    /// The web app is at `/a/{site_code}`
    pub site_code: String,
    pub enable_mcp: bool,
    /// The MCP server is at `/mcp/{mcp_code}`
    pub mcp_code: String,
    /// Requests at one time; 0 = no limit
    pub max_active_requests: i32,
    pub site: Site,
    /// `model_config` or `workflow` section of the app's DSL; secrets are asterisks, and stay when they are sent back so
    #[schema(value_type = Object)]
    pub draft: Value,
    /// Send it back with a changed draft
    pub draft_revision: i64,
    pub published_version: Option<AppVersion>,
    pub has_unpublished_changes: bool,
    pub annotation_reply: annotations::Settings,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AppVersion {
    pub id: AppVersionId,
    /// Counts from 1 in each app
    pub number: i32,
    pub name: String,
    pub note: String,
    pub created_at: DateTime<Utc>,
    pub created_by_name: Option<String>,
    /// The one that callers get
    pub current: bool,
    /// Only when one version is asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub config: Option<Value>,
}

impl AppVersion {
    fn of(row: db::VersionRow, with_config: bool) -> Self {
        Self {
            id: row.id,
            number: row.number,
            name: row.name,
            note: row.note,
            created_at: row.created_at,
            created_by_name: row.created_by_name,
            current: row.current,
            config: with_config.then(|| secret_variables::hide(row.config)),
        }
    }
}

pub(super) async fn load(state: &AppState, workspace_id: WorkspaceId, app_id: AppId) -> Result<Json<App>> {
    let row = db::find_app(&state.db, workspace_id, app_id).await?.ok_or_else(not_found)?;
    let published_version = match row.published_version_id {
        Some(id) => db::find_version(&state.db, workspace_id, app_id, id).await?.map(|v| AppVersion::of(v, false)),
        None => None,
    };
    let site = Site::of(&row);
    Ok(Json(App {
        summary: AppSummary {
            id: row.id,
            name: row.name,
            description: row.description,
            mode: row.mode,
            icon_type: row.icon_type,
            icon: row.icon,
            icon_background: row.icon_background,
            tags: row.tags,
            published: row.published_version_id.is_some(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            created_by_name: row.created_by_name,
        },
        enable_api: row.enable_api,
        enable_site: row.enable_site,
        site_code: row.site_code,
        enable_mcp: row.enable_mcp,
        mcp_code: row.mcp_code,
        max_active_requests: row.max_active_requests,
        site,
        draft: secret_variables::hide(row.draft),
        draft_revision: row.draft_revision,
        published_version,
        has_unpublished_changes: row.has_unpublished_changes,
        annotation_reply: annotations::Settings::of(&row.annotation_reply),
    }))
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum IconType {
    Emoji,
    Image,
    Link,
}

impl IconType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Emoji => "emoji",
            Self::Image => "image",
            Self::Link => "link",
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct CreateApp {
    name: String,
    mode: AppMode,
    #[serde(default)]
    description: String,
    icon_type: Option<IconType>,
    icon: Option<String>,
    icon_background: Option<String>,
}

/// Several lines, at most `DESCRIPTION_CHARS`.
pub(super) fn description(text: &str) -> Result<String> {
    if text.chars().count() > DESCRIPTION_CHARS {
        return Err(Error::invalid("description", format!("description must be at most {DESCRIPTION_CHARS} characters long.")));
    }
    Ok(text.replace('\0', ""))
}

/// A new app with an empty draft
#[utoipa::path(post, path = "/api/apps", tag = "apps", request_body = CreateApp, responses((status = 201, body = App)))]
async fn create_app(
    State(state): State<AppState>,
    session: Session<Editor>,
    Json(body): Json<CreateApp>,
) -> Result<(StatusCode, Json<App>)> {
    let id = AppId::new();
    let name = text::line("name", &body.name, NAME_CHARS)?;
    let draft = if body.mode.is_workflow() { config::initial_workflow() } else { config::initial_model_config() };
    let mut tx = state.db.begin().await?;
    let app = db::NewApp {
        id,
        name: &name,
        description: &description(&body.description)?,
        mode: body.mode,
        icon_type: body.icon_type.unwrap_or(IconType::Emoji).as_str(),
        icon: &text::line("icon", body.icon.as_deref().unwrap_or("🤖"), 500)?,
        icon_background: &text::optional_line("icon_background", body.icon_background.as_deref().unwrap_or("#FFEAD5"), 30)?,
        use_icon_as_answer_icon: false,
        draft: &draft,
        dsl_extra: &json!({}),
    };
    db::insert_app(&mut *tx, session.workspace_id, Some(session.account_id), app).await?;
    session.audit(&mut *tx, "app.create", ("app", id), json!({"name": name, "mode": body.mode})).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, load(&state, session.workspace_id, id).await?))
}

/// An app with its draft
#[utoipa::path(get, path = "/api/apps/{app_id}", tag = "apps", params(("app_id" = AppId, Path)),
    responses((status = 200, body = App), (status = 404)))]
async fn get_app(State(state): State<AppState>, session: Session<Reader>, Path(app_id): Path<AppId>) -> Result<Json<App>> {
    load(&state, session.workspace_id, app_id).await
}

#[derive(Deserialize, ToSchema)]
struct UpdateApp {
    name: Option<String>,
    description: Option<String>,
    icon_type: Option<IconType>,
    icon: Option<String>,
    icon_background: Option<String>,
    tags: Option<Vec<String>>,
    enable_api: Option<bool>,
    enable_site: Option<bool>,
    enable_mcp: Option<bool>,
    max_active_requests: Option<i32>,
    /// Any keys of the app's site
    #[schema(value_type = Option<Object>)]
    site: Option<Value>,
}

/// Change an app's settings
#[utoipa::path(patch, path = "/api/apps/{app_id}", tag = "apps", params(("app_id" = AppId, Path)), request_body = UpdateApp,
    responses((status = 200, body = App), (status = 404)))]
async fn update_app(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<UpdateApp>,
) -> Result<Json<App>> {
    if body.max_active_requests.is_some_and(|n| n < 0) {
        return Err(Error::invalid("max_active_requests", "max_active_requests must be 0 (no limit) or more."));
    }
    let tags = body.tags.map(|tags| {
        if tags.len() > 20 {
            return Err(Error::invalid("tags", "An app may have at most 20 tags."));
        }
        let mut tags = tags.iter().map(|tag| text::line("tags", tag, TAG_CHARS)).collect::<Result<Vec<_>>>()?;
        tags.sort();
        tags.dedup();
        Ok(tags)
    });
    let site = body.site.map(|site| Site::check_patch(&site).map(|()| inputs::without_nul(&site))).transpose()?;
    let change = db::AppChange {
        name: body.name.map(|name| text::line("name", &name, NAME_CHARS)).transpose()?,
        description: body.description.map(|text| description(&text)).transpose()?,
        icon_type: body.icon_type.map(|t| t.as_str().to_owned()),
        icon: body.icon.map(|icon| text::line("icon", &icon, 500)).transpose()?,
        icon_background: body.icon_background.map(|color| text::optional_line("icon_background", &color, 30)).transpose()?,
        tags: tags.transpose()?,
        enable_api: body.enable_api,
        enable_site: body.enable_site,
        enable_mcp: body.enable_mcp,
        max_active_requests: body.max_active_requests,
        site,
    };
    let detail = json!({"change": format!("{change:?}").chars().take(2000).collect::<String>()});
    let mut tx = state.db.begin().await?;
    if !db::update_app(&mut *tx, session.workspace_id, app_id, change).await? {
        return Err(not_found());
    }
    session.audit(&mut *tx, "app.update", ("app", app_id), detail).await?;
    tx.commit().await?;
    load(&state, session.workspace_id, app_id).await
}

async fn renew(state: &AppState, session: &Session<Editor>, app_id: AppId, of_mcp: bool) -> Result<Json<App>> {
    let mut tx = state.db.begin().await?;
    if !db::renew_code(&mut *tx, session.workspace_id, app_id, of_mcp).await? {
        return Err(not_found());
    }
    let what = if of_mcp { "mcp" } else { "site" };
    session.audit(&mut *tx, "app.renew_address", ("app", app_id), json!({"of": what})).await?;
    tx.commit().await?;
    load(state, session.workspace_id, app_id).await
}

/// Give the web app another address; the old one stops working
#[utoipa::path(post, path = "/api/apps/{app_id}/site/renew", tag = "apps", params(("app_id" = AppId, Path)),
    responses((status = 200, body = App), (status = 404)))]
async fn renew_site_code(State(state): State<AppState>, session: Session<Editor>, Path(app_id): Path<AppId>) -> Result<Json<App>> {
    renew(&state, &session, app_id, false).await
}

/// Give the MCP server another address; the old one stops working
#[utoipa::path(post, path = "/api/apps/{app_id}/mcp/renew", tag = "apps", params(("app_id" = AppId, Path)),
    responses((status = 200, body = App), (status = 404)))]
async fn renew_mcp_code(State(state): State<AppState>, session: Session<Editor>, Path(app_id): Path<AppId>) -> Result<Json<App>> {
    renew(&state, &session, app_id, true).await
}

/// Delete an app; its keys stop working
#[utoipa::path(delete, path = "/api/apps/{app_id}", tag = "apps", params(("app_id" = AppId, Path)),
    responses((status = 204), (status = 404)))]
async fn delete_app(State(state): State<AppState>, session: Session<Editor>, Path(app_id): Path<AppId>) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    if !db::delete_app(&mut *tx, session.workspace_id, app_id).await? {
        return Err(not_found());
    }
    session.audit(&mut *tx, "app.delete", ("app", app_id), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
struct ReplaceDraft {
    #[schema(value_type = Object)]
    config: Value,
    /// `draft_revision` that the change was made on
    revision: i64,
}

/// Replace the draft; 409 when someone else changed it since
#[utoipa::path(put, path = "/api/apps/{app_id}/draft", tag = "apps", params(("app_id" = AppId, Path)), request_body = ReplaceDraft,
    responses((status = 200, body = App), (status = 400), (status = 404), (status = 409)))]
async fn replace_draft(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<ReplaceDraft>,
) -> Result<Json<App>> {
    let row = db::find_app(&state.db, session.workspace_id, app_id).await?.ok_or_else(not_found)?;
    check_config(row.mode, &body.config)?;
    let draft = secret_variables::seal(&state.secrets, session.workspace_id, inputs::without_nul(&body.config), &row.draft)?;
    if !db::replace_draft(&state.db, session.workspace_id, app_id, body.revision, &draft).await? {
        return Err(draft_conflict(row.draft_revision));
    }
    load(&state, session.workspace_id, app_id).await
}

/// 409: the draft is another one by now.
pub(super) fn draft_conflict(revision: i64) -> Error {
    let text = format!("The draft was changed meanwhile (revision {revision}): load it again and repeat your change.");
    Error::new(Code::Conflict, text).param("revision")
}

#[derive(Default, Deserialize, ToSchema)]
struct DuplicateApp {
    name: Option<String>,
}

/// A copy of the app's draft; keys, versions and conversations are not copied
#[utoipa::path(post, path = "/api/apps/{app_id}/duplicate", tag = "apps", params(("app_id" = AppId, Path)), request_body = DuplicateApp,
    responses((status = 201, body = App), (status = 404)))]
async fn duplicate_app(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    Json(body): Json<DuplicateApp>,
) -> Result<(StatusCode, Json<App>)> {
    let row = db::find_app(&state.db, session.workspace_id, app_id).await?.ok_or_else(not_found)?;
    let name = match body.name {
        Some(name) => text::line("name", &name, NAME_CHARS)?,
        None => format!("{} (copy)", row.name.chars().take(NAME_CHARS - 7).collect::<String>()),
    };
    let id = AppId::new();
    let mut tx = state.db.begin().await?;
    if !db::duplicate_app(&mut *tx, session.workspace_id, app_id, session.account_id, (id, &name)).await? {
        return Err(not_found());
    }
    session.audit(&mut *tx, "app.create", ("app", id), json!({"name": name, "copy_of": app_id})).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, load(&state, session.workspace_id, id).await?))
}

/// What a new version is called.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct PublishApp {
    #[serde(default)]
    name: String,
    #[serde(default)]
    note: String,
}

/// Makes a version of the draft and gives it to callers. The route is `workflows`', which knows what graphs need.
pub async fn publish(
    state: &AppState,
    session: &Session<Editor>,
    app_id: AppId,
    body: PublishApp,
    check: PublishCheck,
) -> Result<AppVersion> {
    let name = text::optional_line("name", &body.name, NAME_CHARS)?;
    let note = description(&body.note).map_err(|e| e.param("note"))?;
    let workspace_id = session.workspace_id;
    let mut tx = state.db.begin().await?;
    let row = db::find_app(&mut *tx, workspace_id, app_id).await?.ok_or_else(not_found)?;
    check_publishable(row.mode, &row.draft)?;
    check(row.mode, &row.draft)?;
    let published = db::publish(&mut tx, workspace_id, app_id, Some(session.account_id), (&name, &note)).await?;
    let version_id = published.ok_or_else(not_found)?;
    session.audit(&mut *tx, "app.publish", ("app", app_id), json!({"version_id": version_id})).await?;
    let version = db::find_version(&mut *tx, workspace_id, app_id, version_id).await?.ok_or_else(version_not_found)?;
    tx.commit().await?;
    Ok(AppVersion::of(version, false))
}

fn version_not_found() -> Error {
    Error::not_found("Version not found.")
}

/// Published versions, newest first
#[utoipa::path(get, path = "/api/apps/{app_id}/versions", tag = "apps", params(("app_id" = AppId, Path), Page),
    responses((status = 200, body = List<AppVersion>), (status = 404)))]
async fn list_versions(
    State(state): State<AppState>,
    session: Session<Reader>,
    Path(app_id): Path<AppId>,
    Query(page): Query<Page>,
) -> Result<Json<List<AppVersion>>> {
    db::find_app(&state.db, session.workspace_id, app_id).await?.ok_or_else(not_found)?;
    let rows = db::list_versions(&state.db, session.workspace_id, app_id, page.after()?, page.fetch()?).await?;
    let versions = rows.into_iter().map(|row| AppVersion::of(row, false)).collect();
    Ok(Json(List::cut(versions, &page, |version| version.number)?))
}

/// One version with its config
#[utoipa::path(get, path = "/api/apps/{app_id}/versions/{version_id}", tag = "apps",
    params(("app_id" = AppId, Path), ("version_id" = AppVersionId, Path)), responses((status = 200, body = AppVersion), (status = 404)))]
async fn get_version(
    State(state): State<AppState>,
    session: Session<Reader>,
    Path((app_id, version_id)): Path<(AppId, AppVersionId)>,
) -> Result<Json<AppVersion>> {
    let row = db::find_version(&state.db, session.workspace_id, app_id, version_id).await?.ok_or_else(version_not_found)?;
    Ok(Json(AppVersion::of(row, true)))
}

/// Make a version the draft again; what is published stays
#[utoipa::path(post, path = "/api/apps/{app_id}/versions/{version_id}/restore", tag = "apps",
    params(("app_id" = AppId, Path), ("version_id" = AppVersionId, Path)), responses((status = 200, body = App), (status = 404)))]
async fn restore_version(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, version_id)): Path<(AppId, AppVersionId)>,
) -> Result<Json<App>> {
    let mut tx = state.db.begin().await?;
    if !db::restore_version(&mut *tx, session.workspace_id, app_id, version_id).await? {
        return Err(version_not_found());
    }
    session.audit(&mut *tx, "app.restore", ("app", app_id), json!({"version_id": version_id})).await?;
    tx.commit().await?;
    load(&state, session.workspace_id, app_id).await
}

#[derive(Deserialize, ToSchema)]
struct ImportApp {
    /// Text of the file
    yaml: Option<String>,
    /// Where the file is; links to GitHub pages are understood
    url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ImportStatus {
    Completed,
    CompletedWithWarnings,
    /// Of another version: nothing is made until the import is confirmed
    Pending,
}

#[derive(Serialize, ToSchema)]
struct ImportResult {
    status: ImportStatus,
    app: Option<App>,
    /// To confirm a pending import with, for ten minutes
    import_id: Option<Uuid>,
    warnings: Vec<String>,
    /// Models of the file in whose place others run
    mapped: Vec<Mapped>,
    /// What the app names and the workspace does not have; models can be mapped to others
    missing: Missing,
}

/// What Redis keeps of a pending import.
#[derive(Serialize, Deserialize)]
struct PendingImport {
    yaml: String,
}

fn pending_key(state: &AppState, workspace_id: WorkspaceId, import_id: Uuid) -> String {
    state.redis.key(format_args!("dsl-import:{workspace_id}:{import_id}"))
}

/// Make an app from a DSL file
#[utoipa::path(post, path = "/api/apps/import", tag = "apps", request_body = ImportApp, responses((status = 200, body = ImportResult)))]
async fn import_app(State(state): State<AppState>, session: Session<Editor>, Json(body): Json<ImportApp>) -> Result<Json<ImportResult>> {
    let yaml = match (body.yaml.filter(|y| !y.trim().is_empty()), body.url.filter(|u| !u.trim().is_empty())) {
        (Some(yaml), None) => yaml,
        (None, Some(url)) => fetch(&state, &url).await?,
        _ => return Err(Error::invalid("yaml", "Give either yaml, the text of the file, or url, where it is.")),
    };
    run_import(&state, &session, yaml, false).await
}

/// Take a pending import although its version differs
#[utoipa::path(post, path = "/api/apps/import/{import_id}/confirm", tag = "apps", params(("import_id" = Uuid, Path)),
    responses((status = 200, body = ImportResult), (status = 404)))]
async fn confirm_import(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(import_id): Path<Uuid>,
) -> Result<Json<ImportResult>> {
    let key = pending_key(&state, session.workspace_id, import_id);
    let kept: Option<String> = state.redis.connection.clone().get_del(key).await?;
    let gone = || Error::not_found("The import has expired: start it again.");
    let pending: PendingImport = kept.and_then(|text| serde_json::from_str(&text).ok()).ok_or_else(gone)?;
    run_import(&state, &session, pending.yaml, true).await
}

async fn run_import(state: &AppState, session: &Session<Editor>, yaml: String, confirmed: bool) -> Result<Json<ImportResult>> {
    let workspace_id = session.workspace_id;
    let import = Import { workspace_id, account_id: Some(session.account_id), yaml: &yaml, confirmed, name: None, description: None };
    match dsl::import(state, import).await? {
        Outcome::Created { app_id, warnings, mapped, missing } => {
            session.audit(&state.db, "app.import", ("app", app_id), json!({})).await?;
            let Json(app) = load(state, workspace_id, app_id).await?;
            let status = if warnings.is_empty() { ImportStatus::Completed } else { ImportStatus::CompletedWithWarnings };
            Ok(Json(ImportResult { status, app: Some(app), import_id: None, warnings, mapped, missing }))
        }
        Outcome::Pending { version } => {
            let import_id = Uuid::new_v4();
            let kept = serde_json::to_string(&PendingImport { yaml }).map_err(Error::internal)?;
            let key = pending_key(state, workspace_id, import_id);
            let () = state.redis.connection.clone().set_ex(key, kept, PENDING_IMPORT_S).await?;
            let warning = format!("The file has DSL version {version}, this server writes {}. Import it all the same?", dsl::VERSION);
            Ok(Json(ImportResult {
                status: ImportStatus::Pending,
                app: None,
                import_id: Some(import_id),
                warnings: vec![warning],
                mapped: Vec::new(),
                missing: Missing::default(),
            }))
        }
    }
}

async fn fetch(state: &AppState, url: &str) -> Result<String> {
    let limits = Limits { max_bytes: yaml::MAX_BYTES as u64, timeout: Duration::from_secs(30) };
    let (_, bytes) = state.outbound.get(&raw_github_url(url.trim()), limits).await.map_err(|refusal| refusal.into_error("url"))?;
    String::from_utf8(bytes.into()).map_err(|_| Error::invalid("url", "The file behind url is not UTF-8 text."))
}

/// A link to a file's page on GitHub as a link to the file itself.
fn raw_github_url(url: &str) -> String {
    let rewritten = || {
        let path = url.strip_prefix("https://github.com/")?;
        let (repository, file) = path.split_once("/blob/")?;
        let file = file.split(['?', '#']).next()?;
        Some(format!("https://raw.githubusercontent.com/{repository}/{file}"))
    };
    rewritten().unwrap_or_else(|| url.to_owned())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// A published version instead of the draft
    version_id: Option<AppVersionId>,
}

/// The app as a DSL file, without secrets
#[utoipa::path(get, path = "/api/apps/{app_id}/export", tag = "apps", params(("app_id" = AppId, Path), ExportQuery),
    responses((status = 200, body = String, content_type = "application/yaml"), (status = 404)))]
async fn export_app(
    State(state): State<AppState>,
    session: Session<Reader>,
    Path(app_id): Path<AppId>,
    Query(query): Query<ExportQuery>,
) -> Result<Response> {
    let app = db::find_app(&state.db, session.workspace_id, app_id).await?.ok_or_else(not_found)?;
    let config = match query.version_id {
        Some(id) => db::find_version(&state.db, session.workspace_id, app_id, id).await?.ok_or_else(version_not_found)?.config,
        None => app.draft.clone(),
    };
    let yaml = dsl::export(&app, &config)?;
    let name = percent_encoding::utf8_percent_encode(&app.name, percent_encoding::NON_ALPHANUMERIC);
    let headers = [
        (header::CONTENT_TYPE, "application/yaml; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"app.yml\"; filename*=UTF-8''{name}.yml")),
    ];
    Ok((headers, yaml).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn github_pages_become_files() {
        let raw = "https://raw.githubusercontent.com/a/b/main/x/y.yml";
        assert_eq!(raw_github_url("https://github.com/a/b/blob/main/x/y.yml?plain=1#L3"), raw);
        assert_eq!(raw_github_url(raw), raw);
    }
}
