//! What breaks under a running server: its own process, its PostgreSQL, its Redis. Real `ashlar serve` processes with
//! private servers, killed with −9; the model is a scripted provider, so that answers last as long as a test needs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use uuid::Uuid;

use crate::scripted::{self, PROVIDER, Provider};
use crate::support::Workspace;

/// A server process over a data directory.
struct Serve {
    process: Child,
    url: String,
    database_url: String,
}

impl Serve {
    async fn start(data_dir: &Path) -> Self {
        // a second install in one process fails, which is fine
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut process = Command::new(env!("CARGO_BIN_EXE_ashlar"))
            .args(["serve", "--no-model", "--listen", "127.0.0.1:0", "--allow-network", "127.0.0.0/8", "--data-dir"])
            .arg(data_dir)
            .env_remove("DATABASE_URL")
            .env_remove("REDIS_URL")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let lines = tokio::task::spawn_blocking(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let url = lines.find_map(|line| line.trim().strip_prefix("API ").map(|url| url.trim().trim_end_matches("/v1").to_owned()));
            // whatever else it prints must have a reader
            std::thread::spawn(move || lines.for_each(drop));
            url
        });
        let url = tokio::time::timeout(Duration::from_secs(60), lines).await.unwrap().unwrap().expect("the server ended early");
        let running: Value = serde_json::from_str(&std::fs::read_to_string(data_dir.join("running.json")).unwrap()).unwrap();
        Self { process, url, database_url: running["database_url"].as_str().unwrap().to_owned() }
    }

    async fn db(&self) -> PgPool {
        PgPool::connect(&self.database_url).await.unwrap()
    }

    /// −9: no goodbye.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn caller(&self, token: &str) -> Caller {
        Caller { http: reqwest::Client::new(), url: self.url.clone(), token: token.to_owned() }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // in order, so that its servers end with it
            kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM).ok();
            let deadline = Instant::now() + Duration::from_secs(10);
            while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}

/// Somebody with a key.
#[derive(Clone)]
struct Caller {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Caller {
    async fn ask(&self, query: &str, mode: &str) -> Response {
        let body = json!({"query": query, "inputs": {}, "user": "u", "response_mode": mode, "auto_generate_name": false});
        self.post("/v1/chat-messages", body).await
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(&body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap()
    }

    async fn stream(&self, query: &str) -> Stream {
        let response = self.ask(query, "streaming").await;
        assert_eq!(response.status(), StatusCode::OK);
        Stream { response, buffer: String::new() }
    }

    /// Until a question is answered as if nothing had been.
    async fn recovers(&self) {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let response = self.ask("are you back", "blocking").await;
            if response.status() == StatusCode::OK {
                assert_eq!(response.json::<Value>().await.unwrap()["answer"], "are you back");
                return;
            }
            assert!(Instant::now() < deadline, "not back: {}", response.text().await.unwrap());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

struct Stream {
    response: Response,
    buffer: String,
}

impl Stream {
    /// The next event; none when the stream ended or broke.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return Some(serde_json::from_str(data).unwrap());
                }
                continue;
            }
            let read = tokio::time::timeout(Duration::from_secs(20), self.response.chunk()).await.expect("no event for 20 s");
            self.buffer.push_str(std::str::from_utf8(&read.ok()??).unwrap());
        }
    }
}

async fn publish(db: &PgPool, workspace: &Workspace, model: &str) -> String {
    scripted::publish(db, workspace.id, "chat", PROVIDER, model, json!({})).await.1
}

fn pid_in(path: &Path) -> Option<i32> {
    std::fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok()
}

