//! Uploaded files: checked, stored by id, served by signed links; the files of messages.
//!
//! - The bytes go to the object store first, the row follows: a file that has a row is whole. A crash between the two leaves
//!   bytes that nothing points to.
//! - A picture's type is what its bytes say, and its size in pixels is known before anything decodes it.
//! - A file belongs to whoever uploaded it, an end user of an app or an account; nobody else can send it with a message.

mod check;
mod db;
mod kind;
mod links;
mod messages;
mod resolve;
mod routes;
mod seen;
mod source;
mod store;
mod values;

pub use kind::{FileKind, TransferMethod, UploadRules};
pub use links::{renewed, signed_url};
pub use messages::{AnswerFile, MessageFile, Side, insert_answer_files, insert_message_files, list_message_files, seen_of_messages};
pub use resolve::{InputFile, Owner, Resolved, Scope, resolve};
pub use routes::{Upload, console_routes, service_routes, upload, visitor_routes};
pub use seen::{refusal as video_refusal, seen_of_file, seen_of_value};
pub use values::{keep_value, read_value};
