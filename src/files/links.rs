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
    let expires = Utc::now().timestamp() + LINK_S;
    let signature = state.secrets.sign(&signed_text(id, expires));
    let name = utf8_percent_encode(name, PATH);
    format!("{}/files/{id}/{name}?expires={expires}&signature={signature}", state.config.base_url())
}

pub(super) fn is_valid(state: &AppState, id: FileId, expires: i64, signature: &str) -> bool {
    expires >= Utc::now().timestamp() && state.secrets.verify(&signed_text(id, expires), signature)
}

fn signed_text(id: FileId, expires: i64) -> String {
    format!("files/{id}?expires={expires}")
}