/// Kills the server whose pid file this is, and nothing else.
fn kill_child(pid_file: &Path) {
    kill(Pid::from_raw(pid_in(pid_file).unwrap()), Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_killed_server_keeps_what_it_told_and_says_what_it_lost() {
    let data_dir = TempDir::new().unwrap();
    let mut serve = Serve::start(data_dir.path()).await;
    let db = serve.db().await;
    let home = Workspace::seed(&db, "home").await;
    let _provider = Provider::start(&db, home.id).await;
    let (echo, slow) = (publish(&db, &home, "echo").await, publish(&db, &home, "slow").await);

    let told = serve.caller(&echo).ask("keep this", "blocking").await.json::<Value>().await.unwrap();
    let mut stream = serve.caller(&slow).stream("go on").await;
    let event = stream.next().await.unwrap();
    let id: Uuid = event["message_id"].as_str().unwrap().parse().unwrap();
    let row = "select answer from messages where id = $1";
    let mut saved = String::new();
    while saved.matches("word").count() < 20 {
        stream.next().await.unwrap();
        saved = sqlx::query_scalar(row).bind(id).fetch_one(&db).await.unwrap();
    }
    // closing it later would wait for a server that is gone
    drop(db);
    serve.kill();
    let mut last = None;
    while let Some(event) = stream.next().await {
        last = Some(event);
    }
    assert!(last.is_none_or(|event| event["event"] == "message"), "no end was made up");

    let serve = Serve::start(data_dir.path()).await;
    let caller = serve.caller(&slow);
    let history = format!("/v1/messages?user=u&conversation_id={}", event["conversation_id"].as_str().unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    let message = loop {
        let message = caller.get(&history).await.json::<Value>().await.unwrap()["data"][0].clone();
        assert_eq!((&message["id"], &message["query"]), (&event["message_id"], &json!("go on")));
        assert!(message["answer"].as_str().unwrap().starts_with(&saved), "{message}");
        if message["status"] == "error" {
            break message;
        }
        assert!(Instant::now() < deadline, "{message}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert!(message["error"].as_str().unwrap().contains("interrupted"), "{message}");

    // who follows the stream of the dead process is told as well
    let events = format!("/v1/chat-messages/{}/events?user=u", event["task_id"].as_str().unwrap());
    let mut followed = Stream { response: caller.get(&events).await, buffer: String::new() };
    let mut last = Value::Null;
    while let Some(event) = followed.next().await {
        last = event;
    }
    assert_eq!(last["event"], "error", "{last}");

    let caller = serve.caller(&echo);
    let history = format!("/v1/messages?user=u&conversation_id={}", told["conversation_id"].as_str().unwrap());
    let kept = caller.get(&history).await.json::<Value>().await.unwrap()["data"][0].clone();
    assert_eq!((&kept["answer"], &kept["status"]), (&json!("keep this"), &json!("normal")));
    let again = caller.ask("and now", "blocking").await;
    assert_eq!((again.status(), again.json::<Value>().await.unwrap()["answer"].clone()), (StatusCode::OK, json!("and now")));
}

/// Asks one question after the other until told to stop; gives the statuses. Every refusal must be one that a client understands.
async fn load(caller: Caller, stop: tokio_util::sync::CancellationToken) -> Vec<StatusCode> {
    let mut seen = Vec::new();
    while !stop.is_cancelled() {
        let response = caller.ask("one two three", "blocking").await;
        let status = response.status();
        let body: Value = response.json().await.expect("every answer is JSON");
        if status == StatusCode::OK {
            assert_eq!(body["answer"], "one two three");
        } else {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
            assert!(body["code"].is_string() && body["message"].is_string() && body["status"] == 503, "{body}");
        }
        seen.push(status);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen
}

#[tokio::test]
async fn postgres_killed_under_load_is_survived() {
    let data_dir = TempDir::new().unwrap();
    let serve = Serve::start(data_dir.path()).await;
    let db = serve.db().await;
    let home = Workspace::seed(&db, "home").await;
    let _provider = Provider::start(&db, home.id).await;
    let (echo, slow) = (publish(&db, &home, "echo").await, publish(&db, &home, "slow").await);
    drop(db);
    let mut stream = serve.caller(&slow).stream("go on").await;
    let event = stream.next().await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let loads: Vec<_> = (0..4).map(|_| tokio::spawn(load(serve.caller(&echo), stop.clone()))).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;

    // it can't come back before its files do: long enough that waiting for it is no answer
    let (cluster, away) = (data_dir.path().join("postgres/cluster"), data_dir.path().join("postgres/away"));
    std::fs::rename(&cluster, &away).unwrap();
    kill_child(&away.join("postmaster.pid"));
    // the answer under way does not notice
    let mut text = event["answer"].as_str().unwrap().to_owned();
    for _ in 0..30 {
        let event = stream.next().await.unwrap();
        assert_eq!(event["event"], "message");
        text.push_str(event["answer"].as_str().unwrap());
    }
    let deadline = Instant::now() + Duration::from_secs(15);
    while serve.caller(&echo).ask("anybody there", "blocking").await.status() != StatusCode::SERVICE_UNAVAILABLE {
        assert!(Instant::now() < deadline, "no refusal without a database");
    }
    std::fs::rename(&away, &cluster).unwrap();
    serve.caller(&echo).recovers().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.cancel();
    let mut seen = Vec::new();
    for load in loads {
        seen.extend(load.await.unwrap());
    }
    assert!(seen.contains(&StatusCode::SERVICE_UNAVAILABLE), "the outage was not seen: {seen:?}");
    assert!(seen.iter().filter(|s| **s == StatusCode::OK).count() > 10);

    let path = format!("/v1/chat-messages/{}/stop", event["task_id"].as_str().unwrap());
    let caller = serve.caller(&slow);
    assert_eq!(caller.post(&path, json!({"user": "u"})).await.status(), StatusCode::OK);
    let mut last = Value::Null;
    while let Some(event) = stream.next().await {
        text.push_str(event["answer"].as_str().unwrap_or_default());
        last = event;
    }
    assert_eq!(last["event"], "message_end");
    let history = format!("/v1/messages?user=u&conversation_id={}", event["conversation_id"].as_str().unwrap());
    let kept = caller.get(&history).await.json::<Value>().await.unwrap()["data"][0].clone();
    assert_eq!((&kept["answer"], &kept["status"]), (&json!(text), &json!("normal")));
}

#[tokio::test]
async fn redis_killed_under_load_is_survived() {
    let data_dir = TempDir::new().unwrap();
    let serve = Serve::start(data_dir.path()).await;
    let db = serve.db().await;
    let home = Workspace::seed(&db, "home").await;
    let _provider = Provider::start(&db, home.id).await;
    let (echo, slow) = (publish(&db, &home, "echo").await, publish(&db, &home, "slow").await);
    drop(db);
    let mut stream = serve.caller(&slow).stream("go on").await;
    let event = stream.next().await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let loads: Vec<_> = (0..4).map(|_| tokio::spawn(load(serve.caller(&echo), stop.clone()))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;

    let pid_file = data_dir.path().join("redis/redis.pid");
    let first = pid_in(&pid_file).unwrap();
    kill_child(&pid_file);
    // the client that is connected reads on without a pause
    let started = Instant::now();
    for n in 0..40 {
        let event = stream.next().await.unwrap();
        assert_eq!(event["event"], "message", "event {n}");
    }
    assert!(started.elapsed() < Duration::from_secs(8), "40 words of 50 ms took {:?}", started.elapsed());
    let deadline = Instant::now() + Duration::from_secs(20);
    while pid_in(&pid_file).is_none_or(|pid| pid == first) {
        assert!(Instant::now() < deadline, "Redis is not started again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    serve.caller(&echo).recovers().await;
    stop.cancel();
    for load in loads {
        assert!(load.await.unwrap().contains(&StatusCode::OK));
    }

    // what needs Redis works again: a stream that another reader follows from its beginning, while it runs
    let caller = serve.caller(&slow);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut stream = caller.stream("once more").await;
        let event = stream.next().await.unwrap();
        let path = format!("/v1/chat-messages/{}", event["task_id"].as_str().unwrap());
        let mut followed = Stream { response: caller.get(&format!("{path}/events?user=u")).await, buffer: String::new() };
        let seen = tokio::time::timeout(Duration::from_secs(2), followed.next()).await;
        caller.post(&format!("{path}/stop"), json!({"user": "u"})).await;
        if seen.is_ok_and(|seen| seen.as_ref() == Some(&event)) {
            break;
        }
        assert!(Instant::now() < deadline, "streams can't be followed again");
    }
    caller.post(&format!("/v1/chat-messages/{}/stop", event["task_id"].as_str().unwrap()), json!({"user": "u"})).await;
    while let Some(event) = stream.next().await {
        assert_ne!(event["event"], "error");
    }
}

/// A server that notes who called it, and when; it takes a moment to answer.
async fn counter() -> (String, Arc<Mutex<Vec<(usize, chrono::DateTime<chrono::Utc>)>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    let call = move |axum::extract::Path(n): axum::extract::Path<usize>| {
        let noted = Arc::clone(&noted);
        async move {
            noted.lock().unwrap().push((n, chrono::DateTime::from(std::time::SystemTime::now())));
            tokio::time::sleep(Duration::from_millis(25)).await;
            n.to_string()
        }
    };
    let router = axum::Router::new().route("/{n}", axum::routing::any(call));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, calls)
}

const CALLS: usize = 18;

/// start → 18 calls, one after the other → end
fn chain(url: &str) -> Value {
    let mut nodes = vec![json!({"id": "s", "data": {"type": "start", "title": "Start", "variables": []}})];
    let mut edges = Vec::new();
    for n in 0..CALLS {
        let id = format!("n{n}");
        nodes.push(
            json!({"id": id, "data": {"type": "http-request", "title": format!("Call {n}"), "method": "post", "url": format!("{url}/{n}"),
            "authorization": {"type": "no-auth"}, "headers": "", "params": "", "body": {"type": "none", "data": []}}}),
        );
        edges.push(json!({"source": if n == 0 { "s".to_owned() } else { format!("n{}", n - 1) }, "target": id}));
    }
    let last = format!("n{}", CALLS - 1);
    edges.push(json!({"source": last, "target": "e"}));
    nodes.push(
        json!({"id": "e", "data": {"type": "end", "title": "End", "outputs": [{"variable": "last", "value_selector": [last, "body"]}]}}),
    );
    json!({"graph": {"nodes": nodes, "edges": edges}, "features": {}})
}

/// Starts a run of 20 nodes and kills its process at a random moment, `kills` times. Every run must finish, its client must
/// see the rest, and no node whose end was recorded may run again.
async fn kill_runs(kills: usize) {
    let data_dir = TempDir::new().unwrap();
    let mut serve = Serve::start(data_dir.path()).await;
    let (url, calls) = counter().await;
    let token = {
        let db = serve.db().await;
        let home = Workspace::seed(&db, "home").await;
        scripted::publish_config(&db, home.id, "workflow", &chain(&url)).await.2
    };
    let mut repeated = 0;
    for kill in 0..kills {
        calls.lock().unwrap().clear();
        let caller = serve.caller(&token);
        let body = json!({"inputs": {}, "user": "u", "response_mode": "streaming"});
        let request = caller.http.post(format!("{}/v1/workflows/run", caller.url)).bearer_auth(&token).header("x-ashlar-resume", "true");
        let response = request.json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut stream = Numbered { stream: Stream { response, buffer: String::new() }, last: 0 };
        let first = stream.next().await.unwrap();
        let run_id = first["workflow_run_id"].as_str().unwrap().to_owned();
        let until = tokio::time::Instant::now() + Duration::from_millis(rand::random_range(0..900));
        while let Ok(Some(_)) = tokio::time::timeout_at(until, stream.next()).await {}
        serve.kill();
        let killed_at: chrono::DateTime<chrono::Utc> = std::time::SystemTime::now().into();

        serve = Serve::start(data_dir.path()).await;
        let caller = serve.caller(&token);
        let events = format!("{}/v1/workflow/{run_id}/events?user=u", caller.url);
        let response = caller.http.get(events).bearer_auth(&token).header("last-event-id", stream.last.to_string()).send().await.unwrap();
        let mut followed = Numbered { stream: Stream { response, buffer: String::new() }, last: stream.last };
        let mut end = Value::Null;
        while let Some(event) = followed.next().await {
            end = event;
        }
        let detail = caller.get(&format!("/v1/workflows/run/{run_id}")).await.json::<Value>().await.unwrap();
        assert_eq!((&detail["status"], &detail["outputs"]["last"]), (&json!("succeeded"), &json!((CALLS - 1).to_string())), "{detail}");
        assert!(end["event"] == "workflow_finished" || stream.is_over(&end), "kill {kill}: {end}");

        let calls = calls.lock().unwrap().clone();
        let db = serve.db().await;
        for n in 0..CALLS {
            let made: Vec<_> = calls.iter().filter(|(called, _)| *called == n).collect();
            assert!((1..=2).contains(&made.len()), "kill {kill}: call {n} was made {} times", made.len());
            if made.len() == 2 {
                // the one in flight: its end was recorded after the kill only
                repeated += 1;
                let (began, status): (chrono::DateTime<chrono::Utc>, String) =
                    sqlx::query_as("select created_at, status from node_runs where run_id = $1::uuid and node_id = $2")
                        .bind(&run_id)
                        .bind(format!("n{n}"))
                        .fetch_one(&db)
                        .await
                        .unwrap();
                assert!(began > killed_at && status == "succeeded", "kill {kill}: node {n} had finished and ran again");
            }
        }
        let order: Vec<usize> = calls.iter().map(|(n, _)| *n).collect();
        assert!(order.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1), "kill {kill}: {order:?}");
        drop(db);
    }
    assert!(repeated <= kills, "at most the node in flight runs again");
}

/// A stream with the numbers of its events.
struct Numbered {
    stream: Stream,
    last: u64,
}

impl Numbered {
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.stream.buffer.find("\n\n") {
                let block: String = self.stream.buffer.drain(..end + 2).collect();
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id: ")) {
                    self.last = id.parse().unwrap();
                }
                if let Some(data) = block.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return Some(serde_json::from_str(data).unwrap());
                }
                continue;
            }
            let read = tokio::time::timeout(Duration::from_secs(30), self.stream.response.chunk()).await.expect("no event for 30 s");
            self.stream.buffer.push_str(std::str::from_utf8(&read.ok()??).unwrap());
        }
    }

    /// Whether the run had ended before its process was killed: then nothing is left to tell.
    fn is_over(&self, rest: &Value) -> bool {
        rest.is_null() && self.last > 2 * CALLS as u64
    }
}

#[tokio::test]
async fn runs_survive_their_processes() {
    kill_runs(10).await;
}

#[tokio::test]
#[ignore = "ten minutes: the figure of docs/benchmarks.md"]
async fn a_hundred_runs_survive_their_processes() {
    kill_runs(100).await;
}
