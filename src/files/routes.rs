//! Upload and download.

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use object_store::path::Path as BlobPath;
use object_store::{GetOptions, GetRange, ObjectStore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check::FileName;
use super::db::{self, FileRow, Reference};
use super::resolve::{Owner, Scope};
use super::store::{self, Stored};
use super::{FileKind, links, resolve};
use crate::accounts::{Reader, ServiceApp, Session};
use crate::error::{Code, Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::payload::KnownUser;
use crate::ids::{AppId, FileId, WorkspaceId};
use crate::state::AppState;

/// Longest text field of a form, in bytes.
const MAX_TEXT: usize = 4096;

/// What visitors of an app's page may call of the service API.
pub fn visitor_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(upload_service_file)).layer(DefaultBodyLimit::disable())
}

pub fn service_routes() -> OpenApiRouter<AppState> {
    visitor_routes().routes(routes!(preview_file))
}

pub fn console_routes() -> OpenApiRouter<AppState> {
    let upload = OpenApiRouter::default().routes(routes!(upload_file)).layer(DefaultBodyLimit::disable());
    OpenApiRouter::default().merge(upload).routes(routes!(get_signed_file))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct UploadForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Of the service API only
    user: Option<String>,
}

/// What a form brought. The bytes are in the store and have no row yet.
struct Form {
    file: Stored,
    user: Option<String>,
}

/// A file that was taken in for somebody who signs in nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct Upload {
    pub id: FileId,
    pub name: String,
    /// Bytes
    pub size: i64,
    #[serde(rename = "type")]
    pub kind: FileKind,
}

/// Takes in the file of a multipart form, if it is one of those wanted; of one end user at most `max_files`, ever.
pub async fn upload(
    state: &AppState,
    scope: &Scope,
    max_files: usize,
    request: Request,
    is_wanted: impl Fn(FileKind, &str) -> bool,
) -> Result<Upload> {
    if let Owner::EndUser(id) = scope.owner
        && db::count_uploads(&state.db, scope.workspace_id, id).await? >= i64::try_from(max_files).unwrap_or(i64::MAX)
    {
        return Err(Error::new(Code::TooManyFiles, "Too many files were uploaded here.").param("file"));
    }
    let file = read_form(state, scope.workspace_id, request).await?.file;
    if !is_wanted(file.name.kind(), &file.name.extension) {
        store::discard(state, &file).await;
        let text = format!("Files like '{}' are not taken here.", file.name.name);
        return Err(Error::new(Code::UnsupportedFileType, text).param("file"));
    }
    let row = store::record(state, scope, Some(scope.app_id), file).await?;
    Ok(Upload { id: row.id, name: row.name, size: row.size, kind: row.kind })
}

/// Reads the form as it arrives; the size is limited by kind of file, not by the body.
async fn read_form(state: &AppState, workspace_id: WorkspaceId, request: Request) -> Result<Form> {
    let no_file = || Error::new(Code::NoFileUploaded, "Please upload your file.").param("file");
    let mut form = Multipart::from_request(request, state).await.map_err(|_| no_file())?;
    let (mut file, mut user) = (None, None);
    let outcome = async {
        while let Some(field) = form.next_field().await.map_err(broken)? {
            match field.name() {
                Some("file") if file.is_some() => return Err(Error::new(Code::TooManyFiles, "Only one file is allowed.").param("file")),
                Some("file") => {
                    let name = FileName::parse(field.file_name().ok_or_else(no_file)?, &state.config.blocked_extensions)?;
                    file = Some(store::take(state, workspace_id, name, chunks(field)).await?);
                }
                Some("user") => user = Some(read_text(field).await?),
                _ => {}
            }
        }
        Ok(())
    };
    match (outcome.await, file) {
        (Ok(()), Some(file)) => Ok(Form { file, user }),
        (Ok(()), None) => Err(no_file()),
        (Err(error), stored) => {
            if let Some(stored) = stored {
                store::discard(state, &stored).await;
            }
            Err(error)
        }
    }
}

