//! The harness: one [`TestApp`] per test, [`Client`]s by role, replies and event streams as values.
//!
//! ```ignore
//! #[sqlx::test]
//! async fn owners_rename_apps(db: PgPool) {
//!     let app = TestApp::start(db).await;
//!     let reply = app.client(Role::Owner).patch("/api/apps/…", json!({"name": "x"})).await;
//!     assert_eq!(reply.ok()["name"], "x");
//! }
//! ```

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use ashlar::accounts::{NewKey, create_key, hash_token};
use ashlar::config::Config;
use ashlar::engine::host::DEFAULT;
use ashlar::ids::WorkspaceId;
use ashlar::secrets::Secrets;
use ashlar::state::{AppState, Redis};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use clap::Parser;
use futures::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

/// Password of every seeded account.
pub const PASSWORD: &str = "correct horse 1";
/// Its Argon2id hash, with weak parameters: verification reads them from the hash.
fn password_hash() -> String {
    let params = argon2::Params::new(64, 1, 1, None).unwrap();
    let salt = SaltString::encode_b64(b"ashlar tests").unwrap();
    Argon2::new(Default::default(), Default::default(), params).hash_password(PASSWORD.as_bytes(), &salt).unwrap().to_string()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Owner,
    Admin,
    Editor,
    Normal,
    DatasetOperator,
}

impl Role {
    pub const ALL: [Self; 5] = [Self::Owner, Self::Admin, Self::Editor, Self::Normal, Self::DatasetOperator];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Normal => "normal",
            Self::DatasetOperator => "dataset_operator",
        }
    }
}

/// A workspace with one member of each role, each signed in.
pub struct Workspace {
    pub id: Uuid,
    members: Vec<Member>,
}

struct Member {
    account_id: Uuid,
    email: String,
    session_token: String,
    csrf_token: String,
}

impl Workspace {
    /// Rows written directly, so that a test of one slice does not depend on the routes of another.
    pub async fn seed(db: &PgPool, name: &str) -> Self {
        let id = Uuid::now_v7();
        sqlx::query("insert into workspaces (id, name) values ($1, $2)").bind(id).bind(name).execute(db).await.unwrap();
        let password_hash = password_hash();
        let mut members = Vec::new();
        for role in Role::ALL {
            let (account_id, email) = (Uuid::now_v7(), format!("{}@{name}.test", role.as_str()));
            sqlx::query(
                "with a as (insert into accounts (id, email, name, password_hash) values ($1, $2, $3, $4) returning id)
                 insert into members (workspace_id, account_id, role) select $5, id, $3 from a",
            )
            .bind(account_id)
            .bind(&email)
            .bind(role.as_str())
            .bind(&password_hash)
            .bind(id)
            .execute(db)
            .await
            .unwrap();
            let csrf_token = hex::encode(rand::random::<[u8; 16]>());
            let session_token = insert_session(db, id, account_id, &csrf_token).await;
            members.push(Member { account_id, email, session_token, csrf_token });
        }
        Self { id, members }
    }

    fn member(&self, role: Role) -> &Member {
        &self.members[Role::ALL.iter().position(|r| *r == role).unwrap()]
    }

    pub fn account_id(&self, role: Role) -> Uuid {
        self.member(role).account_id
    }

    pub fn email(&self, role: Role) -> &str {
        &self.member(role).email
    }
}

async fn insert_session(db: &PgPool, workspace_id: Uuid, account_id: Uuid, csrf_token: &str) -> String {
    let token = hex::encode(rand::random::<[u8; 32]>());
    sqlx::query(
        "insert into sessions (id, token_hash, csrf_token, account_id, workspace_id, expires_at)
         values ($1, $2, $3, $4, $5, now() + interval '1 day')",
    )
    .bind(Uuid::now_v7())
    .bind(hash_token(&token).as_slice())
    .bind(csrf_token)
    .bind(account_id)
    .bind(workspace_id)
    .execute(db)
    .await
    .unwrap();
    token
}

/// The whole server in this process, over a database of its own, with two workspaces: `home` and `foreign`.
pub struct TestApp {
    pub state: AppState,
    pub router: Router,
    pub home: Workspace,
    pub foreign: Workspace,
    pub data_dir: TempDir,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    config: Config,
}

impl TestApp {
    /// Without a model.
    pub async fn start(db: PgPool) -> Self {
        Self::start_with(db, |_| {}).await
    }

    /// With the bundled model in memory.
    pub async fn start_with_model(db: PgPool) -> Self {
        let app = Self::start_with(db, |config| config.no_model = false).await;
        app.state.engines.load(DEFAULT).await.expect("the bundled model loads");
        app
    }

