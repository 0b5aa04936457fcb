//! Uploaded files: checked, stored by id, served by signed links.

mod kind;

pub use kind::{FileKind, TransferMethod, UploadRules};
