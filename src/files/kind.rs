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
    const NAMED: [Self; 4] = [Self::Image, Self::Video, Self::Audio, Self::Document];

    /// Without dot, in lower case; none for what has no extensions of its own.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Image => &["jpg", "jpeg", "png", "webp", "gif", "svg"],
            Self::Video => &["mp4", "mov", "mpeg", "webm"],
            Self::Audio => &["mp3", "m4a", "wav", "amr", "mpga"],
            Self::Document => &[
                "txt",
                "markdown",
                "md",
                "mdx",
                "pdf",
                "html",
                "htm",
                "xlsx",
                "xls",
                "vtt",
                "properties",
                "doc",
                "docx",
                "csv",
                "eml",
                "msg",
                "ppt",
                "pptx",
                "xml",
                "epub",
                "odt",
            ],
            Self::Custom => &[],
        }
    }

    /// `extension` without dot, in any case.
    pub fn of_extension(extension: &str) -> Self {
        let extension = extension.to_ascii_lowercase();
        Self::NAMED.into_iter().find(|kind| kind.extensions().contains(&extension.as_str())).unwrap_or(Self::Custom)
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

    /// The extensions of what is taken, without dots; empty when anything is.
    pub fn accepted(&self) -> Vec<String> {
        if self.kinds.is_empty() || (self.kinds.contains(&FileKind::Custom) && self.extensions.is_empty()) {
            return Vec::new();
        }
        let named = self.kinds.iter().flat_map(|kind| kind.extensions()).map(|extension| (*extension).to_owned());
        let custom = self.kinds.contains(&FileKind::Custom).then_some(&self.extensions).into_iter().flatten().cloned();
        named.chain(custom).collect()
    }

    /// Whether files may arrive this way.
    pub fn takes_by(&self, method: TransferMethod) -> bool {
        self.methods.is_empty() || self.methods.contains(&method)
    }

    /// The largest file that may be taken, in MB.
    pub fn limit_mb(&self, config: &Config) -> u64 {
        let kinds = if self.kinds.is_empty() { &FileKind::NAMED[..] } else { &self.kinds };
        kinds.iter().map(|kind| kind.limit_mb(config)).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_tell_kinds() {
        for (extension, kind) in [
            ("PNG", FileKind::Image),
            ("pdf", FileKind::Document),
            ("mov", FileKind::Video),
            ("zip", FileKind::Custom),
            ("", FileKind::Custom),
        ] {
            assert_eq!(FileKind::of_extension(extension), kind, "{extension}");
        }
    }

    #[test]
    fn rules_say_what_they_take() {
        let rules = |kinds: &[FileKind], extensions: &[&str]| UploadRules {
            kinds: kinds.to_vec(),
            extensions: extensions.iter().map(|e| (*e).to_owned()).collect(),
            methods: Vec::new(),
            number_limit: 1,
            detail: Detail::default(),
        };
        assert!(rules(&[], &["csv"]).accepted().is_empty());
        assert!(rules(&[FileKind::Image, FileKind::Custom], &[]).accepted().is_empty());
        assert_eq!(rules(&[FileKind::Audio], &["csv"]).accepted(), ["mp3", "m4a", "wav", "amr", "mpga"]);
        assert_eq!(rules(&[FileKind::Custom], &["csv", "zip"]).accepted(), ["csv", "zip"]);
    }
}
