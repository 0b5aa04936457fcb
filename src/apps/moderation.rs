//! Moderation by keywords: of what goes into an app and of what comes out, also while it streams.

use serde_json::{Map, Value};

use super::config::Moderation;

impl Moderation {
    /// The preset answer to give instead of asking the model, when an input or the query holds a keyword.
    pub fn check_inputs(&self, inputs: &Map<String, Value>, query: &str) -> Option<&str> {
        let preset = &self.config.inputs_config;
        let words = self.words(preset.enabled)?;
        let has_word = |text: &str| contains_any(&text.to_lowercase(), &words);
        let input_has_word = |value: &Value| match value {
            Value::String(text) => has_word(text),
            Value::Null => false,
            other => has_word(&other.to_string()),
        };
        (has_word(query) || inputs.values().any(input_has_word)).then_some(preset.preset_response.as_str())
    }

    /// Watches an answer; none when outputs are not moderated.
    pub fn watch_output(&self) -> Option<OutputWatch> {
        let preset = &self.config.outputs_config;
        let words = self.words(preset.enabled)?;
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        Some(OutputWatch { words, longest, tail: String::new(), preset_response: preset.preset_response.clone() })
    }

    fn words(&self, enabled: bool) -> Option<Vec<String>> {
        let words: Vec<String> = self.config.keywords.lines().map(|l| l.trim().to_lowercase()).filter(|l| !l.is_empty()).collect();
        (self.enabled && enabled && self.kind == "keywords" && !words.is_empty()).then_some(words)
    }
}

/// Finds keywords in a growing text, also those that arrive in pieces, at a cost that follows the new piece only.
#[derive(Debug)]
pub struct OutputWatch {
    words: Vec<String>,
    /// Bytes of the longest word.
    longest: usize,
    /// End of the text so far, lower case: enough for a word that is not complete yet.
    tail: String,
    preset_response: String,
}

impl OutputWatch {
    /// Takes the next piece. `Some` = a keyword is in the text: replace the whole answer by this.
    pub fn push(&mut self, piece: &str) -> Option<&str> {
        self.tail.push_str(&piece.to_lowercase());
        if contains_any(&self.tail, &self.words) {
            return Some(&self.preset_response);
        }
        let surplus = self.tail.len().saturating_sub(self.longest);
        let cut = (0..=surplus).rev().find(|i| self.tail.is_char_boundary(*i)).unwrap_or(0);
        self.tail.drain(..cut);
        None
    }
}

fn contains_any(text: &str, words: &[String]) -> bool {
    words.iter().any(|word| text.contains(word.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moderation() -> Moderation {
        serde_json::from_value(json!({"enabled": true, "type": "keywords", "config": {"keywords": "Bomb\n\n 禁词 \n",
            "inputs_config": {"enabled": true, "preset_response": "no"}, "outputs_config": {"enabled": true, "preset_response": "gone"}}}))
        .unwrap()
    }

    #[test]
    fn inputs_and_query_are_searched() {
        let inputs = |value: Value| value.as_object().unwrap().clone();
        assert_eq!(moderation().check_inputs(&inputs(json!({})), "a BOMB"), Some("no"));
        assert_eq!(moderation().check_inputs(&inputs(json!({"x": "这是禁词。"})), ""), Some("no"));
        assert_eq!(moderation().check_inputs(&inputs(json!({"x": "fine", "y": null, "z": 3})), "hello"), None);
        let off = Moderation { enabled: false, ..moderation() };
        assert_eq!(off.check_inputs(&inputs(json!({})), "bomb"), None);
    }

    #[test]
    fn a_keyword_in_pieces_is_found() {
        for text in ["a bOmb.", "好的禁词啊"] {
            let mut watch = moderation().watch_output().unwrap();
            let found = text.chars().find_map(|c| watch.push(&c.to_string()).map(str::to_owned));
            assert_eq!(found.as_deref(), Some("gone"), "{text}");
        }
        let mut watch = moderation().watch_output().unwrap();
        assert!("bo mb 禁 词 ".repeat(100).chars().all(|c| watch.push(&c.to_string()).is_none()));
        assert!(watch.tail.len() <= watch.longest + 3);
    }
}
