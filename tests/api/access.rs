//! Who may call what: every route × every role × another workspace.
//!
//! [`ROUTES`] says for each route of the OpenAPI document who gets past its door; a route that is missing there fails the test.
//! For each row the test checks that
//! - without a session or key the answer is 401,
//! - a role that is not meant to gets 403 (and a session is no key, a key no session: 401),
//! - whoever is meant to gets neither 401 nor 403,
//! - the owner of another workspace (or its key), asking for our objects, gets 404.

use std::collections::BTreeSet;
use std::time::Duration;

use ashlar::accounts::{NewKey, create_key};
use ashlar::ids::{AppId, WorkspaceId};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Client, PASSWORD, Role, TestApp, Workspace};

/// Who gets past a route's door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Anyone; what the route itself asks for (a password, a signature) is tested elsewhere
    Public,
    /// Any member
    Member,
    /// Any member but dataset operators
    Reader,
    Editor,
    Admin,
    /// An `app-…` key
    AppKey,
    /// A `dataset-…` key
    DatasetKey,
    /// An `app-…` or `sk-…` key
    OpenAiKey,
}

impl Who {
    fn roles(self) -> &'static [Role] {
        match self {
            Self::Member => &Role::ALL,
            Self::Reader => &[Role::Owner, Role::Admin, Role::Editor, Role::Normal],
            Self::Editor => &[Role::Owner, Role::Admin, Role::Editor],
            Self::Admin => &[Role::Owner, Role::Admin],
            Self::Public | Self::AppKey | Self::DatasetKey | Self::OpenAiKey => &[],
        }
    }
}