    /// As [`start`](Self::start), with a changed configuration.
    pub async fn start_with(db: PgPool, configure: impl FnOnce(&mut Config)) -> Self {
        let app = Self::start_empty(db, configure).await;
        Self { home: Workspace::seed(&app.state.db, "home").await, foreign: Workspace::seed(&app.state.db, "foreign").await, ..app }
    }

    /// As a first run finds it: no account yet.
    pub async fn start_empty(db: PgPool, configure: impl FnOnce(&mut Config)) -> Self {
        // a second install in one process fails, which is fine
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data_dir = tempfile::tempdir().unwrap();
        let mut config = Flags::parse_from(["test", "--no-model", "--data-dir", data_dir.path().to_str().unwrap()]).config;
        config.redis_prefix = format!("test:{}:", Uuid::now_v7());
        configure(&mut config);
        let redis_url = config.redis_url.clone().expect("REDIS_URL is not set: source tools/services.sh");
        let redis = Redis::connect(&redis_url, &config.redis_prefix).await.expect("Redis does not answer: source tools/services.sh");
        let secrets = Secrets::open(None, data_dir.path()).unwrap();
        let state = AppState::new(config, db, redis, secrets).unwrap();
        let empty = || Workspace { id: Uuid::nil(), members: Vec::new() };
        Self { router: ashlar::server::router(state.clone()), state, home: empty(), foreign: empty(), data_dir }
    }

    /// Nobody: no cookie, no key.
    pub fn anonymous(&self) -> Client {
        Client { router: self.router.clone(), peer: next_peer(), cookie: None, csrf: None, bearer: None }
    }

    /// The member of `home` with this role.
    pub fn client(&self, role: Role) -> Client {
        self.signed_in(&self.home, role)
    }

    /// The owner of the other workspace.
    pub fn foreigner(&self) -> Client {
        self.signed_in(&self.foreign, Role::Owner)
    }

    /// Nobody, calling `router` in place of the whole server: for what needs a route of its own, such as an extractor.
    pub fn calling(&self, router: Router) -> Client {
        Client { router, ..self.anonymous() }
    }

    /// An app of `workspace` with an empty draft, written directly.
    pub async fn seed_app(&self, workspace: &Workspace, name: &str, mode: &str) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query("insert into apps (id, workspace_id, name, mode, draft) values ($1, $2, $3, $4, '{}')")
            .bind(id)
            .bind(workspace.id)
            .bind(name)
            .bind(mode)
            .execute(&self.state.db)
            .await
            .unwrap();
        id
    }

    /// A key of `workspace` that opens this.
    pub async fn seed_key(&self, workspace: &Workspace, opens: NewKey) -> String {
        let mut db = self.state.db.acquire().await.unwrap();
        create_key(&mut db, WorkspaceId(workspace.id), None, opens, "").await.unwrap().token
    }

    /// The member in a session of its own, which the test may end.
    pub async fn sign_in(&self, workspace: &Workspace, role: Role) -> Client {
        let member = workspace.member(role);
        let session_token = insert_session(&self.state.db, workspace.id, member.account_id, &member.csrf_token).await;
        Client { cookie: Some(session_token), ..self.signed_in(workspace, role) }
    }

    /// The member in the session that all its clients share.
    pub fn signed_in(&self, workspace: &Workspace, role: Role) -> Client {
        let member = workspace.member(role);
        Client { cookie: Some(member.session_token.clone()), csrf: Some(member.csrf_token.clone()), ..self.anonymous() }
    }

    /// A caller of `/v1` with this key.
    pub fn with_key(&self, token: &str) -> Client {
        Client { bearer: Some(format!("Bearer {token}")), ..self.anonymous() }
    }

    /// Listens on a port of its own, for clients that need a URL. Stops when dropped.
    pub async fn spawn(self) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = self.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Server { app: self, address, task }
    }
}

/// Every client comes from an address of its own, so that limits by address do not couple them.
fn next_peer() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    SocketAddr::from((NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(0x0a00_0000).to_be_bytes(), 40000))
}

/// A [`TestApp`] behind a TCP port.
pub struct Server {
    pub app: TestApp,
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A Redis of one test, which can be stopped and started again at the same address.
pub struct PrivateRedis {
    dir: TempDir,
    process: Option<std::process::Child>,
}

impl PrivateRedis {
    pub async fn start() -> Self {
        let mut redis = Self { dir: tempfile::tempdir().unwrap(), process: None };
        redis.restart().await;
        redis
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("redis.sock")
    }

