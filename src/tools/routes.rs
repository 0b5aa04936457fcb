//! All tools of a workspace in one list, and a call of any of them for trying it out.

use std::time::Instant;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{FileContent, ProviderType, ToolError, ToolFile, ToolInfo, ToolOutput, ToolRef, Toolbox, builtin, db, mcp, openapi, workflows};
use crate::accounts::{Editor, Session};
use crate::error::Result;
use crate::http::extract::Json;
use crate::http::page::List;
use crate::state::AppState;

/// Who provides tools, and which.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToolProvider {
    provider_type: ProviderType,
    id: String,
    name: String,
    label: String,
    description: String,
    tools: Vec<ToolInfo>,
}

/// Every tool that apps of this workspace can use, by provider
#[utoipa::path(get, path = "/api/tools", tag = "tools", responses((status = 200, body = List<ToolProvider>)))]
pub(super) async fn list_tools(State(state): State<AppState>, session: Session<Editor>) -> Result<Json<List<ToolProvider>>> {
    let built_in = builtin::PROVIDERS.iter().map(|provider| ToolProvider {
        provider_type: ProviderType::Builtin,
        id: provider.id.into(),
        name: provider.id.into(),
        label: provider.label.into(),
        description: provider.description.into(),
        tools: provider.tools.iter().map(|definition| definition.info(provider)).collect(),
    });
    let mut providers: Vec<_> = built_in.collect();
    for row in db::list_providers(&state.db, session.workspace_id, None, None).await? {
        let id = row.id.to_string();
        let (provider_type, tools) = if row.kind == ProviderType::Mcp.as_str() {
            (ProviderType::Mcp, row.tools::<mcp::ServerTool>()?.iter().map(|t| t.info(&id, &row.name)).collect())
        } else {
            (ProviderType::Api, row.tools::<openapi::Operation>()?.iter().map(|o| o.info(&id, &row.name)).collect())
        };
        providers.push(ToolProvider { provider_type, id, label: row.name.clone(), name: row.name, description: row.description, tools });
    }
    for row in workflows::db::list(&state.db, session.workspace_id, None).await? {
        // one whose app can't be called any more is shown where it is managed
        let Ok(info) = workflows::describe(&row) else { continue };
        providers.push(ToolProvider {
            provider_type: ProviderType::Workflow,
            id: row.id.to_string(),
            name: row.name,
            label: row.label,
            description: row.description,
            tools: vec![info],
        });
    }
    Ok(Json(List::whole(providers)))
}

/// A call for trying a tool out.
#[derive(Deserialize, ToSchema)]
pub(super) struct CallTool {
    #[serde(flatten)]
    tool: ToolRef,
    #[serde(default)]
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
}

/// What the call gave.
#[derive(Serialize, ToSchema)]
pub(super) struct ToolCallResult {
    ok: bool,
    /// Why it failed
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    text: String,
    #[schema(value_type = Vec<Object>)]
    json: Vec<Value>,
    files: Vec<ToolCallFile>,
    #[schema(value_type = Object)]
    variables: Map<String, Value>,
    elapsed_ms: u64,
}

/// A file that the tool made or points to; its bytes are not kept.
#[derive(Serialize, ToSchema)]
pub(super) struct ToolCallFile {
    name: String,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<ToolFile> for ToolCallFile {
    fn from(file: ToolFile) -> Self {
        let (size, url) = match file.content {
            FileContent::Bytes(bytes) => (Some(bytes.len()), None),
            FileContent::Url(url) => (None, Some(url)),
            FileContent::Kept(_) => (None, None),
        };
        Self { name: file.name, mime_type: file.mime_type, size, url }
    }
}

/// Call a tool, with settings and arguments together
///
/// A workflow is tried out by running its app.
#[utoipa::path(post, path = "/api/tools/call", tag = "tools", request_body = CallTool,
    responses((status = 200, body = ToolCallResult), (status = 400), (status = 404)))]
pub(super) async fn call_tool(
    State(state): State<AppState>,
    session: Session<Editor>,
    Json(body): Json<CallTool>,
) -> Result<Json<ToolCallResult>> {
    let started = Instant::now();
    let (output, error) = match Toolbox::new(&state, session.workspace_id).invoke(&body.tool, body.arguments).await {
        Ok(output) => (output, None),
        Err(error @ (ToolError::Failed(_) | ToolError::Unreachable(_))) => (ToolOutput::default(), Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    Ok(Json(ToolCallResult {
        ok: error.is_none(),
        error,
        text: output.text,
        json: output.json,
        files: output.files.into_iter().map(ToolCallFile::from).collect(),
        variables: output.variables,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }))
}
