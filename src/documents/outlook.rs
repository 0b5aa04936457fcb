//! Messages as Outlook saves them (msg): a compound file with a stream for each property, named by the property's number and type.

use super::budget::Budget;
use super::mail::{self, Head};
use super::{Problem, html, ole, plain};

const KIND: &str = "Outlook message";

// property numbers of [MS-OXPROPS]
const SUBJECT: u16 = 0x0037;
const SENDER_NAME: u16 = 0x0c1a;
const SENDER_ADDRESS: u16 = 0x5d01;
const SENDER_EMAIL: u16 = 0x0c1f;
const DISPLAY_TO: u16 = 0x0e04;
const DISPLAY_CC: u16 = 0x0e03;
const BODY: u16 = 0x1000;
const BODY_HTML: u16 = 0x1013;
const TRANSPORT_HEADERS: u16 = 0x007d;
const ATTACHMENT_LONG_NAME: u16 = 0x3707;
const ATTACHMENT_NAME: u16 = 0x3704;

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<String, Problem> {
    let mut file = ole::open(bytes, KIND)?;
    let mut text = |number| property(&mut file, "", number, budget);
    let name = text(SENDER_NAME)?;
    // addresses in Exchange's own form say nothing
    let address = [text(SENDER_ADDRESS)?, text(SENDER_EMAIL)?].into_iter().flatten().find(|address| address.contains('@'));
    let from = match (name, address) {
        (Some(name), Some(address)) if name != address => Some(format!("{name} <{address}>")),
        (name, address) => name.or(address),
    };
    let date = text(TRANSPORT_HEADERS)?.and_then(|headers| {
        let message = mail_parser::MessageParser::default().parse_headers(headers.as_bytes())?;
        message.date().map(|date| date.to_rfc3339())
    });
    let head = Head { subject: text(SUBJECT)?, from, to: text(DISPLAY_TO)?, cc: text(DISPLAY_CC)?, date };
    let body = match text(BODY)?.filter(|body| !body.trim().is_empty()) {
        Some(body) => body,
        None => match ole::read(&mut file, &format!("/__substg1.0_{BODY_HTML:04X}0102"), budget)? {
            Some(page) => html::extract(&page, budget)?,
            None => {
                property(&mut file, "", BODY_HTML, budget)?.map(|page| html::to_markdown(&page, budget)).transpose()?.unwrap_or_default()
            }
        },
    };
    let folders: Vec<String> = file
        .read_root_storage()
        .filter(|entry| entry.is_storage() && entry.name().starts_with("__attach_version1.0"))
        .map(|entry| format!("/{}", entry.name()))
        .collect();
    budget.entries(folders.len())?;
    let mut attachments = Vec::new();
    for folder in folders {
        let name = match property(&mut file, &folder, ATTACHMENT_LONG_NAME, budget)? {
            Some(name) => Some(name),
            None => property(&mut file, &folder, ATTACHMENT_NAME, budget)?,
        };
        attachments.extend(name);
    }
    mail::write(&head, &body, attachments.into_iter())
}

/// A text property: UTF-16, or bytes of the writer's code page.
fn property(file: &mut ole::File<'_>, folder: &str, number: u16, budget: &Budget) -> Result<Option<String>, Problem> {
    if let Some(bytes) = ole::read(file, &format!("{folder}/__substg1.0_{number:04X}001F"), budget)? {
        return Ok(Some(encoding_rs::UTF_16LE.decode_without_bom_handling(&bytes).0.trim_end_matches('\0').to_owned()));
    }
    let bytes = ole::read(file, &format!("{folder}/__substg1.0_{number:04X}001E"), budget)?;
    Ok(bytes.and_then(|bytes| plain::decode(bytes.strip_suffix(&[0]).unwrap_or(&bytes)).ok()))
}