    /// Kills it with everything it held.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub async fn restart(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(self.socket());
        let process = std::process::Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(self.socket())
            .current_dir(self.dir.path())
            .stdout(std::process::Stdio::null())
            .spawn();
        self.process = Some(process.expect("redis-server is not installed"));
        for _ in 0..200 {
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server did not start");
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `check` holds, for what happens in the background. Long enough for a machine that is busy with other tests.
pub async fn eventually<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let until = tokio::time::Instant::now() + Duration::from_secs(30);
    while tokio::time::Instant::now() < until {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not within 30 s: {what}");
}

/// A caller: a browser with a session, an SDK with a key, or nobody.
#[derive(Clone)]
pub struct Client {
    pub router: Router,
    pub peer: SocketAddr,
    pub cookie: Option<String>,
    pub csrf: Option<String>,
    /// Whole value of the `Authorization` header
    pub bearer: Option<String>,
}

impl Client {
    /// The same caller at another server.
    pub fn of(router: Router, caller: &Self) -> Self {
        Self { router, ..caller.clone() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    /// Uploads `files` (field, file name, content type, bytes) with text `fields`.
    pub async fn multipart(&self, path: &str, fields: &[(&str, &str)], files: &[(&str, &str, &str, &[u8])]) -> Reply {
        let boundary = "----ashlar-test-boundary";
        let mut body = Vec::new();
        for (name, value) in fields {
            body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes());
        }
        for (name, file_name, content_type, bytes) in files {
            body.extend(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\nContent-Type: {content_type}\r\n\r\n")
                    .bytes(),
            );
            body.extend_from_slice(bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}--\r\n").bytes());
        let request = Request::post(path).header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"));
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends as is, with this caller's cookie, CSRF header and key.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Posts and leaves the body open, to be read event by event.
    pub async fn stream(&self, path: &str, body: Value) -> EventStream {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap();
        EventStream::new(self.open(request).await)
    }

    /// The response with its body unread; dropping it is a client that leaves.
    pub async fn open(&self, mut request: Request<Body>) -> axum::response::Response {
        request.extensions_mut().insert(axum::extract::ConnectInfo(self.peer));
        let headers = request.headers_mut();
        if let Some(cookie) = &self.cookie {
            headers.insert(header::COOKIE, format!("ashlar_session={cookie}").parse().unwrap());
        }
        if let Some(csrf) = &self.csrf {
            headers.insert("x-csrf-token", csrf.parse().unwrap());
        }
        if let Some(bearer) = &self.bearer {
            headers.insert(header::AUTHORIZATION, bearer.parse().unwrap());
        }
        self.router.clone().oneshot(request).await.unwrap()
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The rows of a CSV file, by their columns' names.
    pub fn csv(&self) -> Vec<HashMap<String, String>> {
        let text = self.text();
        let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        reader.deserialize().map(|row| row.unwrap()).collect()
    }

    /// The values of a file of JSON lines.
    pub fn json_lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The body as JSON; null when it is empty.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text()))
    }

    /// The JSON of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.text());
        self.json()
    }

    /// Checks status and error code, whatever the surface's shape; gives the body back.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let body = self.json();
        let found = body.pointer("/error/code").or(body.get("code")).cloned().unwrap_or_default();
        assert_eq!((self.status.as_u16(), &found), (status, &json!(code)), "{}", self.text());
        body
    }

    /// The session token a `Set-Cookie` brings.
    pub fn session_cookie(&self) -> Option<String> {
        let cookies = self.headers.get_all(header::SET_COOKIE);
        let value = cookies.iter().filter_map(|c| c.to_str().ok()).find_map(|c| c.strip_prefix("ashlar_session="))?;
        value.split(';').next().map(str::to_owned)
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub event: Option<String>,
    pub id: Option<String>,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.data))
    }
}

/// A response read event by event.
pub struct EventStream {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: axum::body::BodyDataStream,
    buffer: Vec<u8>,
}

impl EventStream {
    pub fn new(response: axum::response::Response) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: body.into_data_stream(), buffer: Vec::new() }
    }

    /// The next event, comments skipped; none when the stream is over.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse_event(&String::from_utf8(block).unwrap()) {
                    return Some(event);
                }
                continue;
            }
            match tokio::time::timeout(Duration::from_secs(60), self.body.next()).await.expect("no event for 60 s")? {
                Ok(bytes) => self.buffer.extend_from_slice(&bytes),
                Err(e) => panic!("the stream broke: {e}"),
            }
        }
    }

    /// Every event up to the end.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// The body of a refusal, which is not a stream.
    pub async fn reply(mut self) -> Reply {
        let mut body = std::mem::take(&mut self.buffer);
        while let Some(Ok(bytes)) = self.body.next().await {
            body.extend_from_slice(&bytes);
        }
        Reply { status: self.status, headers: self.headers, body: body.into() }
    }
}

fn parse_event(block: &str) -> Option<Event> {
    let (mut event, mut id, mut data) = (None, None, Vec::new());
    for line in block.lines() {
        match line.split_once(": ").or(line.split_once(':')) {
            Some(("event", value)) => event = Some(value.to_owned()),
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("data", value)) => data.push(value),
            _ => {}
        }
    }
    if event.is_none() && data.is_empty() { None } else { Some(Event { event, id, data: data.join("\n") }) }
}
