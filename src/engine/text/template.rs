//! The checkpoint's chat template, run as `transformers` runs it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind};

use super::python::JsonStyle;

/// Instructions one rendering may take; a long conversation needs about a million.
const FUEL: u64 = 50_000_000;

pub struct ChatTemplate {
    environment: Environment<'static>,
}

impl ChatTemplate {
    pub fn new(source: &str) -> Result<Self, Error> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_function("strftime_now", |format: String| -> Result<String, Error> {
            let mut text = String::new();
            let now = chrono::Local::now();
            std::fmt::write(&mut text, format_args!("{}", now.format(&format)))
                .map_err(|_| Error::new(ErrorKind::InvalidOperation, format!("bad time format {format:?}")))?;
            Ok(text)
        });
        // Marks what a trainer computes its loss on; nothing to us.
        let source = source.replace("{% generation %}", "").replace("{% endgeneration %}", "");
        let source = source.replace("{%- generation %}", "").replace("{%- endgeneration %}", "");
        environment.add_template_owned("chat", source)?;
        Ok(Self { environment })
    }

    pub fn render(&self, context: &serde_json::Value) -> Result<String, Error> {
        self.environment.get_template("chat")?.render(Value::from(Serde(context)))
    }
}

/// `json.dumps` with `ensure_ascii=False`, as `transformers` defines the filter (Jinja's own escapes HTML).
fn to_json(value: &Value, kwargs: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = kwargs.get("indent")?;
    let ascii: Option<bool> = kwargs.get("ensure_ascii")?;
    let sort_keys: Option<bool> = kwargs.get("sort_keys")?;
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    kwargs.assert_all_used()?;
    let json = serde_json::to_value(value).map_err(|error| Error::new(ErrorKind::BadSerialization, "not JSON").with_source(error))?;
    let defaults = if indent.is_some() { (",", ": ") } else { (", ", ": ") };
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.as_str(), key.as_str()),
        _ => defaults,
    };
    let style = JsonStyle { indent, ascii: ascii.unwrap_or(false), sort_keys: sort_keys.unwrap_or(false), item, key };
    let mut out = String::new();
    style.write(&json, 0, &mut out);
    Ok(Value::from_safe_string(out))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(source: &str, context: serde_json::Value) -> String {
        ChatTemplate::new(source).unwrap().render(&context).unwrap()
    }

    #[test]
    fn json_is_written_as_python_writes_it() {
        let value = json!({"z": "<é>\n", "a": [1, 1.0, 2.5e-7, 1e20, null, true], "e": {}, "l": []});
        assert_eq!(
            render("{{ v | tojson }}", json!({ "v": value })),
            r#"{"z": "<é>\n", "a": [1, 1.0, 2.5e-07, 1e+20, null, true], "e": {}, "l": []}"#
        );
        assert_eq!(render("{{ v | tojson(indent=2) }}", json!({"v": {"b": [1, 2]}})), "{\n  \"b\": [\n    1,\n    2\n  ]\n}");
        assert_eq!(render("{{ v | tojson(ensure_ascii=true) }}", json!({"v": "图😀"})), r#""\u56fe\ud83d\ude00""#);
        assert_eq!(render("{{ v | tojson(separators=(',', ':')) }}", json!({"v": [1, {"a": 2}]})), r#"[1,{"a":2}]"#);
    }

    #[test]
    fn templates_run_as_in_python() {
        let source =
            "{% for m in messages %}\n  {% if m.role == 'user' %}\n{{ m.content.strip().split('x')[-1] }}\n  {% endif %}\n{% endfor %}\n";
        let text = render(source, json!({"messages": [{"role": "user", "content": " axb "}, {"role": "system", "content": "q"}]}));
        assert_eq!(text, "b\n");
        assert_eq!(render("{{ messages[0]['content'] is string }}", json!({"messages": [{"content": "a"}]})), "True");
    }

    #[test]
    fn a_template_can_refuse() {
        let template = ChatTemplate::new("{{ raise_exception('roles must alternate') }}").unwrap();
        assert!(template.render(&json!({})).unwrap_err().to_string().contains("roles must alternate"));
    }
}
