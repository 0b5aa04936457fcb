//! `human-input`: a form that a person answers; the run waits, and goes on at the action that the person chose.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, FieldError, NodeError, Outcome, read};
use crate::workflows::event::{FormAnswer, RunEvent};
use crate::workflows::host::{FormState, NewForm};
use crate::workflows::template::{self, Template};
use crate::workflows::value;
use crate::workflows::vars::{Pool, Selector, Vars};

/// The handle of a form that nobody answered in time.
pub const TIMEOUT_HANDLE: &str = "__timeout__";
const ACTION_ID: &str = "__action_id";
const ACTION_VALUE: &str = "__action_value";
const RENDERED_CONTENT: &str = "__rendered_content";

/// Hours that a form stays open when the file does not say.
const DEFAULT_HOURS: u64 = 36;

#[derive(Debug)]
pub struct HumanInput {
    form_content: Template,
    /// As the file has them.
    inputs: Vec<Value>,
    actions: Vec<Action>,
    delivery_methods: Value,
    expires_in: Duration,
}

#[derive(Debug, Deserialize)]
struct Action {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default = "default_style")]
    button_style: String,
}

fn default_style() -> String {
    "default".to_owned()
}

/// Where a default or the options of an input come from.
#[derive(Deserialize)]
struct Source {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    value: Value,
}

impl HumanInput {
    pub fn parse(data: &Value) -> Result<Self, FieldError> {
        #[derive(Deserialize)]
        struct Data {
            #[serde(default)]
            form_content: String,
            #[serde(default)]
            inputs: Vec<Value>,
            #[serde(default)]
            user_actions: Vec<Action>,
            #[serde(default)]
            delivery_methods: Value,
            timeout: Option<u64>,
            #[serde(default)]
            timeout_unit: String,
        }
        let data: Data = read(data)?;
        for (i, input) in data.inputs.iter().enumerate() {
            if name_of(input).is_empty() {
                return Err(FieldError::new(format!("inputs[{i}].output_variable_name"), "must be a name"));
            }
        }
        if let Some(i) = data.user_actions.iter().position(|action| action.id.is_empty()) {
            return Err(FieldError::new(format!("user_actions[{i}].id"), "must not be empty"));
        }
        let hours = match data.timeout_unit.as_str() {
            "hour" | "" => 1,
            "day" => 24,
            other => return Err(FieldError::new("timeout_unit", format!("must be hour or day, not '{other}'"))),
        };
        let timeout = data.timeout.unwrap_or(DEFAULT_HOURS);
        if timeout == 0 {
            return Err(FieldError::new("timeout", "must be at least 1"));
        }
        Ok(Self {
            form_content: Template::parse(&data.form_content),
            inputs: data.inputs,
            actions: data.user_actions,
            delivery_methods: data.delivery_methods,
            expires_in: Duration::from_secs(timeout.saturating_mul(hours).saturating_mul(3600)),
        })
    }

    pub async fn run(&self, context: &Context) -> Result<Outcome, NodeError> {
        let form_content = self.form_content.markdown(&context.pool);
        let (inputs, resolved_default_values) = self.resolved_inputs(&context.pool);
        let form = NewForm {
            execution_id: context.execution_id,
            node_id: context.node.id.clone(),
            node_title: context.node.title.clone(),
            form_content: form_content.clone(),
            inputs,
            actions: self.actions.iter().map(|a| json!({"id": a.id, "title": a.title, "button_style": a.button_style})).collect(),
            delivery_methods: self.delivery_methods(&context.pool),
            resolved_default_values,
            expires_in: self.expires_in,
        };
        let opened = context.host.open_form(form).await?;
        let process_data = opened.delivery;
        match opened.state {
            FormState::Waiting(form) => Ok(Outcome { waits_for: Some(form.into()), ..Outcome::default() }),
            FormState::Answered(answer) => Ok(Outcome { process_data, ..self.answered(context, answer) }),
            FormState::TimedOut { expiration_time } => {
                let (node_id, node_title) = (context.node.id.clone(), context.node.title.clone());
                context.out.event(RunEvent::HumanInputTimeout { node_id, node_title, expiration_time });
                let outputs = ending("", "", &fill_in(&form_content, &Vars::new()));
                Ok(Outcome { outputs, process_data, handle: Some(TIMEOUT_HANDLE.to_owned()), ..Outcome::default() })
            }
        }
    }