fn chunks(field: Field<'_>) -> impl futures::Stream<Item = Result<bytes::Bytes>> {
    stream::unfold(Some(field), |field| async {
        let mut field = field?;
        match field.chunk().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(field))),
            Ok(None) => None,
            Err(error) => Some((Err(broken(error)), None)),
        }
    })
}

async fn read_text(mut field: Field<'_>) -> Result<String> {
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_TEXT {
            return Err(Error::invalid("user", "The field user is too long."));
        }
    }
    String::from_utf8(text).map_err(|_| Error::invalid("user", "The field user must be UTF-8 text."))
}

fn broken(error: MultipartError) -> Error {
    tracing::debug!(error.cause = %error, "an upload broke off");
    Error::new(Code::BadRequest, "The upload is incomplete or is not a well-formed multipart form.").param("file")
}

/// The contract's object for an uploaded file.
fn uploaded(state: &AppState, row: &FileRow) -> Value {
    json!({
        "id": row.id,
        "reference": null,
        "name": row.name,
        "size": row.size,
        "extension": row.extension,
        "mime_type": row.mime_type,
        "created_by": row.end_user_id.map(|id| id.0).or(row.account_id.map(|id| id.0)),
        "created_at": row.created_at.timestamp(),
        "preview_url": null,
        "source_url": links::signed_url(state, row.id, &row.name),
        "original_url": null,
        "user_id": null,
        "tenant_id": row.workspace_id,
        "conversation_id": null,
        "file_key": null,
    })
}

/// Upload a file to send with messages of the same user
#[utoipa::path(post, path = "/v1/files/upload", tag = "service", request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Object), (status = 400), (status = 413), (status = 415)))]
async fn upload_service_file(State(state): State<AppState>, app: ServiceApp, request: Request) -> Result<(StatusCode, Json<Value>)> {
    let known = request.extensions().get::<KnownUser>().cloned();
    let form = read_form(&state, app.workspace_id, request).await?;
    let user = known.map(|known| known.0).or(form.user);
    let found = app.end_user(&state, user.as_deref()).await;
    let user = match found {
        Ok(user) => user,
        Err(error) => {
            store::discard(&state, &form.file).await;
            return Err(error);
        }
    };
    let scope = Scope { workspace_id: app.workspace_id, app_id: app.app_id, owner: Owner::EndUser(user.id) };
    let row = store::record(&state, &scope, Some(app.app_id), form.file).await?;
    Ok((StatusCode::CREATED, Json(uploaded(&state, &row))))
}

