//! Messages as they are sent (eml): who, when, what, and the names of the attachments. Attachments are not opened.

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};

use super::budget::Budget;
use super::markdown::{Blocks, one_line};
use super::{Problem, html};

const KIND: &str = "mail";

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<String, Problem> {
    let message = MessageParser::default().parse(bytes).ok_or_else(|| Problem::damaged(KIND, "it has no headers"))?;
    if message.headers().is_empty() {
        return Err(Problem::damaged(KIND, "it has no headers"));
    }
    let head = Head {
        subject: message.subject().map(str::to_owned),
        from: message.from().map(addresses),
        to: message.to().map(addresses),
        cc: message.cc().map(addresses),
        date: message.date().map(|date| date.to_rfc3339()),
    };
    let attachments = message.attachments().map(|part| match (part.attachment_name(), &part.body) {
        (Some(name), _) => name.to_owned(),
        (None, PartType::Message(inner)) => inner.subject().unwrap_or("a message").to_owned(),
        (None, _) => "without a name".to_owned(),
    });
    write(&head, &body(&message, budget)?, attachments)
}

/// The text, or the page where there is no text.
fn body(message: &Message<'_>, budget: &Budget) -> Result<String, Problem> {
    let mut texts = Vec::new();
    for part in message.text_bodies() {
        budget.time()?;
        match &part.body {
            PartType::Text(text) => texts.push(text.trim().to_owned()),
            PartType::Html(page) => texts.push(html::to_markdown(page, budget)?),
            _ => {}
        }
    }
    Ok(texts.join("\n\n"))
}

fn addresses(address: &Address<'_>) -> String {
    let shown = address.iter().map(|address| match (&address.name, &address.address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(one), None) | (None, Some(one)) => one.to_string(),
        (None, None) => String::new(),
    });
    shown.filter(|address| !address.is_empty()).collect::<Vec<_>>().join(", ")
}

/// What stands above a message, in eml and msg files alike.
#[derive(Debug, Default)]
pub struct Head {
    pub subject: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub cc: Option<String>,
    pub date: Option<String>,
}

pub fn write(head: &Head, body: &str, attachments: impl Iterator<Item = String>) -> Result<String, Problem> {
    let lines = [("Subject", &head.subject), ("From", &head.from), ("To", &head.to), ("Cc", &head.cc), ("Date", &head.date)];
    let lines = lines.into_iter().filter_map(|(name, value)| {
        let value = one_line(value.as_deref()?);
        (!value.is_empty()).then(|| format!("{name}: {value}"))
    });
    let mut blocks = Blocks::default();
    blocks.push(&lines.collect::<Vec<_>>().join("\n"));
    blocks.push(body);
    let attachments = attachments.map(|name| one_line(&name)).collect::<Vec<_>>().join(", ");
    if !attachments.is_empty() {
        blocks.push(&format!("Attachments: {attachments}"));
    }
    Ok(blocks.into_text())
}
