//! The variable pool of a run: what each node gave, under its id, and the system, environment and conversation variables
//! under theirs. Cheap to clone: a node works on the pool as it was when the node started.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::value;

/// System variables: `sys.query`, `sys.files`, …
pub const SYSTEM: &str = "sys";
/// Environment variables, read-only.
pub const ENVIRONMENT: &str = "env";
/// Variables of the conversation, written by assigners.
pub const CONVERSATION: &str = "conversation";

/// Where the pool keeps declared types: no node can have this id in a template.
const DECLARED: &str = "#declared";

/// `[node or prefix, variable, key…]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(pub Vec<String>);

impl Selector {
    pub fn new(node: impl Into<String>, variable: impl Into<String>) -> Self {
        Self(vec![node.into(), variable.into()])
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The node's id, or a prefix.
    pub fn node(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    pub fn variable(&self) -> &str {
        self.0.get(1).map_or("", String::as_str)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// Variables of one node or prefix.
pub type Vars = Map<String, Value>;

/// All variables of a run, or of one round of an iteration.
#[derive(Debug, Clone, Default)]
pub struct Pool(Arc<HashMap<String, Arc<Vars>>>);

impl Pool {
    /// Replaces everything that `node` gave.
    pub fn set_all(&mut self, node: &str, vars: Arc<Vars>) {
        Arc::make_mut(&mut self.0).insert(node.to_owned(), vars);
    }

    pub fn set(&mut self, node: &str, variable: &str, value: Value) {
        let vars = Arc::make_mut(&mut self.0).entry(node.to_owned()).or_default();
        Arc::make_mut(vars).insert(variable.to_owned(), value);
    }

    /// Forgets what `node` gave.
    pub fn clear(&mut self, node: &str) {
        if self.0.contains_key(node) {
            Arc::make_mut(&mut self.0).remove(node);
        }
    }

    /// Says of which type a variable is, so that one that is empty still takes only what fits.
    pub fn declare(&mut self, node: &str, variable: &str, type_name: &str) {
        self.set(DECLARED, &format!("{node}.{variable}"), Value::String(type_name.to_owned()));
    }

    pub fn declared_type(&self, selector: &Selector) -> Option<&str> {
        self.0.get(DECLARED)?.get(&format!("{}.{}", selector.node(), selector.variable()))?.as_str()
    }

    pub fn vars(&self, node: &str) -> Option<&Arc<Vars>> {
        self.0.get(node)
    }

    /// The selected value; none when the variable, or a key on the way, does not exist. Walks into objects and attributes of
    /// files; lists can't be indexed.
    pub fn get(&self, selector: &Selector) -> Option<Cow<'_, Value>> {
        let [node, variable, keys @ ..] = selector.0.as_slice() else { return None };
        let mut value = Cow::Borrowed(self.0.get(node)?.get(variable)?);
        for key in keys {
            value = match value {
                file if value::is_file(&file) => Cow::Owned(value::file_attribute(&file, key)?),
                Cow::Borrowed(value) => Cow::Borrowed(value.get(key)?),
                Cow::Owned(value) => Cow::Owned(value.get(key)?.clone()),
            };
        }
        Some(value)
    }

    /// [`Pool::get`] with null for what does not exist.
    pub fn get_or_null(&self, selector: &Selector) -> Value {
        self.get(selector).map_or(Value::Null, Cow::into_owned)
    }

    pub fn system(&self, variable: &str) -> Option<&Value> {
        self.0.get(SYSTEM)?.get(variable)
    }

    pub fn system_text(&self, variable: &str) -> &str {
        self.system(variable).and_then(Value::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selector(path: &str) -> Selector {
        Selector(path.split('/').map(str::to_owned).collect())
    }

    #[test]
    fn selectors_walk_into_objects_and_files() {
        let mut pool = Pool::default();
        pool.set("n", "o", json!({"a": {"b": 1}, "l": [{"x": 1}]}));
        pool.set("n", "f", json!({"dify_model_identity": "__dify__file__", "filename": "a.txt", "size": 5, "url": "u"}));
        let cases = [
            ("n/o/a/b", Some(json!(1))),
            ("n/o/c", None),
            ("n/o/l/0", None),
            ("n/f/name", Some(json!("a.txt"))),
            ("n/f/size", Some(json!(5))),
            ("n/f/filename", None),
            ("n", None),
            ("m/o", None),
        ];
        for (path, expected) in cases {
            assert_eq!(pool.get(&selector(path)).map(Cow::into_owned), expected, "{path}");
        }
    }

    #[test]
    fn a_copy_is_not_changed() {
        let mut pool = Pool::default();
        pool.set("n", "a", json!(1));
        let copy = pool.clone();
        pool.set("n", "a", json!(2));
        pool.clear("m");
        assert_eq!(copy.get_or_null(&selector("n/a")), json!(1));
        assert_eq!(pool.get_or_null(&selector("n/a")), json!(2));
    }
}
