//! Values cut to what a screen can show: long texts, long lists, large objects. The whole is asked for by itself.

use serde_json::{Map, Value};

use super::value;
use super::vars::Vars;

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Of everything together, as JSON.
    pub bytes: usize,
    /// Of one text.
    pub chars: usize,
    /// Of one list.
    pub items: usize,
}

/// Of what a node or a run took and gave.
pub const DETAIL: Shown = Shown { bytes: 1000 << 10, chars: 100_000, items: 1000 };
/// Of one variable among many.
pub const PREVIEW: Shown = Shown { bytes: 8 << 10, chars: 2000, items: 50 };

/// Of one object.
const MAX_KEYS: usize = 1000;
/// Stands at the end of a text that goes on.
const MORE: &str = "…";

/// Variables as they are shown, and whether that is less than all. Each gets its share of the room, and what others leave.
pub fn shown(vars: &Vars, limits: Shown) -> (Vars, bool) {
    let mut cut = Cut { limits, is_cut: false };
    let shown = cut.object(vars, limits.bytes);
    (shown, cut.is_cut)
}

/// One value as it is shown, and whether that is less than all.
pub fn shown_value(value: &Value, limits: Shown) -> (Value, bool) {
    let mut cut = Cut { limits, is_cut: false };
    let shown = cut.value(value, limits.bytes);
    (shown, cut.is_cut)
}

struct Cut {
    limits: Shown,
    is_cut: bool,
}

impl Cut {
    /// `room`: bytes that may be used.
    fn value(&mut self, value: &Value, room: usize) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, room)),
            // a file is whole or means nothing
            Value::Object(_) if value::is_file(value) => value.clone(),
            Value::Object(map) => Value::Object(self.object(map, room)),
            Value::Array(items) => Value::Array(self.list(items, room)),
            plain => plain.clone(),
        }
    }

    fn text(&mut self, text: &str, room: usize) -> String {
        let by_chars = text.char_indices().nth(self.limits.chars).map_or(text.len(), |(at, _)| at);
        let end = text.floor_char_boundary(by_chars.min(room));
        if end == text.len() {
            return text.to_owned();
        }
        self.is_cut = true;
        format!("{}{MORE}", &text[..end])
    }

    fn list(&mut self, items: &[Value], room: usize) -> Vec<Value> {
        let mut left = room;
        let mut shown = Vec::new();
        for item in items {
            if shown.len() == self.limits.items || left == 0 {
                self.is_cut = true;
                break;
            }
            let item = self.value(item, left);
            left = left.saturating_sub(value::size(&item) + 1);
            shown.push(item);
        }
        shown
    }

    fn object(&mut self, map: &Map<String, Value>, room: usize) -> Map<String, Value> {
        let kept: Vec<(&String, &Value, usize)> =
            map.iter().take(MAX_KEYS).map(|(key, item)| (key, item, key.len() + 4 + value::size(item))).collect();
        self.is_cut |= kept.len() < map.len();
        let share = share(kept.iter().map(|(.., size)| *size), room);
        kept.into_iter().map(|(key, item, _)| (key.clone(), self.value(item, share))).collect()
    }
}

/// How much room each of several things may take: those that need less than a fair share leave the rest to the others.
fn share(sizes: impl Iterator<Item = usize> + Clone, room: usize) -> usize {
    if sizes.clone().sum::<usize>() <= room {
        return room;
    }
    let fair = room / sizes.clone().count().max(1);
    let small: usize = sizes.clone().filter(|size| *size <= fair).sum();
    let n_large = sizes.filter(|size| *size > fair).count();
    room.saturating_sub(small) / n_large.max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SMALL: Shown = Shown { bytes: 52, chars: 10, items: 3 };

    fn cut(value: Value) -> (Value, bool) {
        let (vars, is_cut) = shown(value.as_object().unwrap(), SMALL);
        (Value::Object(vars), is_cut)
    }

    #[test]
    fn what_is_small_stays() {
        let value = json!({"a": "short", "b": [1, 2, 3], "c": null, "d": {"e": true}});
        assert_eq!(cut(value.clone()), (value, false));
    }

    #[test]
    fn texts_lists_and_objects_are_cut() {
        assert_eq!(cut(json!({"a": "0123456789é"})), (json!({"a": "0123456789…"}), true));
        assert_eq!(cut(json!({"a": [1, 2, 3, 4]})), (json!({"a": [1, 2, 3]}), true));
        let (shown, is_cut) = cut(json!({"a": ["0123456789", "0123456789", "0123456789"], "b": "0123456789", "c": 1}));
        assert!(is_cut && shown["b"] == "0123456789" && shown["c"] == 1, "{shown}");
        let limits = Shown { bytes: 5, chars: 100, items: 3 };
        assert_eq!(shown_value(&json!("aéééé"), limits), (json!("aéé…"), true));
    }

    #[test]
    fn what_is_shown_fits() {
        let text = "x".repeat(50_000);
        let list: Vec<&str> = std::iter::repeat_n(text.as_str(), 100).collect();
        let vars = Vars::from_iter((0..20).map(|i| (format!("v{i}"), json!({"list": list, "text": text}))));
        let (vars, is_cut) = shown(&vars, DETAIL);
        let bytes = value::size(&Value::Object(vars.clone()));
        assert!(is_cut && vars.len() == 20 && bytes < DETAIL.bytes + (64 << 10), "{bytes}");
        assert!(vars.values().all(|value| value["list"][0].as_str().is_some_and(|text| text.len() > 100)), "each has its share");
    }
}
