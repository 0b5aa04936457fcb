//! HTTP to places that users name (remote pictures, DSL files by URL, tools): guarded against server-side request forgery.
//!
//! Only http and https. A host name is resolved once, by the client's own resolver, and the connection goes to an address
//! that passed [`Guard::permits`], so a second answer of the name server can't slip in. Redirects are followed here, hop by
//! hop, under the same rule. No proxy, no cookies, no environment. Knows no feature.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use ipnet::{IpNet, Ipv4Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, Request, Response, StatusCode};
use url::{Host, Url};

use crate::error::{Code, Error};

const MAX_REDIRECTS: usize = 5;
const MAX_CONNECT_S: u8 = 10;

/// Makes ring the TLS provider of this process. Every maker of an HTTPS client calls it; later calls do nothing.
pub fn install_tls_provider() {
    // an error means that it is installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The guarded client. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    client: reqwest::Client,
    guard: Guard,
    /// Made when they are first asked for.
    others: Arc<Mutex<HashMap<Connection, reqwest::Client>>>,
}

/// How connections are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Seconds that connecting may take.
    timeout_s: u8,
    verify_tls: bool,
}

impl Connection {
    /// Up to [`MAX_CONNECT_S`] whole seconds.
    pub fn new(timeout: Duration, verify_tls: bool) -> Self {
        let whole = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        Self { timeout_s: u8::try_from(whole).unwrap_or(MAX_CONNECT_S).clamp(1, MAX_CONNECT_S), verify_tls }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self { timeout_s: MAX_CONNECT_S, verify_tls: true }
    }
}

/// What one fetch may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_bytes: u64,
    /// For the whole fetch, redirects and body included.
    pub timeout: Duration,
}

/// What a server answered, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// After redirects.
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What a server says about a resource.
#[derive(Debug, Clone)]
pub struct Head {
    /// After redirects.
    pub url: Url,
    /// Without parameters, lower case.
    pub content_type: Option<String>,
    /// As announced; not verified.
    pub content_length: Option<u64>,
    /// From Content-Disposition.
    pub filename: Option<String>,
}

/// Why nothing came back. The text is for the person who gave the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("is not a valid http or https URL")]
    Url,
    #[error("points to '{0}', an address inside a private or reserved network; an operator can permit it with --allow-network")]
    Forbidden(String),
    #[error("redirects more than {MAX_REDIRECTS} times")]
    Redirects,
    #[error("is larger than the limit of {0} bytes")]
    TooLarge(u64),
    #[error("did not answer completely within {0} s")]
    Timeout(u64),
    #[error("answered with HTTP status {0}")]
    Status(u16),
    #[error("could not be read: {0}")]
    Unreachable(String),
}

impl Refusal {
    /// A 400 (413 for size) that names the field that held the URL.
    pub fn into_error(self, param: &str) -> Error {
        let code = if matches!(self, Self::TooLarge(_)) { Code::FileTooLarge } else { Code::InvalidParam };
        Error::new(code, format!("The URL in {param} {self}.")).param(param)
    }
}

impl Outbound {
    /// `allow`: private networks that may be reached all the same.
    pub fn new(allow: &[IpNet]) -> Result<Self> {
        install_tls_provider();
        let guard = Guard { allow: allow.into() };
        let client = client(&guard, Connection::default()).context("building the outbound HTTP client")?;
        Ok(Self { client, guard, others: Arc::default() })
    }

