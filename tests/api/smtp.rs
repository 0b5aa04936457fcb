//! A mail server on a port of its own: keeps what it is sent, and refuses what it is told to.

use std::sync::{Arc, Mutex};

use ashlar::config::Config;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Who may send through it.
const USER: &str = "ashlar";
const PASSWORD: &str = "p@ss/word";

/// Who the server under test says its mail is from.
const FROM: &str = "Ashlar <forms@ashlar.test>";

pub struct MailServer {
    /// With the password in it.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    received: Vec<Received>,
    /// Recipients who are refused, how, and how often.
    refusals: Vec<(String, String, usize)>,
}

/// A mail as it came over the wire.
#[derive(Debug, Clone)]
pub struct Received {
    /// Of the envelope, as are `to`.
    pub from: String,
    pub to: Vec<String>,
    pub data: Vec<u8>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let password: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
        let url = format!("smtp://{USER}:{password}@{}?tls=none", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let state = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
        });
        Self { url, shared }
    }

    /// Has a server send its mail here.
    pub fn configure(&self, config: &mut Config) {
        config.smtp_url = Some(self.url.parse().unwrap());
        config.mail_from = Some(FROM.to_owned());
        config.public_url = Some("https://ashlar.test/".parse().unwrap());
    }

    /// The next `times` mails to this address are answered like this, such as `451 4.7.1 later`.
    pub fn refuse(&self, to: &str, answer: &str, times: usize) {
        self.shared.lock().unwrap().refusals.push((to.to_owned(), answer.to_owned(), times));
    }

    /// In order of recipients.
    pub fn received(&self) -> Vec<Received> {
        let mut received = self.shared.lock().unwrap().received.clone();
        received.sort_by(|a, b| a.to.cmp(&b.to));
        received
    }
}

async fn serve(stream: TcpStream, shared: Arc<Mutex<Shared>>) -> Option<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).split(b'\n');
    let mut say = async |line: &str| writer.write_all(format!("{line}\r\n").as_bytes()).await.ok();
    say("220 mail.test ESMTP").await?;
    let (mut is_known, mut from, mut to) = (false, String::new(), Vec::new());
    while let Some(line) = lines.next_segment().await.ok()? {
        let line = String::from_utf8(line).ok()?.trim_end().to_owned();
        let argument = || line.split_once(['<']).and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address.to_owned());
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => say("250-mail.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN").await?,
            "AUTH" => {
                let given = STANDARD.decode(line.rsplit(' ').next()?).ok()?;
                is_known = given == format!("\0{USER}\0{PASSWORD}").into_bytes();
                say(if is_known { "235 welcome" } else { "535 5.7.8 wrong password" }).await?;
            }
            "MAIL" if !is_known => say("530 5.7.0 sign in first").await?,
            "MAIL" => {
                from = argument()?;
                say("250 ok").await?;
            }
            "RCPT" => {
                let address = argument()?;
                let refusal = {
                    let mut shared = shared.lock().unwrap();
                    let found = shared.refusals.iter_mut().find(|(to, _, times)| *to == address && *times > 0);
                    found.map(|(_, answer, times)| {
                        *times -= 1;
                        answer.clone()
                    })
                };
                match refusal {
                    Some(answer) => say(&answer).await?,
                    None => {
                        to.push(address);
                        say("250 ok").await?;
                    }
                }
            }
            "DATA" => {
                say("354 go on").await?;
                let mut data = Vec::new();
                while let Some(line) = lines.next_segment().await.ok()? {
                    if line == b".\r" {
                        break;
                    }
                    data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                    data.push(b'\n');
                }
                let received = Received { from: std::mem::take(&mut from), to: std::mem::take(&mut to), data };
                shared.lock().unwrap().received.push(received);
                say("250 taken").await?;
            }
            "RSET" => {
                to.clear();
                say("250 ok").await?;
            }
            "NOOP" => say("250 ok").await?,
            "QUIT" => {
                say("221 bye").await?;
                break;
            }
            _ => say("500 what?").await?,
        }
    }
    Some(())
}
