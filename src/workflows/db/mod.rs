//! The slice's SQL, by noun. What runs write while they run is in [`batch`]: many runs in one statement.

pub mod batch;
pub mod console;
pub mod drafts;
pub mod forms;
pub mod recipients;
pub mod runs;

/// What `ilike` finds `text` with, wherever it stands.
fn containing(text: &str) -> String {
    format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
}