/// Method, path as in the OpenAPI document, who may, and a body (of a `GET`, a query) that the route accepts, `null` for none.
/// Ids in the path are those of objects in the `home` workspace (see [`Objects`]); for them, others must get 404.
#[rustfmt::skip]
fn routes() -> Vec<(&'static str, &'static str, Who, Value)> {
    use Who::*;
    let none = || Value::Null;
    vec![
        // accounts
        ("GET",    "/api/setup", Public, none()),
        ("POST",   "/api/setup", Public, json!({"email": "a@b.c", "name": "A", "password": PASSWORD})),
        ("POST",   "/api/session", Public, json!({"email": "nobody@b.c", "password": PASSWORD})),
        ("GET",    "/api/session", Member, none()),
        ("PATCH",  "/api/session", Member, json!({"workspace_id": Uuid::nil()})),
        ("DELETE", "/api/session", Member, none()),
        ("PATCH",  "/api/account", Member, json!({"theme": "dark"})),
        ("PUT",    "/api/account/password", Member, json!({"current_password": "x", "new_password": PASSWORD})),
        ("POST",   "/api/workspaces", Admin, json!({"name": "Another"})),
        ("GET",    "/api/workspace", Member, none()),
        ("PATCH",  "/api/workspace", Admin, json!({"name": "Renamed"})),
        ("GET",    "/api/members", Reader, none()),
        ("PATCH",  "/api/members/{account_id}", Admin, json!({"role": "normal"})),
        ("DELETE", "/api/members/{account_id}", Admin, none()),
        ("GET",    "/api/invitations", Admin, none()),
        ("POST",   "/api/invitations", Admin, json!({"email": "eve@example.org", "role": "normal"})),
        ("DELETE", "/api/invitations/{invitation_id}", Admin, none()),
        ("GET",    "/api/invitations/accept", Public, none()),
        ("POST",   "/api/invitations/accept", Public, json!({"token": "x", "password": PASSWORD})),
        ("GET",    "/api/audit-log", Admin, none()),
        ("GET",    "/api/apps/{app_id}/keys", Editor, none()),
        ("POST",   "/api/apps/{app_id}/keys", Editor, json!({"name": "k"})),
        ("DELETE", "/api/apps/{app_id}/keys/{key_id}", Editor, none()),
        ("GET",    "/api/keys", Admin, none()),
        ("POST",   "/api/keys", Admin, json!({"kind": "model"})),
        ("DELETE", "/api/keys/{key_id}", Admin, none()),
        ("GET",    "/api/secrets", Admin, none()),
        // apps
        ("GET",    "/api/apps", Reader, none()),
        ("POST",   "/api/apps", Editor, json!({"name": "New", "mode": "chat"})),
        ("GET",    "/api/tags", Reader, none()),
        ("PATCH",  "/api/tags/{tag}", Editor, json!({"name": "renamed"})),
        ("DELETE", "/api/tags/{tag}", Editor, none()),
        ("GET",    "/api/templates", Reader, none()),
        ("POST",   "/api/templates/{template_id}/apps", Editor, json!({})),
        ("GET",    "/api/apps/{app_id}", Reader, none()),
        ("PATCH",  "/api/apps/{app_id}", Editor, json!({"name": "Renamed"})),
        ("DELETE", "/api/apps/{app_id}", Editor, none()),
        ("PUT",    "/api/apps/{app_id}/draft", Editor, json!({"config": {}, "revision": 1})),
        ("POST",   "/api/apps/{app_id}/duplicate", Editor, json!({})),
        ("POST",   "/api/apps/{app_id}/publish", Editor, json!({})),
        ("GET",    "/api/apps/{app_id}/versions", Reader, none()),
        ("GET",    "/api/apps/{app_id}/versions/{version_id}", Reader, none()),
        ("POST",   "/api/apps/{app_id}/versions/{version_id}/restore", Editor, none()),
        ("POST",   "/api/apps/import", Editor, json!({"yaml": "app: {name: New, mode: chat}\nmodel_config: {}\n"})),
        ("POST",   "/api/apps/import/{import_id}/confirm", Editor, none()),
        ("GET",    "/api/apps/{app_id}/export", Reader, none()),
        ("GET",    "/api/apps/{app_id}/versions/{version_id}/diff/{other}", Reader, none()),
        ("POST",   "/api/apps/{app_id}/draft/map-models", Editor, json!({"mappings": [{"from": {"provider": "x"}, "to": {"provider": "local", "name": "default"}}]})),
        ("GET",    "/api/model-mappings", Editor, none()),
        ("PUT",    "/api/model-mappings", Editor, json!({"from": {"provider": "x"}, "to": {"provider": "local", "name": "default"}})),
        ("DELETE", "/api/model-mappings/{mapping_id}", Editor, none()),
        ("GET",    "/api/apps/{app_id}/annotations", Reader, none()),
        ("POST",   "/api/apps/{app_id}/annotations", Editor, json!({"question": "q", "answer": "a"})),
        ("PUT",    "/api/apps/{app_id}/annotations/{annotation_id}", Editor, json!({"question": "q", "answer": "a"})),
        ("DELETE", "/api/apps/{app_id}/annotations/{annotation_id}", Editor, none()),
        ("PUT",    "/api/apps/{app_id}/annotation-reply", Editor, json!({"enabled": false})),
        ("GET",    "/v1/apps/annotations", AppKey, none()),
        ("POST",   "/v1/apps/annotations", AppKey, json!({"question": "q", "answer": "a"})),
        ("PUT",    "/v1/apps/annotations/{annotation_id}", AppKey, json!({"question": "q", "answer": "a"})),
        ("DELETE", "/v1/apps/annotations/{annotation_id}", AppKey, none()),
        ("POST",   "/v1/apps/annotation-reply/{action}", AppKey, json!({"score_threshold": 0.9, "embedding_provider_name": "", "embedding_model_name": ""})),
        ("GET",    "/v1/apps/annotation-reply/{action}/status/{job_id}", AppKey, none()),
        ("GET",    "/v1/parameters", AppKey, none()),
        ("GET",    "/v1/info", AppKey, none()),
        ("GET",    "/v1/meta", AppKey, none()),
        ("GET",    "/v1/site", AppKey, none()),
        // files
        ("POST",   "/api/files", Reader, none()),
        ("GET",    "/files/{file_id}/{name}", Public, none()),
        ("POST",   "/v1/files/upload", AppKey, none()),
        ("GET",    "/v1/files/{file_id}/preview", AppKey, none()),
        // catalog
        ("GET",    "/api/models", Member, none()),
        ("POST",   "/api/models/local/{name}/load", Admin, none()),
        ("POST",   "/api/models/local/{name}/unload", Admin, none()),
        ("DELETE", "/api/models/local/{name}", Admin, none()),
        ("GET",    "/api/model-pulls", Admin, none()),
        ("POST",   "/api/model-pulls", Admin, json!({"model": "x"})),
        ("DELETE", "/api/model-pulls/{pull_id}", Admin, none()),
        ("GET",    "/api/model-plan", Admin, json!({"model": "ashlar-tiny"})),
        ("GET",    "/api/engine", Admin, none()),
        ("GET",    "/api/providers", Admin, none()),
        ("POST",   "/api/providers", Admin, json!({"name": "p", "base_url": "http://192.0.2.1/v1"})),
        ("GET",    "/api/providers/{provider_id}", Admin, none()),
        ("PATCH",  "/api/providers/{provider_id}", Admin, json!({"timeout_ms": 1000})),
        ("DELETE", "/api/providers/{provider_id}", Admin, none()),
        ("POST",   "/api/providers/{provider_id}/test", Admin, none()),
        ("GET",    "/v1/workspaces/current/models/model-types/{model_type}", DatasetKey, none()),
        // tools
        ("GET",    "/api/tools", Editor, none()),
        ("POST",   "/api/tools/call", Editor, json!({"provider_type": "builtin", "provider_id": "time", "tool_name": "current_time"})),
        ("POST",   "/api/tools/openapi/preview", Admin, json!({"document": "x"})),
        ("GET",    "/api/tools/openapi", Admin, none()),
        ("POST",   "/api/tools/openapi", Admin, json!({"name": "p", "document": "x"})),
        ("GET",    "/api/tools/openapi/{tool_provider_id}", Admin, none()),
        ("PATCH",  "/api/tools/openapi/{tool_provider_id}", Admin, json!({"timeout_ms": 1000})),
        ("DELETE", "/api/tools/openapi/{tool_provider_id}", Admin, none()),
        ("GET",    "/api/tools/mcp", Admin, none()),
        ("POST",   "/api/tools/mcp", Admin, json!({"name": "p", "url": "http://127.0.0.1:9/mcp"})),
        ("GET",    "/api/tools/mcp/{mcp_server_id}", Admin, none()),
        ("PATCH",  "/api/tools/mcp/{mcp_server_id}", Admin, json!({"timeout_ms": 1000})),
        ("DELETE", "/api/tools/mcp/{mcp_server_id}", Admin, none()),
        ("POST",   "/api/tools/mcp/{mcp_server_id}/refresh", Admin, none()),
        ("GET",    "/api/tools/workflows", Admin, none()),
        ("POST",   "/api/tools/workflows", Admin, json!({"app_id": Uuid::nil(), "name": "n", "description": "d"})),
        ("GET",    "/api/tools/workflows/{workflow_tool_id}", Admin, none()),
        ("PATCH",  "/api/tools/workflows/{workflow_tool_id}", Admin, json!({"label": "L"})),
        ("DELETE", "/api/tools/workflows/{workflow_tool_id}", Admin, none()),
        // triggers
        ("GET",    "/api/apps/{app_id}/triggers", Editor, none()),
        ("PATCH",  "/api/apps/{app_id}/triggers/{trigger_id}", Editor, json!({"enabled": false})),
        ("POST",   "/api/apps/{app_id}/triggers/{trigger_id}/renew-url", Editor, none()),
        ("GET",    "/triggers/webhook/{webhook_id}", Public, none()),
        ("POST",   "/triggers/webhook/{webhook_id}", Public, none()),
        ("PUT",    "/triggers/webhook/{webhook_id}", Public, none()),
        ("PATCH",  "/triggers/webhook/{webhook_id}", Public, none()),
        ("DELETE", "/triggers/webhook/{webhook_id}", Public, none()),
        ("GET",    "/triggers/webhook-debug/{webhook_id}", Public, none()),
        ("POST",   "/triggers/webhook-debug/{webhook_id}", Public, none()),
        ("PUT",    "/triggers/webhook-debug/{webhook_id}", Public, none()),
        ("PATCH",  "/triggers/webhook-debug/{webhook_id}", Public, none()),
        ("DELETE", "/triggers/webhook-debug/{webhook_id}", Public, none()),
        // openai
        ("POST",   "/v1/chat/completions", OpenAiKey, json!({"model": "none", "messages": [{"role": "user", "content": "Hi"}]})),
        ("POST",   "/v1/completions", OpenAiKey, json!({"model": "none", "prompt": "Hi"})),
        ("POST",   "/v1/images/generations", OpenAiKey, json!({"model": "none", "prompt": "A hat"})),
        ("POST",   "/v1/embeddings", OpenAiKey, json!({"model": "none", "input": "Hi"})),
        ("POST",   "/v1/rerank", OpenAiKey, json!({"model": "none", "query": "q", "documents": ["d"]})),
        ("GET",    "/v1/models", OpenAiKey, none()),
        ("GET",    "/v1/models/{*model}", OpenAiKey, none()),
        ("POST",   "/api/playground/chat/completions", Editor, json!({"model": "none", "messages": [{"role": "user", "content": "Hi"}]})),
        // chat: preview
        ("POST",   "/api/apps/{app_id}/preview", Editor, json!({"query": "Hi", "inputs": {}})),
        ("POST",   "/api/apps/{app_id}/preview/{task_id}/stop", Editor, none()),
        ("GET",    "/api/apps/{app_id}/preview/{message_id}/suggested-questions", Editor, none()),
        // workflows: console
        ("POST",   "/api/apps/{app_id}/draft/run", Editor, json!({})),
        ("POST",   "/api/apps/{app_id}/draft/check", Editor, json!({})),
        ("POST",   "/api/apps/{app_id}/draft/nodes/{node_id}/run", Editor, json!({})),
        ("GET",    "/api/apps/{app_id}/draft/nodes/{node_id}/variables", Editor, none()),
        ("GET",    "/api/apps/{app_id}/draft/nodes/{node_id}/last-run", Editor, none()),
        ("POST",   "/api/apps/{app_id}/draft/tasks/{task_id}/stop", Editor, none()),
        ("GET",    "/api/apps/{app_id}/draft/variables", Editor, none()),
        ("DELETE", "/api/apps/{app_id}/draft/variables", Editor, none()),
        ("DELETE", "/api/apps/{app_id}/draft/variables/{node_id}", Editor, none()),
        ("GET",    "/api/apps/{app_id}/draft/variables/{node_id}/{name}", Editor, none()),
        ("PUT",    "/api/apps/{app_id}/draft/variables/{node_id}/{name}", Editor, json!({"value": 1})),
        ("POST",   "/api/apps/{app_id}/draft/variables/{node_id}/{name}/reset", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs/export", Editor, json!({"format": "csv"})),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}", Editor, none()),
        ("POST",   "/api/apps/{app_id}/runs/{run_id}/stop", Editor, none()),
        ("POST",   "/api/apps/{app_id}/runs/{run_id}/take-values", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}/events", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}/values/{field}", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}/forms", Editor, none()),
        ("POST",   "/api/apps/{app_id}/runs/{run_id}/forms/{form_id}", Editor, json!({"action": "ok"})),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}/nodes", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}/nodes/{node_run_id}", Editor, none()),
        ("GET",    "/api/apps/{app_id}/runs/{run_id}/nodes/{node_run_id}/values/{field}", Editor, none()),
        // chat: the log, the monitoring
        ("GET",    "/api/apps/{app_id}/conversations", Editor, none()),
        ("GET",    "/api/apps/{app_id}/conversations/{conversation_id}", Editor, none()),
        ("GET",    "/api/apps/{app_id}/messages", Editor, none()),
        ("GET",    "/api/apps/{app_id}/messages/export", Editor, json!({"format": "csv"})),
        ("GET",    "/api/apps/{app_id}/messages/{message_id}", Editor, none()),
        ("PUT",    "/api/apps/{app_id}/messages/{message_id}/feedback", Editor, json!({"rating": "like"})),
        ("PUT",    "/api/apps/{app_id}/messages/{message_id}/annotation", Editor, json!({"question": "q", "answer": "a"})),
        ("GET",    "/api/apps/{app_id}/statistics", Reader, json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-08T00:00:00Z", "interval": "day"})),
        // sites
        ("POST",   "/api/apps/{app_id}/site/renew", Editor, none()),
        ("POST",   "/api/apps/{app_id}/mcp/renew", Editor, none()),
        ("GET",    "/api/sites/{site_code}", Public, none()),
        ("POST",   "/api/site/v1/chat-messages", Public, json!({"query": "Hi", "inputs": {}})),
        ("POST",   "/api/site/v1/chat-messages/{task_id}/stop", Public, json!({})),
        ("GET",    "/api/site/v1/chat-messages/{task_id}/events", Public, none()),
        ("POST",   "/api/site/v1/completion-messages", Public, json!({"inputs": {}})),
        ("POST",   "/api/site/v1/completion-messages/{task_id}/stop", Public, json!({})),
        ("GET",    "/api/site/v1/completion-messages/{task_id}/events", Public, none()),
        ("GET",    "/api/site/v1/conversations", Public, none()),
        ("DELETE", "/api/site/v1/conversations/{conversation_id}", Public, json!({})),
        ("POST",   "/api/site/v1/conversations/{conversation_id}/name", Public, json!({"name": "n"})),
        ("GET",    "/api/site/v1/messages", Public, none()),
        ("POST",   "/api/site/v1/messages/{message_id}/feedbacks", Public, json!({"rating": "like"})),
        ("GET",    "/api/site/v1/messages/{message_id}/suggested", Public, none()),
        ("POST",   "/api/site/v1/files/upload", Public, none()),
        ("POST",   "/api/site/v1/workflows/run", Public, json!({"inputs": {}})),
        ("POST",   "/api/site/v1/workflows/tasks/{task_id}/stop", Public, json!({})),
        ("GET",    "/api/site/v1/workflow/{workflow_run_id}/events", Public, none()),
        // chat: service API
        ("POST",   "/v1/chat-messages", AppKey, json!({"query": "Hi", "inputs": {}, "user": "u"})),
        ("POST",   "/v1/chat-messages/{task_id}/stop", AppKey, json!({"user": "u"})),
        ("GET",    "/v1/chat-messages/{task_id}/events", AppKey, json!({"user": "u"})),
        ("POST",   "/v1/completion-messages", AppKey, json!({"inputs": {}, "user": "u"})),
        ("POST",   "/v1/completion-messages/{task_id}/stop", AppKey, json!({"user": "u"})),
        ("GET",    "/v1/completion-messages/{task_id}/events", AppKey, json!({"user": "u"})),
        ("GET",    "/v1/conversations", AppKey, json!({"user": "u"})),
        ("DELETE", "/v1/conversations/{conversation_id}", AppKey, json!({"user": "u"})),
        ("POST",   "/v1/conversations/{conversation_id}/name", AppKey, json!({"name": "n", "user": "u"})),
        ("GET",    "/v1/conversations/{conversation_id}/variables", AppKey, json!({"user": "u"})),
        ("PUT",    "/v1/conversations/{conversation_id}/variables/{variable_id}", AppKey, json!({"value": "v", "user": "u"})),
        ("GET",    "/v1/messages", AppKey, json!({"user": "u"})),
        ("POST",   "/v1/messages/{message_id}/feedbacks", AppKey, json!({"rating": "like", "user": "u"})),
        ("GET",    "/v1/messages/{message_id}/suggested", AppKey, json!({"user": "u"})),
        ("GET",    "/v1/app/feedbacks", AppKey, none()),
        ("GET",    "/v1/end-users/{end_user_id}", AppKey, none()),
        ("POST",   "/v1/audio-to-text", AppKey, none()),
        ("POST",   "/v1/text-to-audio", AppKey, json!({"text": "Hi", "user": "u"})),
        ("POST",   "/v1/workflows/run", AppKey, json!({"inputs": {}, "user": "u"})),
        ("POST",   "/v1/workflows/{workflow_id}/run", AppKey, json!({"inputs": {}, "user": "u"})),
        ("POST",   "/v1/workflows/tasks/{task_id}/stop", AppKey, json!({"user": "u"})),
        ("GET",    "/v1/workflows/run/{workflow_run_id}", AppKey, none()),
        ("GET",    "/v1/workflow/{workflow_run_id}/events", AppKey, json!({"user": "u"})),
        ("GET",    "/v1/workflows/logs", AppKey, none()),
        ("GET",    "/api/forms/{form_token}", Public, none()),
        ("POST",   "/api/forms/{form_token}", Public, json!({"inputs": {}, "action": "ok"})),
        ("POST",   "/api/forms/{form_token}/files", Public, none()),
        ("GET",    "/v1/form/human_input/{form_token}", AppKey, none()),
        ("POST",   "/v1/form/human_input/{form_token}", AppKey, json!({"inputs": {}, "action": "ok", "user": "u"})),
    ]
}

