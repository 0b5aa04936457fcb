//! Questions that a user may ask next, found by the model after an answer.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::ask::{Aside, ask};
use super::db::messages;
use super::{Caller, require_chat, service_caller};
use crate::accounts::ServiceApp;
use crate::apps::RunnableApp;
use crate::engine::request::{Format, Message, Priority, Role};
use crate::error::{Code, Error, Result};
use crate::http::extract::Path;
use crate::http::payload::Params;
use crate::ids::MessageId;
use crate::state::AppState;

/// Asked in these words because the bundled model learned them; larger ones need no more.
const INSTRUCTIONS: &str = "Suggest three follow-up questions as a JSON array.";
/// Past exchanges that are shown to the model, the answered one included.
const EXCHANGES: i64 = 3;
const MOST_CHARS: usize = 6000;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Suggested {
    result: &'static str,
    data: Vec<String>,
}

/// Questions that may follow an answer; an empty list when the model fails.
#[utoipa::path(get, path = "/v1/messages/{message_id}/suggested", tag = "Chat", params(("message_id" = MessageId, Path), ("user" = String, Query)), responses((status = 200, body = Suggested)))]
pub(super) async fn list_suggested_questions(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(id): Path<MessageId>,
    params: Params,
) -> Result<Json<Suggested>> {
    let caller = service_caller(&state, &app, Some(params.required_user()?)).await?;
    require_chat(&state, &app).await?;
    let app = RunnableApp::published(&state.db, app.workspace_id, app.app_id).await?;
    let data = suggest(&state, &app, &caller, id).await?;
    Ok(Json(Suggested { result: "success", data }))
}

/// With the settings of `app`, published or draft.
pub(super) async fn suggest(state: &AppState, app: &RunnableApp, caller: &Caller, id: MessageId) -> Result<Vec<String>> {
    let workspace_id = app.workspace_id;
    let message = messages::find(&state.db, workspace_id, app.id, caller, id).await?;
    let message = message.ok_or_else(|| Error::not_found("Message Not Exists."))?;
    let config = app.model_config()?;
    let settings = &config.suggested_questions_after_answer;
    if !settings.enabled {
        return Err(Error::new(Code::BadRequest, "Suggested Questions Is Disabled."));
    }
    let Some(conversation_id) = message.conversation_id else { return Ok(Vec::new()) };
    let before = Some((message.created_at, message.id));
    let mut exchanges = messages::list(&state.db, workspace_id, conversation_id, before, EXCHANGES - 1).await?;
    exchanges.reverse();
    exchanges.push(message);
    let history: Vec<_> = exchanges.iter().map(|e| format!("user: {}\nassistant: {}", e.query, e.answer)).collect();
    let history = history.join("\n");
    let skip = history.chars().count().saturating_sub(MOST_CHARS);
    let history: String = history.chars().skip(skip).collect();
    let instructions = if settings.prompt.trim().is_empty() { INSTRUCTIONS } else { settings.prompt.as_str() };
    let aside = Aside {
        messages: vec![
            Message::text(Role::System, instructions),
            Message::text(Role::User, format!("<conversation>\n{history}\n</conversation>")),
        ],
        format: Format::JsonSchema(json!({
            "type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "string", "minLength": 1, "maxLength": 120}
        })),
        max_tokens: 256,
        priority: Priority::Interactive,
    };
    let model = settings.model.as_ref().unwrap_or(&config.model).reference();
    match ask(state, workspace_id, &model, aside).await {
        Ok(text) => Ok(parse(&text)),
        Err(error) => {
            tracing::info!(%error, "no questions to suggest");
            Ok(Vec::new())
        }
    }
}

/// The array in the text; models that can't be held to a schema write words around it.
fn parse(text: &str) -> Vec<String> {
    let array = text.find('[').zip(text.rfind(']')).and_then(|(start, end)| text.get(start..=end)).unwrap_or_default();
    let questions: Vec<String> = serde_json::from_str(array).unwrap_or_default();
    questions.into_iter().map(|q| q.trim().to_owned()).filter(|q| !q.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_array_is_found() {
        assert_eq!(parse("[\"a\", \" b \", \"\"]"), ["a", "b"]);
        assert_eq!(parse("Here:\n[\"a\"]\nDone."), ["a"]);
        assert!(parse("no").is_empty() && parse("] [").is_empty() && parse("[1]").is_empty());
    }
}
