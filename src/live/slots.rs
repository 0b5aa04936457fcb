//! Slots of a group (an app): a Redis hash with a field for each running task and the second it began.

use redis::aio::ConnectionManager;
use redis::{AsyncCommands, Script};
use uuid::Uuid;

/// A slot whose holder died is free after this many seconds.
const STALE_S: u32 = 600;

const CLAIM: &str = "
local now = tonumber(redis.call('TIME')[1])
local held = redis.call('HGETALL', KEYS[1])
local n = 0
for i = 1, #held, 2 do
  if now - tonumber(held[i + 1]) >= tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], held[i])
  else
    n = n + 1
  end
end
if n >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], now)
redis.call('EXPIRE', KEYS[1], 3600)
return 1";

/// Held while a task runs; given back on drop.
pub struct Slot {
    held: Option<(ConnectionManager, String, Uuid)>,
}

pub(super) async fn claim(mut connection: ConnectionManager, key: String, task: Uuid, max: u32) -> Option<Slot> {
    let claimed: redis::RedisResult<bool> =
        Script::new(CLAIM).key(&key).arg(task.to_string()).arg(max).arg(STALE_S).invoke_async(&mut connection).await;
    match claimed {
        Ok(true) => Some(Slot { held: Some((connection, key, task)) }),
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(%error, "running requests can't be counted without Redis; letting one through");
            Some(Slot { held: None })
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some((mut connection, key, task)) = self.held.take() else { return };
        tokio::spawn(async move {
            let freed: redis::RedisResult<()> = connection.hdel(key, task.to_string()).await;
            if let Err(error) = freed {
                tracing::debug!(%error, "a slot is left to expire");
            }
        });
    }
}