/// A new object of each kind in a workspace, by the name of the path parameter that means it.
struct Objects {
    app_id: AppId,
    ids: Vec<(&'static str, Uuid)>,
    app_key_id: Uuid,
    workspace_key_id: Uuid,
}

impl Objects {
    async fn seed(app: &TestApp, workspace: &Workspace) -> Self {
        let db = &app.state.db;
        let app_id = app.seed_app(workspace, "Access", "chat").await;
        let [
            version,
            annotation,
            provider,
            tool_provider,
            mcp_server,
            workflow_tool,
            trigger,
            end_user,
            conversation,
            message,
            file,
            member,
            invitation,
        ] = std::array::from_fn(|_| Uuid::now_v7());
        for (statement, ids) in [
            ("insert into app_versions (workspace_id, app_id, id, number, config) values ($1, $2, $3, 1, '{}')", vec![app_id, version]),
            ("update apps set published_version_id = $3 where workspace_id = $1 and id = $2", vec![app_id, version]),
            ("insert into annotations (workspace_id, app_id, id, question, answer) values ($1, $2, $3, 'q', 'a')", vec![app_id, annotation]),
            ("insert into providers (workspace_id, id, name, base_url) values ($1, $2, $2::text, 'http://192.0.2.1/v1')", vec![provider]),
            (
                "insert into tool_providers (workspace_id, id, kind, name, document, timeout_ms) values ($1, $2, 'api', $2::text, '', 1000)",
                vec![tool_provider],
            ),
            (
                "insert into tool_providers (workspace_id, id, kind, name, url, timeout_ms) values ($1, $2, 'mcp', $2::text, 'http://127.0.0.1:9/', 1000)",
                vec![mcp_server],
            ),
            (
                "insert into workflow_tools (workspace_id, app_id, id, name, label, description) values ($1, $2, $3, $3::text, 'L', '')",
                vec![app_id, workflow_tool],
            ),
            (
                "insert into triggers (workspace_id, app_id, id, node_id, kind, webhook_id) values ($1, $2, $3, 'n', 'webhook', $3::text)",
                vec![app_id, trigger],
            ),
            ("insert into end_users (workspace_id, app_id, id, type, session_id) values ($1, $2, $3, 'service-api', 'u')", vec![app_id, end_user]),
            (
                "insert into conversations (workspace_id, app_id, id, end_user_id, source, name) values ($1, $2, $3, $4, 'service-api', 'c')",
                vec![app_id, conversation, end_user],
            ),
            (
                "insert into messages (workspace_id, app_id, id, conversation_id, end_user_id, source, task_id, status)
                 values ($1, $2, $3, $4, $5, 'service-api', $3, 'normal')",
                vec![app_id, message, conversation, end_user],
            ),
            (
                "insert into files (workspace_id, app_id, id, end_user_id, name, extension, mime_type, kind, size, sha256, blob_key)
                 values ($1, $2, $3, $4, 'a.txt', 'txt', 'text/plain', 'document', 1, '', 'none')",
                vec![app_id, file, end_user],
            ),
            (
                "with a as (insert into accounts (id, email, name, password_hash) values ($2, $2::text || '@b.c', 'Guest', '') returning id)
                 insert into members (workspace_id, account_id, role) select $1, id, 'normal' from a",
                vec![member],
            ),
            (
                "insert into invitations (workspace_id, id, email, role, token_hash, expires_at)
                 values ($1, $2, $2::text || '@b.c', 'normal', uuid_send($2), now() + interval '1 day')",
                vec![invitation],
            ),
        ] {
            let query = ids.into_iter().fold(sqlx::query(statement).bind(workspace.id), |query, id| query.bind(id));
            query.execute(db).await.unwrap();
        }
        let mut keys = db.acquire().await.unwrap();
        let mut key = async |opens| create_key(&mut keys, WorkspaceId(workspace.id), None, opens, "").await.unwrap().key.id.0;
        let app_id = AppId(app_id);
        Self {
            app_id,
            app_key_id: key(NewKey::App(app_id)).await,
            workspace_key_id: key(NewKey::Model).await,
            ids: vec![
                ("app_id", app_id.0),
                ("version_id", version),
                ("annotation_id", annotation),
                ("provider_id", provider),
                ("tool_provider_id", tool_provider),
                ("mcp_server_id", mcp_server),
                ("workflow_tool_id", workflow_tool),
                ("trigger_id", trigger),
                ("end_user_id", end_user),
                ("conversation_id", conversation),
                ("c_id", conversation),
                ("message_id", message),
                ("file_id", file),
                ("account_id", member),
                ("invitation_id", invitation),
            ],
        }
    }

