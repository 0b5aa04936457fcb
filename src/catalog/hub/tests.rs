//! Pulling from a stand-in hub that speaks the protocol: API, resolve with redirect to another host, ranges, gates.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use axum::routing::get;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::*;

#[derive(Clone)]
struct StandIn {
    files: Arc<Vec<(&'static str, Vec<u8>)>>,
    endpoint: Url,
    cdn: Arc<Mutex<String>>,
    /// The content server breaks off after this many bytes, once for each entry.
    breaks: Arc<Mutex<Vec<usize>>>,
    /// Every answer of the content server is spoiled while this is above zero.
    corrupt: Arc<AtomicUsize>,
    /// `Range` headers that the content server saw.
    ranges: Arc<Mutex<Vec<String>>>,
    /// The listing leaves out sizes and hashes, as mirrors do.
    bare: bool,
    token: Option<&'static str>,
}

impl StandIn {
    async fn start(files: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self::start_with(files, false, None).await
    }

    async fn start_with(files: Vec<(&'static str, Vec<u8>)>, bare: bool, token: Option<&'static str>) -> Self {
        let bind = || tokio::net::TcpListener::bind("127.0.0.1:0");
        let (hub, cdn) = (bind().await.unwrap(), bind().await.unwrap());
        let stand_in = Self {
            files: Arc::new(files),
            endpoint: format!("http://{}", hub.local_addr().unwrap()).parse().unwrap(),
            // another host, so that the token must not follow
            cdn: Arc::new(Mutex::new(format!("http://localhost:{}", cdn.local_addr().unwrap().port()))),
            breaks: Arc::default(),
            corrupt: Arc::default(),
            ranges: Arc::default(),
            bare,
            token,
        };
        let api = Router::new()
            .route("/api/models/{owner}/{name}/revision/{revision}", get(listing))
            .route("/{owner}/{name}/resolve/{revision}/{*file}", get(resolve))
            .with_state(stand_in.clone());
        let content = Router::new().route("/{*file}", get(content)).with_state(stand_in.clone());
        tokio::spawn(async move { axum::serve(hub, api).await.unwrap() });
        tokio::spawn(async move { axum::serve(cdn, content).await.unwrap() });
        stand_in
    }

    fn hub(&self, models_dir: &Path) -> Hub {
        Hub { endpoint: self.endpoint.clone(), token: None, models_dir: models_dir.to_owned(), progress: Arc::new(Progress::silent()) }
    }

    fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.iter().find(|(n, _)| *n == name).map(|(_, bytes)| bytes.as_slice())
    }

    fn may_read(&self, headers: &HeaderMap) -> bool {
        self.token.is_none_or(|token| headers.get("authorization").is_some_and(|v| v == &format!("Bearer {token}")))
    }
}

fn is_lfs(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".gguf") || name.ends_with(".bin")
}

