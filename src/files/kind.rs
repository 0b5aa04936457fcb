//! Kinds of files, how they arrive, and what an app takes of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::engine::request::Detail;

/// What a file is for an app; follows from its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum FileKind {
    Image,
    Document,
    Audio,
    Video,
    Custom,
}

impl FileKind {
    /// `extension` without dot, in any case.
    pub fn of_extension(extension: &str) -> Self {
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "png" | "webp" | "gif" | "svg" => Self::Image,
            "mp4" | "mov" | "mpeg" | "webm" => Self::Video,
            "mp3" | "m4a" | "wav" | "amr" | "mpga" => Self::Audio,
            "txt" | "markdown" | "md" | "mdx" | "pdf" | "html" | "htm" | "xlsx" | "xls" | "vtt" | "properties" | "doc" | "docx" | "csv"
            | "eml" | "msg" | "ppt" | "pptx" | "xml" | "epub" | "odt" => Self::Document,
            _ => Self::Custom,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "document",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Custom => "custom",
        }
    }

    /// Largest upload of this kind, in MB.
    pub fn limit_mb(self, config: &Config) -> u64 {
        match self {
            Self::Image => config.upload_image_mb,
            Self::Video => config.upload_video_mb,
            Self::Audio => config.upload_audio_mb,
            Self::Document | Self::Custom => config.upload_file_mb,
        }
    }
}

/// How a file of a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum TransferMethod {
    LocalFile,
    RemoteUrl,
    ToolFile,
}

impl TransferMethod {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalFile => "local_file",
            Self::RemoteUrl => "remote_url",
            Self::ToolFile => "tool_file",
        }
    }
}

/// What an app, or one field of its form, takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRules {
    /// Empty = every kind.
    pub kinds: Vec<FileKind>,
    /// Lower case, without dot; what [`FileKind::Custom`] in `kinds` stands for.
    pub extensions: Vec<String>,
    /// Empty = every method.
    pub methods: Vec<TransferMethod>,
    pub number_limit: usize,
    pub detail: Detail,
}

impl UploadRules {
    /// Whether a file of this kind and extension is taken. A custom list of extensions opens them whatever their kind.
    pub fn takes(&self, kind: FileKind, extension: &str) -> bool {
        if self.kinds.is_empty() || (kind != FileKind::Custom && self.kinds.contains(&kind)) {
            return true;
        }
        let extension = extension.to_ascii_lowercase();
        self.kinds.contains(&FileKind::Custom) && (self.extensions.is_empty() || self.extensions.contains(&extension))
    }
}
