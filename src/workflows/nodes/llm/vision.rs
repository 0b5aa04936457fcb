//! Pictures and videos in prompts.

use serde::Deserialize;
use serde_json::Value;

use super::model::Chosen;
use crate::engine::request::{Detail, Image, Part};
use crate::workflows::nodes::{Context, NodeError};
use crate::workflows::value;
use crate::workflows::vars::{Pool, SYSTEM, Selector};

/// `vision` of a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Vision {
    enabled: bool,
    configs: Configs,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Configs {
    detail: Detail,
    variable_selector: Selector,
}

impl Default for Configs {
    fn default() -> Self {
        Self { detail: Detail::High, variable_selector: Selector::new(SYSTEM, "files") }
    }
}

impl Vision {
    pub fn detail(&self) -> Detail {
        self.configs.detail
    }

    pub fn is_on(&self) -> bool {
        self.enabled
    }

    /// The files that the model is to see; none when vision is off or the variable is empty.
    pub fn files(&self, pool: &Pool) -> Result<Vec<Value>, NodeError> {
        if !self.enabled {
            return Ok(Vec::new());
        }
        let selector = &self.configs.variable_selector;
        let given = pool.get_or_null(selector);
        match &given {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) if items.is_empty() => Ok(Vec::new()),
            _ => match value::files(&given) {
                files if files.is_empty() => {
                    let message = format!("vision: {selector} must be a file or a list of files, not {}.", value::type_name(&given));
                    Err(NodeError::new("InvalidVariableTypeError", message))
                }
                files => Ok(files.into_iter().cloned().collect()),
            },
        }
    }
}

/// What the model sees of these files: pictures and videos, if it takes any. It is told which files it can't see at all.
pub async fn parts(files: &[Value], detail: Detail, chosen: &Chosen, context: &Context) -> Result<Vec<Part>, NodeError> {
    let mut parts = Vec::new();
    for file in files {
        let attribute = |name| value::file_attribute(file, name).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        match attribute("type").as_str() {
            "image" if chosen.model.features().vision => {
                let bytes = context.host.read_file(file).await?;
                // what the bytes say counts, not the name
                if let Some(mime_type) = raster_type(&bytes) {
                    parts.push(Part::Image(Image { bytes, mime_type: mime_type.to_owned(), detail }));
                }
            }
            "video" if chosen.model.features().vision => parts.push(Part::Video(context.host.read_clip(file, detail).await?)),
            "custom" => parts.push(Part::Text(format!("[Unsupported file type: {} (custom)]", attribute("name")))),
            _ => {}
        }
    }
    Ok(parts)
}

/// The type of a picture that models can see.
fn raster_type(bytes: &[u8]) -> Option<&'static str> {
    let known = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff"];
    infer::get(bytes).map(|t| t.mime_type()).filter(|mime_type| known.contains(mime_type))
}