fn git_blob(bytes: &[u8]) -> String {
    hex::encode(Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn refusal(status: u16, code: &str) -> Response<Body> {
    Response::builder().status(status).header("x-error-code", code).body(Body::from("{\"error\": \"no\"}")).unwrap()
}

async fn listing(
    State(hub): State<StandIn>,
    UrlPath((_, name, revision)): UrlPath<(String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    match (name.as_str(), revision.as_str()) {
        ("missing", _) => return refusal(401, "RepoNotFound"),
        ("gated", _) if !hub.may_read(&headers) => return refusal(401, "GatedRepo"),
        ("forbidden", _) => return refusal(403, ""),
        (_, "main" | "v1") => {}
        _ => return refusal(404, "RevisionNotFound"),
    }
    let sibling = |(name, bytes): &(&str, Vec<u8>)| match (hub.bare, is_lfs(name)) {
        (true, _) => json!({"rfilename": name}),
        (_, true) => {
            json!({"rfilename": name, "size": bytes.len(), "blobId": "0", "lfs": {"sha256": sha256(bytes), "size": bytes.len(), "pointerSize": 130}})
        }
        _ => json!({"rfilename": name, "size": bytes.len(), "blobId": git_blob(bytes)}),
    };
    let body = json!({"id": format!("o/{name}"), "sha": "c0ffee", "siblings": hub.files.iter().map(sibling).collect::<Vec<_>>()});
    Response::new(Body::from(body.to_string()))
}

async fn resolve(
    State(hub): State<StandIn>,
    method: Method,
    UrlPath((_, _, revision, name)): UrlPath<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let Some(bytes) = hub.file(&name) else { return refusal(404, "EntryNotFound") };
    if !hub.may_read(&headers) {
        return refusal(401, "GatedRepo");
    }
    assert_eq!(revision, "c0ffee", "files are asked for by commit");
    let response = Response::builder().header("x-repo-commit", "c0ffee");
    if is_lfs(&name) {
        return response
            .status(302)
            .header("x-linked-etag", format!("\"{}\"", sha256(bytes)))
            .header("x-linked-size", bytes.len())
            .header("location", format!("{}/{name}", hub.cdn.lock().unwrap()))
            .body(Body::empty())
            .unwrap();
    }
    let response = response.header("etag", format!("\"{}\"", git_blob(bytes))).header("content-length", bytes.len());
    response.body(if method == Method::HEAD { Body::empty() } else { Body::from(bytes.to_vec()) }).unwrap()
}

async fn content(State(hub): State<StandIn>, UrlPath(name): UrlPath<String>, headers: HeaderMap) -> Response<Body> {
    assert!(!headers.contains_key("authorization"), "the token stays with the hub");
    let mut bytes = hub.file(&name).unwrap().to_vec();
    if hub.corrupt.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
        bytes[10] ^= 1;
    }
    let total = bytes.len();
    let mut response = Response::builder();
    if let Some(range) = headers.get("range").map(|v| v.to_str().unwrap().to_owned()) {
        hub.ranges.lock().unwrap().push(range.clone());
        let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse::<usize>().unwrap().min(total - 1));
        bytes = bytes[first..=last].to_vec();
        response = response.status(StatusCode::PARTIAL_CONTENT).header("content-range", format!("bytes {first}-{last}/{total}"));
    }
    let break_at = hub.breaks.lock().unwrap().pop();
    match break_at {
        None => response.body(Body::from(bytes)).unwrap(),
        Some(at) => {
            let head = Bytes::from(bytes[..at].to_vec());
            let pieces = async_stream::stream! {
                yield Ok(head);
                // so that the piece is on its way before the connection breaks
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                yield Err(std::io::Error::other("broken"));
            };
            response.header("content-length", bytes.len()).body(Body::from_stream(pieces)).unwrap()
        }
    }
}

fn noise(n: usize) -> Vec<u8> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn llama() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("config.json", br#"{"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 64}"#.to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        ("model.safetensors", noise(300_000)),
        ("pytorch_model.bin", noise(10)),
        ("README.md", b"# hi".to_vec()),
    ]
}

fn repo(text: &str) -> Repo {
    text.parse().unwrap()
}

#[tokio::test]
async fn pulls_a_model_and_knows_it_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start(llama()).await;
    let hub = stand_in.hub(dir.path());
    let pulled = hub.pull(&repo("o/m"), &[]).await.unwrap();
    assert_eq!((pulled.n_files, pulled.up_to_date, pulled.path.as_path()), (4, false, dir.path().join("o/m").as_path()));
    assert_eq!(std::fs::read(dir.path().join("o/m/model.safetensors")).unwrap(), noise(300_000));
    assert!(!dir.path().join("o/m/pytorch_model.bin").exists());
    assert_eq!(inspect::read(&dir.path().join("o/m")).refused, None);
    assert_eq!(std::fs::read_dir(dir.path().join(".incomplete")).unwrap().count(), 0, "nothing is left behind");
    let again = hub.pull(&repo("o/m@v1"), &[]).await.unwrap();
    assert!(again.up_to_date && again.n_bytes == 0);
    let (done, total) = hub.progress.bytes();
    assert!(done == total && total > 300_000, "{done} of {total}");
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start(llama()).await;
    *stand_in.breaks.lock().unwrap() = vec![50_000, 100_000];
    let pulled = stand_in.hub(dir.path()).pull(&repo("o/m"), &[]).await.unwrap();
    assert_eq!(*stand_in.ranges.lock().unwrap(), ["bytes=100000-299999", "bytes=150000-299999"]);
    assert_eq!(std::fs::read(pulled.path.join("model.safetensors")).unwrap(), noise(300_000));
    let total: usize = llama().iter().filter(|(n, _)| *n != "pytorch_model.bin").map(|(_, b)| b.len()).sum();
    assert_eq!(pulled.n_bytes, total as u64, "no byte came twice");
}

