//! The console's preview: the app's draft, or settings not saved yet, tried by a member.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_stream::wrappers::UnboundedReceiverStream;
use utoipa::ToSchema;

use super::chatflow::{self, Asker};
use super::generate::{self, App, Ask};
use super::{Caller, service, suggest};
use crate::accounts::{self, Editor, Session};
use crate::apps::{AppHead, AppMode, RunnableApp};
use crate::error::{Code, Error, Result};
use crate::files::{InputFile, Owner, Scope};
use crate::http::extract::{Json as Body, Path};
use crate::http::sse;
use crate::ids::{AppId, ConversationId, MessageId, TaskId};
use crate::state::AppState;
use crate::workflows::given::GivenVariable;
use crate::workflows::replay::{Replay, ReplayFrom};
use crate::workflows::run_row::{Creator, Source};
use crate::workflows::version::Version;

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreatePreview {
    #[serde(default)]
    query: String,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    files: Option<Vec<InputFile>>,
    conversation_id: Option<ConversationId>,
    /// Settings not saved yet; without them the draft answers
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Of chatflows: begin in the middle of an earlier run, whose question and inputs are taken
    from: Option<ReplayFrom>,
    /// With `from`: values in place of those of the earlier run
    #[serde(default)]
    overrides: Vec<GivenVariable>,
}

/// Ask the app as it is being edited. The answer is a stream of the events of `/v1/chat-messages`.
#[utoipa::path(post, path = "/api/apps/{app_id}/preview", tag = "Preview", params(("app_id" = AppId, Path)), request_body = CreatePreview, responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn create_preview(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(app_id): Path<AppId>,
    headers: HeaderMap,
    Body(body): Body<CreatePreview>,
) -> Result<Response> {
    let app = RunnableApp::draft(&state, session.workspace_id, app_id, body.config).await?;
    let mut ask = Ask {
        query: body.query,
        inputs: body.inputs,
        files: body.files.unwrap_or_default(),
        conversation_id: body.conversation_id,
        auto_generate_name: false,
    };
    let caller = Caller::account(session.account_id);
    if body.from.is_some() && app.mode != AppMode::AdvancedChat {
        return Err(Error::invalid("from", "from: only chatflows can begin in the middle of an earlier run."));
    }
    if body.from.is_none() && !body.overrides.is_empty() {
        return Err(Error::invalid("overrides", "overrides: there is nothing to replace without from."));
    }
    if app.mode == AppMode::AdvancedChat {
        let head = AppHead::find(&state.db, session.workspace_id, app_id).await?;
        let version = Arc::new(Version::open(&state, session.workspace_id, None, app.config.clone())?);
        let (email, name) = accounts::email_and_name(&state.db, session.account_id).await?;
        let creator = Creator::Account { id: session.account_id, name, email };
        let mut replay = None;
        if let Some(from) = &body.from {
            let scope = Scope { workspace_id: session.workspace_id, app_id, owner: Owner::Account(session.account_id) };
            let (earlier, loaded) = Replay::load(&state, &scope, &version, from, body.overrides).await?;
            ask.query = loaded.system("query").and_then(Value::as_str).unwrap_or_default().to_owned();
            ask.conversation_id =
                ask.conversation_id.or(earlier.conversation_id.filter(|_| earlier.account_id == Some(session.account_id)));
            replay = Some(loaded);
        }
        let asker = Asker { caller, creator, source: Source::Debugger, draft_config: Some(app.config), replay };
        let started = chatflow::start(&state, &head, version, asker, ask).await?;
        return Ok(sse::frames(UnboundedReceiverStream::new(started.frames), sse::wants_ids(&headers), true));
    }
    if app.mode == AppMode::Workflow {
        return Err(Error::new(Code::NotChatApp, "A workflow has no conversations: run its draft instead."));
    }
    let app = App { config: app.model_config()?, max_active_requests: 0, app };
    let started = generate::start(&state, &app, &caller, ask).await?;
    Ok(service::stream(started, sse::wants_ids(&headers)))
}

/// Stop a preview of one's own.
#[utoipa::path(post, path = "/api/apps/{app_id}/preview/{task_id}/stop", tag = "Preview", params(("app_id" = AppId, Path), ("task_id" = TaskId, Path)), responses((status = 204)))]
pub(super) async fn stop_preview(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, task_id)): Path<(AppId, TaskId)>,
) -> Result<StatusCode> {
    RunnableApp::draft(&state, session.workspace_id, app_id, None).await?;
    state.live.stop(task_id.0, session.account_id.0).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Suggestions {
    data: Vec<String>,
}

/// Questions that may follow an answer of the preview.
#[utoipa::path(get, path = "/api/apps/{app_id}/preview/{message_id}/suggested-questions", tag = "Preview", params(("app_id" = AppId, Path), ("message_id" = MessageId, Path)), responses((status = 200, body = Suggestions)))]
pub(super) async fn list_preview_suggestions(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path((app_id, message_id)): Path<(AppId, MessageId)>,
) -> Result<Json<Suggestions>> {
    let app = RunnableApp::draft(&state, session.workspace_id, app_id, None).await?;
    let data = suggest::suggest(&state, &app, &Caller::account(session.account_id), message_id).await?;
    Ok(Json(Suggestions { data }))
}
