//! The monitoring of an app: what is counted, when, and for whom.

use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{Role, TestApp, Workspace};

/// An answer that was finished at `at`.
struct Seeded<'a> {
    at: &'a str,
    user: &'a str,
    source: &'a str,
    status: &'a str,
    latency_s: f64,
}

async fn seed(app: &TestApp, workspace: &Workspace, app_id: Uuid, seeded: Seeded<'_>) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "with u as (
           insert into end_users (id, workspace_id, app_id, type, session_id) values (gen_random_uuid(), $1, $2, 'service-api', $4)
           on conflict (workspace_id, app_id, type, session_id) do update set updated_at = now() returning id
         )
         insert into messages (id, workspace_id, app_id, end_user_id, source, task_id, status, prompt_tokens, completion_tokens, total_price,
           latency_s, time_to_first_token_s, time_to_generate_s, created_at, finished_at)
         select $3, $1, $2, u.id, $5, $3, $6, 100, 20, 0.5, $7, $7 / 4, $7 / 2, $8::text::timestamptz, $8::text::timestamptz from u",
    )
    .bind(workspace.id)
    .bind(app_id)
    .bind(id)
    .bind(seeded.user)
    .bind(seeded.source)
    .bind(seeded.status)
    .bind(seeded.latency_s)
    .bind(seeded.at)
    .execute(&app.state.db)
    .await
    .unwrap();
    id
}

fn answer<'a>(at: &'a str, user: &'a str, latency_s: f64) -> Seeded<'a> {
    Seeded { at, user, source: "service-api", status: "normal", latency_s }
}

#[sqlx::test]
async fn answers_are_counted_by_the_readers_days(db: PgPool) {
    let app = TestApp::start(db).await;
    let id = app.seed_app(&app.home, "Counted", "chat").await;
    let other = app.seed_app(&app.home, "Other", "chat").await;
    // 23:30 UTC on the first is the second in Berlin
    let liked = seed(&app, &app.home, id, answer("2026-03-01T23:30:00Z", "ann", 1.0)).await;
    seed(&app, &app.home, id, answer("2026-03-02T10:00:00Z", "ann", 2.0)).await;
    seed(&app, &app.home, id, answer("2026-03-02T11:00:00Z", "bob", 9.0)).await;
    seed(&app, &app.home, id, Seeded { status: "error", ..answer("2026-03-03T11:00:00Z", "bob", 60.0) }).await;
    seed(&app, &app.home, id, Seeded { source: "debugger", ..answer("2026-03-02T12:00:00Z", "me", 1.0) }).await;
    seed(&app, &app.home, other, answer("2026-03-02T12:00:00Z", "ann", 1.0)).await;
    // the time before
    seed(&app, &app.home, id, answer("2026-02-27T12:00:00Z", "ann", 1.0)).await;
    sqlx::query(
        "insert into feedbacks (id, workspace_id, app_id, message_id, rating, from_source, created_at)
         values (gen_random_uuid(), $1, $2, $3, 'like', 'user', '2026-03-02T12:00:00Z')",
    )
    .bind(app.home.id)
    .bind(id)
    .bind(liked)
    .execute(&app.state.db)
    .await
    .unwrap();

    let reader = app.client(Role::Normal);
    let query = "from=2026-03-01T23:00:00Z&to=2026-03-04T23:00:00Z&interval=day&time_zone=Europe/Berlin";
    let told = reader.get(&format!("/api/apps/{id}/statistics?{query}")).await.ok();
    let counts: Vec<_> = told["data"].as_array().unwrap().iter().map(|bucket| (bucket["start"].clone(), bucket["count"].clone())).collect();
    assert_eq!(
        counts,
        [(json!("2026-03-01T23:00:00Z"), json!(3)), (json!("2026-03-02T23:00:00Z"), json!(1)), (json!("2026-03-03T23:00:00Z"), json!(0)),]
    );
    let total = &told["total"];
    assert_eq!((&total["count"], &total["failures"], &total["active_users"]), (&json!(4), &json!(1), &json!(2)));
    assert_eq!((&total["prompt_tokens"], &total["completion_tokens"], &total["total_tokens"]), (&json!(400), &json!(80), &json!(480)));
    assert_eq!((&total["cost"], &told["currency"]), (&json!(2.0), &json!("USD")));
    let about = |value: &Value, exact: f64| (value.as_f64().unwrap() / exact - 1.0).abs() < 0.011;
    assert!(about(&total["latency_median_s"], 2.0) && about(&total["latency_p95_s"], 9.0), "{total}");
    assert_eq!((&total["likes"], &total["dislikes"]), (&json!(1), &json!(0)));
    assert!(about(&told["data"][1]["first_token_s"], 15.0), "a failed answer had its first token too: {told}");
    assert_eq!(told["data"][0]["tokens_per_second"], json!(10.0), "60 tokens in 6 s of writing");
    assert_eq!((&told["data"][2]["latency_median_s"], &told["previous"]["count"]), (&Value::Null, &json!(1)));

    let hours = "from=2026-03-02T10:00:00Z&to=2026-03-02T12:00:00Z&interval=hour&time_zone=Asia/Kolkata";
    let told = reader.get(&format!("/api/apps/{id}/statistics?{hours}")).await.ok();
    // hours of a zone that is half an hour off begin at half past
    let starts: Vec<_> = told["data"].as_array().unwrap().iter().map(|bucket| bucket["start"].as_str().unwrap()).collect();
    assert_eq!(starts, ["2026-03-02T09:30:00Z", "2026-03-02T10:30:00Z", "2026-03-02T11:30:00Z"]);
    assert_eq!(told["total"]["count"], 2);
    app.foreigner().get(&format!("/api/apps/{id}/statistics?{hours}")).await.refused(404, "not_found");
}

#[sqlx::test]
async fn what_makes_no_sense_is_refused(db: PgPool) {
    let app = TestApp::start(db).await;
    let id = app.seed_app(&app.home, "Counted", "workflow").await;
    let reader = app.client(Role::Normal);
    for (param, query) in [
        ("to", "from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z&interval=day"),
        ("interval", "from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&interval=hour"),
        ("time_zone", "from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&interval=day&time_zone=Middle/Earth"),
    ] {
        let refused = reader.get(&format!("/api/apps/{id}/statistics?{query}")).await.refused(400, "invalid_param");
        assert_eq!(refused["error"]["param"], param, "{refused}");
    }
    reader.get(&format!("/api/apps/{id}/statistics?from=x&to=y&interval=day")).await.refused(400, "invalid_param");
    let empty = "from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z&interval=day";
    let told = reader.get(&format!("/api/apps/{id}/statistics?{empty}")).await.ok();
    assert_eq!((&told["total"]["count"], &told["currency"], told["data"].as_array().unwrap().len()), (&json!(0), &Value::Null, 1));
}
