//! Secret environment variables are shown nowhere, and work.

use serde_json::json;
use sqlx::PgPool;
use wiremock::matchers::{body_string_contains, header, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{Studio, outcome};
use crate::support::{Role, TestApp};
use crate::workflows::{end, graph, node, start, template, whole};

/// With characters that are written otherwise in URLs and JSON.
const SECRET: &str = "s3cr/t \"key+1";

#[sqlx::test]
async fn secrets_are_hidden_in_what_nodes_show(db: PgPool) {
    let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let server = MockServer::start().await;
    Mock::given(query_param("k", SECRET))
        .and(header("x-key", SECRET))
        .and(body_string_contains("s3cr"))
        .respond_with(ResponseTemplate::new(200).set_body_string("let in"))
        .mount(&server)
        .await;
    let call = |url: String| {
        json!({"type": "http-request", "title": "Call", "method": "post", "url": url, "authorization": {"type": "no-auth"},
            "headers": "X-Key: {{#env.key#}}", "params": "k: {{#env.key#}}",
            "body": {"type": "json", "data": [{"type": "text", "key": "", "value": "{\"k\": \"{{#env.plain#}}\"}"}]}})
    };
    let model = json!({"type": "llm", "title": "Ask", "model": {"provider": "p", "name": "m", "mode": "chat", "completion_params": {}},
        "prompt_template": [{"role": "user", "text": "{{#env.key#}}"}], "context": {"enabled": false}, "vision": {"enabled": false},
        "error_strategy": "default-value", "default_value": []});
    let nodes = vec![
        start(json!([])),
        node("h", call(format!("{}/a", server.uri()))),
        node("f", {
            let mut failing = call("http://127.0.0.1:9/{{#env.plain#}}".into());
            failing["error_strategy"] = json!("default-value");
            failing
        }),
        node("m", model),
        node("t", template("Use", "{{ k }}", &[("k", "env.key")])),
        end(&[("answer", "h.body"), ("used", "t.output"), ("why", "f.error_message")]),
    ];
    let mut config = graph(nodes, &["s>h", "h>f", "f>m", "m>t", "t>e"]);
    config["environment_variables"] = json!([
        {"name": "key", "value_type": "secret", "value": SECRET}, {"name": "plain", "value_type": "secret", "value": "s3cr3t4"}]);
    let studio = Studio::of(&app, "workflow", &config).await;
    let events = studio.run(json!({})).await;
    // it works, and what nodes give is data
    let (status, outputs) = outcome(&events);
    assert_eq!((status, &outputs["answer"], &outputs["used"]), ("partial-succeeded", &json!("let in"), &json!(SECRET)));
    assert!(!outputs["why"].as_str().unwrap().contains("s3cr3t4"), "{outputs}");
    let run_id = events[0]["workflow_run_id"].as_str().unwrap();
    let nodes = studio.get(&format!("/runs/{run_id}/nodes")).await;
    let of = |id: &str| nodes["data"].as_array().unwrap().iter().find(|n| n["node_id"] == id).unwrap();
    let request = of("h")["process_data"]["request"].as_str().unwrap();
    assert!(
        request.contains("X-Key: ********") && request.contains("?k=********") && request.contains("{\"k\": \"********\"}"),
        "{request}"
    );
    assert_eq!(of("m")["inputs"]["#env.key#"], "********");
    assert_eq!(of("t")["inputs"]["k"], "********");
    for node in nodes["data"].as_array().unwrap() {
        let shown = json!([node["inputs"], node["process_data"], node["error"], node["metadata"]]).to_string();
        assert!(!shown.contains("s3cr"), "{shown}");
    }
    // nor in the stream, nor in the rows
    for event in events.iter().filter(|event| event["event"] == "node_finished") {
        let shown = json!([event["data"]["inputs"], event["data"]["process_data"], event["data"]["error"]]).to_string();
        assert!(!shown.contains("s3cr"), "{shown}");
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from node_runs where node_id in ('h', 'f', 'm') and record::text like '%s3cr%'")
        .fetch_one(&app.state.db)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}

#[sqlx::test]
async fn secrets_are_sealed_where_they_are_kept_and_hidden_where_they_are_read(db: PgPool) {
    let app = TestApp::start(db).await;
    let (editor, reader) = (app.client(Role::Editor), app.client(Role::Normal));
    let made = editor.post("/api/apps", json!({"name": "A", "mode": "workflow"})).await.ok();
    let path = format!("/api/apps/{}", made["id"].as_str().unwrap());
    let mut config = graph(vec![start(json!([])), end(&[("used", "env.key")])], &["s>e"]);
    let variable = |value: &str| json!([{"id": "1", "name": "key", "value_type": "secret", "value": value}]);
    config["environment_variables"] = variable(SECRET);
    let saved = editor.put(&format!("{path}/draft"), json!({"config": config, "revision": made["draft_revision"]})).await.ok();
    assert_eq!(saved["draft"]["environment_variables"], variable("********"));

    // as the studio saves what it was shown
    config["environment_variables"] = variable("********");
    let saved = editor.put(&format!("{path}/draft"), json!({"config": config, "revision": saved["draft_revision"]})).await.ok();
    let version = editor.post(&format!("{path}/publish"), json!({})).await.ok();
    let shown = reader.get(&format!("{path}/versions/{}", version["id"].as_str().unwrap())).await.ok();
    assert_eq!(shown["config"]["environment_variables"], variable("********"));
    assert_eq!(reader.get(&path).await.ok()["draft"], saved["draft"]);
    assert_eq!(reader.get(&path).await.ok()["has_unpublished_changes"], false);

    // it runs: saved, unsaved, copied
    let copy = editor.post(&format!("{path}/duplicate"), json!({})).await.ok();
    for (path, unsaved) in
        [(path.clone(), None), (path.clone(), Some(&config)), (format!("/api/apps/{}", copy["id"].as_str().unwrap()), None)]
    {
        let body = match unsaved {
            Some(config) => json!({"inputs": {}, "config": config}),
            None => json!({"inputs": {}}),
        };
        let events = whole(editor.stream(&format!("{path}/draft/run"), body).await).await;
        assert_eq!(outcome(&events), ("succeeded", &json!({"used": SECRET})));
    }
    for table in ["apps", "app_versions", "workflow_runs"] {
        let column = if table == "apps" { "draft" } else { "config" };
        let plain: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table} where {column}::text like '%key+1%'")))
                .fetch_one(&app.state.db)
                .await
                .unwrap();
        assert_eq!(plain, 0, "{table}");
    }

    // there is nothing that it could stay
    config["environment_variables"] = json!([{"id": "2", "name": "other", "value_type": "secret", "value": "********"}]);
    let refused = editor.put(&format!("{path}/draft"), json!({"config": config, "revision": saved["draft_revision"]})).await;
    let error = refused.refused(400, "invalid_param");
    assert!(error.to_string().contains("The secret other is hidden"), "{error}");
}
