//! Who may do what: accounts, workspaces, members, sessions and API keys; the extractors that guard every route.

/// What is stored of a session token, invitation or API key: enough to find it, useless to whoever reads the table.
/// The tokens are random (≥ 140 bits), so a fast hash without salt is right.
pub fn hash_token(token: &str) -> [u8; 32] {
    blake3::hash(token.as_bytes()).into()
}
