//! Texts with `{{#node.variable#}}` in them, and Jinja2 templates of users.

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::Value;

use super::value;
use super::vars::{Pool, Selector};

/// A text in pieces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template(pub Vec<Segment>);

#[derive(Debug, Clone, PartialEq)]
pub enum Segment {
    Text(String),
    Variable(Selector),
}

impl Template {
    /// Never fails: what is no reference is text.
    pub fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        let (mut literal, mut at) = (0, 0);
        while let Some(found) = text[at..].find("{{#") {
            let start = at + found;
            let inner = start + 3;
            match text[inner..].find("#}}").and_then(|end| Some((reference(&text[inner..inner + end])?, inner + end + 3))) {
                Some((selector, end)) => {
                    if literal < start {
                        segments.push(Segment::Text(text[literal..start].to_owned()));
                    }
                    segments.push(Segment::Variable(selector));
                    (literal, at) = (end, end);
                }
                None => at = inner,
            }
        }
        if literal < text.len() {
            segments.push(Segment::Text(text[literal..].to_owned()));
        }
        Self(segments)
    }

    pub fn variables(&self) -> impl Iterator<Item = &Selector> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Variable(selector) => Some(selector),
            Segment::Text(_) => None,
        })
    }

    /// As prompts and requests see it. A variable that does not exist leaves its path.
    pub fn text(&self, pool: &Pool) -> String {
        self.render(pool, value::write_text)
    }

    /// As answers show it.
    pub fn markdown(&self, pool: &Pool) -> String {
        self.render(pool, |value, out| out.push_str(&value::markdown(value)))
    }

    fn render(&self, pool: &Pool, write: impl Fn(&Value, &mut String)) -> String {
        let mut out = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Text(text) => out.push_str(text),
                Segment::Variable(selector) => match pool.get(selector) {
                    Some(value) => write(&value, &mut out),
                    None => out.push_str(&selector.to_string()),
                },
            }
        }
        out
    }
}

/// `text` rendered over `pool`, for templates that are used once.
pub fn render(text: &str, pool: &Pool) -> String {
    Template::parse(text).text(pool)
}

/// `node.variable.key…`: 1 to 50 characters of a name, then 1 to 10 names of up to 30 that don't begin with a digit.
fn reference(inner: &str) -> Option<Selector> {
    let mut parts = inner.split('.');
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let node = parts.next().filter(|p| (1..=50).contains(&p.len()) && p.chars().all(word))?;
    let mut path = vec![node.to_owned()];
    for part in parts {
        let good = (1..=30).contains(&part.len()) && part.chars().all(word) && !part.starts_with(|c: char| c.is_ascii_digit());
        path.push(good.then(|| part.to_owned())?);
    }
    (2..=11).contains(&path.len()).then_some(Selector(path))
}

/// Instructions one rendering of a user's template may take.
const FUEL: u64 = 4_000_000;

/// Renders a Jinja2 template over named values, printing values as Jinja2 does. The error is a sentence for the app's maker.
pub fn jinja(source: &str, values: &serde_json::Map<String, Value>, max_chars: usize) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(as_python);
    let mut out = Bounded { bytes: Vec::new(), limit: max_chars.saturating_mul(4) };
    let told = |error: Error| match error.kind() {
        ErrorKind::OutOfFuel => "The template takes too long: it loops too often.".to_owned(),
        ErrorKind::WriteFailure => format!("The output exceeds {max_chars} characters."),
        _ => format!("{error:#}"),
    };
    let template = environment.template_from_str(source).map_err(told)?;
    template.render_captured_to(minijinja::Value::from(Serde(values)), &mut out).map_err(told)?;
    let text = String::from_utf8(out.bytes).map_err(|e| e.to_string())?;
    if text.chars().count() > max_chars {
        return Err(format!("The output exceeds {max_chars} characters."));
    }
    Ok(text)
}

struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints `True`, `None` and `{'a': 1}` where minijinja would print `true`, `none` and `{"a": 1}`.
fn as_python(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &minijinja::Value) -> Result<(), Error> {
    let written = match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::None => out.write_str("None"),
        ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number | ValueKind::Seq | ValueKind::Map => match serde_json::to_value(value) {
            Ok(json) => {
                let mut text = String::new();
                value::write_python(&json, &mut text);
                out.write_str(&text)
            }
            Err(_) => write!(out, "{value}"),
        },
        _ => write!(out, "{value}"),
    };
    written.map_err(|_| Error::new(ErrorKind::WriteFailure, "the output is too long"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_follow_the_grammar() {
        let variables = |text: &str| Template::parse(text).variables().map(ToString::to_string).collect::<Vec<_>>();
        let cases: [(&str, &[&str]); 9] = [
            ("a {{#1.x#}} b {{#sys.query#}}", &["1.x", "sys.query"]),
            ("{{#context#}}", &[]),
            ("{{# a.b #}}", &[]),
            ("{{#a-b.c#}}", &[]),
            ("{{#a.1b#}}", &[]),
            ("{{#a.b.c_d.e#}}", &["a.b.c_d.e"]),
            ("{{#a.b}} {{#c.d#}}", &["c.d"]),
            ("{{{#a.b#}}}", &["a.b"]),
            ("{{#a.b", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(variables(text), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_exist_leaves_its_path() {
        let mut pool = Pool::default();
        pool.set("a", "b", json!([1]));
        assert_eq!(render("x{{#a.b#}}y{{#a.c#}}", &pool), "x[1]ya.c");
        assert_eq!(Template::parse("x{{#a.b#}}").markdown(&pool), "x- 1");
    }

    #[test]
    fn jinja_prints_like_python_and_is_bounded() {
        let values = json!({"d": {"a": [true, null, 1.0]}, "s": "é", "n": null});
        let run = |source: &str, max| jinja(source, values.as_object().unwrap(), max);
        assert_eq!(
            run("{{ d }}|{{ s }}|{{ n }}|{{ missing }}|{{ missing.x }}|{{ d.a[2] }}", 100).unwrap(),
            "{'a': [True, None, 1.0]}|é|None|||1.0"
        );
        assert_eq!(run("{% for x in d.a %}{{ loop.index }}{% endfor %}{{ s.upper() }}", 100).unwrap(), "123É");
        assert!(run("{% for i in range(100000) %}xxxxxxxxxx{% endfor %}", 100).unwrap_err().contains("exceeds 100 characters"));
        assert!(
            run("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", 100).unwrap_err().contains("too long")
        );
        assert!(run("{% if %}", 100).is_err());
    }
}