/// Upload a file to send with a preview
#[utoipa::path(post, path = "/api/files", tag = "files", request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Object), (status = 400), (status = 413), (status = 415)))]
async fn upload_file(State(state): State<AppState>, session: Session<Reader>, request: Request) -> Result<(StatusCode, Json<Value>)> {
    let form = read_form(&state, session.workspace_id, request).await?;
    // an account's file belongs to no app
    let scope = Scope { workspace_id: session.workspace_id, app_id: AppId(uuid::Uuid::nil()), owner: Owner::Account(session.account_id) };
    let row = store::record(&state, &scope, None, form.file).await?;
    Ok((StatusCode::CREATED, Json(uploaded(&state, &row))))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PreviewQuery {
    as_attachment: Option<String>,
}

/// Bytes of a file that a message of this app holds
#[utoipa::path(get, path = "/v1/files/{file_id}/preview", tag = "service", params(("file_id" = inline(FileId), Path), PreviewQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 403), (status = 404)))]
async fn preview_file(
    State(state): State<AppState>,
    app: ServiceApp,
    Path(file_id): Path<String>,
    Query(query): Query<PreviewQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let not_found = || Error::new(Code::FileNotFound, "The requested file was not found.");
    let id = file_id.parse().map_err(|_| not_found())?;
    let row = db::find(&state.db, app.workspace_id, id).await?.ok_or_else(not_found)?;
    match db::find_reference(&state.db, app.workspace_id, app.app_id, id).await? {
        Reference::ThisApp => {}
        Reference::Nobody => return Err(not_found()),
        Reference::AnotherApp => return Err(Error::new(Code::FileAccessDenied, "Access to the requested file is denied.")),
    }
    let as_attachment = matches!(query.as_attachment.as_deref().unwrap_or_default().to_lowercase().as_str(), "true" | "1" | "yes" | "on");
    serve(&state, &row, as_attachment || row.mime_type == "text/html", "public, max-age=3600", &headers).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SignedQuery {
    expires: i64,
    signature: String,
}

/// Bytes of a file, by signed link
#[utoipa::path(get, path = "/files/{file_id}/{name}", tag = "files", security(()), params(("file_id" = inline(FileId), Path), ("name" = String, Path), SignedQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 403), (status = 404)))]
async fn get_signed_file(
    State(state): State<AppState>,
    Path(path): Path<(FileId, String)>,
    Query(query): Query<SignedQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = path.0;
    if !links::is_valid(&state, id, query.expires, &query.signature) {
        return Err(Error::new(Code::FileAccessDenied, "This link is not valid or has expired."));
    }
    let not_found = || Error::new(Code::FileNotFound, "The requested file was not found.");
    let row = db::find_signed(&state.db, id).await?.ok_or_else(not_found)?;
    let plays = row.mime_type.starts_with("audio/") || row.mime_type.starts_with("video/");
    let as_attachment = !(plays || resolve::is_raster(&row.mime_type));
    serve(&state, &row, as_attachment, "private, max-age=3600", &headers).await
}

/// Streams a file with headers that keep a browser from running it, whatever it holds.
async fn serve(state: &AppState, row: &FileRow, as_attachment: bool, cache: &str, request: &HeaderMap) -> Result<Response> {
    let size = u64::try_from(row.size).unwrap_or(0);
    let range = request.get(header::RANGE).and_then(|v| v.to_str().ok()).and_then(|v| parse_range(v, size));
    let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
    let found = state.blobs.get_opts(&BlobPath::from(row.blob_key.as_str()), options).await.map_err(store::storage)?;
    let mime_type = if as_attachment { "application/octet-stream" } else { &row.mime_type };
    let disposition = if as_attachment { "attachment" } else { "inline" };
    let name = percent_encoding::utf8_percent_encode(&row.name, percent_encoding::NON_ALPHANUMERIC);
    let length = range.as_ref().map_or(size, |r| r.end - r.start);
    let mut headers = vec![
        (header::CONTENT_TYPE, mime_type.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, format!("{disposition}; filename*=UTF-8''{name}")),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin".to_owned()),
    ];
    let status = match range {
        Some(range) => {
            headers.push((header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1)));
            StatusCode::PARTIAL_CONTENT
        }
        None => StatusCode::OK,
    };
    let headers: HeaderMap = headers.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect();
    Ok((status, headers, Body::from_stream(found.into_stream())).into_response())
}

/// The one range a player asks for; anything else is answered with the whole file.
fn parse_range(value: &str, size: u64) -> Option<std::ops::Range<u64>> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(n)) if first.is_empty() => size.saturating_sub(n)..size,
        _ => return None,
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("bytes=0-99", 1000), Some(0..100));
        assert_eq!(parse_range("bytes=990-", 1000), Some(990..1000));
        assert_eq!(parse_range("bytes=-5", 1000), Some(995..1000));
        assert_eq!(parse_range("bytes=0-18446744073709551615", 1000), Some(0..1000));
        for other in ["bytes=5-2", "bytes=1000-", "bytes=0-1,5-6", "items=0-1", "bytes=-", "bytes=a-b"] {
            assert_eq!(parse_range(other, 1000), None, "{other}");
        }
    }
}