    /// Whether the path names one of these objects.
    fn named_in(&self, path: &str) -> bool {
        path.contains("{key_id}") || self.ids.iter().any(|(name, _)| path.contains(&format!("{{{name}}}")))
    }

    /// The path with ids for its parameters; an unknown parameter gets an id that nothing has.
    fn fill(&self, path: &str) -> String {
        let key_id = if path.starts_with("/api/apps/") { self.app_key_id } else { self.workspace_key_id };
        let known = |name: &str| self.ids.iter().find(|(known, _)| *known == name).map(|(_, id)| *id);
        let part = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            None => part.to_owned(),
            Some("key_id") => key_id.to_string(),
            Some(name) => known(name).unwrap_or_else(Uuid::now_v7).to_string(),
        };
        path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

fn request(method: &str, path: &str, body: &Value) -> Request<Body> {
    if let (true, Some(query)) = (method == "GET", body.as_object()) {
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
        return Request::get(format!("{path}?{}", query.join("&"))).body(Body::empty()).unwrap();
    }
    let request = Request::builder().method(method).uri(path);
    match body {
        Value::Null => request.body(Body::empty()),
        body => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
    }
    .unwrap()
}

/// Only the status; the body of a stream is left unread.
async fn status(client: &Client, method: &str, path: &str, body: &Value) -> u16 {
    let answer = tokio::time::timeout(Duration::from_secs(20), client.open(request(method, path, body))).await;
    answer.unwrap_or_else(|_| panic!("{method} {path} does not answer")).status().as_u16()
}

#[test]
fn every_route_is_in_the_table() {
    let mut documented = BTreeSet::new();
    let document = serde_json::to_value(ashlar::server::openapi()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if item.get(method).is_some() {
                documented.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let table: BTreeSet<_> = routes().into_iter().map(|(method, path, ..)| (method.to_owned(), path.to_owned())).collect();
    let missing: Vec<_> = documented.difference(&table).collect();
    let stale: Vec<_> = table.difference(&documented).collect();
    assert!(missing.is_empty(), "say in tests/api/access.rs who may call these: {missing:#?}");
    assert!(stale.is_empty(), "no such routes any more: {stale:#?}");
    for (method, path, who, _) in routes() {
        let scheme = match who {
            Who::Public => json!([{}]),
            Who::AppKey | Who::DatasetKey | Who::OpenAiKey => json!([{"api_key": []}]),
            _ => json!([{"session": []}]),
        };
        assert_eq!(document["paths"][path][method.to_lowercase()]["security"], scheme, "{method} {path}: what the document says is needed");
    }
}

#[sqlx::test]
async fn every_door_lets_in_whom_it_should(db: PgPool) {
    let app = TestApp::start(db).await;
    let foreign = Objects::seed(&app, &app.foreign).await;
    let foreign_key = app.seed_key(&app.foreign, NewKey::App(foreign.app_id)).await;
    let model_key = app.seed_key(&app.home, NewKey::Model).await;
    let dataset_key = app.seed_key(&app.home, NewKey::Dataset).await;

    let mut wrong = Vec::new();
    for (method, template, who, body) in routes() {
        // new ones for each row, as the allowed calls may delete them
        let objects = Objects::seed(&app, &app.home).await;
        let app_key = app.seed_key(&app.home, NewKey::App(objects.app_id)).await;
        let path = objects.fill(template);
        let mut check = |caller: &str, status: u16, right: bool| {
            if !right {
                wrong.push(format!("{method} {template} by {caller}: {status}"));
            }
        };
        let call = |client: Client| {
            let (path, body) = (path.clone(), body.clone());
            async move { status(&client, method, &path, &body).await }
        };
        if who == Who::Public {
            let got = call(app.anonymous()).await;
            check("nobody", got, got < 500);
            continue;
        }
        let keys = [("app key", &app_key), ("dataset key", &dataset_key), ("model key", &model_key)];
        let allowed_keys: &[&str] = match who {
            Who::AppKey => &["app key"],
            Who::DatasetKey => &["dataset key"],
            Who::OpenAiKey => &["app key", "model key"],
            _ => &[],
        };
        let got = call(app.anonymous()).await;
        check("nobody", got, got == 401);
        // what is ours is missing for others
        if objects.named_in(template) {
            let stranger = if allowed_keys.is_empty() { app.foreigner() } else { app.with_key(&foreign_key) };
            let got = call(stranger).await;
            check("another workspace", got, got == 404);
        }
        for (name, key) in keys {
            let got = call(app.with_key(key)).await;
            let right = if allowed_keys.contains(&name) { got != 401 && got != 403 } else { got == 401 };
            check(name, got, right);
        }
        for role in Role::ALL {
            // a session of its own for each call, as the call may end it
            let client = app.sign_in(&app.home, role).await;
            let got = call(client).await;
            let right = match (allowed_keys.is_empty(), who.roles().contains(&role)) {
                (false, _) => got == 401,
                (true, false) => got == 403,
                (true, true) => got != 401 && got != 403 && got < 500,
            };
            check(role.as_str(), got, right);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
