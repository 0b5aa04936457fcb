//! Limits on guessing passwords and on what is open to anyone, counted in Redis by account and by address. Without Redis there is
//! no limit, only a log line: people must be able to sign in while it is away.

use std::net::IpAddr;

use crate::error::{Code, Error, Result};
use crate::state::Redis;

const WINDOW_S: u64 = 15 * 60;
const TRIES_PER_ACCOUNT: i64 = 10;
const TRIES_PER_ADDRESS: i64 = 100;
const VISIT_WINDOW_S: u64 = 60;

/// Counts one try; an error when there were too many in the last minutes.
pub(super) async fn count_try(redis: &Redis, email: &str, ip: Option<IpAddr>) -> Result<()> {
    if let Some(ip) = ip {
        count_sign_in(redis, format!("sign-in:ip:{ip}"), TRIES_PER_ADDRESS).await?;
    }
    count_sign_in(redis, account_key(email), TRIES_PER_ACCOUNT).await
}

/// Counts one request of an address at a door that is open to anyone; an error when there were too many in the last minute.
pub async fn count_visit(redis: &Redis, door: &str, ip: Option<IpAddr>, per_minute: i64) -> Result<()> {
    let Some(ip) = ip else { return Ok(()) };
    let what = "Too many requests from this address. Please wait before trying again.";
    count(redis, format!("visits:{door}:ip:{ip}"), per_minute, VISIT_WINDOW_S, what).await
}

/// The right password was given: the account's count starts again.
pub(super) async fn forget_tries(redis: &Redis, email: &str) {
    let forgotten: redis::RedisResult<()> =
        redis::cmd("DEL").arg(redis.key(account_key(email))).query_async(&mut redis.connection.clone()).await;
    if let Err(e) = forgotten {
        tracing::warn!(error.cause = %e, "the sign-in count of an account could not be reset");
    }
}

/// The address itself stays out of Redis.
fn account_key(email: &str) -> String {
    format!("sign-in:account:{}", blake3::hash(email.to_lowercase().as_bytes()).to_hex())
}

async fn count_sign_in(redis: &Redis, name: String, limit: i64) -> Result<()> {
    count(redis, name, limit, WINDOW_S, "Too many sign-in attempts. Please wait before trying again.").await
}

async fn count(redis: &Redis, name: String, limit: i64, window_s: u64, refusal: &str) -> Result<()> {
    let key = redis.key(name);
    let counted: redis::RedisResult<(i64, i64)> = redis::pipe()
        .atomic()
        // the window opens with the first try
        .cmd("SET")
        .arg(&key)
        .arg(0)
        .arg("EX")
        .arg(window_s)
        .arg("NX")
        .ignore()
        .incr(&key, 1)
        .ttl(&key)
        .query_async(&mut redis.connection.clone())
        .await;
    match counted {
        Ok((tries, left_s)) if tries > limit => {
            Err(Error::new(Code::TooManyRequests, refusal).retry_after(u64::try_from(left_s).unwrap_or(1).max(1)))
        }
        Ok(_) => Ok(()),
        Err(e) => {
            tracing::warn!(error.cause = %e, "attempts are not limited: Redis does not answer");
            Ok(())
        }
    }
}
