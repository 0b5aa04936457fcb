//! The `files` of a call, and values of file inputs, turned into files that the caller may use and the app takes.

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use super::check::FileName;
use super::db::FileRow;
use super::{FileKind, TransferMethod, UploadRules, db, links, store};
use crate::engine::request::{Detail, Image};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, AppId, EndUserId, FileId, WorkspaceId};
use crate::outbound::Limits;
use crate::state::AppState;

const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// One element of `files`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InputFile {
    #[serde(rename = "type")]
    pub kind: FileKind,
    pub transfer_method: TransferMethod,
    /// For `remote_url`
    #[serde(alias = "remote_url")]
    pub url: Option<String>,
    /// For `local_file`
    pub upload_file_id: Option<String>,
}

impl InputFile {
    /// The value of a file input, or one of a file list; `param` names it in errors.
    pub fn of_value(value: &Value, param: &str) -> Result<Self> {
        serde_json::from_value(value.clone()).map_err(|e| Error::invalid(param, format!("{param} is not a file: {e}.")))
    }
}

/// Whose files may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    EndUser(EndUserId),
    Account(AccountId),
    /// Of runs that no person began.
    Nobody,
}

/// For whom and which app.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    pub workspace_id: WorkspaceId,
    pub app_id: AppId,
    pub owner: Owner,
}

/// A file of a question that was checked.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Of stored files: uploads, and remote pictures, which are fetched once and kept.
    pub file_id: Option<FileId>,
    pub kind: FileKind,
    pub transfer_method: TransferMethod,
    /// Of remote files.
    pub url: Option<String>,
    pub name: String,
    /// Without dot.
    pub extension: String,
    pub mime_type: String,
    /// -1 = unknown.
    pub size: i64,
    /// Of pictures.
    bytes: Option<Bytes>,
}

impl Resolved {
    /// A stored file.
    pub(super) fn of_row(row: FileRow, transfer_method: TransferMethod, bytes: Option<Bytes>) -> Self {
        Self {
            file_id: Some(row.id),
            kind: row.kind,
            transfer_method,
            url: None,
            name: row.name,
            extension: row.extension,
            mime_type: row.mime_type,
            size: row.size,
            bytes,
        }
    }

    /// What the model sees, if this is a picture that it can see.
    pub fn image(&self, detail: Detail) -> Option<Image> {
        let bytes = self.bytes.clone().filter(|_| is_raster(&self.mime_type))?;
        Some(Image { bytes, mime_type: self.mime_type.clone(), detail })
    }

    /// The service API's output file object.
    pub fn output_json(&self, state: &AppState, workspace_id: WorkspaceId) -> Value {
        let signed = self.file_id.map(|id| links::signed_url(state, id, &self.name));
        json!({
            "dify_model_identity": "__dify__file__",
            "id": null,
            "tenant_id": workspace_id,
            "type": self.kind,
            "transfer_method": self.transfer_method,
            "remote_url": self.url,
            "reference": null,
            "related_id": self.file_id,
            "filename": self.name,
            "extension": format!(".{}", self.extension),
            "mime_type": self.mime_type,
            "size": self.size,
            "url": signed.or_else(|| self.url.clone()),
        })
    }
}

pub(super) fn is_raster(mime_type: &str) -> bool {
    matches!(mime_type, "image/png" | "image/jpeg" | "image/webp" | "image/gif" | "image/bmp" | "image/tiff")
}

/// Checks and reads the files of one field (`param`) of a call. `rules` is none when the app takes no files.
pub async fn resolve(
    state: &AppState,
    scope: &Scope,
    rules: Option<&UploadRules>,
    param: &str,
    files: &[InputFile],
) -> Result<Vec<Resolved>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let rules = rules.ok_or_else(|| Error::invalid(param, "This app does not take files: file upload is not enabled."))?;
    if files.len() > rules.number_limit {
        return Err(Error::invalid(param, format!("Number of files exceeds the limit: this app takes at most {}.", rules.number_limit)));
    }
    let mut resolved = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let at = format!("{param}[{i}]");
        if !rules.takes_by(file.transfer_method) {
            let text = format!("{at}: this app does not take files by {}.", file.transfer_method.as_str());
            return Err(Error::invalid(at, text));
        }
        let found = match file.transfer_method {
            TransferMethod::LocalFile => local(state, scope, file, &at).await?,
            TransferMethod::RemoteUrl => remote(state, scope, rules, file, &at).await?,
            TransferMethod::ToolFile => return Err(Error::invalid(at, "transfer_method must be local_file or remote_url.")),
        };
        check_kind(rules, file.kind, &found, &at)?;
        resolved.push(found);
    }
    Ok(resolved)
}

/// The declared type against the detected one, and both against the app's settings. `custom` may stand for any.
fn check_kind(rules: &UploadRules, declared: FileKind, found: &Resolved, at: &str) -> Result<()> {
    if declared != FileKind::Custom && declared != found.kind {
        let text = format!("{at}: the file '{}' is declared as {} but is {}.", found.name, declared.as_str(), found.kind.as_str());
        return Err(Error::invalid(at, text));
    }
    if rules.takes(declared, &found.extension) || rules.takes(found.kind, &found.extension) {
        return Ok(());
    }
    Err(Error::invalid(at, format!("{at}: this app does not take files like '{}'.", found.name)))
}

