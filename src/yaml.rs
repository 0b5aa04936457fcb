//! YAML to JSON and back, for files that strangers wrote: bounded in size, depth and alias expansion, errors with line and
//! column.

use std::fmt;

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::{Code, Error, Result};

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 10 << 20;
/// Scalars and containers after aliases are expanded.
const MAX_NODES: usize = 1_000_000;
/// Bytes of text after aliases are expanded.
const MAX_TEXT: usize = 4 * MAX_BYTES;

/// Reads one document.
pub fn parse(text: &str) -> Result<Value> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(Code::FileTooLarge, format!("The YAML file is larger than {} MB.", MAX_BYTES >> 20)).param("yaml"));
    }
    // The parser holds every element before we see the first one: what can start one bounds how many there are.
    let starts = text.bytes().filter(|b| matches!(b, b'[' | b'{' | b',' | b':' | b'?' | b'-' | b'&' | b'*' | b'!')).count();
    if starts > 2 * MAX_NODES {
        return Err(invalid("The YAML file has too many elements."));
    }
    let mut budget = Budget { nodes: MAX_NODES, text: MAX_TEXT };
    let mut documents = serde_yaml_ng::Deserializer::from_str(text);
    let document = documents.next().ok_or_else(|| invalid("The YAML file is empty."))?;
    let value = Node(&mut budget).deserialize(document).map_err(|e| invalid(format!("The file is not valid YAML: {e}.")))?;
    if documents.next().is_some() {
        return Err(invalid("The YAML file must hold one document, not several."));
    }
    Ok(value)
}

/// Writes a value with its keys sorted, as Dify does, so that equal apps give equal files.
pub fn emit(value: &Value) -> Result<String> {
    serde_yaml_ng::to_string(&sorted(value)).map_err(Error::internal)
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("yaml", message)
}

/// What the rest of the document may still take.
struct Budget {
    nodes: usize,
    text: usize,
}

impl Budget {
    fn take<E: serde::de::Error>(&mut self, text: usize) -> Result<(), E> {
        match (self.nodes.checked_sub(1), self.text.checked_sub(text)) {
            (Some(nodes), Some(text)) => {
                *self = Self { nodes, text };
                Ok(())
            }
            _ => Err(E::custom("it expands to too much data")),
        }
    }
}

/// Builds a JSON value, taking from the budget.
struct Node<'a>(&'a mut Budget);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("plain YAML without tags")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Value::from(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.0.take(0)?;
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.0.take(0)?;
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("numbers must be finite"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.take(value.len())?;
        // the database can't hold NUL
        Ok(Value::String(value.replace('\0', "")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.0.take(0)?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Node(self.0))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        use serde::de::Error;
        self.0.take(0)?;
        let mut map = Map::new();
        while let Some(key) = access.next_key_seed(Node(self.0))? {
            let key = match key {
                Value::String(key) => key,
                Value::Null | Value::Bool(_) | Value::Number(_) => key.to_string(),
                Value::Array(_) | Value::Object(_) => return Err(A::Error::custom("a list or mapping can't be a key")),
            };
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key '{key}' occurs twice in one mapping")));
            }
            let value = access.next_value_seed(Node(self.0))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn errors_say_where() {
        let message = |text: &str| parse(text).unwrap_err().message;
        assert!(message("a: 1\nb: [1, 2\nc: 3\n").contains("line 3"), "{}", message("a: 1\nb: [1, 2\nc: 3\n"));
        assert!(message("a: 1\na: 2\n").contains("'a' occurs twice"));
        assert!(message("a: .inf\n").contains("finite"));
        assert!(message("a: !point {x: 1}\n").contains("tags"), "{}", message("a: !point {x: 1}\n"));
        // nothing is built from a tag; the value stays text
        assert_eq!(parse("a: !!python/object:os.system x\n").unwrap(), json!({"a": "x"}));
        assert!(message("a: 1\n---\nb: 2\n").contains("one document"));
        assert!(message("? [1, 2]\n: x\n").contains("can't be a key"));
        assert_eq!(parse("1: a\ntrue: b\n").unwrap(), json!({"1": "a", "true": "b"}));
    }

    #[test]
    fn bombs_are_bounded() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            let alias = format!("*a{}, ", i - 1).repeat(10);
            laughs.push_str(&format!("a{i}: &a{i} [{alias}]\n"));
        }
        let started = std::time::Instant::now();
        assert!(parse(&laughs).is_err());
        let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(100));
        assert!(parse(&long).unwrap_err().message.contains("too much data"));
        assert!(parse("&a [*a]").is_err());
        assert!(parse(&"[".repeat(1 << 16)).is_err());
        assert!(parse(&"[".repeat(3_000_000)).is_err());
        assert!(parse(&"{a: ".repeat(1 << 12)).is_err());
        assert!(parse(&" ".repeat(MAX_BYTES + 1)).unwrap_err().code == Code::FileTooLarge);
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
    }

    /// Any JSON without NUL survives being written and read.
    fn json_value() -> impl Strategy<Value = Value> {
        let text = "[^\u{0}]{0,12}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9).prop_map(|n: f64| json!(n)),
            text.prop_map(Value::String),
            prop_oneof!["yes", "0x1F", "1_000", "~", "null", "1e3", "- a", "a: b", "#", " x ", "\n", "---", "<<"].prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(text, inner, 0..6).prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn arbitrary_yaml_like_text_never_panics(text in "([a-c]|[0-9]|[-:?,\\[\\]{}&*!|>'\"#%@` \n]|  |: |- |&a|\\*a|<<: |---\n){0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read(value in json_value()) {
            let text = emit(&value).unwrap();
            prop_assert_eq!(&parse(&text).unwrap(), &value, "{}", text);
        }
    }
}
