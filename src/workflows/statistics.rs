//! What an app's runs come to, and what such figures are made of. The database adds up over indexes that hold all that is asked for;
//! percentiles come from histograms, so that nothing has to be sorted: they are right to one in a hundred.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::ids::{AppId, WorkspaceId};

/// Bins of a histogram for each factor of e.
const BINS: f64 = 50.0;

/// Which time, in which pieces.
#[derive(Debug, Clone)]
pub struct Range {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// As `date_trunc` knows it.
    pub interval: &'static str,
    /// Where its days and hours begin, as IANA names it.
    pub time_zone: String,
}

/// How often which length of time came: counts by the bin `round(ln(seconds) * 50)`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram(BTreeMap<i32, i64>);

impl Histogram {
    pub fn add(&mut self, bin: i32, count: i64) {
        *self.0.entry(bin).or_default() += count;
    }

    /// Seconds that the share `q` of all did not exceed; none of nothing.
    pub fn percentile(&self, q: f64) -> Option<f64> {
        let all: i64 = self.0.values().sum();
        let mut passed = 0;
        let found = self.0.iter().find(|(_, count)| {
            passed += **count;
            passed as f64 >= q * all as f64
        });
        found.map(|(bin, _)| (f64::from(*bin) / BINS).exp())
    }
}

/// The sums of a bucket, or of several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub count: i64,
    pub failures: i64,
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
    pub total_tokens: i64,
    pub cost: f64,
    /// Tokens that were written while somebody looked at the clock, and for how long.
    pub timed_tokens: i64,
    pub writing_s: f64,
    /// Of those that went well.
    pub latency: Histogram,
    pub first_token: Histogram,
}

impl Tally {
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.failures += other.failures;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.total_tokens += other.total_tokens;
        self.cost += other.cost;
        self.timed_tokens += other.timed_tokens;
        self.writing_s += other.writing_s;
        for (mine, others) in [(&mut self.latency, &other.latency), (&mut self.first_token, &other.first_token)] {
            others.0.iter().for_each(|(bin, count)| mine.add(*bin, *count));
        }
    }
}

pub type Tallies = BTreeMap<DateTime<Utc>, Tally>;

/// For a statement that adds up much at once.
pub async fn make_room(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query("set local work_mem = '64MB'").execute(db).await.map(drop)
}

/// Finished runs that others than members asked for, by the start of the bucket.
pub async fn of_runs(db: impl PgExecutor<'_>, workspace_id: WorkspaceId, app_id: AppId, range: &Range) -> sqlx::Result<Tallies> {
    let rows = sqlx::query!(
        r#"with r as (
             select date_trunc($5::text, created_at at time zone $6::text) as bucket, status, total_tokens, total_price,
               case when status in ('succeeded', 'partial-succeeded') then round(ln(greatest(elapsed_s, 0.0001)) * 50)::int end as bin
             from workflow_runs
             where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and finished_at is not null and source <> 'debugger'
           )
           select bucket at time zone $6::text as "start!", bin, count(*) as "count!", count(*) filter (where status = 'failed') as "failures!",
             coalesce(sum(total_tokens), 0)::bigint as "total_tokens!", coalesce(sum(total_price), 0) as "cost!"
           from r group by bucket, bin"#,
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
        tally.count += row.count;
        tally.failures += row.failures;
        tally.total_tokens += row.total_tokens;
        tally.cost += row.cost;
        if let Some(bin) = row.bin {
            tally.latency.add(bin, row.count);
        }
    }
    Ok(tallies)
}

/// The end users of these runs, by the start of the bucket; all together without one.
pub async fn users_of_runs(
    db: impl PgExecutor<'_>,
    workspace_id: WorkspaceId,
    app_id: AppId,
    range: &Range,
) -> sqlx::Result<Vec<(Option<DateTime<Utc>>, i64)>> {
    let rows = sqlx::query!(
        r#"with u as (
             select date_trunc($5::text, created_at at time zone $6::text) as bucket, end_user_id from workflow_runs
             where workspace_id = $1 and app_id = $2 and created_at >= $3 and created_at < $4 and finished_at is not null and source <> 'debugger'
             group by 1, 2
           )
           select bucket at time zone $6::text as start, count(distinct end_user_id) as "users!" from u group by grouping sets ((bucket), ())"#,
        workspace_id.0,
        app_id.0,
        range.from,
        range.to,
        range.interval,
        range.time_zone,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.start, row.users)).collect())
}

/// Where the range's buckets begin, in order.
pub async fn starts(db: impl PgExecutor<'_>, range: &Range) -> sqlx::Result<Vec<DateTime<Utc>>> {
    sqlx::query_scalar!(
        r#"select distinct (s at time zone $4::text) as "start!"
           from generate_series(date_trunc($3::text, $1::timestamptz at time zone $4::text), ($2::timestamptz - interval '1 microsecond') at time zone $4::text,
             ('1 ' || $3::text)::interval) s
           order by 1"#,
        range.from,
        range.to,
        range.interval,
        range.time_zone,
    )
    .fetch_all(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(seconds: f64) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "as the database rounds it")]
        let bin = (seconds.ln() * BINS).round() as i32;
        bin
    }

    #[test]
    fn percentiles_are_right_to_one_in_a_hundred() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), None);
        for n in 1..=1000 {
            histogram.add(bin(f64::from(n) / 100.0), 1);
        }
        for (q, exact) in [(0.5, 5.0), (0.95, 9.5), (1.0, 10.0), (0.001, 0.01)] {
            let found = histogram.percentile(q).unwrap();
            assert!((found / exact - 1.0).abs() < 0.011, "{q}: {found} for {exact}");
        }
    }

    #[test]
    fn buckets_add_up() {
        let mut one = Tally { count: 1, cost: 0.5, ..Tally::default() };
        one.latency.add(3, 1);
        let mut sum = one.clone();
        sum.merge(&one);
        assert_eq!((sum.count, sum.cost, sum.latency.0[&3]), (2, 1.0, 2));
    }
}
