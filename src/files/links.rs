//! Signed links: whoever holds one may read the file until it expires.

use chrono::Utc;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::ids::FileId;
use crate::state::AppState;

/// Seconds that a link works.
const LINK_S: i64 = 3600;

const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An absolute link to a file; the name is for people.
pub fn signed_url(state: &AppState, id: FileId, name: &str) -> String {
    let (expires, signature) = sign(state, id);
    let name = utf8_percent_encode(name, PATH);
    format!("{}/files/{id}/{name}?expires={expires}&signature={signature}", state.config.base_url())
}

/// The text with its links to files made new: those that were good once work from now on again. For texts that are kept and shown
/// to whoever may read the files.
pub fn renewed(state: &AppState, text: &str) -> String {
    let start = format!("{}/files/", state.config.base_url());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(&start) {
        let (before, link) = rest.split_at(found);
        out.push_str(before);
        let length = match read_link(&link[start.len()..]) {
            Some(old) if state.secrets.verify(&signed_text(old.id, old.expires), old.signature) => {
                let (expires, signature) = sign(state, old.id);
                out.push_str(&format!("{start}{}/{}?expires={expires}&signature={signature}", old.id, old.name));
                start.len() + old.length
            }
            _ => {
                out.push_str(&start);
                start.len()
            }
        };
        rest = &link[length..];
    }
    out + rest
}

struct OldLink<'a> {
    id: FileId,
    /// As the link writes it.
    name: &'a str,
    expires: i64,
    signature: &'a str,
    length: usize,
}

/// `{id}/{name}?expires={seconds}&signature={64 hex digits}` at the beginning of a text.
fn read_link(text: &str) -> Option<OldLink<'_>> {
    let (id, rest) = text.split_once('/')?;
    let (name, rest) = rest.split_once("?expires=")?;
    let (expires, rest) = rest.split_once("&signature=")?;
    let signature = rest.get(..64)?;
    let length = text.len() - rest.len() + signature.len();
    Some(OldLink { id: id.parse().ok()?, name, expires: expires.parse().ok()?, signature, length })
}

fn sign(state: &AppState, id: FileId) -> (i64, String) {
    let expires = Utc::now().timestamp() + LINK_S;
    (expires, state.secrets.sign(&signed_text(id, expires)))
}

pub(super) fn is_valid(state: &AppState, id: FileId, expires: i64, signature: &str) -> bool {
    expires >= Utc::now().timestamp() && state.secrets.verify(&signed_text(id, expires), signature)
}

fn signed_text(id: FileId, expires: i64) -> String {
    format!("files/{id}?expires={expires}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_up_to_its_end() {
        let (id, signature) = (FileId::new(), "0a".repeat(32));
        let text = format!("{id}/a%20b.png?expires=17&signature={signature}) and more");
        let link = read_link(&text).unwrap();
        assert_eq!((link.id, link.name, link.expires, link.signature), (id, "a%20b.png", 17, signature.as_str()));
        assert_eq!(&text[link.length..], ") and more");
        for bad in ["", "x/y?expires=1&signature=", &format!("{id}/a"), &format!("{id}/a?expires=x&signature={signature}")] {
            assert!(read_link(bad).is_none(), "{bad}");
        }
    }
}
