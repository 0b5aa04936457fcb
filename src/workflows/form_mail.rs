//! Forms by e-mail: whom a form goes to, each with a link of their own, and the job that sends one of them their mail. A form
//! whose mail can't be sent works by its other links all the same.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::db::recipients::{self as db, MailStatus, NewRecipient};
use super::forms;
use super::run_row::{NewRun, Source};
use crate::accounts;
use crate::error::Result;
use crate::http::text;
use crate::ids::{AccountId, WorkspaceId};
use crate::jobs::{self, GiveUp, Handlers, Job};
use crate::mail::{Mail, MailError};
use crate::state::AppState;

/// The delivery method's type.
pub const CHANNEL: &str = "email";
/// Stands for the form's link in subject and body.
const LINK: &str = "{{#url#}}";
const JOB: &str = "form_mail";
/// The waits between them grow up to 512 s: six hours in all.
const TRIES: i32 = 50;

/// A delivery method of type `email`.
#[derive(Debug, PartialEq, Eq)]
struct Email {
    whole_workspace: bool,
    members: Vec<AccountId>,
    external: Vec<String>,
    subject: String,
    /// Markdown
    body: String,
    /// Of drafts: only whoever tries them gets the mail.
    debug_mode: bool,
}

impl Email {
    /// None for other methods, and when it is switched off. What can't be read is left out, as the reference does.
    fn of(method: &Value) -> Option<Self> {
        let text = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).map(str::trim).unwrap_or_default().to_owned();
        let is_true = |at: &str| method.pointer(at) == Some(&Value::Bool(true));
        if text(method, "/type") != CHANNEL || method.get("enabled") == Some(&Value::Bool(false)) {
            return None;
        }
        let items = || method.pointer("/config/recipients/items").and_then(Value::as_array).into_iter().flatten();
        let of_type = |kind: &'static str| items().filter(move |item| text(item, "/type") == kind);
        // the older name of each
        let member = |item: &Value| [text(item, "/reference_id"), text(item, "/user_id")].iter().find_map(|id| id.parse().ok());
        Some(Self {
            whole_workspace: is_true("/config/recipients/include_bound_group") || is_true("/config/recipients/whole_workspace"),
            members: of_type("member").filter_map(member).collect(),
            external: of_type("external").map(|item| text(item, "/email")).filter(|email| !email.is_empty()).collect(),
            subject: text(method, "/config/subject"),
            body: text(method, "/config/body"),
            debug_mode: is_true("/config/debug_mode"),
        })
    }

    /// Each address once.
    async fn recipients(&self, tx: &mut PgConnection, run: &NewRun) -> Result<Vec<(Option<AccountId>, String)>> {
        let is_trial = self.debug_mode && run.source == Source::Debugger;
        let only = match run.creator.account_id() {
            creator if is_trial => Some(creator.into_iter().collect()),
            _ if self.whole_workspace => None,
            _ => Some(self.members.clone()),
        };
        let members = accounts::member_addresses(&mut *tx, run.workspace_id, only.as_deref()).await?;
        let external = if is_trial { &[][..] } else { &self.external };
        let members = members.into_iter().map(|(id, email)| (Some(id), email));
        let mut seen = HashSet::new();
        Ok(members
            .chain(external.iter().map(|email| (None, email.clone())))
            .filter(|(_, email)| seen.insert(email.to_lowercase()))
            .collect())
    }

    fn mail(&self, id: Uuid, to: String, node_title: &str, url: &str) -> Mail {
        let subject = if self.subject.is_empty() { node_title.to_owned() } else { self.subject.replace(LINK, url) };
        let mut body = self.body.replace(LINK, url);
        if !self.body.contains(LINK) {
            body.push_str("\n\n");
            body.push_str(url);
        }
        Mail { id, to, subject, body }
    }
}

/// Whom a form was addressed to.
#[derive(Debug)]
pub struct Addressed {
    has_email: bool,
    can_send: bool,
    n_addresses: usize,
}

impl Addressed {
    /// Why nobody gets the form by mail.
    pub fn nobody(&self) -> Option<String> {
        match self {
            Self { has_email: false, .. } => Some("switch one of its delivery methods on".to_owned()),
            Self { can_send: false, .. } => Some(format!("it goes by e-mail only, and {}", MailError::NotConfigured)),
            Self { n_addresses: 0, .. } => Some("none of its recipients is a member of the workspace or an e-mail address".to_owned()),
            _ => None,
        }
    }
}

