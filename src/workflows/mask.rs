//! Secrets kept out of what a run shows: wherever the value of a secret environment variable stands in a node's inputs, in
//! what it tells of its work or in its error, asterisks are shown. What the node gives is data and stays as it is.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::form_urlencoded;

use super::event::AgentLog;
use super::nodes::{NodeError, Outcome};
use super::vars::Vars;
use crate::secrets::HIDDEN;

/// Shorter ones are words too: they are hidden where they stand alone.
const MIN_INSIDE_CHARS: usize = 4;

/// The secrets of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    whole: Vec<String>,
    /// The longest first: one may be part of another.
    inside: Vec<String>,
}

impl Mask {
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let whole: Vec<String> = secrets.into_iter().filter(|secret| !secret.trim().is_empty()).collect();
        let long = whole.iter().filter(|secret| secret.chars().count() >= MIN_INSIDE_CHARS);
        let mut inside: Vec<String> = long.flat_map(|secret| written_forms(secret)).collect();
        inside.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        inside.dedup();
        Self { whole, inside }
    }

    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// What a node gave, or why it failed, as it may be shown.
    pub fn result(&self, result: &mut Result<Outcome, NodeError>) {
        if self.is_empty() {
            return;
        }
        match result {
            Ok(outcome) => {
                self.vars(&mut outcome.inputs);
                self.vars(&mut outcome.process_data);
                if let Some(log) = outcome.metadata.get_mut("agent_log") {
                    self.value(log);
                }
            }
            Err(error) => {
                self.text(&mut error.message);
                self.vars(&mut error.partial.inputs);
                self.vars(&mut error.partial.process_data);
            }
        }
    }

    pub fn agent_log(&self, log: &mut AgentLog) {
        if self.is_empty() {
            return;
        }
        self.value(&mut log.data);
        self.value(&mut log.metadata);
        if let Some(error) = &mut log.error {
            self.text(error);
        }
    }

    pub fn vars(&self, vars: &mut Vars) {
        if !self.is_empty() {
            vars.values_mut().for_each(|value| self.value(value));
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.value(item)),
            _ => {}
        }
    }

    fn text(&self, text: &mut String) {
        if self.whole.iter().any(|secret| secret == text) {
            HIDDEN.clone_into(text);
            return;
        }
        for secret in &self.inside {
            if text.contains(secret) {
                *text = text.replace(secret, HIDDEN);
            }
        }
    }
}

/// As it is, and as it stands in URLs, forms and JSON.
fn written_forms(secret: &str) -> [String; 4] {
    let json = Value::from(secret).to_string();
    [
        secret.to_owned(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        json[1..json.len() - 1].to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_written_form() {
        let mask = Mask::new(["s3cr/t\"é".to_owned(), "s3cr".to_owned(), "ab".to_owned(), String::new()]);
        let mut shown = json!({"a": "key=s3cr/t\"é", "b": ["https://x/?k=s3cr%2Ft%22%C3%A9", "{\"k\": \"s3cr/t\\\"é\"}"], "c": "ab", "d": "cab",
            "e": {"f": "xs3crx"}});
        mask.value(&mut shown);
        assert_eq!(
            shown,
            json!({"a": "key=********", "b": ["https://x/?k=********", "{\"k\": \"********\"}"], "c": "********", "d": "cab",
            "e": {"f": "x********x"}})
        );
    }

    #[test]
    fn what_a_node_gives_stays() {
        let mask = Mask::new(["hunter22".to_owned()]);
        let vars = || Vars::from_iter([("v".to_owned(), json!("hunter22"))]);
        let mut result = Ok(Outcome { inputs: vars(), process_data: vars(), outputs: vars(), ..Outcome::default() });
        mask.result(&mut result);
        let outcome = result.unwrap();
        assert_eq!(
            (&outcome.inputs["v"], &outcome.process_data["v"], &outcome.outputs["v"]),
            (&json!(HIDDEN), &json!(HIDDEN), &json!("hunter22"))
        );
        let mut failed: Result<Outcome, NodeError> = Err(NodeError::new("E", "no host hunter22.test").with_inputs(vars()));
        mask.result(&mut failed);
        let error = failed.unwrap_err();
        assert_eq!((error.message.as_str(), &error.partial.inputs["v"]), ("no host ********.test", &json!(HIDDEN)));
    }
}
