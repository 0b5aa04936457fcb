//! The list of a workspace's apps: filters, orders, and the tags that people sort their apps by.
//!
//! A tag is a word on apps and lives as long as an app carries it; renaming and removing it changes every app that does.

mod db;

use std::str::FromStr;

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::AppMode;
use super::routes::AppSummary;
use crate::accounts::{Editor, Reader, Session};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::http::page::{List, Page};
use crate::http::text;
use crate::ids::{AccountId, WorkspaceId};
use crate::state::AppState;

/// Characters of a tag.
pub(super) const TAG_CHARS: usize = 50;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_apps)).routes(routes!(list_tags)).routes(routes!(rename_tag, delete_tag))
}

/// What comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// The newest app
    #[default]
    Created,
    /// The one that was changed last
    Updated,
    /// A to Z
    Name,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    mode: Option<AppMode>,
    /// Apps with this tag
    tag: Option<String>,
    /// Part of the name or description
    keyword: Option<String>,
    /// Only one's own apps
    #[serde(default)]
    mine: bool,
    #[serde(default)]
    #[param(inline)]
    sort: Sort,
    limit: Option<i64>,
    cursor: Option<String>,
}

/// Which apps to list; none = any.
#[derive(Default)]
struct Filter {
    mode: Option<AppMode>,
    tag: Option<String>,
    keyword: Option<String>,
    created_by: Option<AccountId>,
    sort: Sort,
}

/// The app that a page starts behind, with what the list is sorted by.
#[derive(Debug, Clone, PartialEq)]
struct Cursor {
    id: Uuid,
    updated_at: Option<DateTime<Utc>>,
    name: Option<String>,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.id)?;
        match (&self.updated_at, &self.name) {
            (Some(at), _) => write!(f, "@{}", at.timestamp_micros()),
            (_, Some(name)) => write!(f, "={name}"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (id, rest) = text.split_at_checked(36).ok_or(())?;
        let id = id.parse().map_err(drop)?;
        let cursor = Self { id, updated_at: None, name: None };
        if rest.is_empty() {
            return Ok(cursor);
        }
        if let Some(name) = rest.strip_prefix('=').filter(|name| !name.contains('\0')) {
            return Ok(Self { name: Some(name.to_owned()), ..cursor });
        }
        let micros = rest.strip_prefix('@').and_then(|at| at.parse().ok());
        let at = micros.and_then(DateTime::from_timestamp_micros).ok_or(())?;
        Ok(Self { updated_at: Some(at), ..cursor })
    }
}

/// Every app, newest first.
pub(super) async fn all(db: &PgPool, workspace_id: WorkspaceId) -> Result<Vec<AppSummary>> {
    db::list_apps(db, workspace_id, &Filter::default(), None, i64::MAX).await
}

/// Apps of the workspace
#[utoipa::path(get, path = "/api/apps", tag = "apps", params(ListQuery), responses((status = 200, body = List<AppSummary>)))]
async fn list_apps(
    State(state): State<AppState>,
    session: Session<Reader>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<AppSummary>>> {
    let page = Page { limit: query.limit, cursor: query.cursor };
    let text = |t: Option<String>| t.filter(|t| !t.is_empty()).map(|t| t.replace('\0', ""));
    let filter = Filter {
        mode: query.mode,
        tag: text(query.tag),
        keyword: text(query.keyword),
        created_by: query.mine.then_some(session.account_id),
        sort: query.sort,
    };
    let after: Option<Cursor> = page.after()?;
    let fits = |c: &Cursor| c.updated_at.is_some() == (query.sort == Sort::Updated) && c.name.is_some() == (query.sort == Sort::Name);
    if after.as_ref().is_some_and(|cursor| !fits(cursor)) {
        return Err(Error::invalid("cursor", "cursor must be the next_cursor of an earlier page in the same order."));
    }
    let rows = db::list_apps(&state.db, session.workspace_id, &filter, after.as_ref(), page.fetch()?).await?;
    let cursor = |app: &AppSummary| Cursor {
        id: app.id.0,
        updated_at: (query.sort == Sort::Updated).then_some(app.updated_at),
        name: (query.sort == Sort::Name).then(|| app.name.clone()),
    };
    Ok(Json(List::cut(rows, &page, cursor)?))
}

/// A tag and how many apps carry it.
#[derive(Debug, Serialize, ToSchema)]
struct Tag {
    name: String,
    n_apps: i64,
}

/// Tags of the workspace's apps, A to Z
#[utoipa::path(get, path = "/api/tags", tag = "apps", responses((status = 200, body = List<Tag>)))]
async fn list_tags(State(state): State<AppState>, session: Session<Reader>) -> Result<Json<List<Tag>>> {
    Ok(Json(List::whole(db::list_tags(&state.db, session.workspace_id).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
struct RenameTag {
    /// Where apps carry this one already, the two become one
    name: String,
}

/// Rename a tag on every app
#[utoipa::path(patch, path = "/api/tags/{tag}", tag = "apps", params(("tag" = String, Path)), request_body = RenameTag,
    responses((status = 200, body = Tag), (status = 404)))]
async fn rename_tag(
    State(state): State<AppState>,
    session: Session<Editor>,
    Path(tag): Path<String>,
    Json(body): Json<RenameTag>,
) -> Result<Json<Tag>> {
    let name = text::line("name", &body.name, TAG_CHARS)?;
    let mut tx = state.db.begin().await?;
    if !db::rename_tag(&mut *tx, session.workspace_id, &tag, &name).await? {
        return Err(tag_not_found());
    }
    session.audit(&mut *tx, "tag.rename", ("tag", &tag), json!({"name": name})).await?;
    let found = db::list_tags(&mut *tx, session.workspace_id).await?.into_iter().find(|found| found.name == name);
    tx.commit().await?;
    found.map(Json).ok_or_else(tag_not_found)
}

/// Take a tag off every app
#[utoipa::path(delete, path = "/api/tags/{tag}", tag = "apps", params(("tag" = String, Path)),
    responses((status = 204), (status = 404)))]
async fn delete_tag(State(state): State<AppState>, session: Session<Editor>, Path(tag): Path<String>) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    if !db::delete_tag(&mut *tx, session.workspace_id, &tag).await? {
        return Err(tag_not_found());
    }
    session.audit(&mut *tx, "tag.delete", ("tag", &tag), json!({})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tag_not_found() -> Error {
    Error::not_found("No app carries this tag.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_were_written() {
        let plain = Cursor { id: Uuid::now_v7(), updated_at: None, name: None };
        let at = DateTime::from_timestamp_micros(1_700_000_000_123_456);
        for cursor in [plain.clone(), Cursor { updated_at: at, ..plain.clone() }, Cursor { name: Some("É=@ x".into()), ..plain }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for bad in ["", "x", "0198b6f0-0000-7000-8000-00000000000é", "0198b6f0-0000-7000-8000-000000000000@x"] {
            assert_eq!(bad.parse::<Cursor>(), Err(()), "{bad}");
        }
    }
}