async fn local(state: &AppState, scope: &Scope, file: &InputFile, at: &str) -> Result<Resolved> {
    let given = file.upload_file_id.as_deref().filter(|id| !id.is_empty());
    let given = given.ok_or_else(|| Error::invalid(at, format!("{at}: upload_file_id is needed for local_file.")))?;
    let missing = || Error::invalid(at, format!("{at}: the file {given} does not exist, or was not uploaded by this user."));
    let row = db::find(&state.db, scope.workspace_id, given.parse().map_err(|_| missing())?).await?.ok_or_else(missing)?;
    let owned = match scope.owner {
        Owner::EndUser(id) => row.end_user_id == Some(id),
        Owner::Account(id) => row.account_id == Some(id),
        Owner::Nobody => false,
    };
    if !owned {
        return Err(missing());
    }
    let bytes = if row.kind == FileKind::Image { Some(store::read(state, &row.blob_key).await?) } else { None };
    Ok(Resolved::of_row(row, TransferMethod::LocalFile, bytes))
}

/// Pictures are fetched and kept, so that the conversation goes on seeing them; other files are only described.
async fn remote(state: &AppState, scope: &Scope, rules: &UploadRules, file: &InputFile, at: &str) -> Result<Resolved> {
    let url = file.url.as_deref().map(str::trim).filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| Error::invalid(at, format!("{at}: url is needed for remote_url.")))?;
    let refused = |refusal: crate::outbound::Refusal| refusal.into_error(&format!("{at}.url"));
    if file.kind != FileKind::Image {
        let head = state.outbound.probe(url, FETCH_TIMEOUT).await.map_err(refused)?;
        let (name, mime_type) = (remote_name(&head), head.content_type.unwrap_or_else(|| "application/octet-stream".into()));
        return Ok(Resolved {
            file_id: None,
            kind: FileKind::of_extension(&name.extension),
            transfer_method: TransferMethod::RemoteUrl,
            url: Some(url.to_owned()),
            name: name.name,
            extension: name.extension,
            mime_type,
            size: head.content_length.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1),
            bytes: None,
        });
    }
    if !rules.takes(FileKind::Image, "") && !rules.kinds.contains(&FileKind::Custom) {
        return Err(Error::invalid(at, format!("{at}: this app does not take images.")));
    }
    let limits = Limits { max_bytes: FileKind::Image.limit_mb(&state.config) << 20, timeout: FETCH_TIMEOUT };
    let (head, bytes) = state.outbound.get(url, limits).await.map_err(refused)?;
    let named = remote_name(&head);
    // servers name pictures as they like: the bytes decide the extension
    let sniffed = infer::get(&bytes).filter(|t| t.matcher_type() == infer::MatcherType::Image);
    let extension = match sniffed.map(|t| t.extension()) {
        Some("jpg") if named.extension == "jpeg" => "jpeg",
        Some(extension) => extension,
        None if named.extension == "svg" => "svg",
        None => return Err(Error::new(Code::InvalidParam, format!("{at}: the URL does not lead to a picture.")).param(at)),
    };
    let name = if named.extension == extension { named.name } else { format!("{}.{extension}", named.name) };
    let name = FileName::parse(&name, &state.config.blocked_extensions).map_err(|e| e.param(at))?;
    let body = stream::once({
        let bytes = bytes.clone();
        async move { Ok(bytes) }
    });
    let stored = store::take(state, scope.workspace_id, name, body).await.map_err(|e| e.param(at))?;
    let row = store::record(state, scope, Some(scope.app_id), stored).await?;
    Ok(Resolved { url: Some(url.to_owned()), ..Resolved::of_row(row, TransferMethod::RemoteUrl, Some(bytes)) })
}

/// From Content-Disposition, else the URL, with an extension from the content type when there is none.
fn remote_name(head: &crate::outbound::Head) -> FileName {
    let raw = head.filename.clone().unwrap_or_else(|| name_of_url(head.url.as_str()));
    fair_name(&raw, head.content_type.as_deref())
}

/// A name that a file can have, with an extension by the media type when it has none.
pub(super) fn fair_name(raw: &str, mime_type: Option<&str>) -> FileName {
    let clean: String = raw.chars().map(|c| if matches!(c, '/' | '\\') || c.is_control() { '_' } else { c }).take(60).collect();
    let clean = if clean.trim_matches('.').is_empty() { "file".to_owned() } else { clean };
    let by_type = || extension_of(mime_type?);
    let extension = clean.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
    match extension.or_else(|| by_type().map(str::to_owned)) {
        Some(extension) if clean.to_lowercase().ends_with(&format!(".{extension}")) => FileName { name: clean, extension },
        Some(extension) => FileName { name: format!("{clean}.{extension}"), extension },
        None => FileName { name: clean, extension: String::new() },
    }
}

/// One of the extensions of a media type, that we know if there is one.
fn extension_of(mime_type: &str) -> Option<&'static str> {
    let extensions = mime_guess::get_mime_extensions_str(mime_type).filter(|_| mime_type != "application/octet-stream")?;
    extensions.iter().find(|e| FileKind::of_extension(e) != FileKind::Custom).or(extensions.first()).copied()
}

/// The last part of a URL's path.
pub(super) fn name_of_url(url: &str) -> String {
    let last = Url::parse(url).ok().and_then(|url| url.path_segments().and_then(|mut parts| parts.next_back().map(str::to_owned)));
    let last = last.filter(|name| !name.is_empty()).unwrap_or_else(|| "file".to_owned());
    percent_encoding::percent_decode_str(&last).decode_utf8_lossy().into_owned()
}
