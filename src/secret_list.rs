//! Where a workspace keeps secrets: keys of providers, credentials of tools, secret environment variables. Knows no value of any:
//! it says only whether the instance key still opens it.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::accounts::{Admin, Session};
use crate::apps::{AppMode, secret_variables};
use crate::error::Result;
use crate::http::extract::Json;
use crate::http::page::List;
use crate::ids::{AppId, WorkspaceId};
use crate::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_secrets))
}

/// A secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
struct SecretPlace {
    kind: SecretKind,
    /// Of the provider, the tool provider or the app
    id: Uuid,
    /// Of the provider or the environment variable
    name: String,
    /// Of an MCP server: which of its headers are kept
    headers: Vec<String>,
    /// Of an environment variable
    app: Option<SecretApp>,
    /// False when it was sealed with another instance key: it has to be entered anew
    is_readable: bool,
    /// Null of an environment variable
    created_at: Option<DateTime<Utc>>,
    /// Of an environment variable: when its app was last changed
    updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SecretKind {
    /// Key of a remote model provider
    Provider,
    /// Key of tools that came from an OpenAPI document
    Api,
    /// Headers for an MCP server
    Mcp,
    EnvironmentVariable,
}

#[derive(Debug, Serialize, ToSchema)]
struct SecretApp {
    name: String,
    mode: AppMode,
}

/// Every secret of the workspace, by kind and name
#[utoipa::path(get, path = "/api/secrets", tag = "keys", responses((status = 200, body = List<SecretPlace>)))]
async fn list_secrets(State(state): State<AppState>, session: Session<Admin>) -> Result<Json<List<SecretPlace>>> {
    let mut data = of_providers(&state, session.workspace_id).await?;
    data.extend(of_tools(&state, session.workspace_id).await?);
    data.extend(of_apps(&state, session.workspace_id).await?);
    Ok(Json(List { data, next_cursor: None }))
}

async fn of_providers(state: &AppState, workspace_id: WorkspaceId) -> Result<Vec<SecretPlace>> {
    let rows = sqlx::query!(
        r#"select id, name, api_key_sealed as "sealed!", created_at, updated_at from providers
           where workspace_id = $1 and api_key_sealed is not null order by name"#,
        workspace_id.0
    )
    .fetch_all(&state.db)
    .await?;
    let places = rows.into_iter().map(|row| SecretPlace {
        kind: SecretKind::Provider,
        id: row.id,
        name: row.name,
        headers: Vec::new(),
        app: None,
        is_readable: state.secrets.unseal(&row.sealed, row.id.as_bytes()).is_ok(),
        created_at: Some(row.created_at),
        updated_at: row.updated_at,
    });
    Ok(places.collect())
}

async fn of_tools(state: &AppState, workspace_id: WorkspaceId) -> Result<Vec<SecretPlace>> {
    let rows = sqlx::query!(
        r#"select id, kind = 'mcp' as "is_mcp!", name, auth, secret_sealed as "sealed!", created_at, updated_at from tool_providers
           where workspace_id = $1 and secret_sealed is not null order by kind, name"#,
        workspace_id.0
    )
    .fetch_all(&state.db)
    .await?;
    let places = rows.into_iter().map(|row| {
        let headers = row.auth["headers"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        SecretPlace {
            kind: if row.is_mcp { SecretKind::Mcp } else { SecretKind::Api },
            id: row.id,
            name: row.name,
            headers: headers.collect(),
            app: None,
            is_readable: state.secrets.unseal(&row.sealed, row.id.as_bytes()).is_ok(),
            created_at: Some(row.created_at),
            updated_at: row.updated_at,
        }
    });
    Ok(places.collect())
}

/// Of the draft and of the version that callers reach: a variable may be gone from one of them.
async fn of_apps(state: &AppState, workspace_id: WorkspaceId) -> Result<Vec<SecretPlace>> {
    let rows = sqlx::query!(
        r#"select a.id as "id: AppId", a.name, a.mode as "mode: AppMode", a.updated_at,
                  a.draft, v.config as "published?"
           from apps a left join app_versions v on v.id = a.published_version_id and v.workspace_id = $1
           where a.workspace_id = $1 and a.deleted_at is null
             and (jsonb_path_exists(a.draft, '$.environment_variables[*] ? (@.value_type == "secret")')
                  or jsonb_path_exists(v.config, '$.environment_variables[*] ? (@.value_type == "secret")'))
           order by a.name, a.id"#,
        workspace_id.0
    )
    .fetch_all(&state.db)
    .await?;
    let mut places = Vec::new();
    for row in rows {
        let configs: Vec<Value> = [Some(row.draft), row.published].into_iter().flatten().collect();
        for variable in secret_variables::list(&state.secrets, workspace_id, &configs) {
            places.push(SecretPlace {
                kind: SecretKind::EnvironmentVariable,
                id: row.id.0,
                name: variable.name,
                headers: Vec::new(),
                app: Some(SecretApp { name: row.name.clone(), mode: row.mode }),
                is_readable: variable.is_readable,
                created_at: None,
                updated_at: row.updated_at,
            });
        }
    }
    Ok(places)
}
