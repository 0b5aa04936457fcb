//! The statements of this slice. All but those that find the caller carry the workspace.

use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, query, query_as, query_scalar};
use uuid::Uuid;

use super::api_keys::{ApiKey, KeyKind, KnownKey};
use super::audit::AuditRow;
use super::end_users::EndUserType;
use super::invitations::Invitation;
use super::members::MemberRow;
use super::profile::{Account, Theme};
use super::session::WorkspaceRole;
use super::workspaces::{DefaultModels, Workspace};
use super::{Entry, Role};
use crate::ids::{AccountId, ApiKeyId, AppId, EndUserId, InvitationId, SessionId, WorkspaceId};

type Result<T> = sqlx::Result<T>;

// --- accounts ---

/// Taken by whoever may make the first account or workspace, until its transaction ends.
pub(super) async fn lock_setup(db: impl PgExecutor<'_>) -> Result<()> {
    // the number is an arbitrary name of the lock
    query!("select pg_advisory_xact_lock(7267146)").execute(db).await.map(drop)
}

pub(super) async fn any_account(db: impl PgExecutor<'_>) -> Result<bool> {
    query_scalar!(r#"select exists (select from accounts) as "any!""#).fetch_one(db).await
}

pub(super) struct Credentials {
    pub id: AccountId,
    pub password_hash: String,
    pub active: bool,
}

pub(super) async fn find_account(db: impl PgExecutor<'_>, email: &str) -> Result<Option<Credentials>> {
    query_as!(
        Credentials,
        r#"select id as "id: _", password_hash, status = 'active' as "active!" from accounts where lower(email) = lower($1)"#,
        email
    )
    .fetch_optional(db)
    .await
}

pub(super) async fn get_credentials(db: impl PgExecutor<'_>, id: AccountId) -> Result<(String, String)> {
    let row = query!("select email, password_hash from accounts where id = $1", id.0).fetch_one(db).await?;
    Ok((row.email, row.password_hash))
}

pub(super) async fn get_account(db: impl PgExecutor<'_>, id: AccountId) -> Result<Account> {
    query_as!(Account, r#"select id as "id: _", email, name, language, theme as "theme: _" from accounts where id = $1"#, id.0)
        .fetch_one(db)
        .await
}

pub(super) async fn insert_account(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email: &str,
    name: &str,
    password_hash: &str,
    language: Option<&str>,
) -> Result<()> {
    query!(
        "insert into accounts (id, email, name, password_hash, language) values ($1, $2, $3, $4, coalesce($5, 'en-US'))",
        id.0,
        email,
        name,
        password_hash,
        language
    )
    .execute(db)
    .await
    .map(drop)
}

pub(super) async fn update_account(
    db: impl PgExecutor<'_>,
    id: AccountId,
    name: Option<&str>,
    language: Option<&str>,
    theme: Option<Theme>,
) -> Result<Account> {
    query_as!(
        Account,
        r#"update accounts set name = coalesce($2, name), language = coalesce($3, language), theme = coalesce($4, theme), updated_at = now()
           where id = $1 returning id as "id: _", email, name, language, theme as "theme: _""#,
        id.0,
        name,
        language,
        theme as Option<Theme>
    )
    .fetch_one(db)
    .await
}

/// Ends every session of the account except `keep`.
pub(super) async fn set_password(db: impl PgExecutor<'_>, id: AccountId, password_hash: &str, keep: Option<SessionId>) -> Result<()> {
    query!(
        "with ended as (delete from sessions where account_id = $1 and id is distinct from $3)
         update accounts set password_hash = $2, updated_at = now() where id = $1",
        id.0,
        password_hash,
        keep.map(|s| s.0)
    )
    .execute(db)
    .await
    .map(drop)
}

// --- sessions ---

/// Days after which an unused session is over.
pub(super) const IDLE_DAYS: i32 = 7;

pub(super) struct FoundSession {
    pub id: SessionId,
    pub account_id: AccountId,
    pub workspace_id: WorkspaceId,
    pub role: Role,
    pub csrf_token: String,
    /// Its last use was noted a while ago
    pub stale: bool,
}

pub(super) async fn find_session(db: impl PgExecutor<'_>, token_hash: &[u8]) -> Result<Option<FoundSession>> {
    query_as!(
        FoundSession,
        r#"select s.id as "id: _", s.account_id as "account_id: _", s.workspace_id as "workspace_id: _", m.role as "role: _", s.csrf_token,
                  s.last_seen_at < now() - interval '5 minutes' as "stale!"
           from sessions s
           join accounts a on a.id = s.account_id and a.status = 'active'
           join members m on m.workspace_id = s.workspace_id and m.account_id = s.account_id
           join workspaces w on w.id = s.workspace_id and w.status = 'normal'
           where s.token_hash = $1 and s.expires_at > now() and s.last_seen_at > now() - make_interval(days => $2)"#,
        token_hash,
        IDLE_DAYS
    )
    .fetch_optional(db)
    .await
}

pub(super) async fn touch_session(db: impl PgExecutor<'_>, id: SessionId) -> Result<()> {
    query!("update sessions set last_seen_at = now() where id = $1 and last_seen_at < now() - interval '5 minutes'", id.0)
        .execute(db)
        .await
        .map(drop)
}

pub(super) struct NewSession<'a> {
    pub id: SessionId,
    pub token_hash: &'a [u8],
    pub csrf_token: &'a str,
    pub account_id: AccountId,
    pub workspace_id: WorkspaceId,
    pub user_agent: Option<&'a str>,
    pub ip: Option<String>,
    pub max_age_days: i64,
}

/// Also clears the account's sessions that are over.
pub(super) async fn insert_session(db: impl PgExecutor<'_>, new: NewSession<'_>) -> Result<()> {
    query!(
        "with over as (
             delete from sessions
             where account_id = $4 and (expires_at < now() or last_seen_at < now() - make_interval(days => $9)))
         insert into sessions (id, token_hash, csrf_token, account_id, workspace_id, user_agent, ip, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(days => $8))",
        new.id.0,
        new.token_hash,
        new.csrf_token,
        new.account_id.0,
        new.workspace_id.0,
        new.user_agent,
        new.ip,
        new.max_age_days as i32,
        IDLE_DAYS
    )
    .execute(db)
    .await
    .map(drop)
}

