//! Where a request comes from: its address, and whether a browser sent it from one of our own pages.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use ipnet::IpNet;
use url::Url;

use crate::error::{Code, Error, Result};
use crate::state::AppState;

/// Address of the caller: of the peer, or what a trusted proxy says. None over a transport without addresses.
#[derive(Debug, Clone, Copy)]
pub struct ClientIp(pub Option<IpAddr>);

impl ClientIp {
    pub(super) fn of(parts: &Parts, trusted: &[IpNet]) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let is_proxy = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
        if !peer.as_ref().is_some_and(is_proxy) {
            return Self(peer);
        }
        // each proxy appends whom it got the request from: the last one that is no proxy of ours is the caller
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join(",");
        let caller = forwarded.rsplit(',').map_while(|part| part.trim().parse::<IpAddr>().ok()).find(|ip| !is_proxy(ip));
        Self(caller.or(peer))
    }
}

impl FromRequestParts<AppState> for ClientIp {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        Ok(Self::of(parts, &state.config.trusted_proxies))
    }
}

/// For the routes that make a session and so can't ask for its CSRF token: a browser says where the request comes from.
#[derive(Debug)]
pub(super) struct SameOrigin;

impl FromRequestParts<AppState> for SameOrigin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let refused = || Error::new(Code::Forbidden, "This request comes from a page of another site.");
        if let Some(site) = header("sec-fetch-site") {
            return if matches!(site, "same-origin" | "none") { Ok(Self) } else { Err(refused()) };
        }
        // older browsers; a program sends neither
        let Some(origin) = header(ORIGIN.as_str()) else { return Ok(Self) };
        let host = Url::parse(origin).ok().and_then(|url| authority(&url));
        let ours = [header(HOST.as_str()).map(str::to_owned), state.config.public_url.as_ref().and_then(authority)];
        if host.is_some() && ours.contains(&host) { Ok(Self) } else { Err(refused()) }
    }
}

/// `host[:port]`, as browsers write it in `Host`.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn ip_of(peer: &str, forwarded: &str) -> String {
        let mut request = Request::get("/").header("x-forwarded-for", forwarded).body(()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let (parts, ()) = request.into_parts();
        ClientIp::of(&parts, &["10.0.0.0/8".parse().unwrap()]).0.unwrap().to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(ip_of("192.0.2.1", "198.51.100.7"), "192.0.2.1");
        assert_eq!(ip_of("10.0.0.2", "198.51.100.7"), "198.51.100.7");
        // the caller wrote the first entry itself
        assert_eq!(ip_of("10.0.0.2", "203.0.113.9, 198.51.100.7, 10.0.0.3"), "198.51.100.7");
        assert_eq!(ip_of("10.0.0.2", "nonsense"), "10.0.0.2");
    }
}
