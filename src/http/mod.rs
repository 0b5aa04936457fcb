//! Shared parts of every HTTP surface: extractors with our errors, pagination, server-sent events, files of rows. Knows no feature.

pub mod export;
pub mod extract;
pub mod listen;
pub mod measure;
pub mod page;
pub mod payload;
pub mod sse;
pub mod text;
