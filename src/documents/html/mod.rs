//! HTML → Markdown. Reads the page as a browser would (html5ever), keeps what a reader sees: no scripts, styles, forms or hidden parts.

mod tree;
mod write;

use super::budget::Budget;
use super::{Problem, plain};

/// A page, from whatever encoding it is in.
pub fn extract(bytes: &[u8], budget: &Budget) -> Result<String, Problem> {
    to_markdown(&decode(bytes)?, budget)
}

pub fn to_markdown(html: &str, budget: &Budget) -> Result<String, Problem> {
    let tree = tree::parse(html, budget)?;
    write::write(&tree, budget)
}

/// By the mark or the bytes; a page's word on its encoding counts where the bytes are no UTF-8.
fn decode(bytes: &[u8]) -> Result<String, Problem> {
    if encoding_rs::Encoding::for_bom(bytes).is_none() && std::str::from_utf8(bytes).is_err() {
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
        let declared = head.split_once("charset=").map(|(_, rest)| {
            rest.trim_start_matches(['"', '\''])
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                .collect::<String>()
        });
        if let Some(encoding) = declared.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()))
            && encoding.is_ascii_compatible()
            && encoding != encoding_rs::UTF_8
        {
            return Ok(encoding.decode_without_bom_handling(bytes).0.into_owned());
        }
    }
    plain::decode(bytes)
}