#[tokio::test]
async fn an_interrupted_pull_is_continued_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start(llama()).await;
    let part = dir.path().join(".incomplete/o--m/model.safetensors.part");
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    std::fs::write(&part, &noise(300_000)[..123_456]).unwrap();
    let pulled = stand_in.hub(dir.path()).pull(&repo("o/m"), &[]).await.unwrap();
    assert_eq!(*stand_in.ranges.lock().unwrap(), ["bytes=123456-299999"]);
    assert_eq!(std::fs::read(pulled.path.join("model.safetensors")).unwrap(), noise(300_000));
}

#[tokio::test]
async fn corrupt_files_are_fetched_anew_once_and_then_refused() {
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start(llama()).await;
    stand_in.corrupt.store(1, Ordering::SeqCst);
    let pulled = stand_in.hub(dir.path()).pull(&repo("o/m"), &[]).await.unwrap();
    assert_eq!(std::fs::read(pulled.path.join("model.safetensors")).unwrap(), noise(300_000));

    stand_in.corrupt.store(9, Ordering::SeqCst);
    let error = stand_in.hub(dir.path()).pull(&repo("o/other"), &[]).await.unwrap_err();
    assert!(format!("{error:#}").contains("wrong contents"), "{error:#}");
    assert!(!dir.path().join("o/other").exists(), "an unfinished model is not shown");
}

#[tokio::test]
async fn what_is_missing_gated_or_unknown_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start_with(llama(), false, Some("hf_x")).await;
    let mut hub = stand_in.hub(dir.path());
    for (name, words) in [
        ("o/missing", "there is no model o/missing"),
        ("o/gated", "set HF_TOKEN"),
        ("o/forbidden", "accept its terms at http"),
        ("o/m@nope", "no revision nope"),
    ] {
        let error = format!("{:#}", hub.pull(&repo(name), &[]).await.unwrap_err());
        assert!(error.contains(words), "{name}: {error}");
    }
    hub.token = Some("hf_x".into());
    hub.pull(&repo("o/gated"), &[]).await.unwrap();
}