/// False when the account is no member there.
pub(super) async fn move_session(db: impl PgExecutor<'_>, id: SessionId, account_id: AccountId, workspace_id: WorkspaceId) -> Result<bool> {
    let done = query!(
        "update sessions s set workspace_id = w.id
         from members m join workspaces w on w.id = m.workspace_id and w.status = 'normal'
         where s.id = $1 and s.account_id = $2 and m.account_id = $2 and m.workspace_id = $3",
        id.0,
        account_id.0,
        workspace_id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn delete_session(db: impl PgExecutor<'_>, id: SessionId) -> Result<()> {
    query!("delete from sessions where id = $1", id.0).execute(db).await.map(drop)
}

pub(super) async fn note_sign_in(db: impl PgExecutor<'_>, id: AccountId) -> Result<()> {
    query!("update accounts set last_login_at = now() where id = $1", id.0).execute(db).await.map(drop)
}

/// Where the account was last, else where it has been a member longest.
pub(super) async fn find_workspace_to_enter(db: impl PgExecutor<'_>, id: AccountId) -> Result<Option<WorkspaceId>> {
    query_scalar!(
        r#"select m.workspace_id as "id: WorkspaceId"
           from members m join workspaces w on w.id = m.workspace_id and w.status = 'normal'
           left join lateral (
               select max(s.last_seen_at) as seen from sessions s
               where s.account_id = m.account_id and s.workspace_id = m.workspace_id) last on true
           where m.account_id = $1
           order by last.seen desc nulls last, m.created_at, m.workspace_id limit 1"#,
        id.0
    )
    .fetch_optional(db)
    .await
}

// --- workspaces and members ---

pub(super) async fn list_workspaces_of(db: impl PgExecutor<'_>, id: AccountId) -> Result<Vec<WorkspaceRole>> {
    query_as!(
        WorkspaceRole,
        r#"select w.id as "id: _", w.name, m.role as "role: _"
           from members m join workspaces w on w.id = m.workspace_id and w.status = 'normal'
           where m.account_id = $1 order by lower(w.name), w.id"#,
        id.0
    )
    .fetch_all(db)
    .await
}

pub(super) async fn insert_workspace(db: impl PgExecutor<'_>, id: WorkspaceId, name: &str) -> Result<()> {
    query!("insert into workspaces (id, name) values ($1, $2)", id.0, name).execute(db).await.map(drop)
}

pub(super) async fn get_workspace(db: impl PgExecutor<'_>, id: WorkspaceId) -> Result<Workspace> {
    let row = query!(r#"select name, default_models as "default_models: Json<DefaultModels>" from workspaces where id = $1"#, id.0)
        .fetch_one(db)
        .await?;
    Ok(Workspace { id, name: row.name, default_models: row.default_models.0 })
}

pub(super) async fn update_workspace(
    db: impl PgExecutor<'_>,
    id: WorkspaceId,
    name: Option<&str>,
    default_models: Option<DefaultModels>,
) -> Result<Workspace> {
    let row = query!(
        r#"update workspaces set name = coalesce($2, name), default_models = coalesce($3, default_models), updated_at = now()
           where id = $1 returning name, default_models as "default_models: Json<DefaultModels>""#,
        id.0,
        name,
        default_models.map(Json) as Option<Json<DefaultModels>>
    )
    .fetch_one(db)
    .await?;
    Ok(Workspace { id, name: row.name, default_models: row.default_models.0 })
}

pub(super) struct FoundWorkspace {
    pub id: WorkspaceId,
    pub name: String,
    pub has_owner: bool,
}

/// By id or name, the oldest without either. For the command line and the setup, which stand above workspaces.
pub(super) async fn find_workspace(db: impl PgExecutor<'_>, wanted: Option<&str>) -> Result<Option<FoundWorkspace>> {
    query_as!(
        FoundWorkspace,
        r#"select w.id as "id: _", w.name,
                  exists (select from members m where m.workspace_id = w.id and m.role = 'owner') as "has_owner!"
           from workspaces w
           where w.status = 'normal' and ($1::text is null or w.id::text = $1 or w.name = $1)
           order by w.created_at, w.id limit 1"#,
        wanted
    )
    .fetch_optional(db)
    .await
}

pub(super) async fn workspace_is_normal(db: impl PgExecutor<'_>, id: WorkspaceId) -> Result<bool> {
    query_scalar!(r#"select exists (select from workspaces where id = $1 and status = 'normal') as "is!""#, id.0).fetch_one(db).await
}

/// Does nothing when the account is a member already.
pub(super) async fn insert_member(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, account_id: AccountId, role: Role) -> Result<()> {
    query!(
        "insert into members (workspace_id, account_id, role) values ($1, $2, $3) on conflict (workspace_id, account_id) do nothing",
        workspace_id.0,
        account_id.0,
        role as Role
    )
    .execute(db)
    .await
    .map(drop)
}

pub(super) async fn is_member(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, email: &str) -> Result<bool> {
    query_scalar!(
        r#"select exists (
               select from members m join accounts a on a.id = m.account_id
               where m.workspace_id = $1 and lower(a.email) = lower($2)) as "is!""#,
        workspace_id.0,
        email
    )
    .fetch_one(db)
    .await
}

pub(super) async fn list_members(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<MemberRow>> {
    query_as!(
        MemberRow,
        r#"select a.id as "account_id: _", a.email, a.name, m.role as "role: _", m.created_at, a.last_login_at
           from members m join accounts a on a.id = m.account_id
           where m.workspace_id = $1 and ($2::uuid is null or a.id > $2)
           order by a.id limit $3"#,
        workspace_id.0,
        after.map(|a| a.0),
        limit
    )
    .fetch_all(db)
    .await
}

/// Of those who may sign in; of all of them, or of those among `only`.
pub(super) async fn list_addresses(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    only: Option<&[AccountId]>,
) -> Result<Vec<(AccountId, String)>> {
    let only: Option<Vec<uuid::Uuid>> = only.map(|ids| ids.iter().map(|id| id.0).collect());
    let rows = query!(
        r#"select a.id as "id: AccountId", a.email from members m join accounts a on a.id = m.account_id and a.status = 'active'
           where m.workspace_id = $1 and ($2::uuid[] is null or a.id = any($2)) order by a.id"#,
        workspace_id.0,
        only.as_deref()
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.email)).collect())
}

pub(super) async fn get_member(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, account_id: AccountId) -> Result<MemberRow> {
    query_as!(
        MemberRow,
        r#"select a.id as "account_id: _", a.email, a.name, m.role as "role: _", m.created_at, a.last_login_at
           from members m join accounts a on a.id = m.account_id
           where m.workspace_id = $1 and m.account_id = $2"#,
        workspace_id.0,
        account_id.0
    )
    .fetch_one(db)
    .await
}

/// The member's role, which no one else can change before this transaction ends.
pub(super) async fn lock_member(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, account_id: AccountId) -> Result<Option<Role>> {
    query_scalar!(
        r#"select role as "role: Role" from members where workspace_id = $1 and account_id = $2 for update"#,
        workspace_id.0,
        account_id.0
    )
    .fetch_optional(db)
    .await
}

pub(super) async fn set_role(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, account_id: AccountId, role: Role) -> Result<()> {
    query!("update members set role = $3 where workspace_id = $1 and account_id = $2", workspace_id.0, account_id.0, role as Role)
        .execute(db)
        .await
        .map(drop)
}

/// Their sessions there end as well.
pub(super) async fn delete_member(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, account_id: AccountId) -> Result<()> {
    query!(
        "with ended as (delete from sessions where workspace_id = $1 and account_id = $2)
         delete from members where workspace_id = $1 and account_id = $2",
        workspace_id.0,
        account_id.0
    )
    .execute(db)
    .await
    .map(drop)
}

// --- invitations ---

pub(super) async fn list_invitations(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    after: Option<InvitationId>,
    limit: i64,
) -> Result<Vec<Invitation>> {
    query_as!(
        Invitation,
        r#"select id as "id: _", email, role as "role: _", expires_at, created_at from invitations
           where workspace_id = $1 and accepted_at is null and expires_at > now() and ($2::uuid is null or id < $2)
           order by id desc limit $3"#,
        workspace_id.0,
        after.map(|a| a.0),
        limit
    )
    .fetch_all(db)
    .await
}

/// An open invitation of the same address gets the new link and role.
pub(super) async fn upsert_invitation(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    invited_by: AccountId,
    email: &str,
    role: Role,
    token_hash: &[u8],
) -> Result<Invitation> {
    query_as!(
        Invitation,
        r#"insert into invitations (id, workspace_id, email, role, token_hash, invited_by, expires_at)
           values ($1, $2, $3, $4, $5, $6, now() + interval '7 days')
           on conflict (workspace_id, lower(email)) where accepted_at is null
           do update set role = excluded.role, token_hash = excluded.token_hash, invited_by = excluded.invited_by,
                         expires_at = excluded.expires_at, created_at = now()
           returning id as "id: _", email, role as "role: _", expires_at, created_at"#,
        InvitationId::new().0,
        workspace_id.0,
        email,
        role as Role,
        token_hash,
        invited_by.0
    )
    .fetch_one(db)
    .await
}

pub(super) async fn delete_invitation(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: InvitationId) -> Result<bool> {
    let done = query!("delete from invitations where workspace_id = $1 and id = $2 and accepted_at is null", workspace_id.0, id.0)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) struct OpenInvitation {
    pub workspace_name: String,
    pub email: String,
    pub role: Role,
}

pub(super) async fn find_open_invitation(db: impl PgExecutor<'_>, token_hash: &[u8]) -> Result<Option<OpenInvitation>> {
    query_as!(
        OpenInvitation,
        r#"select w.name as workspace_name, i.email, i.role as "role: _"
           from invitations i join workspaces w on w.id = i.workspace_id and w.status = 'normal'
           where i.token_hash = $1 and i.accepted_at is null and i.expires_at > now()"#,
        token_hash
    )
    .fetch_optional(db)
    .await
}

pub(super) struct UsedInvitation {
    pub id: InvitationId,
    pub workspace_id: WorkspaceId,
    pub email: String,
    pub role: Role,
}

/// Marks it accepted; none when it was not open any more.
pub(super) async fn use_invitation(db: impl PgExecutor<'_>, token_hash: &[u8]) -> Result<Option<UsedInvitation>> {
    query_as!(
        UsedInvitation,
        r#"update invitations set accepted_at = now()
           where token_hash = $1 and accepted_at is null and expires_at > now()
           returning id as "id: _", workspace_id as "workspace_id: _", email, role as "role: _""#,
        token_hash
    )
    .fetch_optional(db)
    .await
}

// --- audit log ---

pub(super) async fn insert_audit(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    account_id: Option<AccountId>,
    ip: Option<String>,
    entry: Entry,
) -> Result<()> {
    query!(
        "insert into audit_log (id, workspace_id, account_id, action, target_type, target_id, detail, ip) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        Uuid::now_v7(),
        workspace_id.0,
        account_id.map(|a| a.0),
        entry.action,
        entry.target_type,
        entry.target_id,
        entry.detail,
        ip
    )
    .execute(db)
    .await
    .map(drop)
}

pub(super) async fn list_audit(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AuditRow>> {
    query_as!(
        AuditRow,
        r#"select l.id, l.action, l.target_type, l.target_id, l.detail as "detail: Value", l.account_id as "account_id: _",
                  a.name as "account_name?", a.email as "account_email?", l.ip, l.created_at
           from audit_log l left join accounts a on a.id = l.account_id
           where l.workspace_id = $1 and ($2::uuid is null or l.id < $2)
           order by l.id desc limit $3"#,
        workspace_id.0,
        after,
        limit
    )
    .fetch_all(db)
    .await
}

// --- API keys ---

pub(super) async fn find_key(db: impl PgExecutor<'_>, token_hash: &[u8]) -> Result<Option<KnownKey>> {
    query_as!(
        KnownKey,
        r#"select id as "id: _", workspace_id as "workspace_id: _", kind as "kind: _", app_id as "app_id: _"
           from api_keys where token_hash = $1"#,
        token_hash
    )
    .fetch_optional(db)
    .await
}

pub(super) async fn touch_key(db: impl PgExecutor<'_>, id: ApiKeyId) -> Result<()> {
    query!(
        "update api_keys set last_used_at = now() where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id.0
    )
    .execute(db)
    .await
    .map(drop)
}

/// Keys of the app, or without one those of the workspace.
pub(super) async fn list_keys(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: Option<AppId>) -> Result<Vec<ApiKey>> {
    query_as!(
        ApiKey,
        r#"select id as "id: _", kind as "kind: _", name, hint, created_at, last_used_at from api_keys
           where workspace_id = $1 and app_id is not distinct from $2 order by id"#,
        workspace_id.0,
        app_id.map(|a| a.0)
    )
    .fetch_all(db)
    .await
}

pub(super) struct NewApiKey<'a> {
    pub workspace_id: WorkspaceId,
    pub kind: KeyKind,
    pub app_id: Option<AppId>,
    pub name: &'a str,
    pub token_hash: &'a [u8],
    pub hint: &'a str,
    pub created_by: Option<AccountId>,
}

pub(super) async fn insert_key(db: impl PgExecutor<'_>, new: NewApiKey<'_>) -> Result<ApiKey> {
    query_as!(
        ApiKey,
        r#"insert into api_keys (id, workspace_id, kind, app_id, name, token_hash, hint, created_by) values ($1, $2, $3, $4, $5, $6, $7, $8)
           returning id as "id: _", kind as "kind: _", name, hint, created_at, last_used_at"#,
        ApiKeyId::new().0,
        new.workspace_id.0,
        new.kind as KeyKind,
        new.app_id.map(|a| a.0),
        new.name,
        new.token_hash,
        new.hint,
        new.created_by.map(|a| a.0)
    )
    .fetch_one(db)
    .await
}

/// The hash of the deleted key.
pub(super) async fn delete_key(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: Option<AppId>,
    id: ApiKeyId,
) -> Result<Option<Vec<u8>>> {
    query_scalar!(
        "delete from api_keys where workspace_id = $1 and app_id is not distinct from $2 and id = $3 returning token_hash",
        workspace_id.0,
        app_id.map(|a| a.0),
        id.0
    )
    .fetch_optional(db)
    .await
}

// --- apps, as far as keys open them ---

pub(super) async fn app_exists(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: AppId) -> Result<bool> {
    query_scalar!(
        r#"select exists (select from apps where workspace_id = $1 and id = $2 and deleted_at is null) as "is!""#,
        workspace_id.0,
        id.0
    )
    .fetch_one(db)
    .await
}

/// How many keys the app has, which stays so until the transaction ends; none without such an app.
pub(super) async fn lock_app_and_count_keys(db: &mut PgConnection, workspace_id: WorkspaceId, id: AppId) -> Result<Option<i64>> {
    let app = query!("select id from apps where workspace_id = $1 and id = $2 and deleted_at is null for update", workspace_id.0, id.0)
        .fetch_optional(&mut *db)
        .await?;
    if app.is_none() {
        return Ok(None);
    }
    query_scalar!("select count(*) from api_keys where workspace_id = $1 and app_id = $2", workspace_id.0, id.0).fetch_one(db).await
}

pub(super) struct AppGate {
    pub normal: bool,
    pub enable_api: bool,
    pub workspace_archived: bool,
}

pub(super) async fn find_app_gate(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: AppId) -> Result<Option<AppGate>> {
    query_as!(
        AppGate,
        r#"select a.status = 'normal' as "normal!", a.enable_api, w.status = 'archived' as "workspace_archived!"
           from apps a join workspaces w on w.id = a.workspace_id
           where a.workspace_id = $1 and a.id = $2 and a.deleted_at is null"#,
        workspace_id.0,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// For the command line; two are enough to know that a name is not unique.
pub(super) async fn find_apps_by_id_or_name(
    db: impl PgExecutor<'_>,
    workspace_id: Option<WorkspaceId>,
    wanted: &str,
) -> Result<Vec<(WorkspaceId, AppId)>> {
    let rows = query!(
        r#"select workspace_id as "workspace_id: WorkspaceId", id as "id: AppId" from apps
           where deleted_at is null and (id::text = $2 or name = $2) and ($1::uuid is null or workspace_id = $1) limit 2"#,
        workspace_id.map(|w| w.0),
        wanted
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.workspace_id, row.id)).collect())
}

// --- end users ---

pub(super) async fn find_end_user_session_id(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, id: EndUserId) -> Result<Option<String>> {
    query_scalar!("select session_id from end_users where workspace_id = $1 and id = $2", workspace_id.0, id.0).fetch_optional(db).await
}

pub(super) async fn find_or_insert_end_user(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    kind: EndUserType,
    session_id: &str,
    is_anonymous: bool,
) -> Result<EndUserId> {
    query_scalar!(
        r#"with found as (
               select id from end_users where workspace_id = $2 and app_id = $3 and type = $4 and session_id = $5
           ), made as (
               insert into end_users (id, workspace_id, app_id, type, session_id, external_user_id, is_anonymous)
               select $1, $2, $3, $4, $5, $5, $6 where not exists (select from found)
               -- two first requests at once: the update gives the other's row
               on conflict (workspace_id, app_id, type, session_id) do update set updated_at = now()
               returning id
           )
           select id as "id!: EndUserId" from found union all select id from made"#,
        EndUserId::new().0,
        workspace_id.0,
        app_id.0,
        kind as EndUserType,
        session_id,
        is_anonymous
    )
    .fetch_one(db)
    .await
}
