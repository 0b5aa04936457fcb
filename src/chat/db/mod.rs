//! The slice's SQL, by noun.

pub mod conversations;
pub mod messages;
pub mod thoughts;
