//! Values that the maker of a workflow gives for variables: in place of those of an earlier run, or for a node tried alone.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::value;
use super::vars::Selector;
use crate::error::Result;
use crate::files::{self, InputFile, Scope, UploadRules};
use crate::state::AppState;

/// A variable and a value for it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct GivenVariable {
    /// A node's id (or `sys`, `env`, `conversation`), a variable, keys inside of it
    #[schema(value_type = Vec<String>)]
    pub selector: Selector,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub value: Value,
}

/// Uploads and links among a value become files; everything else stays.
pub async fn with_files(state: &AppState, scope: &Scope, value: Value, at: &str) -> Result<Value> {
    let is_sent = |value: &Value| value.get("transfer_method").is_some() && !value::is_file(value);
    let sent: Vec<&Value> = match &value {
        Value::Array(items) if !items.is_empty() && items.iter().all(is_sent) => items.iter().collect(),
        one if is_sent(one) => vec![one],
        _ => return Ok(value),
    };
    let files: Vec<InputFile> = sent.into_iter().map(|file| InputFile::of_value(file, at)).collect::<Result<_>>()?;
    let rules = UploadRules {
        kinds: Vec::new(),
        extensions: Vec::new(),
        methods: Vec::new(),
        number_limit: files.len(),
        detail: Default::default(),
    };
    let resolved = files::resolve(state, scope, Some(&rules), at, &files).await?;
    let mut shown: Vec<Value> = resolved.iter().map(|file| file.output_json(state, scope.workspace_id)).collect();
    Ok(if value.is_array() { Value::Array(shown) } else { shown.pop().unwrap_or_default() })
}
