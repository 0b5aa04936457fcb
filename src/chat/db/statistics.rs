//! What an app's answers come to, added up by the database over `messages_statistics_idx` alone.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::ids::{AppId, WorkspaceId};
use crate::workflows::statistics::{Range, Tallies};

/// Finished answers to others than members, by the start of the bucket.
pub async fn of_messages(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, range: &Range) -> sqlx::Result<Tallies> {
    let rows = sqlx::query!(
        r#"with m as (
             select date_trunc($5::text, created_at at time zone $6::text) as bucket, status, prompt_tokens, completion_tokens, total_price, time_to_generate_s,
               case when status = 'normal' then round(ln(greatest(latency_s, 0.0001)) * 50)::int end as latency_bin,
               case when time_to_first_token_s is not null then round(ln(greatest(time_to_first_token_s, 0.0001)) * 50)::int end as first_bin
             from messages
             where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and finished_at is not null and source <> 'debugger'
           )
           select bucket at time zone $6::text as "start!", grouping(latency_bin) as "is_of_first!", latency_bin, first_bin, count(*) as "count!",
             count(*) filter (where status in ('error', 'interrupted')) as "failures!",
             coalesce(sum(prompt_tokens), 0)::bigint as "prompt_tokens!", coalesce(sum(completion_tokens), 0)::bigint as "completion_tokens!",
             coalesce(sum(total_price), 0)::float8 as "cost!",
             coalesce(sum(completion_tokens) filter (where time_to_generate_s > 0), 0)::bigint as "timed_tokens!",
             coalesce(sum(time_to_generate_s), 0) as "writing_s!"
           from m group by grouping sets ((bucket, latency_bin), (bucket, first_bin))"#,
        workspace_id.0,
        app_id.0,
        range.from,
        range.to,
        range.interval,
        range.time_zone,
    )
    .fetch_all(db)
    .await?;
    let mut tallies = Tallies::new();
    for row in rows {
        let tally = tallies.entry(row.start).or_default();
        // each answer is in both sets once
        if row.is_of_first == 1 {
            if let Some(bin) = row.first_bin {
                tally.first_token.add(bin, row.count);
            }
            continue;
        }
        tally.count += row.count;
        tally.failures += row.failures;
        tally.prompt_tokens += row.prompt_tokens;
        tally.completion_tokens += row.completion_tokens;
        tally.total_tokens += row.prompt_tokens + row.completion_tokens;
        tally.cost += row.cost;
        tally.timed_tokens += row.timed_tokens;
        tally.writing_s += row.writing_s;
        if let Some(bin) = row.latency_bin {
            tally.latency.add(bin, row.count);
        }
    }
    Ok(tallies)
}

/// End users and conversations of these answers, by the start of the bucket; all together without one.
pub async fn users_of_messages(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    range: &Range,
) -> sqlx::Result<Vec<(Option<DateTime<Utc>>, i64, i64)>> {
    let rows = sqlx::query!(
        r#"with u as (
             select date_trunc($5::text, created_at at time zone $6::text) as bucket, end_user_id, conversation_id from messages
             where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and finished_at is not null and source <> 'debugger'
             group by 1, 2, 3
           )
           select bucket at time zone $6::text as start, count(distinct end_user_id) as "users!", count(distinct conversation_id) as "conversations!"
           from u group by grouping sets ((bucket), ())"#,
        workspace_id.0,
        app_id.0,
        range.from,
        range.to,
        range.interval,
        range.time_zone,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.start, row.users, row.conversations)).collect())
}

/// Likes and dislikes of end users, by the start of the bucket; all together without one.
pub async fn of_feedbacks(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    range: &Range,
) -> sqlx::Result<Vec<(Option<DateTime<Utc>>, i64, i64)>> {
    let rows = sqlx::query!(
        r#"with f as (
             select date_trunc($5::text, created_at at time zone $6::text) as bucket, rating from feedbacks
             where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and from_source = 'user'
           )
           select bucket at time zone $6::text as start, count(*) filter (where rating = 'like') as "likes!",
             count(*) filter (where rating = 'dislike') as "dislikes!"
           from f group by grouping sets ((bucket), ())"#,
        workspace_id.0,
        app_id.0,
        range.from,
        range.to,
        range.interval,
        range.time_zone,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.start, row.likes, row.dislikes)).collect())
}

/// The currency of the newest answer or run that cost something.
pub async fn find_currency(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    range: &Range,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        r#"(select currency as "currency?" from messages
            where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and total_price > 0 order by created_at desc limit 1)
           union all
           (select currency from workflow_runs
            where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and total_price > 0 order by created_at desc limit 1)
           limit 1"#,
        workspace_id.0,
        app_id.0,
        range.from,
        range.to,
    )
    .fetch_optional(db)
    .await
    .map(Option::flatten)
}
