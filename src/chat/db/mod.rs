//! The slice's SQL, by noun.

pub mod conversations;
pub mod logs;
pub mod messages;
pub mod statistics;
pub mod thoughts;
