//! Invitations by e-mail, where a mail server is configured. The job holds the token sealed: everywhere else there is only its hash.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Session, db, hash_token};
use crate::error::Result;
use crate::ids::{AccountId, InvitationId};
use crate::jobs::{self, GiveUp, Handlers, Job};
use crate::mail::{Mail, MailError};
use crate::state::AppState;

const JOB: &str = "invitation_mail";
/// The waits between them grow up to 512 s: an hour and a half in all.
const TRIES: i32 = 18;

#[derive(Serialize, Deserialize)]
struct Payload {
    mail_id: Uuid,
    invited_by: AccountId,
    /// Hex
    sealed_token: String,
}

/// Has the invitation sent, in the transaction that makes it; false where no mail is sent.
pub(super) async fn enqueue<R>(
    state: &AppState,
    tx: &mut PgConnection,
    session: &Session<R>,
    invitation_id: InvitationId,
    token: &str,
) -> Result<bool> {
    if !state.mail.is_configured() {
        return Ok(false);
    }
    let sealed_token = hex::encode(state.secrets.seal(token.as_bytes(), JOB.as_bytes()));
    // a second invitation of the same address is a mail of its own
    let payload = Payload { mail_id: Uuid::new_v5(&invitation_id.0, token.as_bytes()), invited_by: session.account_id, sealed_token };
    let payload = serde_json::to_value(payload).map_err(anyhow::Error::from)?;
    jobs::enqueue_all(tx, Some(session.workspace_id.0), JOB, &[payload], TRIES).await?;
    Ok(true)
}

/// What a worker runs for this slice.
pub fn add_job_handlers(handlers: &mut Handlers, state: &AppState) {
    let state = state.clone();
    handlers.add(JOB, move |job| send(state.clone(), job));
}

async fn send(state: AppState, job: Job) -> anyhow::Result<()> {
    let payload: Payload = serde_json::from_value(job.payload)?;
    let sealed = hex::decode(&payload.sealed_token).context("reading a sealed token")?;
    let token = String::from_utf8(state.secrets.unseal(&sealed, JOB.as_bytes())?)?;
    // withdrawn, replaced or used meanwhile
    let Some(open) = db::find_open_invitation(&state.db, &hash_token(&token)).await? else { return Ok(()) };
    let by = db::get_account(&state.db, payload.invited_by).await?;
    let link = format!("{}/invite?token={token}", state.config.base_url());
    let (subject, body) = text(&by.language, &by.name, &open.workspace_name, &link);
    match state.mail.send(&Mail { id: payload.mail_id, to: open.email, subject, body }).await {
        Ok(()) => Ok(()),
        Err(MailError::Refused(text)) => Err(GiveUp(text).into()),
        Err(error) => Err(error.into()),
    }
}

/// In the language of whoever invites.
fn text(language: &str, by: &str, workspace: &str, link: &str) -> (String, String) {
    // names are no Markdown
    let (by, workspace) = (&plain(by), &plain(workspace));
    if language.starts_with("zh") {
        let body = format!("{by} 邀请您加入 Ashlar 上的工作空间“{workspace}”。\n\n{link}\n\n此链接只能使用一次，一周内有效。");
        return (format!("{by} 邀请您加入“{workspace}”"), body);
    }
    let body = format!("{by} invites you to the workspace “{workspace}” on Ashlar.\n\n{link}\n\nThe link works once, for a week.");
    (format!("{by} invites you to “{workspace}”"), body)
}

/// Without what would make links or other marks of it.
fn plain(text: &str) -> String {
    let text: String = text.chars().filter(|c| !"[]()<>*_`#|\\".contains(*c)).collect();
    text.replace("://", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_speaks_the_language_of_whoever_invites() {
        let (subject, body) = text("en-US", "Ada", "Engines", "https://x.test/invite?token=1");
        assert_eq!(subject, "Ada invites you to “Engines”");
        assert!(body.contains("\n\nhttps://x.test/invite?token=1\n\n"));
        assert_eq!(text("zh-Hans", "Ada", "Engines", "").0, "Ada 邀请您加入“Engines”");
        assert!(!text("en-US", "[Ada](http://evil.test)", "E", "").1.contains("http://"));
    }
}