#[tokio::test]
async fn an_architecture_we_lack_costs_no_download() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = llama();
    files[0].1 = br#"{"architectures": ["MambaForCausalLM"]}"#.to_vec();
    let error = StandIn::start(files).await.hub(dir.path()).pull(&repo("o/m"), &[]).await.unwrap_err();
    assert!(format!("{error:#}").contains("MambaForCausalLM is not supported"), "{error:#}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_adapter_is_pulled_by_its_own_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let repository = |config: &str| {
        vec![
            ("adapter_config.json", config.as_bytes().to_vec()),
            ("adapter_model.safetensors", noise(1000)),
            ("optimizer.pt", noise(10)),
            ("checkpoint-5/adapter_model.safetensors", noise(10)),
        ]
    };
    let dora = r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj"], "use_dora": true}"#;
    let error = StandIn::start(repository(dora)).await.hub(dir.path()).pull(&repo("o/a"), &[]).await.unwrap_err();
    assert!(format!("{error:#}").contains("field `use_dora`"), "{error:#}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let lora = dora.replace("true", "false").replace("{", r#"{"base_model_name_or_path": "o/base", "#);
    let pulled = StandIn::start(repository(&lora)).await.hub(dir.path()).pull(&repo("o/a"), &[]).await.unwrap();
    assert_eq!(pulled.n_files, 2);
    let found = inspect::read(&pulled.path);
    assert_eq!((found.refused, found.adapter), (None, Some(inspect::Adapter { base: Some("o/base".into()), rank: 8 })));
}

#[tokio::test]
async fn a_mirror_without_hashes_in_its_listing_works() {
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start_with(llama(), true, None).await;
    stand_in.corrupt.store(1, Ordering::SeqCst);
    let pulled = stand_in.hub(dir.path()).pull(&repo("o/m"), &[]).await.unwrap();
    assert_eq!(std::fs::read(pulled.path.join("model.safetensors")).unwrap(), noise(300_000), "checked by the file's own headers");
}

#[tokio::test]
async fn chosen_ggufs_gather_in_one_folder() {
    let gguf = |n: usize| {
        let string = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        let header = [b"GGUF", &3u32.to_le_bytes()[..], &0u64.to_le_bytes(), &1u64.to_le_bytes()].concat();
        [header, string("general.architecture"), vec![8, 0, 0, 0], string("llama"), noise(n)].concat()
    };
    let dir = tempfile::tempdir().unwrap();
    let stand_in = StandIn::start(vec![("a-Q4.gguf", gguf(1000)), ("a-Q8.gguf", gguf(2000)), ("README.md", b"x".to_vec())]).await;
    let hub = stand_in.hub(dir.path());
    assert!(format!("{:#}", hub.pull(&repo("o/a"), &[]).await.unwrap_err()).contains("--file"));
    hub.pull(&repo("o/a"), &["*Q4*".into()]).await.unwrap();
    hub.pull(&repo("o/a"), &["*Q8*".into()]).await.unwrap();
    let mut names: Vec<_> = inspect::places(dir.path()).into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["o/a/a-Q4", "o/a/a-Q8"]);

    let (path, freed) = remove(dir.path(), "o/a/a-Q4").unwrap();
    assert!(!path.exists() && freed > 1000 && dir.path().join("o/a/a-Q8.gguf").exists());
}

#[tokio::test]
async fn a_hub_can_not_write_outside_the_model() {
    for name in ["../evil.safetensors", "/etc/evil.safetensors", "a/../../evil.safetensors", "..\\evil.safetensors"] {
        let dir = tempfile::tempdir().unwrap();
        let stand_in = StandIn::start(vec![("config.json", llama()[0].1.clone()), (name, noise(10))]).await;
        let error = stand_in.hub(&dir.path().join("models")).pull(&repo("o/m"), &["*".into()]).await.unwrap_err();
        assert!(error.to_string().contains("leaves the model's folder"), "{name}: {error}");
    }
    for name in ["../x/y", "a/..", "a", "/a/b", "a/b/c", "a/b@../..", ".a/b", "a b/c"] {
        assert!(name.parse::<Repo>().is_err(), "{name}");
    }
    assert_eq!(repo("Qwen/Qwen3-VL-2B-Instruct@refs/pr.1").revision, "refs/pr.1");
}

#[test]
fn only_models_of_the_folder_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let models = root.path().join("models");
    for folder in ["models/o/m", "outside"] {
        std::fs::create_dir_all(root.path().join(folder)).unwrap();
        std::fs::write(root.path().join(folder).join("config.json"), "{}").unwrap();
    }
    std::os::unix::fs::symlink(root.path().join("outside"), models.join("linked")).unwrap();
    for name in ["../outside", "/", "", "o", "nothing"] {
        assert!(remove(&models, name).is_err(), "{name}");
    }
    assert_eq!(remove(&models, "linked").unwrap().1, 0);
    assert!(root.path().join("outside/config.json").exists(), "only the link is gone");
    remove(&models, "o/m").unwrap();
    assert!(!models.join("o").exists());
}