/// Gives everyone whom a new form goes to a link and, where there is a mail server, a mail; in the transaction that makes the
/// form.
pub async fn address(state: &AppState, tx: &mut PgConnection, run: &NewRun, form_id: Uuid, methods: &Value) -> Result<Addressed> {
    let mut addressed = Addressed { has_email: false, can_send: state.mail.is_configured(), n_addresses: 0 };
    let mut recipients = Vec::new();
    for (method, i) in methods.as_array().into_iter().flatten().zip(0..) {
        let Some(email) = Email::of(method) else { continue };
        addressed.has_email = true;
        for (account_id, email) in email.recipients(tx, run).await? {
            addressed.n_addresses += usize::from(text::email("email", &email).is_ok());
            recipients.push(NewRecipient { id: Uuid::now_v7(), method: i, email, account_id, token: forms::new_token() });
        }
    }
    if recipients.is_empty() {
        return Ok(addressed);
    }
    if addressed.can_send {
        db::insert(&mut *tx, run.workspace_id, form_id, &recipients, None).await?;
        let payloads: Vec<Value> = recipients.iter().map(|recipient| json!({"recipient_id": recipient.id})).collect();
        jobs::enqueue_all(&mut *tx, Some(run.workspace_id.0), JOB, &payloads, TRIES).await?;
    } else {
        let problem = MailError::NotConfigured.to_string();
        tracing::warn!(run.id = %run.id, form.id = %form_id, recipients = recipients.len(), problem, "a form is not sent by e-mail");
        db::insert(&mut *tx, run.workspace_id, form_id, &recipients, Some(&problem)).await?;
    }
    Ok(addressed)
}

/// What a worker runs for this slice.
pub fn add_job_handlers(handlers: &mut Handlers, state: &AppState) {
    let state = state.clone();
    handlers.add(JOB, move |job| send(state.clone(), job));
}

#[derive(Deserialize)]
struct Payload {
    recipient_id: Uuid,
}

async fn send(state: AppState, job: Job) -> anyhow::Result<()> {
    let Payload { recipient_id: id } = serde_json::from_value(job.payload)?;
    let Some(workspace_id) = job.workspace_id.map(WorkspaceId) else { return Ok(()) };
    // sent already, or gone with its app
    let Some(due) = db::find_due(&state.db, workspace_id, id).await? else { return Ok(()) };
    if !due.is_wanted {
        return Ok(db::set_status(&state.db, workspace_id, id, MailStatus::Dropped, None).await?);
    }
    let method = usize::try_from(due.method).ok().and_then(|i| due.delivery_methods.get(i));
    let email = method.and_then(Email::of).ok_or_else(|| GiveUp("the form has no such delivery method".to_owned()))?;
    let url = format!("{}/form/{}", state.config.base_url(), due.token);
    let Err(error) = state.mail.send(&email.mail(id, due.email, &due.node_title, &url)).await else {
        return Ok(db::set_status(&state.db, workspace_id, id, MailStatus::Sent, None).await?);
    };
    let text = error.to_string();
    let is_refused = matches!(error, MailError::Refused(_));
    let status = if is_refused || job.attempts >= job.max_attempts { MailStatus::Failed } else { MailStatus::Queued };
    db::set_status(&state.db, workspace_id, id, status, Some(&text)).await?;
    Err(if is_refused { GiveUp(text).into() } else { error.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_read_as_the_reference_writes_them() {
        let id = AccountId::new();
        let method = json!({"id": "1", "type": "email", "enabled": true, "config": {
            "recipients": {"whole_workspace": true, "items": [
                {"type": "member", "reference_id": id}, {"type": "member", "user_id": id}, {"type": "member", "reference_id": "of-another-server"},
                {"type": "external", "email": " ann@example.org "}, {"type": "external"}, {"type": "group"}]},
            "subject": "S", "body": "B", "debug_mode": true}});
        let expected = Email {
            whole_workspace: true,
            members: vec![id, id],
            external: vec!["ann@example.org".into()],
            subject: "S".into(),
            body: "B".into(),
            debug_mode: true,
        };
        assert_eq!(Email::of(&method), Some(expected));
        assert_eq!(Email::of(&json!({"type": "email"})).map(|email| email.whole_workspace), Some(false));
        assert_eq!(Email::of(&json!({"type": "email", "enabled": false})), None);
        assert_eq!(Email::of(&json!({"type": "webapp"})), None);
    }

    #[test]
    fn a_mail_always_holds_its_link() {
        let mail = |subject: &str, body: &str| {
            let email = Email::of(&json!({"type": "email", "config": {"subject": subject, "body": body}})).unwrap();
            email.mail(Uuid::nil(), "a@b.c".into(), "Check the order", "http://x/form/1")
        };
        let with = mail("Do it", "[Open]({{#url#}})");
        assert_eq!((with.subject.as_str(), with.body.as_str()), ("Do it", "[Open](http://x/form/1)"));
        let without = mail("", "Please.");
        assert_eq!((without.subject.as_str(), without.body.as_str()), ("Check the order", "Please.\n\nhttp://x/form/1"));
    }

    #[test]
    fn who_gets_no_mail_is_said_why() {
        let nobody = |has_email, can_send, n_addresses| Addressed { has_email, can_send, n_addresses }.nobody();
        assert_eq!(nobody(true, true, 1), None);
        assert!(nobody(false, true, 0).unwrap().contains("delivery methods"));
        assert!(nobody(true, false, 1).unwrap().contains("ASHLAR_SMTP_URL"));
        assert!(nobody(true, true, 0).unwrap().contains("none of its recipients"));
    }
}
