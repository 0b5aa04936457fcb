use std::sync::Arc;

use serde_json::json;

use super::super::testing::{self, Double, EXECUTION, answer, file, refusal, run};
use super::*;
use crate::workflows::host::{HttpBody, HttpPart, HttpPartContent, HttpRequest as Request};

fn node(data: Value) -> Value {
    let mut node = json!({"type": "http-request", "method": "post", "url": "http://service.test/a"});
    node.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
    node
}

fn pool() -> Pool {
    let mut pool = Pool::default();
    pool.set("in", "word", json!("it's \"x\"\ny"));
    pool.set("in", "n", json!(3));
    pool.set("in", "key", json!("secret"));
    pool.set("in", "empty", json!("  "));
    pool.set("in", "lines", json!("A: 1\nB: 2"));
    pool.set("in", "doc", file("a.txt", "text/plain"));
    pool.set("in", "docs", json!([file("a.txt", "text/plain"), file("b.png", "")]));
    pool
}

async fn sent(data: Value) -> Request {
    let double = Double { files: [("a.txt", &b"abc"[..]), ("b.png", &b"png"[..])].into(), ..Double::default() };
    double.answers.lock().unwrap().push_back(Ok(answer(200, &[], b"")));
    let host = Arc::new(double);
    run(&host, &node(data), &pool()).await.unwrap();
    host.sent.lock().unwrap().pop().unwrap()
}

async fn error(data: Value) -> (String, String) {
    let error = run(&Double::answering(200, &[], b""), &node(data), &pool()).await.unwrap_err();
    (error.kind, error.message)
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} is there twice");
    first
}

#[tokio::test]
async fn methods_are_taken_in_any_case() {
    for (given, expected) in [("get", "GET"), ("POST", "POST"), ("Options", "OPTIONS"), ("head", "HEAD")] {
        assert_eq!(sent(json!({"method": given})).await.method, expected);
    }
    assert!(refusal(&node(json!({"method": "trace"}))).starts_with("method: 'trace' is no method"));
}

#[tokio::test]
async fn urls_headers_and_params_are_rendered() {
    let request = sent(json!({
        "url": "http://service.test/{{#in.n#}}?q=1",
        "headers": "X-N: {{#in.n#}}\nX-Word:{{#in.word#}}\n\n  X-Url : http://a:80 \nx-n: 4\nX-Empty\n{{#in.lines#}}",
        "params": "a:{{#in.n#}}\na: 4\n\n:skipped\nw:{{#in.word#}}\nflag",
    }))
    .await;
    assert_eq!(request.url, "http://service.test/3?q=1");
    let expected = [("X-N", "4"), ("X-Word", "it's \"x\" y"), ("X-Url", "http://a:80"), ("X-Empty", ""), ("A", "1"), ("B", "2")];
    for (name, value) in expected {
        assert_eq!(header(&request, name), Some(value), "{name}");
    }
    let params: Vec<_> = request.params.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(params, [("a", "3"), ("a", "4"), ("w", "it's \"x\"\ny"), ("flag", "")]);
    for (url, message) in [
        ("", "url is required"),
        ("ftp://x", "url should start with http:// or https://"),
        ("{{#in.gone#}}", "url should start with http:// or https://"),
    ] {
        assert_eq!(error(json!({"url": url})).await, ("InvalidURLError".into(), message.into()), "{url}");
    }
}

#[tokio::test]
async fn authorization_has_its_quirks() {
    let auth = |kind: &str, header: &str, key: &str| json!({"authorization": {"type": "api-key", "config": {"type": kind, "header": header, "api_key": key}}, "headers": "authorization: mine"});
    let cases = [
        (auth("bearer", "", "{{#in.key#}}"), "Authorization", "Bearer secret"),
        (auth("bearer", "X-Key", "k"), "X-Key", "Bearer k"),
        (auth("basic", "", "user:pass"), "Authorization", "Basic dXNlcjpwYXNz"),
        (auth("basic", "", "dXNlcjpwYXNz"), "Authorization", "Basic dXNlcjpwYXNz"),
        (auth("custom", "X-Api-Key", "{{#in.key#}}"), "X-Api-Key", "secret"),
        (auth("custom", "", "k"), "Authorization", "k"),
        (json!({"authorization": {"type": "no-auth", "config": null}}), "Authorization", ""),
    ];
    for (data, name, value) in cases {
        assert_eq!(header(&sent(data.clone()).await, name).unwrap_or_default(), value, "{data}");
    }
    let empty = error(auth("bearer", "", "{{#in.empty#}}")).await;
    assert_eq!(empty.0, "AuthorizationConfigError");
    assert!(empty.1.starts_with("API key is required"));
    assert!(refusal(&node(json!({"authorization": {"type": "api-key"}}))).starts_with("authorization.config: "));
    assert!(refusal(&node(auth("digest", "", "k"))).starts_with("authorization.config.type: "));
}

