//! The log of an app: who may be looked at, what it can be narrowed to, verdicts, annotations, traces, files.

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::scripted::{self, PROVIDER, Provider};
use crate::support::{Client, Role, TestApp};

struct Log {
    app: TestApp,
    _provider: Provider,
    editor: Client,
    id: Uuid,
    caller: Client,
}

impl Log {
    async fn start(db: PgPool, mode: &str, model: &str, config: Value) -> Self {
        let app = TestApp::start_with(db, |config| config.allow_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
        let provider = Provider::start(&app.state.db, app.home.id).await;
        let (id, token) = scripted::publish(&app.state.db, app.home.id, mode, PROVIDER, model, config).await;
        Self { editor: app.client(Role::Editor), caller: app.with_key(&token), app, _provider: provider, id }
    }

    async fn get(&self, rest: &str) -> Value {
        self.editor.get(&format!("/api/apps/{}/{rest}", self.id)).await.ok()
    }

    /// Asks as `user`; gives the answer's ids.
    async fn ask(&self, user: &str, query: &str, conversation: Option<&Value>) -> Value {
        let body = json!({"query": query, "inputs": {}, "user": user, "conversation_id": conversation, "auto_generate_name": false});
        self.caller.post("/v1/chat-messages", body).await.ok()
    }

    /// Names of the conversations that are left.
    async fn names(&self, query: &str) -> Vec<String> {
        let list = self.get(&format!("conversations?{query}")).await;
        list["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[sqlx::test]
async fn conversations_are_found_by_what_was_said_and_thought_of_it(db: PgPool) {
    let log = Log::start(db, "chat", "echo", json!({})).await;
    let first = log.ask("ann", "blue circles", None).await;
    log.ask("ann", "and squares", Some(&first["conversation_id"])).await;
    let second = log.ask("bob", "100% red_hot", None).await;
    // a member's preview stays out unless it is asked for
    let preview = log.editor.stream(&format!("/api/apps/{}/preview", log.id), json!({"query": "just trying"})).await;
    preview.rest().await;

    assert_eq!(log.names("").await, ["100% red_hot", "blue circles"], "the newest message first");
    assert_eq!(log.names("source=debugger").await, ["just trying"]);
    assert_eq!(log.names("source=service-api").await.len(), 2);
    assert_eq!(log.names("keyword=squares").await, ["blue circles"]);
    assert_eq!(log.names("keyword=0%25%20red_h").await, ["100% red_hot"], "wildcards are letters");
    assert_eq!(log.names("user=an").await, ["blue circles"]);
    assert_eq!(log.names("created_before=2020-01-01T00:00:00Z").await, [""; 0]);

    let vote = json!({"rating": "dislike", "content": "Too short", "user": "bob"});
    log.caller.post(&format!("/v1/messages/{}/feedbacks", second["message_id"].as_str().unwrap()), vote).await.ok();
    assert_eq!(log.names("rating=dislike").await, ["100% red_hot"]);
    assert_eq!(log.names("rating=like").await, [""; 0]);

    let page = log.get("conversations?limit=1").await;
    assert_eq!(page["data"][0]["name"], "100% red_hot");
    assert_eq!((&page["data"][0]["user_dislikes"], &page["data"][0]["message_count"]), (&json!(1), &json!(1)));
    let rest = log.get(&format!("conversations?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!((&rest["data"][0]["name"], &rest["next_cursor"]), (&json!("blue circles"), &Value::Null));
    assert_eq!((&rest["data"][0]["message_count"], &rest["data"][0]["asked_by"]["name"]), (&json!(2), &json!("ann")));

    for bad in ["source=moon", "rating=meh", "cursor=x", "limit=0", "created_after=yesterday"] {
        log.editor.get(&format!("/api/apps/{}/conversations?{bad}", log.id)).await.refused(400, "invalid_param");
    }
}

#[sqlx::test]
async fn a_message_says_what_was_done_for_it(db: PgPool) {
    let log = Log::start(db, "chat", "echo", json!({})).await;
    let asked = log.ask("ann", "a small blue circle", None).await;
    let conversation = asked["conversation_id"].as_str().unwrap();
    let list = log.get(&format!("messages?conversation_id={conversation}")).await;
    let message = &list["data"][0];
    assert_eq!(
        (&message["query"], &message["answer"], &message["status"]),
        (&json!("a small blue circle"), &json!("a small blue circle"), &json!("normal"))
    );
    assert_eq!(message["model"], json!({"provider": "scripted", "name": "echo"}));
    assert_eq!((&message["prompt_tokens"], &message["completion_tokens"]), (&json!(11), &json!(4)));
    let trace = message["trace"].as_array().unwrap();
    assert_eq!(trace.iter().map(|span| span["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["prepare", "model"]);
    assert_eq!((&trace[1]["name"], &trace[1]["call"]["completion_tokens"]), (&json!("scripted/echo"), &json!(4)));
    let seconds = |value: &Value| value.as_f64().unwrap();
    assert!(
        seconds(&trace[1]["call"]["first_token_s"]) > 0.0
            && seconds(&trace[1]["call"]["first_token_s"]) <= seconds(&trace[1]["duration_s"])
    );
    assert!(seconds(&trace[1]["start_s"]) + seconds(&trace[1]["duration_s"]) <= seconds(&message["latency_s"]) + 0.05);

    // what others hold is missing
    let path = format!("/api/apps/{}/messages/{}", log.id, message["id"].as_str().unwrap());
    log.app.foreigner().get(&path).await.refused(404, "not_found");
    log.app.client(Role::Normal).get(&path).await.refused(403, "forbidden");
    let other = log.app.seed_app(&log.app.home, "Other", "chat").await;
    log.editor.get(&format!("/api/apps/{other}/messages/{}", message["id"].as_str().unwrap())).await.refused(404, "not_found");
    log.editor.get(&format!("/api/apps/{other}/conversations/{conversation}")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn an_agents_rounds_and_tools_are_spans(db: PgPool) {
    let tool = json!({"enabled": true, "provider_id": "maths", "provider_type": "builtin", "provider_name": "maths",
        "tool_name": "eval_expression", "tool_label": "Calculator", "tool_parameters": {"expression": ""}});
    let config = json!({"agent_mode": {"enabled": true, "strategy": "function_call", "max_iteration": 3, "tools": [tool]}});
    let log = Log::start(db, "agent-chat", "caller", config).await;
    let body = json!({"query": "6*7?", "inputs": {}, "user": "u", "response_mode": "streaming", "auto_generate_name": false});
    log.caller.stream("/v1/chat-messages", body).await.rest().await;
    let list = log.get("messages").await;
    let message = &list["data"][0];
    let kinds: Vec<_> = message["trace"].as_array().unwrap().iter().map(|span| span["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["prepare", "model", "tool", "model"]);
    assert_eq!(message["trace"][2]["name"], "eval_expression");
    assert_eq!(message["thoughts"][0]["tool"], "eval_expression");
    assert_eq!(message["trace"][1]["call"]["prompt_tokens"], 11);
}

#[sqlx::test]
async fn a_failed_answer_says_so_in_its_trace(db: PgPool) {
    let log = Log::start(db, "chat", "broken", json!({})).await;
    let body = json!({"query": "one two three four", "inputs": {}, "user": "u", "response_mode": "streaming"});
    log.caller.stream("/v1/chat-messages", body).await.rest().await;
    let list = log.get("messages?failed=true").await;
    let span = &list["data"][0]["trace"][1];
    assert_eq!((&list["data"][0]["status"], &span["kind"], &span["call"]), (&json!("error"), &json!("model"), &Value::Null));
    assert_eq!(span["error"], list["data"][0]["error"]);
    assert_eq!(log.names("failed=true").await.len(), 1);
    assert_eq!(log.names("failed=false").await.len(), 0);
}

#[sqlx::test]
async fn members_judge_answers_and_keep_better_ones(db: PgPool) {
    let log = Log::start(db, "chat", "echo", json!({})).await;
    let asked = log.ask("ann", "when do you close?", None).await;
    let path = |rest: &str| format!("/api/apps/{}/messages/{}/{rest}", log.id, asked["message_id"].as_str().unwrap());

    let rated = log.editor.put(&path("feedback"), json!({"rating": "dislike", "comment": "  It only repeats.  "})).await.ok();
    assert_eq!(rated["member_feedback"], json!({"rating": "dislike", "comment": "It only repeats."}));
    assert_eq!((&rated["user_feedback"], log.names("rating=dislike").await.len()), (&Value::Null, 1));
    let back = log.editor.put(&path("feedback"), json!({"rating": null})).await.ok();
    assert_eq!(back["member_feedback"], Value::Null);
    let long = "x".repeat(2001);
    let refused = log.editor.put(&path("feedback"), json!({"rating": "like", "comment": long})).await.refused(400, "invalid_param");
    assert_eq!(refused["error"]["param"], "comment");

    let better = json!({"question": "when do you close?", "answer": "At six."});
    let annotated = log.editor.put(&path("annotation"), better.clone()).await.ok();
    let annotation = annotated["saved_annotation_id"].as_str().unwrap().to_owned();
    // once more is another text for the same annotation
    let later = json!({"question": "when do you close?", "answer": "At seven."});
    assert_eq!(log.editor.put(&path("annotation"), later).await.ok()["saved_annotation_id"], annotation.as_str());
    assert_eq!(log.names("annotated=true").await, ["when do you close?"]);
    log.editor.put(&path("annotation"), json!({"question": " ", "answer": "a"})).await.refused(400, "invalid_param");

    log.editor.put(&format!("/api/apps/{}/annotation-reply", log.id), json!({"enabled": true})).await.ok();
    let again = log.ask("bob", "When do you close?", None).await;
    assert_eq!(again["answer"], "At seven.");
    let list = log.get(&format!("messages?conversation_id={}", again["conversation_id"].as_str().unwrap())).await;
    assert_eq!((&list["data"][0]["annotation_id"], &list["data"][0]["trace"]), (&json!(annotation), &json!([])));
}

#[sqlx::test]
async fn the_log_comes_as_a_file(db: PgPool) {
    let log = Log::start(db, "chat", "echo", json!({})).await;
    log.ask("ann", "=SUM(A1)", None).await;
    log.ask("bob", "a \"quoted\", line", None).await;
    let csv = log.editor.get(&format!("/api/apps/{}/messages/export?format=csv", log.id)).await;
    assert!(csv.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"messages.csv\""));
    let rows = csv.csv();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0]["query"].as_str(), rows[0]["user"].as_str()), ("a \"quoted\", line", "bob"));
    assert_eq!(rows[1]["query"], "'=SUM(A1)", "no formula for a spreadsheet");
    assert_eq!((rows[0]["prompt_tokens"].as_str(), rows[0]["model"].as_str()), ("11", "scripted/echo"));

    let jsonl = log.editor.get(&format!("/api/apps/{}/messages/export?format=jsonl&user=ann", log.id)).await;
    let lines = jsonl.json_lines();
    assert_eq!((lines.len(), &lines[0]["query"], &lines[0]["answer"]), (1, &json!("=SUM(A1)"), &json!("=SUM(A1)")));
    assert!(rows[0].keys().all(|column| lines[0].get(column).is_some()), "{:?}", rows[0].keys());
    log.editor.get(&format!("/api/apps/{}/messages/export?format=pdf", log.id)).await.refused(400, "invalid_param");
}

#[sqlx::test]
async fn a_workflows_model_call_is_timed(db: PgPool) {
    let log = Log::start(db, "chat", "echo", json!({})).await;
    let nodes = json!([
        {"id": "s", "data": {"type": "start", "title": "Start", "variables": []}},
        {"id": "l", "data": {"type": "llm", "title": "Ask", "model": {"provider": PROVIDER, "name": "echo", "mode": "chat", "completion_params": {}},
            "prompt_template": [{"role": "user", "text": "two words"}], "context": {"enabled": false, "variable_selector": []}, "vision": {"enabled": false}}},
        {"id": "e", "data": {"type": "end", "title": "End", "outputs": [{"variable": "t", "value_selector": ["l", "text"]}]}},
    ]);
    let edges = json!([{"source": "s", "sourceHandle": "source", "target": "l"}, {"source": "l", "sourceHandle": "source", "target": "e"}]);
    let config = json!({"graph": {"nodes": nodes, "edges": edges}, "features": {}});
    let (id, _, token) = scripted::publish_config(&log.app.state.db, log.app.home.id, "workflow", &config).await;
    let run = log.app.with_key(&token).post("/v1/workflows/run", json!({"inputs": {}, "user": "u"})).await.ok();
    assert_eq!(run["data"]["outputs"], json!({"t": "two words"}));
    let path = format!("/api/apps/{id}/runs");
    let listed = log.editor.get(&format!("{path}?published=true&source=service-api")).await.ok();
    assert_eq!((&listed["data"][0]["total_price"], &listed["data"][0]["currency"]), (&json!(0.000042), &json!("USD")));
    let nodes = log.editor.get(&format!("{path}/{}/nodes", run["workflow_run_id"].as_str().unwrap())).await.ok();
    let call = &nodes["data"][1]["metadata"]["model_call"];
    assert!(call["total_s"].as_f64().unwrap() > 0.0 && call["first_token_s"].as_f64().unwrap() > 0.0, "{call}");
}
