//! Conversations and messages of chat and completion apps, and the `/v1` API over them.
//!
//! - A question and its empty answer are committed before a stream opens; the finished row before its last event. A row
//!   says how its answer ended: `normal`, `stopped`, `error`, or `interrupted` when its process died.
//! - The answer is made by a task of its own: it goes on when the client leaves, and can be followed from any replica.
//! - Conversations and messages belong to one caller of one app; everybody else's look missing.
//! - Under `/v1` every field, error and order is Dify's, to the letter.
//!
//! Reads apps, files and models through their slices; knows nothing of tokens, caches or blobs.

pub mod as_model;
mod ask;
mod audio;
mod chatflow;
mod conversations;
mod db;
mod end_users;
mod events;
mod export;
mod feedback;
mod flow_as_model;
mod follow;
mod generate;
mod logs;
mod messages;
mod naming;
mod preview;
mod prompt;
mod service;
mod statistics;
mod suggest;
mod trace;
mod variables;

use std::time::Duration;

use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::accounts::{Door, ServiceApp};
use crate::apps::AppMode;
use crate::error::{Code, Error, Result};
use crate::files::Owner;
use crate::ids::{AccountId, EndUserId};
use crate::state::AppState;
use crate::workflows::job;
use crate::workflows::run_row::Source;

/// The service API.
pub fn routes() -> OpenApiRouter<AppState> {
    visitor_routes()
        .routes(routes!(variables::list_variables))
        .routes(routes!(variables::update_variable))
        .routes(routes!(feedback::list_feedbacks))
        .routes(routes!(end_users::get_end_user))
        .merge(OpenApiRouter::default().routes(routes!(audio::audio_to_text)).layer(audio::body_limit()))
        .routes(routes!(audio::text_to_audio))
}

/// What visitors of an app's page may call of the service API.
pub fn visitor_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(service::create_chat_message))
        .routes(routes!(service::stop_chat_message))
        .routes(routes!(service::follow_chat_message))
        .routes(routes!(service::create_completion_message))
        .routes(routes!(service::stop_completion_message))
        .routes(routes!(service::follow_completion_message))
        .routes(routes!(conversations::list_conversations))
        .routes(routes!(conversations::delete_conversation))
        .routes(routes!(conversations::rename_conversation))
        .routes(routes!(messages::list_messages))
        .routes(routes!(suggest::list_suggested_questions))
        .routes(routes!(feedback::create_feedback))
}

/// The console's: the live preview, the log, the monitoring.
pub fn console_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(logs::list_log_conversations))
        .routes(routes!(logs::get_log_conversation))
        .routes(routes!(logs::list_log_messages))
        .routes(routes!(logs::export_messages))
        .routes(routes!(logs::get_log_message))
        .routes(routes!(logs::rate_message))
        .routes(routes!(logs::annotate_message))
        .routes(routes!(statistics::get_statistics))
        .routes(routes!(preview::create_preview))
        .routes(routes!(preview::stop_preview))
        .routes(routes!(preview::list_preview_suggestions))
}

/// Who asks: an end user through the API, or a member trying the app in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub end_user: Option<EndUserId>,
    pub account: Option<AccountId>,
    pub source: Source,
}

impl Caller {
    pub fn end_user(id: EndUserId, door: Door) -> Self {
        Self { end_user: Some(id), account: None, source: door.into() }
    }

    pub fn account(id: AccountId) -> Self {
        Self { end_user: None, account: Some(id), source: Source::Debugger }
    }

    /// Whose files this caller may send.
    fn owner(&self) -> Owner {
        match self.end_user {
            Some(id) => Owner::EndUser(id),
            None => Owner::Account(self.account.unwrap_or(AccountId(Uuid::nil()))),
        }
    }

    /// Who may stop what this caller started.
    pub fn id(&self) -> Uuid {
        self.end_user.map(|id| id.0).or(self.account.map(|id| id.0)).unwrap_or_default()
    }
}

/// The end user behind `user` of an app's caller.
async fn service_caller(state: &AppState, app: &ServiceApp, user: Option<&str>) -> Result<Caller> {
    Ok(Caller::end_user(app.end_user(state, user).await?.id, app.door))
}

/// 400 `not_chat_app` unless the app has conversations.
async fn require_chat(state: &AppState, app: &ServiceApp) -> Result<()> {
    match db::conversations::find_mode(&state.db, app.workspace_id, app.app_id).await? {
        Some(mode) if mode.is_chat() => Ok(()),
        _ => Err(not_chat_app()),
    }
}

async fn require_mode(state: &AppState, app: &ServiceApp, mode: AppMode, otherwise: fn() -> Error) -> Result<()> {
    let found = db::conversations::find_mode(&state.db, app.workspace_id, app.app_id).await?;
    if found == Some(mode) { Ok(()) } else { Err(otherwise()) }
}

const WRONG_MODE: &str = "Please check if your app mode matches the right API route.";

fn not_chat_app() -> Error {
    Error::new(Code::NotChatApp, WRONG_MODE)
}

fn app_unavailable() -> Error {
    Error::new(Code::AppUnavailable, "App unavailable, please check your app configurations.")
}

pub use service::{Answered, Question, ask_once};

/// Takes up workflow and chatflow runs that nobody works on, for as long as the process lives.
pub async fn work_on_runs(state: AppState) {
    job::work(state, chatflow::face_of).await;
}

/// One look for runs to take up; gives their number.
pub async fn take_up_runs(state: &AppState) -> Result<usize> {
    job::claim(state, chatflow::face_of).await
}

/// An answer without a sign of life for so long belongs to a process that is gone; running ones give one every second.
const STALE: Duration = Duration::from_secs(10);
const SWEEP_EVERY: Duration = Duration::from_secs(3);
const INTERRUPTED: &str = "The answer was interrupted: the server stopped while it was being written.";

/// Marks answers of processes that died, for as long as this one lives.
pub async fn sweep_interrupted(db: PgPool) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        match db::messages::interrupt_stale(&db, STALE.as_secs_f64(), INTERRUPTED).await {
            Ok(0) => {}
            Ok(n) => tracing::warn!(messages = n, "marked answers as interrupted: the process that wrote them is gone"),
            Err(error) => tracing::debug!(%error, "could not look for interrupted answers"),
        }
    }
}