#[tokio::test]
async fn every_body_goes_out_as_what_it_is() {
    let one = |kind: &str, value: &str| json!({"body": {"type": kind, "data": [{"type": "text", "value": value}]}});
    let bytes = |text: &'static str| HttpBody::Bytes(text.into());
    let text = |name: &str, value: &str| HttpPart { name: name.into(), content: HttpPartContent::Text(value.into()) };
    let part = |filename: &str, mime_type: &str, bytes: &'static str| HttpPart {
        name: "docs".into(),
        content: HttpPartContent::File { filename: filename.into(), mime_type: mime_type.into(), bytes: bytes.into() },
    };
    let fields = json!([
        {"key": "a", "type": "text", "value": "{{#in.n#}}"},
        {"key": "a", "type": "text", "value": "x&y"},
        {"key": "", "type": "text", "value": ""},
    ]);
    let mut form = fields.clone();
    form.as_array_mut().unwrap().extend([
        json!({"key": "docs", "type": "file", "file": ["in", "docs"]}),
        json!({"key": "none", "type": "file", "file": ["in", "gone"]}),
    ]);
    let cases = [
        (json!({"body": null}), HttpBody::None, None),
        (json!({"body": {"type": "none", "data": []}}), HttpBody::None, None),
        (one("raw-text", "n={{#in.n#}}"), bytes("n=3"), Some("text/plain")),
        (json!({"body": {"type": "raw-text", "data": "old {{#in.n#}}"}}), bytes("old 3"), Some("text/plain")),
        (
            one("json", "{\"big\":  12345678901234567890123, \"n\": {{#in.n#}}}"),
            bytes("{\"big\":  12345678901234567890123, \"n\": 3}"),
            Some("application/json"),
        ),
        (one("json", "{'w': \"{{#in.word#}}\", }"), bytes(r#"{"w":"it's \"x\"\ny"}"#), Some("application/json")),
        (
            one("json", "{\"w\": \"<{{#in.word#}}>\", \"q\": \"\\\"\", \"n\": {{#in.n#}}}"),
            bytes(r#"{"w": "<it's \"x\"\ny>", "q": "\"", "n": 3}"#),
            Some("application/json"),
        ),
        (one("json", "  "), bytes(""), Some("application/json")),
        (
            json!({"body": {"type": "binary", "data": [{"type": "file", "file": ["in", "doc"]}]}}),
            HttpBody::File { filename: "a.txt".into(), bytes: "abc".into() },
            None,
        ),
        (
            json!({"body": {"type": "x-www-form-urlencoded", "data": fields}}),
            HttpBody::Form(vec![("a".into(), "3".into()), ("a".into(), "x&y".into())]),
            Some("application/x-www-form-urlencoded"),
        ),
        (
            json!({"body": {"type": "form-data", "data": form}, "headers": "Content-Type: multipart/form-data"}),
            HttpBody::Multipart(vec![
                text("a", "3"),
                text("a", "x&y"),
                part("a.txt", "text/plain", "abc"),
                part("b.png", "application/octet-stream", "png"),
            ]),
            None,
        ),
    ];
    for (data, body, content_type) in cases {
        let request = sent(data.clone()).await;
        assert_eq!((&request.body, header(&request, "content-type")), (&body, content_type), "{data}");
    }
    let mut own = one("json", "{}");
    own["headers"] = json!("content-type: application/vnd.x+json");
    assert_eq!(header(&sent(own).await, "content-type"), Some("application/vnd.x+json"));
}

#[tokio::test]
async fn bad_bodies_are_told() {
    let two = json!({"body": {"type": "json", "data": [{"type": "text", "value": "1"}, {"type": "text", "value": "2"}]}});
    assert_eq!(refusal(&node(two)), "body.data: a body of type json has exactly one item, not 2");
    assert!(refusal(&node(json!({"body": {"type": "soap"}}))).starts_with("body.type: 'soap'"));
    assert!(refusal(&node(json!({"body": {"type": "json", "data": [{"value": 3}]}}))).starts_with("body.data[0].value: "));
    let broken = json!({"body": {"type": "json", "data": "{\"a\": {{x}}}"}});
    assert_eq!(error(broken).await, ("RequestBodyError".into(), "Failed to parse JSON: {\"a\": {{x}}}".into()));
    for selector in [json!(["in", "gone"]), json!(["in", "n"]), json!(["in", "docs"])] {
        let (kind, _) = error(json!({"body": {"type": "binary", "data": [{"type": "file", "file": selector}]}})).await;
        assert_eq!(kind, "FileFetchError");
    }
}

#[tokio::test]
async fn times_are_bounded_and_requests_can_be_known_again() {
    let request = sent(json!({"timeout": {"connect": "3", "read": 5000, "write": 0, "max_read_timeout": 900}, "ssl_verify": false})).await;
    let seconds = [request.connect_timeout, request.read_timeout, request.write_timeout].map(|t| t.as_secs());
    assert_eq!((seconds, request.verify_tls, request.max_bytes), ([3, 600, 600], false, 10 << 20));
    let plain = sent(json!({"timeout": {"connect": "", "read": null}})).await;
    assert_eq!((plain.connect_timeout.as_secs(), plain.read_timeout.as_secs(), plain.verify_tls), (10, 600, true));
    assert_eq!(header(&plain, "idempotency-key"), Some(EXECUTION.to_string().as_str()));
    assert_eq!(header(&sent(json!({"headers": "idempotency-key: mine"})).await, "Idempotency-Key"), Some("mine"));
}

#[tokio::test]
async fn what_was_sent_is_shown_without_the_key() {
    let data = node(json!({
        "method": "post",
        "url": "https://service.test:8443/a?q=1",
        "params": "b: c d",
        "headers": "X-A: 1",
        "authorization": {"type": "api-key", "config": {"type": "bearer", "api_key": "{{#in.key#}}"}},
        "body": {"type": "json", "data": "{\"a\": 1}"},
    }));
    let outcome = run(&Double::answering(200, &[], b""), &data, &pool()).await.unwrap();
    let lines = [
        "POST /a?q=1&b=c+d HTTP/1.1",
        "Host: service.test:8443",
        "X-A: 1",
        "Authorization: *************",
        "Content-Type: application/json",
        &format!("Idempotency-Key: {EXECUTION}"),
        "Content-Length: 8",
        "",
        "{\"a\": 1}",
    ];
    assert_eq!(outcome.process_data["request"], lines.join("\r\n"));
    assert!(outcome.inputs.is_empty());

    let data = node(json!({"body": {"type": "form-data", "data": [
        {"key": "a", "type": "text", "value": "1"}, {"key": "d", "type": "file", "file": ["in", "doc"]}]}}));
    let double = Double { files: [("a.txt", &b"abc"[..])].into(), ..Double::default() };
    double.answers.lock().unwrap().push_back(Err(NodeError::new(REQUEST_ERROR, "no way")));
    let failed = run(&Arc::new(double), &data, &pool()).await.unwrap_err();
    let shown = failed.partial.process_data["request"].as_str().unwrap();
    assert_eq!((failed.kind.as_str(), failed.message.as_str()), (REQUEST_ERROR, "no way"));
    assert!(shown.contains("<file_content_binary: 'a.txt', type='text/plain', size=3 bytes>"), "{shown}");
    assert!(shown.contains("name=\"a\"\r\n\r\n1\r\n"), "{shown}");
}

#[tokio::test]
async fn answers_are_text_or_files() {
    let png = b"\x89PNG\r\n\x1a\n\xff";
    // headers, body, (text) or (name, type) of the file
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [u8], Result<&'a str, (&'a str, &'a str)>);
    let cases: &[Case<'_>] = &[
        (&[("content-type", "text/html; charset=utf-8")], "é".as_bytes(), Ok("é")),
        (&[("content-type", "text/plain; charset=\"latin1\"")], b"caf\xe9", Ok("café")),
        (&[("content-type", "text/plain; charset=gbk")], b"\xc4\xe3", Ok("你")),
        (&[("content-type", "text/csv")], b"a,b", Ok("a,b")),
        (&[], b"bytes \xff", Ok("bytes \u{fffd}")),
        (&[("content-type", "application/json")], b"[1]", Ok("[1]")),
        (&[("content-type", "application/problem+json")], b"oops", Ok("oops")),
        (&[("content-type", "application/octet-stream")], b"{\"a\": 1}", Ok("{\"a\": 1}")),
        (&[("content-type", "application/octet-stream")], b"plain words", Err(("report.pdf", "application/octet-stream"))),
        (&[("content-type", "application/pdf")], b"%PDF \xff", Err(("report.pdf", "application/pdf"))),
        (&[("content-type", "image/png")], png, Err(("report.pdf", "image/png"))),
        (&[("content-type", "image/svg+xml")], b"<svg/>", Err(("report.pdf", "image/svg+xml"))),
        (
            &[("content-type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")],
            b"PK\x03\x04\xff",
            Err(("report.pdf", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")),
        ),
        (
            &[("content-type", "text/plain"), ("content-disposition", "attachment; filename=\"data.csv\"")],
            b"a,b",
            Err(("data.csv", "text/csv")),
        ),
        (&[("content-disposition", "attachment")], b"x", Err(("report.pdf", "application/pdf"))),
        (&[("content-disposition", "inline; filename*=UTF-8''%E4%BD%A0.txt")], b"x", Err(("你.txt", "text/plain"))),
        (&[("content-disposition", "inline")], b"x", Ok("x")),
        // HEAD
        (&[("content-type", "image/png")], b"", Ok("")),
    ];
    for (headers, body, expected) in cases {
        let host = Double::answering(200, headers, body);
        let outputs = run(&host, &node(json!({"method": "get"})), &pool()).await.unwrap().outputs;
        let saved = host.saved.lock().unwrap().pop();
        match expected {
            Ok(text) => assert_eq!((&outputs["body"], &outputs["files"]), (&json!(text), &json!([])), "{headers:?}"),
            Err((name, mime_type)) => {
                let (saved_name, saved_type, bytes) = saved.unwrap_or_else(|| panic!("{headers:?} is a file"));
                assert_eq!((saved_name.as_str(), saved_type.as_str(), &bytes[..]), (*name, *mime_type, *body), "{headers:?}");
                assert_eq!((&outputs["body"], &outputs["files"]), (&json!(""), &json!([file(name, mime_type)])));
            }
        }
        assert_eq!(outputs["status_code"], 200);
        assert_eq!(outputs["headers"].as_object().unwrap().len(), headers.len());
    }
}

#[tokio::test]
async fn sizes_are_bounded() {
    let text = vec![b'x'; (1 << 20) + 1];
    let pdf = [("content-type", "application/pdf")];
    let error = run(&Double::answering(200, &[], &text), &node(json!({})), &pool()).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.message.as_str()),
        (SIZE_ERROR, "Text size is too large, max size is 1.00 MB, but current size is 1.00 MB.")
    );
    assert!(error.partial.process_data.contains_key("request"));
    assert!(run(&Double::answering(200, &pdf, &text), &node(json!({})), &pool()).await.is_ok());
    let large = vec![0xff; (10 << 20) + 1];
    let error = run(&Double::answering(200, &pdf, &large), &node(json!({})), &pool()).await.unwrap_err();
    assert!(error.message.starts_with("File size is too large, max size is 10.00 MB"), "{}", error.message);
}

#[tokio::test]
async fn a_bad_status_fails_only_what_is_prepared_for_it() {
    let cases = [
        (json!({}), 404, true),
        (json!({"retry_config": {"retry_enabled": false, "max_retries": 3}}), 500, true),
        (json!({"retry_config": {"retry_enabled": true, "max_retries": 3}}), 500, false),
        (json!({"error_strategy": "fail-branch"}), 302, false),
        (json!({"error_strategy": "default-value", "default_value": []}), 404, false),
        (json!({"error_strategy": "fail-branch"}), 204, true),
    ];
    for (data, status, succeeds) in cases {
        let result = run(&Double::answering(status, &[], b"why"), &node(data.clone()), &pool()).await;
        let outputs = match result {
            Ok(outcome) => {
                assert!(succeeds, "{data}");
                outcome.outputs
            }
            Err(error) => {
                assert!(!succeeds, "{data}");
                assert_eq!(
                    (error.kind.as_str(), error.message),
                    ("HTTPResponseCodeError", format!("Request failed with status code {status}"))
                );
                error.partial.outputs
            }
        };
        assert_eq!((&outputs["status_code"], &outputs["body"]), (&json!(status), &json!("why")));
    }
}

#[tokio::test]
async fn nodes_of_pipelines_and_plugins_say_what_to_use_instead() {
    for (kind, hint) in [
        ("datasource", "start node"),
        ("knowledge-index", "add documents to a dataset"),
        ("trigger-plugin", "trigger-webhook"),
        ("knowledge-retrieval-v2", "knowledge-retrieval node"),
        ("made-up", "replace the node"),
    ] {
        let message = testing::refusal(&json!({"type": kind}));
        assert!(message.starts_with(&format!("type: nodes of type '{kind}' can't run here")) && message.contains(hint), "{message}");
    }
}