    fn answered(&self, context: &Context, answer: FormAnswer) -> Outcome {
        let mut outputs: Vars = self
            .inputs
            .iter()
            .map(|input| (name_of(input).to_owned(), answer.submitted_data.get(name_of(input)).cloned().unwrap_or(Value::Null)))
            .collect();
        outputs.extend(ending(&answer.action_id, &answer.action_text, &answer.rendered_content));
        let handle = Some(answer.action_id.clone());
        context.out.event(RunEvent::HumanInputFilled(answer));
        Outcome { outputs, handle, ..Outcome::default() }
    }

    /// The ways to people, with the run's values in what they say; where the form's link goes stays open.
    fn delivery_methods(&self, pool: &Pool) -> Value {
        let mut methods = self.delivery_methods.clone();
        for method in methods.as_array_mut().into_iter().flatten() {
            for place in ["/config/subject", "/config/body"] {
                if let Some(Value::String(text)) = method.pointer_mut(place) {
                    *text = template::render(text, pool);
                }
            }
        }
        methods
    }

    /// The inputs with their options in place, and the values that fields begin with.
    fn resolved_inputs(&self, pool: &Pool) -> (Value, Vars) {
        let mut defaults = Vars::new();
        let mut inputs = self.inputs.clone();
        for input in &mut inputs {
            if let Some(default) = source(input, "default") {
                let value = default.resolve(pool);
                if !value.is_null() {
                    let shown = if value::files(&value).is_empty() { Value::String(value::text(&value)) } else { value };
                    defaults.insert(name_of(input).to_owned(), shown);
                }
            }
            let Some(options) = source(input, "option_source") else { continue };
            let options = match options.resolve(pool) {
                Value::Array(items) => items.iter().map(|item| Value::String(value::text(item))).collect(),
                Value::Null => Vec::new(),
                one => vec![Value::String(value::text(&one))],
            };
            input["option_source"]["value"] = Value::Array(options);
        }
        (Value::Array(inputs), defaults)
    }
}

impl Source {
    fn resolve(self, pool: &Pool) -> Value {
        if self.kind == "variable" { pool.get_or_null(&self.selector) } else { self.value }
    }
}

fn source(input: &Value, key: &str) -> Option<Source> {
    let given = input.get(key).filter(|given| given.is_object())?;
    read(given).ok()
}

fn name_of(input: &Value) -> &str {
    input.get("output_variable_name").and_then(Value::as_str).unwrap_or_default()
}

fn ending(action_id: &str, action_value: &str, rendered_content: &str) -> Vars {
    let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    Map::from_iter([text(ACTION_ID, action_id), text(ACTION_VALUE, action_value), text(RENDERED_CONTENT, rendered_content)])
}

/// A part of a form's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    /// Where the input of this name stands.
    Input(&'a str),
}

/// A form's content in pieces: `{{#$output.name#}}` is where an input stands.
pub fn pieces(form_content: &str) -> Vec<Piece<'_>> {
    const OPEN: &str = "{{#$output.";
    const CLOSE: &str = "#}}";
    let (mut pieces, mut written, mut at) = (Vec::new(), 0, 0);
    while let Some(found) = form_content[at..].find(OPEN) {
        let start = at + found;
        at = start + OPEN.len();
        let Some((name, _)) = form_content[at..].split_once(CLOSE).filter(|(name, _)| is_name(name)) else { continue };
        if written < start {
            pieces.push(Piece::Text(&form_content[written..start]));
        }
        pieces.push(Piece::Input(name));
        at += name.len() + CLOSE.len();
        written = at;
    }
    if written < form_content.len() {
        pieces.push(Piece::Text(&form_content[written..]));
    }
    pieces
}

