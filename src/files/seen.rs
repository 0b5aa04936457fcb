//! What a model sees of files: pictures as they are, videos as clips of frames.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use serde_json::Value;

use super::db::MessageFileRow;
use super::resolve::{Resolved, is_raster};
use super::source::Source;
use super::{FileKind, store};
use crate::engine::request::{Detail, Image, Part, Video};
use crate::error::{Error, Result};
use crate::ids::WorkspaceId;
use crate::state::AppState;
use crate::video::{self, VideoError};

/// Clips kept for the next turns of their conversations; each may take 50 MiB.
const KEPT: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Of a workspace: by the id of a stored file, or by its URL.
type Clips = Mutex<LruCache<(WorkspaceId, String), Arc<Video>>>;

/// What a model sees of a file; none when it sees nothing.
pub async fn seen_of_file(state: &AppState, workspace_id: WorkspaceId, file: &Resolved, detail: Detail) -> Result<Option<Part>> {
    if file.kind == FileKind::Video {
        let source = Source { file_id: file.file_id, url: file.url.as_deref(), name: &file.name, kind: file.kind };
        return Ok(Some(Part::Video(clip(state, workspace_id, source, detail).await?)));
    }
    Ok(file.image(detail).map(Part::Image))
}

/// What a model sees of a video that a workflow passes on.
pub async fn seen_of_value(state: &AppState, workspace_id: WorkspaceId, file: &Value, detail: Detail) -> Result<Video> {
    clip(state, workspace_id, Source { kind: FileKind::Video, ..Source::of_value(file) }, detail).await
}

/// What a model sees again of a file that a message held.
pub(super) async fn seen_of_row(state: &AppState, workspace_id: WorkspaceId, row: &MessageFileRow, detail: Detail) -> Result<Option<Part>> {
    match (row.kind, &row.blob_key, &row.mime_type) {
        (FileKind::Image, Some(key), Some(mime_type)) if is_raster(mime_type) => {
            let bytes = store::read(state, key).await?;
            Ok(Some(Part::Image(Image { bytes, mime_type: mime_type.clone(), detail })))
        }
        (FileKind::Video, ..) => {
            let name = row.name.as_deref().unwrap_or("video");
            let source = Source { file_id: row.file_id, url: row.url.as_deref(), name, kind: row.kind };
            match clip(state, workspace_id, source, detail).await {
                Ok(clip) => Ok(Some(Part::Video(clip))),
                Err(error) if error.code.status().is_server_error() => Err(error),
                // a link may lead nowhere by now: the conversation goes on, and the model is told
                Err(error) => Ok(Some(Part::Text(format!("[{}]", error.message)))),
            }
        }
        _ => Ok(None),
    }
}

async fn clip(state: &AppState, workspace_id: WorkspaceId, source: Source<'_>, detail: Detail) -> Result<Video> {
    let key = source.file_id.map(|id| id.to_string()).or_else(|| source.url.map(str::to_owned)).unwrap_or_default();
    let clips = state.parts.get(|| Clips::new(LruCache::new(KEPT)));
    let kept = clips.lock().unwrap_or_else(PoisonError::into_inner).get(&(workspace_id, key.clone())).cloned();
    if let Some(kept) = kept {
        let mut clip = (*kept).clone();
        clip.frames.iter_mut().for_each(|frame| frame.detail = detail);
        return Ok(clip);
    }
    let bytes = source.read(state, workspace_id).await?;
    let clip = video::clip(&bytes, detail).await.map_err(|error| refusal(&format!("The video '{}'", source.name), error))?;
    clips.lock().unwrap_or_else(PoisonError::into_inner).put((workspace_id, key), Arc::new(clip.clone()));
    Ok(clip)
}

/// Why a video can't be seen. `what` begins the sentence.
pub fn refusal(what: &str, error: VideoError) -> Error {
    match error {
        VideoError::Disk(error) => Error::internal(error),
        error => Error::invalid("files", format!("{what} can't be seen by a model: {error}.")),
    }
}
