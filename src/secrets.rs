//! Sealing of stored secrets (provider keys, environment variables) and signing of links, with the instance key.

use anyhow::{Context, Result, bail};
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::path::Path;

/// What is shown in place of a secret.
pub const HIDDEN: &str = "********";

/// The instance key. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    cipher: XChaCha20Poly1305,
    signing_key: [u8; 32],
}

impl Secrets {
    pub fn new(key: [u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(&key.into()), signing_key: blake3::derive_key("ashlar 2026 signed links", &key) }
    }

    /// The key given in the configuration, else the one kept in `data_dir`, made on first use (mode 0600).
    pub fn open(configured: Option<&str>, data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("instance.key");
        let text = match configured {
            Some(text) => text.to_owned(),
            None => match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => create_key(&path)?,
                Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
            },
        };
        let bytes = hex::decode(text.trim()).context("the instance key must be 64 hex digits")?;
        let Ok(key) = <[u8; 32]>::try_from(bytes) else { bail!("the instance key must be 64 hex digits") };
        Ok(Self::new(key))
    }

    /// Nonce followed by ciphertext. `context` binds the secret to its place (e.g. the provider's id).
    pub fn seal(&self, plaintext: &[u8], context: &[u8]) -> Vec<u8> {
        let nonce: [u8; 24] = rand::random();
        let payload = chacha20poly1305::aead::Payload { msg: plaintext, aad: context };
        let mut sealed = nonce.to_vec();
        #[expect(clippy::expect_used, reason = "encryption in memory fails only past 256 GiB")]
        sealed.extend(self.cipher.encrypt(XNonce::from_slice(&nonce), payload).expect("sealing a short secret"));
        sealed
    }

    /// Fails when the key or the context is another one than at sealing.
    pub fn unseal(&self, sealed: &[u8], context: &[u8]) -> Result<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_at_checked(24).context("a sealed secret is too short")?;
        let payload = chacha20poly1305::aead::Payload { msg: ciphertext, aad: context };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).ok().context("a stored secret was sealed with another instance key")
    }

    /// Hex MAC of `message`, for signed links.
    pub fn sign(&self, message: &str) -> String {
        blake3::keyed_hash(&self.signing_key, message.as_bytes()).to_hex().to_string()
    }

    /// Compares in constant time.
    pub fn verify(&self, message: &str, signature: &str) -> bool {
        blake3::Hash::from_hex(signature).is_ok_and(|given| given == blake3::keyed_hash(&self.signing_key, message.as_bytes()))
    }
}

fn create_key(path: &Path) -> Result<String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let text = hex::encode(rand::random::<[u8; 32]>());
    let created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match created {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("writing {}", path.display()))?
        }
        // another process was first
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
        }
        Err(e) => return Err(e).with_context(|| format!("creating {}", path.display())),
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_only_in_its_place() {
        let secrets = Secrets::new([7; 32]);
        let sealed = secrets.seal(b"sk-1", b"provider-1");
        assert_eq!(secrets.unseal(&sealed, b"provider-1").unwrap(), b"sk-1");
        assert!(secrets.unseal(&sealed, b"provider-2").is_err());
        assert!(Secrets::new([8; 32]).unseal(&sealed, b"provider-1").is_err());
    }

    #[test]
    fn a_signature_fits_one_message() {
        let secrets = Secrets::new([7; 32]);
        let signature = secrets.sign("file/1?expires=2");
        assert!(secrets.verify("file/1?expires=2", &signature));
        assert!(!secrets.verify("file/1?expires=3", &signature));
    }

    #[test]
    fn the_key_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = Secrets::open(None, dir.path()).unwrap().seal(b"x", b"");
        assert_eq!(Secrets::open(None, dir.path()).unwrap().unseal(&sealed, b"").unwrap(), b"x");
    }
}