/// A form's content with the values in place of its inputs: what was answered, as people read it.
pub fn fill_in(form_content: &str, values: &Vars) -> String {
    let shown = |value: &Value| if value::files(value).is_empty() { value::text(value) } else { value::markdown(value) };
    let piece = |piece| match piece {
        Piece::Text(text) => Cow::Borrowed(text),
        Piece::Input(name) => Cow::Owned(values.get(name).map_or_else(String::new, shown)),
    };
    pieces(form_content).into_iter().map(piece).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::super::testing::{Double, EXECUTION, NODE, file, refusal, run_with_events};
    use super::*;
    use crate::workflows::event::Form;
    use crate::workflows::host::OpenForm;

    fn data() -> Value {
        json!({
            "type": "human-input", "title": "Check",
            "form_content": "Order {{#in.n#}}: {{#$output.note#}} {{#in.gone#}}",
            "inputs": [
                {"type": "paragraph", "output_variable_name": "note", "default": {"type": "variable", "selector": ["in", "n"], "value": ""}},
                {"type": "paragraph", "output_variable_name": "fixed", "default": {"type": "constant", "selector": [], "value": "x"}},
                {"type": "paragraph", "output_variable_name": "open", "default": {"type": "variable", "selector": ["in", "gone"]}},
                {"type": "select", "output_variable_name": "size", "option_source": {"type": "variable", "selector": ["in", "sizes"], "value": []}},
                {"type": "select", "output_variable_name": "colour", "option_source": {"type": "constant", "value": ["red"]}},
                {"type": "file", "output_variable_name": "proof", "allowed_file_types": ["image"]},
            ],
            "user_actions": [{"id": "ok", "title": "Fine", "button_style": "primary"}, {"id": "no", "title": "No"}],
            "delivery_methods": [
                {"id": "1", "type": "webapp", "enabled": true, "config": {}},
                {"id": "2", "type": "email", "enabled": true, "config": {"subject": "Order {{#in.n#}}", "body": "{{#in.n#}}: {{#url#}}"}},
            ],
            "timeout": 2, "timeout_unit": "day",
        })
    }

    async fn run(state: FormState) -> (Outcome, Vec<RunEvent>, NewForm) {
        let mut pool = Pool::default();
        pool.set("in", "n", json!(5));
        pool.set("in", "sizes", json!(["S", 3]));
        let delivery = Map::from_iter([("delivery".into(), json!("by hand"))]);
        let host = Arc::new(Double { form: Some(OpenForm { state, delivery }).into(), ..Double::default() });
        let (outcome, events) = run_with_events(&host, &data(), &pool).await;
        let form = host.forms.lock().unwrap().pop().unwrap();
        (outcome.unwrap(), events, form)
    }

    #[tokio::test]
    async fn a_form_is_opened_and_the_node_waits() {
        let waiting = Form {
            form_id: Uuid::nil(),
            node_id: NODE.into(),
            node_title: "Check".into(),
            form_content: String::new(),
            inputs: Value::Null,
            actions: Value::Null,
            display_in_ui: true,
            form_token: None,
            approval_channels: Vec::new(),
            resolved_default_values: Vars::new(),
            expiration_time: 1,
        };
        let (outcome, events, form) = run(FormState::Waiting(waiting.clone())).await;
        assert_eq!(outcome.waits_for.as_deref(), Some(&waiting));
        // the executor tells of pauses
        assert!(events.is_empty());
        assert_eq!((form.execution_id, form.node_id.as_str(), form.node_title.as_str()), (EXECUTION, NODE, "Check"));
        assert_eq!(form.form_content, "Order 5: {{#$output.note#}} in.gone");
        assert_eq!(Value::Object(form.resolved_default_values), json!({"note": "5", "fixed": "x"}));
        assert_eq!(form.inputs[3]["option_source"], json!({"type": "variable", "selector": ["in", "sizes"], "value": ["S", "3"]}));
        assert_eq!(form.inputs[4]["option_source"]["value"], json!(["red"]));
        assert_eq!(form.inputs[5]["allowed_file_types"], json!(["image"]));
        let actions =
            json!([{"id": "ok", "title": "Fine", "button_style": "primary"}, {"id": "no", "title": "No", "button_style": "default"}]);
        assert_eq!(form.actions, actions);
        assert_eq!(form.delivery_methods[0]["type"], "webapp");
        assert_eq!(form.delivery_methods[1]["config"], json!({"subject": "Order 5", "body": "5: {{#url#}}"}));
        assert_eq!(form.expires_in, Duration::from_secs(2 * 24 * 3600));
    }

    #[tokio::test]
    async fn an_answer_decides_where_it_goes_on() {
        let answer = FormAnswer {
            node_id: NODE.into(),
            node_title: "Check".into(),
            rendered_content: "Order 5: ok".into(),
            action_id: "no".into(),
            action_text: "No".into(),
            submitted_data: Map::from_iter([("note".into(), json!("ok")), ("stray".into(), json!(1))]),
        };
        let (outcome, events, _) = run(FormState::Answered(answer.clone())).await;
        assert_eq!(outcome.handle.as_deref(), Some("no"));
        assert_eq!(outcome.process_data["delivery"], "by hand");
        let expected = json!({"note": "ok", "fixed": null, "open": null, "size": null, "colour": null, "proof": null,
                              "__action_id": "no", "__action_value": "No", "__rendered_content": "Order 5: ok"});
        assert_eq!(Value::Object(outcome.outputs), expected);
        assert!(matches!(&events[..], [RunEvent::HumanInputFilled(told)] if *told == answer));
    }

    #[tokio::test]
    async fn nobody_answers() {
        let (outcome, events, _) = run(FormState::TimedOut { expiration_time: 9 }).await;
        assert_eq!(outcome.handle.as_deref(), Some(TIMEOUT_HANDLE));
        let expected = json!({"__action_id": "", "__action_value": "", "__rendered_content": "Order 5:  in.gone"});
        assert_eq!(Value::Object(outcome.outputs), expected);
        assert!(matches!(&events[..], [RunEvent::HumanInputTimeout { node_id, expiration_time: 9, .. }] if node_id == NODE));
    }

    #[test]
    fn inputs_stand_where_the_content_says() {
        use Piece::{Input, Text};
        assert_eq!(
            pieces("{{#$output.a#}} b {{#$output.c#}}{{#$output.no name#}}"),
            [Input("a"), Text(" b "), Input("c"), Text("{{#$output.no name#}}")]
        );
        assert!(pieces("").is_empty());
    }

    #[test]
    fn answers_are_filled_in() {
        let values =
            Map::from_iter([("a".into(), json!("A {{#$output.b#}}")), ("f".into(), file("x.pdf", "")), ("l".into(), json!(["1"]))]);
        let cases = [
            ("x {{#$output.a#}} y {{#$output.none#}}.", "x A {{#$output.b#}} y ."),
            ("{{#$output.f#}}", "[x.pdf](http://x/y)"),
            ("{{#$output.l#}}", "[\"1\"]"),
            ("{{#$output.not a name#}} {{#$output.a", "{{#$output.not a name#}} {{#$output.a"),
        ];
        for (content, expected) in cases {
            assert_eq!(fill_in(content, &values), expected, "{content}");
        }
    }

    #[test]
    fn mistakes_name_their_field() {
        let with = |pointer: &str, value: Value| {
            let mut data = data();
            *data.pointer_mut(pointer).unwrap() = value;
            refusal(&data)
        };
        let cases = [
            (with("/timeout", json!(0)), "timeout: "),
            (with("/timeout_unit", json!("week")), "timeout_unit: "),
            (with("/inputs/1/output_variable_name", json!("")), "inputs[1].output_variable_name: "),
            (with("/user_actions/0/id", json!("")), "user_actions[0].id: "),
            (with("/user_actions/1", json!({"title": "x"})), "user_actions[1]"),
        ];
        for (message, start) in cases {
            assert!(message.starts_with(start), "{message}");
        }
    }
}
