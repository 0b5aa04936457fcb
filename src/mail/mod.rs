//! Mail through the operator's SMTP server. Knows no feature: a slice writes what it has to say, and sends it from a job of its
//! own, so that a server that is away for a while costs nobody their mail.

mod html;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use url::{Host, Url};
use uuid::Uuid;

use crate::config::Config;

/// For each answer of the mail server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest subject, in characters; the rest is cut off.
const MAX_SUBJECT: usize = 200;

/// What is sent to one person.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The same each time it is tried, so that a receiver can tell a second copy.
    pub id: Uuid,
    pub to: String,
    /// One line; more are joined.
    pub subject: String,
    /// Markdown: sent as it is, and as HTML without any of its own HTML or pictures.
    pub body: String,
}

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("this server sends no mail: ASHLAR_SMTP_URL and ASHLAR_MAIL_FROM are not set")]
    NotConfigured,
    /// Trying again won't help.
    #[error("{0}")]
    Refused(String),
    /// It may pass.
    #[error("{0}")]
    Failed(String),
}

/// The way to the mail server; none where none is configured. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(Option<Arc<Smtp>>);

struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// `host:port`, for people.
    server: String,
}

impl Mailer {
    /// Inside a runtime. Fails when the settings name no mail server or no sender.
    pub fn new(config: &Config) -> Result<Self> {
        let Some(url) = &config.smtp_url else { return Ok(Self(None)) };
        let from = config.mail_from.as_deref().context("ASHLAR_MAIL_FROM must say who mail is from when ASHLAR_SMTP_URL is set")?;
        let from = from.parse().with_context(|| format!("ASHLAR_MAIL_FROM must be an address or NAME <ADDRESS>, not '{from}'"))?;
        let (transport, server) = connect(url)?;
        Ok(Self(Some(Arc::new(Smtp { transport, from, server }))))
    }

    pub fn is_configured(&self) -> bool {
        self.0.is_some()
    }

    pub async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let smtp = self.0.as_ref().ok_or(MailError::NotConfigured)?;
        let message = smtp.message(mail).map_err(|error| MailError::Refused(format!("{error:#}")))?;
        smtp.transport.send(message).await.map(drop).map_err(|error| judge(&error))
    }

    /// Greets the mail server, signs in if there is a password, and says good-bye; gives what `ashlar doctor` shows.
    pub async fn check(&self) -> Result<String> {
        let Some(smtp) = &self.0 else { return Err(MailError::NotConfigured.into()) };
        let works = smtp.transport.test_connection().await;
        let works = works.map_err(|error| anyhow!("{}: {error}; check ASHLAR_SMTP_URL", smtp.server))?;
        anyhow::ensure!(works, "{} takes no mail right now", smtp.server);
        Ok(format!("{}, from {}", smtp.server, smtp.from.email))
    }
}

impl Smtp {
    fn message(&self, mail: &Mail) -> Result<Message> {
        let to: Address = mail.to.parse().with_context(|| format!("'{}' is no e-mail address", mail.to))?;
        let subject: String = mail.subject.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_SUBJECT).collect();
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(format!("<{}@{}>", mail.id, self.from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(mail.body.clone(), html::of_markdown(&mail.body)))?;
        // answering machines keep silent (RFC 3834)
        let name = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(name, "auto-generated".to_owned()));
        Ok(message)
    }
}

/// What the mail server said, judged by whether it may say something else later.
fn judge(error: &lettre::transport::smtp::Error) -> MailError {
    let text = error.to_string();
    // a wrong password (53x) is the operator's, who may mend it
    let is_ours = error.status().is_some_and(|code| code.to_string().starts_with("53"));
    if error.is_client() || (error.is_permanent() && !is_ours) { MailError::Refused(text) } else { MailError::Failed(text) }
}

