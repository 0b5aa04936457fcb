//! Files that come with a question.

use std::collections::HashMap;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::engine::request::{Detail, Image};
use crate::error::{Error, Result};
use crate::files::UploadRules;
use crate::ids::MessageId;

/// One element of `files`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct InputFile {}

pub struct Resolved {}

impl Resolved {
    pub fn image(&self) -> Option<Image> {
        None
    }
}

pub async fn resolve(files: &[InputFile], _rules: Option<&UploadRules>) -> Result<Vec<Resolved>> {
    if files.is_empty() { Ok(Vec::new()) } else { Err(Error::invalid("files", "files are not taken yet.")) }
}

pub async fn of_messages(_messages: &[MessageId], _detail: Detail) -> Result<HashMap<MessageId, Vec<Image>>> {
    Ok(HashMap::new())
}
