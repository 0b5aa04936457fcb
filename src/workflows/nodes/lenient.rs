//! JSON that people and models write almost right: single quotes, a trailing comma, a line break inside a string, Python's
//! `True`, a bracket left open, a code block around it.

use serde_json::Value;

/// The value, if the text is JSON or can be read as what JSON was meant. Nothing is read out of nothing.
pub fn parse(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let repaired = jsonrepair_rs::jsonrepair(text).ok()?;
    serde_json::from_str(&repaired).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_meant_is_read() {
        let cases = [
            ("{\"a\": [1, 2.5]}", Some(json!({"a": [1, 2.5]}))),
            ("{\"a\": \"two\nlines\"}", Some(json!({"a": "two\nlines"}))),
            ("{\"a\": \"he said \"hi\" there\"}", Some(json!({"a": "he said \"hi\" there"}))),
            ("{'a': True, 'b': None,}", Some(json!({"a": true, "b": null}))),
            ("{a: 1, b: [1, 2", Some(json!({"a": 1, "b": [1, 2]}))),
            ("```json\n{\"a\": 1}\n```", Some(json!({"a": 1}))),
            ("{\"a\": words without quotes}", Some(json!({"a": "words without quotes"}))),
            ("", None),
            ("{\"a\": {{x}}}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse(&"[".repeat(100_000)), None);
    }
}
