//! Passwords: the rules, Argon2id, and how many may be computed at once.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{Code, Error, Result};

/// A password that follows the rules.
#[derive(Clone)]
pub(super) struct NewPassword(String);

impl NewPassword {
    pub(super) fn parse(param: &str, text: String) -> Result<Self> {
        let letters = text.chars().any(char::is_alphabetic);
        let digits = text.chars().any(char::is_numeric);
        if text.chars().count() < 8 || !letters || !digits {
            return Err(Error::invalid(param, format!("{param} must have at least 8 characters, with letters and digits.")));
        }
        if text.len() > MAX_BYTES || text.contains('\0') {
            return Err(Error::invalid(param, format!("{param} must be at most {MAX_BYTES} bytes long, without NUL.")));
        }
        Ok(Self(text))
    }

    pub(super) async fn hash(self) -> Result<String> {
        compute(move || {
            let salt = SaltString::generate(&mut OsRng);
            let hash = argon2().hash_password(self.0.as_bytes(), &salt);
            hash.map(|h| h.to_string()).map_err(|e| Error::internal(anyhow::anyhow!("hashing a password: {e}")))
        })
        .await?
    }
}

/// Whether `text` is the password of `hash`. Without a hash (nobody has this e-mail) it takes as long and is never right.
pub(super) async fn verify(text: String, hash: Option<String>) -> Result<bool> {
    if text.len() > MAX_BYTES {
        return Ok(false);
    }
    compute(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS.clone());
        let parsed = PasswordHash::new(&hash).map_err(|e| Error::internal(anyhow::anyhow!("a stored password hash is broken: {e}")))?;
        let right = argon2().verify_password(text.as_bytes(), &parsed).is_ok();
        Ok(right && known)
    })
    .await?
}

const MAX_BYTES: usize = 256;

/// 19 MiB, two passes: OWASP's recommendation, some 25 ms of one core.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let salt = SaltString::generate(&mut OsRng);
    #[expect(clippy::expect_used, reason = "fixed parameters and a fixed input")]
    argon2().hash_password(b"nobody", &salt).expect("hashing a constant").to_string()
});

/// Hashing takes memory and a core: half of the cores may do it, the other half serve.
static SLOTS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, |n| n.get().div_ceil(2))));

async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let busy = || Error::new(Code::Overloaded, "Too many people are signing in right now. Please try again.").retry_after(5);
    let slot = tokio::time::timeout(Duration::from_secs(10), SLOTS.acquire()).await.map_err(|_| busy())?;
    let done = tokio::task::spawn_blocking(work).await;
    drop(slot);
    done.map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_passes() {
        let hash = NewPassword::parse("password", "correct horse 1".into()).unwrap().hash().await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(verify("correct horse 1".into(), Some(hash.clone())).await.unwrap());
        assert!(!verify("correct horse 2".into(), Some(hash)).await.unwrap());
        assert!(!verify("nobody".into(), None).await.unwrap());
    }

    #[test]
    fn weak_passwords_are_refused() {
        for weak in ["short1", "onlyletters", "1234567890", "nul\0inside1"] {
            assert!(NewPassword::parse("password", weak.into()).is_err(), "{weak:?}");
        }
        assert!(NewPassword::parse("password", "пароль123".into()).is_ok());
        assert!(NewPassword::parse("password", "a1".repeat(200)).is_err());
    }
}