/// `smtps://` begins with TLS, `smtp://` turns to it when the server can; a password is never sent without it, unless `?tls=none`
/// says so.
fn connect(url: &Url) -> Result<(AsyncSmtpTransport<Tokio1Executor>, String)> {
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => bail!("ASHLAR_SMTP_URL must name a host: smtps://USER:PASSWORD@HOST or smtp://HOST"),
    };
    let option = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value);
    let has_password = url.password().is_some();
    let tls = || TlsParameters::new(host.clone()).context("preparing TLS for the mail server");
    let (tls, usual_port) = match (url.scheme(), option.as_deref()) {
        ("smtps", None) => (Tls::Wrapper(tls()?), 465),
        ("smtp", Some("none")) => (Tls::None, 25),
        ("smtp", Some("required")) => (Tls::Required(tls()?), 587),
        ("smtp", None) if has_password => (Tls::Required(tls()?), 587),
        ("smtp", None) => (Tls::Opportunistic(tls()?), 25),
        ("smtp" | "smtps", Some(other)) => bail!("ASHLAR_SMTP_URL: tls must be required or none, and goes with smtp://, not '{other}'"),
        (other, _) => bail!("ASHLAR_SMTP_URL must begin with smtps:// or smtp://, not {other}://"),
    };
    let port = url.port().unwrap_or(usual_port);
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str()).port(port).tls(tls).timeout(Some(TIMEOUT));
    if let Some(password) = url.password() {
        let decoded =
            |text| percent_decode_str(text).decode_utf8().map(Cow::into_owned).context("ASHLAR_SMTP_URL: the user or password is no text");
        builder = builder.credentials(Credentials::new(decoded(url.username())?, decoded(password)?));
    }
    Ok((builder.build(), format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        config: Config,
    }

    fn mailer(url: &str, from: &str) -> Result<Mailer> {
        Mailer::new(&Flags::parse_from(["test", "--smtp-url", url, "--mail-from", from]).config)
    }

    #[tokio::test]
    async fn settings_name_a_server_and_a_sender() {
        let none = Mailer::new(&Flags::parse_from(["test"]).config).unwrap();
        assert!(!none.is_configured());
        let mail = Mail { id: Uuid::nil(), to: "a@b.c".into(), subject: String::new(), body: String::new() };
        assert!(matches!(none.send(&mail).await, Err(MailError::NotConfigured)));
        for (url, server) in [
            ("smtps://me:p%40ss@mail.example.org", "mail.example.org:465"),
            ("smtp://me:pass@mail.example.org", "mail.example.org:587"),
            ("smtp://mail.example.org?tls=required", "mail.example.org:587"),
            ("smtp://me:pass@10.0.0.7?tls=none", "10.0.0.7:25"),
            ("smtp://[::1]:2525", "::1:2525"),
        ] {
            assert_eq!(mailer(url, "Ashlar <forms@example.org>").unwrap().0.unwrap().server, server, "{url}");
        }
        for (url, from, said) in [
            ("http://mail.example.org", "a@b.c", "must begin with smtps:// or smtp://"),
            ("smtp://mail.example.org?tls=maybe", "a@b.c", "tls must be required or none"),
            ("smtps://mail.example.org?tls=none", "a@b.c", "goes with smtp://"),
            ("smtp:mail.example.org", "a@b.c", "must name a host"),
            ("smtp://mail.example.org", "nobody", "ASHLAR_MAIL_FROM must be an address"),
        ] {
            let error = mailer(url, from).err().unwrap().to_string();
            assert!(error.contains(said), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn a_mail_has_both_texts_and_fair_headers() {
        let smtp = mailer("smtp://127.0.0.1", "Ashlar <forms@example.org>").unwrap().0.unwrap();
        let mail = Mail {
            id: Uuid::nil(),
            to: "ann@example.com".into(),
            subject: "Please\r\nBcc: all@example.com".into(),
            body: "Look: https://x.test/form/1".into(),
        };
        let text = String::from_utf8(smtp.message(&mail).unwrap().formatted()).unwrap();
        for line in [
            "From: Ashlar <forms@example.org>\r\n",
            "To: ann@example.com\r\n",
            "Subject: Please Bcc: all@example.com\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000000@example.org>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(smtp.message(&Mail { to: "ann".into(), ..mail.clone() }).is_err());
        assert!(smtp.message(&Mail { to: "ann@example.com\r\nRCPT TO: <x@y.z>".into(), ..mail }).is_err());
    }
}