    /// The same, under the same guard, with connections made that way.
    pub fn with(&self, connection: Connection) -> Result<Self, Refusal> {
        if connection == Connection::default() {
            return Ok(self.clone());
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let client = match others.get(&connection) {
            Some(client) => client.clone(),
            None => {
                let client = client(&self.guard, connection)?;
                others.insert(connection, client.clone());
                client
            }
        };
        drop(others);
        Ok(Self { client, ..self.clone() })
    }

    /// The body, read until it ends or `limits` are passed.
    pub async fn get(&self, url: &str, limits: Limits) -> Result<(Head, Bytes), Refusal> {
        let fetch = async {
            let (head, response) = self.send(Method::GET, url).await?;
            Ok((head, read(response, limits.max_bytes).await?))
        };
        tokio::time::timeout(limits.timeout, fetch).await.unwrap_or(Err(Refusal::Timeout(limits.timeout.as_secs())))
    }

    /// Any request, with the whole answer. Redirects as in [`open`](Self::open).
    pub async fn execute(&self, request: Request, limits: Limits) -> Result<Answer, Refusal> {
        let exchange = async {
            let response = self.open(request).await?;
            let (url, status, headers) = (response.url().clone(), response.status(), response.headers().clone());
            Ok(Answer { url, status, headers, body: read(response, limits.max_bytes).await? })
        };
        tokio::time::timeout(limits.timeout, exchange).await.unwrap_or(Err(Refusal::Timeout(limits.timeout.as_secs())))
    }

    /// Any request, up to the head of its answer, whatever the status: the caller reads the body, and bounds it and the time.
    ///
    /// Redirects are followed as browsers do: 303, and 301 or 302 to a POST, become a GET without body. Headers that the caller set
    /// stay behind when the next hop is another server, since any of them may be a secret. A body that can't be sent twice (a
    /// stream) is not redirected: the redirect itself is the answer then.
    pub async fn open(&self, mut request: Request) -> Result<Response, Refusal> {
        for _ in 0..=MAX_REDIRECTS {
            self.guard.check_url(request.url())?;
            let again = request.try_clone();
            let from = request.url().clone();
            let response = self.client.execute(request).await.map_err(unreachable)?;
            let status = response.status();
            let location = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
            let (Some(location), Some(mut next)) = (location.filter(|_| status.is_redirection()), again) else { return Ok(response) };
            let target = from.join(location).map_err(|_| Refusal::Url)?;
            let as_get = match status {
                StatusCode::SEE_OTHER => *next.method() != Method::HEAD,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *next.method() == Method::POST,
                StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
                _ => return Ok(response),
            };
            if as_get {
                *next.method_mut() = Method::GET;
                *next.body_mut() = None;
                for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
                    next.headers_mut().remove(name);
                }
            }
            if target.origin() != from.origin() {
                let kept = [header::ACCEPT, header::CONTENT_TYPE, header::USER_AGENT];
                let headers = std::mem::take(next.headers_mut());
                next.headers_mut().extend(headers.into_iter().filter(|(name, _)| name.as_ref().is_some_and(|n| kept.contains(n))));
            }
            *next.url_mut() = target;
            request = next;
        }
        Err(Refusal::Redirects)
    }

    /// The client itself, for a library that speaks a protocol of its own to `url` and to nowhere else: host names are still
    /// resolved by the guard and redirects are not followed.
    pub fn client_for(&self, url: &Url) -> Result<reqwest::Client, Refusal> {
        self.guard.check_url(url)?;
        Ok(self.client.clone())
    }

    /// Name, type and size without the body: HEAD, and GET where HEAD is not served.
    pub async fn probe(&self, url: &str, timeout: Duration) -> Result<Head, Refusal> {
        let probe = async {
            match self.send(Method::HEAD, url).await {
                Ok((head, _)) => Ok(head),
                Err(Refusal::Status(_) | Refusal::Unreachable(_)) => self.send(Method::GET, url).await.map(|(head, _)| head),
                Err(refusal) => Err(refusal),
            }
        };
        tokio::time::timeout(timeout, probe).await.unwrap_or(Err(Refusal::Timeout(timeout.as_secs())))
    }

    /// Whether a URL may be asked for at all: its scheme, and its address when it holds one.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        self.guard.check_url(url)
    }

    /// A request to one URL, for callers that speak a protocol of their own. Redirects are not followed.
    pub fn request(&self, method: Method, url: &Url) -> Result<reqwest::RequestBuilder, Refusal> {
        self.guard.check_url(url)?;
        Ok(self.client.request(method, url.clone()))
    }

    /// A request that must succeed.
    async fn send(&self, method: Method, url: &str) -> Result<(Head, Response), Refusal> {
        let url = Url::parse(url).map_err(|_| Refusal::Url)?;
        let response = self.open(Request::new(method, url)).await?;
        if response.status().is_success() {
            Ok((Head::of(response.url(), response.headers()), response))
        } else {
            Err(Refusal::Status(response.status().as_u16()))
        }
    }
}

