//! Text found by regular expression. Python's notation, with look-around and back-references; the work is bounded.

use std::time::{Duration, Instant};

use fancy_regex::RegexBuilder;
use serde_json::{Value, json};

use super::{Definition, Field, Provider, Run};
use crate::tools::{ToolError, ToolOutput};

pub const PROVIDER: Provider =
    Provider { id: "regex", label: "Regular expressions", description: "Finds text by regular expression.", tools: TOOLS };

const TOOLS: &[Definition] = &[Definition {
    name: "regex_extract",
    label: "Extract",
    description: "Lists all that a regular expression matches in a text: the matches, or the groups where it has groups.",
    fields: &[
        Field::text("content", "Text", "The text to search."),
        Field::text("expression", "Regular expression", "What to find, as in (\\d+) items."),
    ],
    run: Run::Pure(|arguments| {
        let found = find_all(arguments.needed("expression")?, arguments.needed("content")?)?;
        Ok(ToolOutput { text: Value::Array(found.clone()).to_string(), json: found, ..ToolOutput::default() })
    }),
}];

const MAX_EXPRESSION: usize = 10_000;
const MAX_MATCHES: usize = 10_000;
const MAX_TIME: Duration = Duration::from_secs(5);
/// Of one match; a million takes some ten milliseconds.
const MAX_BACKTRACKS: usize = 1_000_000;

/// As Python's `findall`: whole matches, or the one group, or lists of the groups.
fn find_all(expression: &str, text: &str) -> Result<Vec<Value>, ToolError> {
    let invalid = |e: &dyn std::fmt::Display| ToolError::argument("expression", format!("is not a valid regular expression: {e}"));
    if expression.len() > MAX_EXPRESSION {
        return Err(ToolError::argument("expression", format!("is longer than {MAX_EXPRESSION} characters")));
    }
    let regex = RegexBuilder::new(expression)
        .backtrack_limit(MAX_BACKTRACKS)
        .delegate_size_limit(10 << 20)
        .delegate_dfa_size_limit(10 << 20)
        .build()
        .map_err(|e| invalid(&e))?;
    let started = Instant::now();
    let mut found = Vec::new();
    for captures in regex.captures_iter(text) {
        let captures = captures.map_err(|e| ToolError::Failed(format!("The regular expression takes too much work on this text: {e}.")))?;
        let group = |i| captures.get(i).map_or("", |m| m.as_str());
        found.push(match captures.len() {
            1 => json!(group(0)),
            2 => json!(group(1)),
            n => (1..n).map(group).collect(),
        });
        if found.len() > MAX_MATCHES {
            return Err(ToolError::Failed(format!("The regular expression matches more than {MAX_MATCHES} times.")));
        }
        if started.elapsed() > MAX_TIME {
            return Err(ToolError::Failed("The regular expression takes too much work on this text.".into()));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;

    #[test]
    fn matches_are_listed_as_in_python() {
        for (expression, content, expected) in [
            (r"\d+", "a1b22", json!(["1", "22"])),
            (r"(\w)=(\d)", "a=1, b=2", json!([["a", "1"], ["b", "2"]])),
            (r"(\d)x", "1x 2x 3", json!(["1", "2"])),
            (r"(?<=\$)\d+", "€1 $22", json!(["22"])),
            (r"(\w)\1", "aab cc", json!(["a", "c"])),
            (r"(a)|(b)", "ab", json!([["a", ""], ["", "b"]])),
            ("z", "abc", json!([])),
            ("(?i)你.", "你好", json!(["你好"])),
        ] {
            let output = run("regex", "regex_extract", json!({"content": content, "expression": expression})).unwrap();
            assert_eq!((output.text, json!(output.json)), (expected.to_string(), expected), "{expression}");
        }
    }

    #[test]
    fn what_can_not_be_searched_says_why() {
        let call = |expression: &str, content: &str| {
            run("regex", "regex_extract", json!({"content": content, "expression": expression})).unwrap_err()
        };
        assert!(call("(", "x").contains("\"expression\" is not a valid regular expression"));
        assert!(call("x", " ").contains("\"content\" must not be empty"));
        assert!(call(r"(?=(a+)+b)\1c", &"a".repeat(5000)).contains("too much work"));
        assert!(call(".", &"a".repeat(20_000)).contains("more than 10000 times"));
        assert!(call(&"(a{1000}){1000}".repeat(50), "a").contains("not a valid regular expression"));
    }
}
