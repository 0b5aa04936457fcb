//! What a webhook answers: the node's status and body.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::webhook::Webhook;
use crate::workflows::template;
use crate::workflows::vars::Pool;

/// The answer to a request that was taken; `pool` holds what the run begins with.
pub fn answer(webhook: &Webhook, pool: &Pool) -> Response {
    let status = StatusCode::from_u16(webhook.status_code).unwrap_or(StatusCode::OK);
    match status {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED => status.into_response(),
        _ => (status, axum::Json(body(&webhook.response_body, pool))).into_response(),
    }
}

/// JSON as it is written, with the texts in it filled in; any other text as a message.
fn body(template: &str, pool: &Pool) -> Value {
    let is_structure = |text: &str| text.trim_start().starts_with(['{', '[']);
    if template.trim().is_empty() {
        return json!({"status": "success", "message": "Webhook processed successfully"});
    }
    // filled in after reading: no value can break the JSON
    if is_structure(template)
        && let Ok(written) = serde_json::from_str(template)
    {
        return filled(written, pool);
    }
    let text = template::render(template, pool);
    let whole = if is_structure(&text) { serde_json::from_str(&text).ok() } else { None };
    whole.unwrap_or_else(|| json!({"message": text}))
}

fn filled(value: Value, pool: &Pool) -> Value {
    match value {
        Value::String(text) => Value::String(template::render(&text, pool)),
        Value::Array(items) => items.into_iter().map(|item| filled(item, pool)).collect(),
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, item)| (key, filled(item, pool))).collect()),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json() {
        let mut pool = Pool::default();
        pool.set("hook", "name", json!("a \"b\""));
        pool.set("hook", "n", json!(5));
        let cases = [
            ("", json!({"status": "success", "message": "Webhook processed successfully"})),
            ("taken", json!({"message": "taken"})),
            ("hi {{#hook.name#}}", json!({"message": "hi a \"b\""})),
            (r#"{"ok": true, "to": ["{{#hook.name#}}"]}"#, json!({"ok": true, "to": ["a \"b\""]})),
            (r#" {"n": {{#hook.n#}}}"#, json!({"n": 5})),
            (r#"{"n": {{#hook.name#}}}"#, json!({"message": r#"{"n": a "b"}"#})),
            ("[1, 2]", json!([1, 2])),
        ];
        for (template, expected) in cases {
            assert_eq!(body(template, &pool), expected, "{template}");
        }
    }
}