fn client(guard: &Guard, connection: Connection) -> reqwest::Result<reqwest::Client> {
    let builder = || {
        reqwest::Client::builder()
            .dns_resolver(Arc::new(guard.clone()))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(connection.timeout_s.into()))
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("Ashlar/", env!("CARGO_PKG_VERSION")))
    };
    if !connection.verify_tls {
        return builder().tls_danger_accept_invalid_certs(true).build();
    }
    // A system without CA certificates still starts: http works, https fails with an untrusted certificate.
    builder().build().or_else(|error| {
        tracing::warn!(error.cause = %error, "no CA certificates found; https URLs of users will be refused");
        builder().tls_certs_only([]).build()
    })
}

/// The body, until it ends or is larger than `max_bytes`.
async fn read(mut response: Response, max_bytes: u64) -> Result<Bytes, Refusal> {
    if response.content_length().is_some_and(|n| n > max_bytes) {
        return Err(Refusal::TooLarge(max_bytes));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if (body.len() + chunk.len()) as u64 > max_bytes {
            return Err(Refusal::TooLarge(max_bytes));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

impl Answer {
    pub fn head(&self) -> Head {
        Head::of(&self.url, &self.headers)
    }
}

impl Head {
    fn of(url: &Url, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
        Self {
            url: url.clone(),
            content_type: text(header::CONTENT_TYPE).map(|v| v.split(';').next().unwrap_or(v).trim().to_ascii_lowercase()),
            content_length: text(header::CONTENT_LENGTH).and_then(|v| v.parse().ok()),
            filename: text(header::CONTENT_DISPOSITION).and_then(disposition_filename),
        }
    }
}

/// The file name of a Content-Disposition header, `filename*` before `filename`.
pub fn disposition_filename(value: &str) -> Option<String> {
    let parameter = |name: &str| {
        value.split(';').map(str::trim).find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let extended = parameter("filename*").and_then(|v| {
        let encoded = v.get(..7).filter(|p| p.eq_ignore_ascii_case("utf-8''")).and_then(|_| v.get(7..))?;
        percent_encoding::percent_decode_str(encoded).decode_utf8().ok().map(|s| s.into_owned())
    });
    extended.or_else(|| parameter("filename")).filter(|name| !name.is_empty())
}

impl From<reqwest::Error> for Refusal {
    fn from(error: reqwest::Error) -> Self {
        unreachable(error)
    }
}

impl From<&reqwest::Error> for Refusal {
    fn from(error: &reqwest::Error) -> Self {
        cause(error)
    }
}

fn unreachable(error: reqwest::Error) -> Refusal {
    cause(&error)
}

/// Finds a refusal of the resolver inside the client's error; anything else is told in the cause's own words.
fn cause(error: &reqwest::Error) -> Refusal {
    if let Some(status) = error.status() {
        return Refusal::Status(status.as_u16());
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut deepest = None;
    while let Some(cause) = source {
        if let Some(refusal) = cause.downcast_ref::<Refusal>() {
            return refusal.clone();
        }
        deepest = Some(cause.to_string());
        source = cause.source();
    }
    Refusal::Unreachable(
        deepest.unwrap_or_else(|| if error.is_timeout() { "the connection timed out".into() } else { "the connection failed".into() }),
    )
}

/// Which addresses may be connected to.
#[derive(Debug, Clone)]
struct Guard {
    allow: Arc<[IpNet]>,
}

impl Guard {
    /// Scheme and literal addresses; host names are checked when they are resolved.
    fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Url);
        }
        let literal = match url.host().ok_or(Refusal::Url)? {
            Host::Ipv4(ip) => IpAddr::V4(ip),
            Host::Ipv6(ip) => IpAddr::V6(ip),
            Host::Domain(_) => return Ok(()),
        };
        if self.permits(literal) { Ok(()) } else { Err(Refusal::Forbidden(literal.to_string())) }
    }

    fn permits(&self, ip: IpAddr) -> bool {
        let ip = embedded_v4(ip).map_or(ip, IpAddr::V4);
        self.allow.iter().any(|net| net.contains(&ip)) || is_public(ip)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let permitted: Vec<SocketAddr> = found.iter().copied().filter(|a| guard.permits(a.ip())).collect();
            if permitted.is_empty() {
                return Err(Refusal::Forbidden(name.as_str().to_owned()).into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// The IPv4 address that an IPv6 address stands for: IPv4-mapped (`::ffff:0:0/96`) and NAT64 (`64:ff9b::/96`).
fn embedded_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = ip else { return None };
    v6.to_ipv4_mapped().or_else(|| match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    })
}

/// Whether an address belongs to the public internet. `ip` is not an embedded IPv4 address.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !RESERVED_V4.iter().any(|&(net, bits)| Ipv4Net::new_assert(net, bits).contains(&ip)),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// IANA's IPv4 special-purpose registry, plus the metadata address of one cloud that lies in public space.
const RESERVED_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // Azure's wire server
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, metadata
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved, broadcast
];

/// Only global unicast (`2000::/3`) without its special blocks: 2001::/23 (Teredo, ORCHID, …), 2001:db8::/32 and 3fff::/20
/// (documentation), 2002::/16 (6to4, which hides an IPv4 address).
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let special = a == 0x2001 && (b < 0x200 || b == 0xdb8) || a == 0x2002 || a == 0x3fff && b < 0x1000;
    a & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use wiremock::matchers::{method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const LIMITS: Limits = Limits { max_bytes: 1000, timeout: Duration::from_secs(2) };

    fn local() -> Outbound {
        Outbound::new(&["127.0.0.2/32".parse().unwrap()]).unwrap()
    }

    /// A server on 127.0.0.2, the one private address that `local()` may reach.
    async fn server() -> MockServer {
        let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        MockServer::builder().listener(listener).start().await
    }

    #[test]
    fn only_public_addresses_are_permitted() {
        let guard = Guard { allow: [].into() };
        let forbidden = [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "168.63.129.16",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "3fff::1",
            "100::1",
        ];
        for ip in forbidden {
            assert!(!guard.permits(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"] {
            assert!(guard.permits(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn allowed_networks_are_permitted_in_every_spelling() {
        let guard = Guard { allow: ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()].into() };
        for ip in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203", "fd00::1"] {
            assert!(guard.permits(ip.parse().unwrap()), "{ip}");
        }
        assert!(!guard.permits("127.0.0.1".parse().unwrap()));
    }

    #[tokio::test]
    async fn spellings_of_loopback_and_other_schemes_are_refused() {
        let outbound = Outbound::new(&[]).unwrap();
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
        ] {
            let refusal = outbound.get(url, LIMITS).await.unwrap_err();
            assert!(matches!(refusal, Refusal::Forbidden(_)), "{url}: {refusal:?}");
        }
        for url in ["file:///etc/passwd", "ftp://example.com/", "gopher://x/", "not a url", "data:text/plain,x", "//x"] {
            assert_eq!(outbound.get(url, LIMITS).await.unwrap_err(), Refusal::Url, "{url}");
        }
    }

    #[tokio::test]
    async fn a_permitted_file_is_read_and_described() {
        let server = server().await;
        let answer = ResponseTemplate::new(200)
            .set_body_raw("hello", "Text/Plain; charset=utf-8")
            .insert_header("content-disposition", "attachment; filename=\"a.txt\"; filename*=UTF-8''%E4%BD%A0.txt");
        Mock::given(method("GET")).and(path("/a")).respond_with(answer).mount(&server).await;
        let (head, body) = local().get(&format!("{}/a", server.uri()), LIMITS).await.unwrap();
        assert_eq!(
            (head.content_type.as_deref(), head.filename.as_deref(), &body[..]),
            (Some("text/plain"), Some("你.txt"), &b"hello"[..])
        );
        // no HEAD here: the probe falls back to GET
        let probed = local().probe(&format!("{}/a", server.uri()), LIMITS.timeout).await.unwrap();
        assert_eq!(probed.content_length, Some(5));
        assert_eq!(local().get(&format!("{}/b", server.uri()), LIMITS).await.unwrap_err(), Refusal::Status(404));
    }

    #[tokio::test]
    async fn every_hop_is_checked() {
        let server = server().await;
        let to = |from: &str, location: String| {
            Mock::given(path(from.to_owned())).respond_with(ResponseTemplate::new(302).insert_header("location", location))
        };
        to("/in", "http://127.0.0.1:9/".into()).mount(&server).await;
        to("/file", "file:///etc/passwd".into()).mount(&server).await;
        to("/loop", "/loop".into()).mount(&server).await;
        to("/ok", "/end".into()).mount(&server).await;
        Mock::given(path("/end")).respond_with(ResponseTemplate::new(200).set_body_string("x")).mount(&server).await;
        let get = async |path: &str| local().get(&format!("{}{path}", server.uri()), LIMITS).await;
        assert_eq!(get("/in").await.unwrap_err(), Refusal::Forbidden("127.0.0.1".into()));
        assert_eq!(get("/file").await.unwrap_err(), Refusal::Url);
        assert_eq!(get("/loop").await.unwrap_err(), Refusal::Redirects);
        assert_eq!(get("/ok").await.unwrap().0.url.path(), "/end");
    }

    #[tokio::test]
    async fn redirects_change_requests_as_browsers_do() {
        // what came to the last hop: method, path, body, secret
        fn seen(request: &wiremock::Request) -> (String, String, String, bool) {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            (request.method.to_string(), request.url.path().to_owned(), body, request.headers.contains_key("x-secret"))
        }
        let (here, there) = (server().await, server().await);
        for (status, to) in [(301, "/end"), (302, "/end"), (303, "/end"), (307, "/end"), (308, "/end")] {
            let answer = ResponseTemplate::new(status).insert_header("location", to);
            Mock::given(path(format!("/{status}"))).respond_with(answer).mount(&here).await;
        }
        let away = ResponseTemplate::new(307).insert_header("location", format!("{}/end", there.uri()));
        Mock::given(path("/away")).respond_with(away).mount(&here).await;
        for server in [&here, &there] {
            Mock::given(path("/end")).respond_with(ResponseTemplate::new(418).set_body_string("x")).mount(server).await;
        }
        let send = async |from: &str| {
            let url = Url::parse(&format!("{}/{from}", here.uri())).unwrap();
            let request = local().request(Method::POST, &url).unwrap().header("x-secret", "s").body("body").build().unwrap();
            local().execute(request, LIMITS).await.unwrap()
        };
        for (from, method, body) in
            [("301", "GET", ""), ("302", "GET", ""), ("303", "GET", ""), ("307", "POST", "body"), ("308", "POST", "body")]
        {
            let answer = send(from).await;
            // any status is an answer
            assert_eq!((answer.status.as_u16(), answer.url.path(), &answer.body[..]), (418, "/end", &b"x"[..]));
            let last = here.received_requests().await.unwrap().pop().unwrap();
            assert_eq!(seen(&last), (method.into(), "/end".into(), body.into(), true), "{from}");
        }
        send("away").await;
        let last = there.received_requests().await.unwrap().pop().unwrap();
        assert_eq!(seen(&last), ("POST".into(), "/end".into(), "body".into(), false));
        let private: Url = "http://127.0.0.1:9/".parse().unwrap();
        assert!(local().client_for(&private).is_err());
        let request = Request::new(Method::GET, private);
        assert_eq!(local().execute(request, LIMITS).await.unwrap_err(), Refusal::Forbidden("127.0.0.1".into()));
    }

    /// Serves one connection with exactly these bytes, then keeps it open for `hold`.
    async fn raw(answer: Vec<u8>, hold: Duration) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = socket.read(&mut request).await;
            // the client may hang up first
            let _ = socket.write_all(&answer).await;
            tokio::time::sleep(hold).await;
        });
        url
    }

    #[tokio::test]
    async fn size_and_time_are_bounded() {
        let announced = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n".to_vec(), Duration::ZERO).await;
        assert_eq!(local().get(&announced, LIMITS).await.unwrap_err(), Refusal::TooLarge(1000));

        let mut unannounced = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        unannounced.extend([b'x'; 5000]);
        let url = raw(unannounced, Duration::ZERO).await;
        assert_eq!(local().get(&url, LIMITS).await.unwrap_err(), Refusal::TooLarge(1000));

        let short = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly this".to_vec(), Duration::ZERO).await;
        assert!(matches!(local().get(&short, LIMITS).await.unwrap_err(), Refusal::Unreachable(_)));

        let slow = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nonly".to_vec(), Duration::from_secs(10)).await;
        let limits = Limits { timeout: Duration::from_millis(1100), ..LIMITS };
        assert_eq!(local().get(&slow, limits).await.unwrap_err(), Refusal::Timeout(1));
    }

    #[tokio::test]
    async fn a_gzip_bomb_is_stopped_at_the_limit() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 10 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        let server = server().await;
        let answer = ResponseTemplate::new(200).set_body_bytes(bomb).insert_header("content-encoding", "gzip");
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let limits = Limits { max_bytes: 1 << 20, ..LIMITS };
        assert_eq!(local().get(&server.uri(), limits).await.unwrap_err(), Refusal::TooLarge(1 << 20));
    }
}
