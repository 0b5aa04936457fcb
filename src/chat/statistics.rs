//! The monitoring of an app: how much it was used, how well, and what that took, over time.

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::db::statistics as db;
use crate::accounts::{Reader, Session};
use crate::apps::{AppHead, AppMode};
use crate::error::{Error, Result};
use crate::http::extract::{Json, Path, Query};
use crate::ids::AppId;
use crate::state::AppState;
use crate::workflows::statistics::{self, Range, Tally};

/// Of one answer.
const MAX_BUCKETS: i64 = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatisticsQuery {
    from: DateTime<Utc>,
    /// Not part of it any more
    to: DateTime<Utc>,
    interval: Interval,
    /// Where days and hours begin, as IANA names it (UTC)
    time_zone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Interval {
    Hour,
    Day,
}

impl Interval {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    const fn seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

/// What callers and visitors of an app got; members' previews are not counted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistics {
    interval: Interval,
    time_zone: String,
    /// Of the cost; null when nothing cost anything
    currency: Option<String>,
    total: Figures,
    /// The same length of time before
    previous: Figures,
    /// Every hour or day from `from` to `to`, the first and the last perhaps in part
    data: Vec<Bucket>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Bucket {
    start: DateTime<Utc>,
    #[serde(flatten)]
    figures: Figures,
}

/// Of what was finished.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
struct Figures {
    /// Answers; of a workflow runs
    count: i64,
    conversations: i64,
    active_users: i64,
    failures: i64,
    /// Of answers
    prompt_tokens: i64,
    completion_tokens: i64,
    total_tokens: i64,
    cost: f64,
    /// Of those that went well; percentiles are right to one in a hundred
    latency_median_s: Option<f64>,
    latency_p95_s: Option<f64>,
    /// Median, of answers
    first_token_s: Option<f64>,
    /// While answers were written
    tokens_per_second: Option<f64>,
    /// Of end users
    likes: i64,
    dislikes: i64,
}

impl From<&Tally> for Figures {
    fn from(tally: &Tally) -> Self {
        Self {
            count: tally.count,
            failures: tally.failures,
            prompt_tokens: tally.prompt_tokens,
            completion_tokens: tally.completion_tokens,
            total_tokens: tally.total_tokens,
            cost: tally.cost,
            latency_median_s: tally.latency.percentile(0.5),
            latency_p95_s: tally.latency.percentile(0.95),
            first_token_s: tally.first_token.percentile(0.5),
            tokens_per_second: (tally.writing_s > 0.0).then(|| tally.timed_tokens as f64 / tally.writing_s),
            ..Self::default()
        }
    }
}

/// By the start of the bucket; all together without one.
async fn figures(state: &AppState, app: &AppHead, range: &Range) -> Result<HashMap<Option<DateTime<Utc>>, Figures>> {
    let (workspace_id, app_id) = (app.workspace_id, app.id);
    let mut tx = state.db.begin().await?;
    statistics::make_room(&mut tx).await?;
    let tallies = match app.mode {
        AppMode::Workflow => statistics::of_runs(&mut *tx, workspace_id, app_id, range).await?,
        _ => db::of_messages(&mut *tx, workspace_id, app_id, range).await?,
    };
    let mut total = Tally::default();
    tallies.values().for_each(|tally| total.merge(tally));
    let mut figures: HashMap<_, Figures> = tallies.iter().map(|(start, tally)| (Some(*start), tally.into())).collect();
    figures.insert(None, Figures::from(&total));
    let users = match app.mode {
        AppMode::Workflow => {
            let rows = statistics::users_of_runs(&mut *tx, workspace_id, app_id, range).await?;
            rows.into_iter().map(|(start, users)| (start, users, 0)).collect()
        }
        _ => db::users_of_messages(&mut *tx, workspace_id, app_id, range).await?,
    };
    for (start, users, conversations) in users {
        let entry = figures.entry(start).or_default();
        (entry.active_users, entry.conversations) = (users, conversations);
    }
    for (start, likes, dislikes) in db::of_feedbacks(&mut *tx, workspace_id, app_id, range).await? {
        let entry = figures.entry(start).or_default();
        (entry.likes, entry.dislikes) = (likes, dislikes);
    }
    tx.commit().await?;
    Ok(figures)
}

/// How much an app was used, how well, and what that took
#[utoipa::path(get, path = "/api/apps/{app_id}/statistics", tag = "logs", params(("app_id" = AppId, Path), StatisticsQuery),
    responses((status = 200, body = Statistics), (status = 400), (status = 404)))]
pub(super) async fn get_statistics(
    State(state): State<AppState>,
    session: Session<Reader>,
    Path(app_id): Path<AppId>,
    Query(query): Query<StatisticsQuery>,
) -> Result<Json<Statistics>> {
    let app = AppHead::find(&state.db, session.workspace_id, app_id).await?;
    let length = query.to - query.from;
    if length <= chrono::Duration::zero() {
        return Err(Error::invalid("to", "to must be later than from."));
    }
    if length.num_seconds() / query.interval.seconds() >= MAX_BUCKETS {
        let text = format!("interval: the time from from to to has more than {MAX_BUCKETS} of them; take day, or a shorter time.");
        return Err(Error::invalid("interval", text));
    }
    let time_zone = query.time_zone.filter(|zone| !zone.is_empty()).unwrap_or_else(|| "UTC".to_owned());
    if time_zone.parse::<chrono_tz::Tz>().is_err() {
        return Err(Error::invalid("time_zone", "time_zone must be an IANA name such as Europe/Berlin."));
    }
    let range = Range { from: query.from, to: query.to, interval: query.interval.as_str(), time_zone };
    let before = Range { from: range.from - length, to: range.from, ..range.clone() };
    let (mut now, mut earlier) = tokio::try_join!(figures(&state, &app, &range), figures(&state, &app, &before))?;
    let starts = statistics::starts(&state.db, &range).await?;
    let data = starts.into_iter().map(|start| Bucket { start, figures: now.remove(&Some(start)).unwrap_or_default() });
    Ok(Json(Statistics {
        interval: query.interval,
        data: data.collect(),
        total: now.remove(&None).unwrap_or_default(),
        previous: earlier.remove(&None).unwrap_or_default(),
        currency: db::find_currency(&state.db, session.workspace_id, app_id, &range).await?,
        time_zone: range.time_zone,
    }))
}
