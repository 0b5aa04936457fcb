//! Values as Python writes them, for what was made to be read by Python programs or trained on their output.

/// How `json.dumps` writes: its keyword arguments.
pub struct JsonStyle<'a> {
    pub indent: Option<usize>,
    /// `ensure_ascii`
    pub ascii: bool,
    pub sort_keys: bool,
    /// Between items: the first of `separators`.
    pub item: &'a str,
    /// Between a key and its value: the second.
    pub key: &'a str,
}

impl JsonStyle<'_> {
    /// Appends `value`, `depth` levels deep.
    pub fn write(&self, value: &serde_json::Value, depth: usize, out: &mut String) {
        match value {
            serde_json::Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                Some(float) => out.push_str(&self::float(float)),
                None => out.push_str(&number.to_string()),
            },
            serde_json::Value::String(text) => self.write_string(text, out),
            serde_json::Value::Array(items) => {
                self.write_all('[', ']', items.iter(), depth, out, |this, item, out| this.write(item, depth + 1, out));
            }
            serde_json::Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                if self.sort_keys {
                    entries.sort_by_key(|(key, _)| *key);
                }
                self.write_all('{', '}', entries.into_iter(), depth, out, |this, (key, item), out| {
                    this.write_string(key, out);
                    out.push_str(this.key);
                    this.write(item, depth + 1, out);
                });
            }
            plain => out.push_str(&plain.to_string()),
        }
    }

    fn write_all<T>(
        &self,
        open: char,
        close: char,
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(&Self, T, &mut String),
    ) {
        out.push(open);
        let is_empty = items.len() == 0;
        for (i, item) in items.enumerate() {
            if i > 0 {
                out.push_str(self.item);
            }
            self.new_line(depth + 1, out);
            write(self, item, out);
        }
        if !is_empty {
            self.new_line(depth, out);
        }
        out.push(close);
    }

    fn new_line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn write_string(&self, text: &str, out: &mut String) {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' || (self.ascii && !c.is_ascii()) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => out.push(c),
            }
        }
        out.push('"');
    }
}

/// `repr` of a float.
pub fn float(x: f64) -> String {
    if x != 0.0 && !(1e-4..1e16).contains(&x.abs()) {
        let text = format!("{x:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = x.to_string();
    if text.contains('.') { text } else { text + ".0" }
}
