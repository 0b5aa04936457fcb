//! Files: what is taken, what is refused, who may read and send them.

use std::io::Cursor;

use ashlar::accounts::NewKey;
use ashlar::accounts::end_users::{self, EndUserType};
use ashlar::engine::request::{Detail, Part};
use ashlar::files::{self, FileKind, InputFile, Owner, Scope, TransferMethod, UploadRules};
use ashlar::ids::{AppId, MessageId, WorkspaceId};
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Client, Reply, Role, TestApp};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::from_pixel(width, height, image::Rgb([200, 0, 0])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn start(db: PgPool) -> (TestApp, AppId, Client) {
    let app = TestApp::start_with(db, |config| {
        config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()];
        config.upload_image_mb = 1;
        config.upload_file_mb = 1;
        config.max_image_megapixels = 1;
        config.blocked_extensions = vec!["exe".into()];
    })
    .await;
    let id = AppId(app.seed_app(&app.home, "App", "chat").await);
    let key = app.seed_key(&app.home, NewKey::App(id)).await;
    let client = app.with_key(&key);
    (app, id, client)
}

async fn upload(client: &Client, name: &str, bytes: &[u8]) -> Reply {
    client.multipart("/v1/files/upload", &[("user", "u1")], &[("file", name, "application/x-lie", bytes)]).await
}

/// The path of a link.
fn path_of(url: &Value) -> String {
    let url = url.as_str().unwrap();
    url[url.find("/files/").unwrap()..].to_owned()
}

#[sqlx::test]
async fn an_upload_is_described_and_read_back(db: PgPool) {
    let (app, _, key) = start(db).await;
    let bytes = png(3, 2);
    let reply = upload(&key, "红 a.PNG", &bytes).await;
    assert_eq!(reply.status, 201);
    let file = reply.ok();
    assert_eq!((&file["name"], &file["extension"], &file["mime_type"]), (&json!("红 a.PNG"), &json!("png"), &json!("image/png")));
    assert_eq!((&file["size"], &file["tenant_id"]), (&json!(bytes.len()), &json!(app.home.id)));
    assert!(file["created_at"].is_i64() && file["created_by"].is_string());

    let link = path_of(&file["source_url"]);
    let read = app.anonymous().get(&link).await;
    assert_eq!((read.status.as_u16(), &read.body[..]), (200, &bytes[..]));
    assert_eq!(read.headers["x-content-type-options"], "nosniff");
    assert!(read.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(read.headers["content-disposition"].to_str().unwrap().starts_with("inline"));
    let part = Request::get(&link).header(header::RANGE, "bytes=1-3").body(Body::empty()).unwrap();
    let part = app.anonymous().send(part).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &bytes[1..4]));

    let tampered = link.replace("expires=", "expires=9");
    app.anonymous().get(&tampered).await.refused(403, "file_access_denied");
    app.anonymous().get(&format!("{link}0")).await.refused(403, "file_access_denied");

    let page = upload(&key, "page.html", b"<script>alert(1)</script>").await.ok();
    let read = app.anonymous().get(&path_of(&page["source_url"])).await;
    assert_eq!(read.headers["content-type"], "application/octet-stream");
    assert!(read.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));

    let console = app.client(Role::Normal).multipart("/api/files", &[], &[("file", "a.txt", "text/plain", b"x")]).await;
    assert_eq!((console.status.as_u16(), &console.ok()["created_by"]), (201, &json!(app.home.account_id(Role::Normal))));
}

#[sqlx::test]
async fn bad_uploads_are_refused_and_leave_nothing(db: PgPool) {
    let (app, _, key) = start(db).await;
    upload(&key, "a.png", b"this is text").await.refused(415, "unsupported_file_type");
    upload(&key, "a.jpg", &png(1, 1)).await.refused(415, "unsupported_file_type");
    upload(&key, "a.png", &png(4, 4)[..20]).await.refused(415, "unsupported_file_type");
    upload(&key, "a.png", &png(2000, 1000)).await.refused(413, "file_too_large");
    upload(&key, "a.png", b"").await.refused(400, "invalid_param");
    upload(&key, "a.txt", &vec![b'x'; (1 << 20) + 1]).await.refused(413, "file_too_large");
    upload(&key, "a/b.png", &png(1, 1)).await.refused(400, "invalid_param");
    upload(&key, "setup.EXE", b"MZ").await.refused(400, "file_extension_blocked");
    upload(&key, "", b"x").await.refused(400, "filename_not_exists_error");
    key.multipart("/v1/files/upload", &[("user", "u")], &[]).await.refused(400, "no_file_uploaded");
    let two = [("file", "a.txt", "text/plain", &b"a"[..]), ("file", "b.txt", "text/plain", &b"b"[..])];
    key.multipart("/v1/files/upload", &[], &two).await.refused(400, "too_many_files");
    key.post("/v1/files/upload", json!({"file": "x"})).await.refused(400, "no_file_uploaded");
    let long_user = "u".repeat(300);
    key.multipart("/v1/files/upload", &[("user", &long_user)], &[("file", "a.txt", "", b"a")]).await.refused(400, "invalid_param");

    let raw = |body: &[u8]| {
        let request = Request::post("/v1/files/upload").header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        request.body(Body::from(body.to_vec())).unwrap()
    };
    let cut = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhalf of it";
    key.send(raw(cut)).await.refused(400, "bad_request");
    let odd_name = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\xff\xfe.txt\"\r\n\r\nx\r\n--b--\r\n";
    assert!(key.send(raw(odd_name)).await.status.is_client_error());
    assert_eq!(key.send(raw(b"")).await.status, 400);

    let rows: i64 = sqlx::query_scalar("select count(*) from files").fetch_one(&app.state.db).await.unwrap();
    assert_eq!(rows, 0);
    let blobs = walk(&app.data_dir.path().join("blobs"));
    assert_eq!(blobs, 0);
}

fn walk(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[sqlx::test]
async fn a_preview_needs_a_message_of_the_app(db: PgPool) {
    let (app, app_id, key) = start(db).await;
    let file = upload(&key, "a.png", &png(1, 1)).await.ok();
    let preview = format!("/v1/files/{}/preview", file["id"].as_str().unwrap());
    key.get(&preview).await.refused(404, "file_not_found");
    key.get("/v1/files/none/preview").await.refused(404, "file_not_found");

    let scope = scope_of(&app, app_id, "u1").await;
    let given = local(&file);
    let files = files::resolve(&app.state, &scope, Some(&images()), "files", &[given]).await.unwrap();
    let message = seed_message(&app, app_id).await;
    let mut tx = app.state.db.begin().await.unwrap();
    files::insert_message_files(&mut tx, scope.workspace_id, message, &files).await.unwrap();
    tx.commit().await.unwrap();

    let read = key.get(&preview).await;
    assert_eq!((read.status.as_u16(), read.headers["content-type"].to_str().unwrap()), (200, "image/png"));
    assert_eq!(read.headers["cache-control"], "public, max-age=3600");
    let read = key.get(&format!("{preview}?as_attachment=true")).await;
    assert!(read.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename*=UTF-8''"));
    let other = AppId(app.seed_app(&app.home, "Other", "chat").await);
    let other_key = app.with_key(&app.seed_key(&app.home, NewKey::App(other)).await);
    other_key.get(&preview).await.refused(403, "file_access_denied");

    let seen = files::seen_of_messages(&app.state, scope.workspace_id, &[message], files::Side::Question, Detail::Low).await.unwrap();
    assert!(matches!(&seen[&message][..], [Part::Image(image)] if image.mime_type == "image/png"), "{seen:?}");
    let listed = files::list_message_files(&app.state, scope.workspace_id, &[message]).await.unwrap();
    let shown = listed[0].service_json(&app.state);
    assert_eq!((&shown["filename"], &shown["belongs_to"], &shown["upload_file_id"]), (&json!("a.png"), &json!("user"), &file["id"]));
    assert_eq!(app.anonymous().get(&path_of(&shown["url"])).await.status, 200);
}

async fn scope_of(app: &TestApp, app_id: AppId, user: &str) -> Scope {
    let workspace_id = WorkspaceId(app.home.id);
    let user = end_users::resolve(&app.state.db, workspace_id, app_id, EndUserType::ServiceApi, Some(user)).await.unwrap();
    Scope { workspace_id, app_id, owner: Owner::EndUser(user.id) }
}

async fn seed_message(app: &TestApp, app_id: AppId) -> MessageId {
    let id = MessageId::new();
    sqlx::query("insert into messages (id, workspace_id, app_id, source, task_id) values ($1, $2, $3, 'service-api', $1)")
        .bind(id.0)
        .bind(app.home.id)
        .bind(app_id.0)
        .execute(&app.state.db)
        .await
        .unwrap();
    id
}

fn images() -> UploadRules {
    UploadRules { kinds: vec![FileKind::Image], extensions: vec![], methods: vec![], number_limit: 2, detail: Detail::High }
}

fn local(file: &Value) -> InputFile {
    serde_json::from_value(json!({"type": "image", "transfer_method": "local_file", "upload_file_id": file["id"]})).unwrap()
}

#[sqlx::test]
async fn only_own_files_that_the_app_takes_are_resolved(db: PgPool) {
    let (app, app_id, key) = start(db).await;
    let (mine, others) = (scope_of(&app, app_id, "u1").await, scope_of(&app, app_id, "u2").await);
    let picture = upload(&key, "a.png", &png(5, 4)).await.ok();
    let text = upload(&key, "a.txt", b"hello").await.ok();
    let resolve = async |scope: &Scope, rules: Option<UploadRules>, files: Value| {
        let files: Vec<InputFile> = serde_json::from_value(files).unwrap();
        files::resolve(&app.state, scope, rules.as_ref(), "files", &files).await.map_err(|e| (e.param.unwrap_or_default(), e.message))
    };
    let item = |id: &Value, kind: &str| json!({"type": kind, "transfer_method": "local_file", "upload_file_id": id});
    let picture = item(&picture["id"], "image");

    let found = resolve(&mine, Some(images()), json!([picture])).await.unwrap();
    assert_eq!(found[0].image(Detail::Low).unwrap().mime_type, "image/png");
    assert_eq!(found[0].output_json(&app.state, mine.workspace_id)["extension"], ".png");

    let at = "files[0]".to_owned();
    assert_eq!(resolve(&mine, None, json!([picture])).await.unwrap_err().0, "files");
    assert_eq!(resolve(&mine, Some(images()), json!([picture, picture, picture])).await.unwrap_err().0, "files");
    assert_eq!(resolve(&others, Some(images()), json!([picture])).await.unwrap_err().0, at);
    assert_eq!(resolve(&mine, Some(images()), json!([item(&json!(Uuid::now_v7()), "image")])).await.unwrap_err().0, at);
    assert_eq!(resolve(&mine, Some(images()), json!([item(&json!("x"), "image")])).await.unwrap_err().0, at);
    assert_eq!(resolve(&mine, Some(images()), json!([item(&Value::Null, "image")])).await.unwrap_err().0, at);
    assert!(resolve(&mine, Some(images()), json!([item(&text["id"], "image")])).await.unwrap_err().1.contains("declared as image"));
    assert!(resolve(&mine, Some(images()), json!([item(&text["id"], "document")])).await.unwrap_err().1.contains("does not take"));
    let remote_only = UploadRules { methods: vec![TransferMethod::RemoteUrl], ..images() };
    assert!(resolve(&mine, Some(remote_only), json!([picture])).await.unwrap_err().1.contains("local_file"));
    let custom = UploadRules { kinds: vec![FileKind::Custom], extensions: vec!["txt".into()], ..images() };
    assert_eq!(resolve(&mine, Some(custom), json!([item(&text["id"], "custom")])).await.unwrap()[0].name, "a.txt");
}

#[sqlx::test]
async fn remote_pictures_are_fetched_under_guard(db: PgPool) {
    let (app, app_id, _) = start(db).await;
    let scope = scope_of(&app, app_id, "u1").await;
    let server = wiremock::MockServer::start().await;
    let serve = async |path: &str, answer: wiremock::ResponseTemplate| {
        wiremock::Mock::given(wiremock::matchers::path(path)).respond_with(answer).mount(&server).await;
    };
    let ok = || wiremock::ResponseTemplate::new(200);
    serve("/photo", ok().set_body_bytes(png(2, 2))).await;
    serve("/text.png", ok().set_body_string("not a picture")).await;
    serve("/big.png", ok().set_body_bytes(vec![0; 2 << 20])).await;
    serve("/doc.pdf", ok().set_body_bytes(b"%PDF-1.4".to_vec())).await;
    serve("/in", wiremock::ResponseTemplate::new(302).insert_header("location", "http://10.0.0.1/a.png")).await;
    let any = UploadRules { kinds: vec![], ..images() };
    let resolve = async |kind: &str, url: String| {
        let file: InputFile = serde_json::from_value(json!({"type": kind, "transfer_method": "remote_url", "remote_url": url})).unwrap();
        files::resolve(&app.state, &scope, Some(&any), "files", &[file]).await.map_err(|e| (e.code.as_str(), e.message))
    };
    let at = |path: &str| format!("{}{path}", server.uri());
    let found = resolve("image", at("/photo")).await.unwrap().remove(0);
    assert_eq!(
        (found.name.as_str(), found.mime_type.as_str(), found.url.as_deref()),
        ("photo.png", "image/png", Some(at("/photo").as_str()))
    );
    assert!(found.file_id.is_some() && found.image(Detail::High).is_some());
    let found = resolve("document", at("/doc.pdf")).await.unwrap().remove(0);
    assert_eq!((found.name.as_str(), found.kind, found.file_id), ("doc.pdf", FileKind::Document, None));

    for (url, code, part) in [
        (at("/text.png"), "invalid_param", "does not lead to a picture"),
        (at("/big.png"), "file_too_large", "larger than the limit"),
        (at("/missing.png"), "invalid_param", "404"),
        (at("/in"), "invalid_param", "10.0.0.1"),
        ("http://169.254.169.254/latest/meta-data".into(), "invalid_param", "private or reserved"),
        ("file:///etc/passwd".into(), "invalid_param", "not a valid http"),
        (String::new(), "invalid_param", "url is needed"),
    ] {
        let (found_code, message) = resolve("image", url.clone()).await.unwrap_err();
        assert!(found_code == code && message.contains(part), "{url}: {found_code} {message}");
    }
}
