//! From a node's prompt templates to what a model reads.
//!
//! Chat: the template's messages, then the history, then the question of the memory; pictures go before the text of the
//! last user message. Completion: one text, with the history at `{{#histories#}}` or before everything. What variables,
//! knowledge and users say is never taken for a template.

use serde::Deserialize;
use serde_json::Value;

use super::memory::Memory;
use super::model::{Mode, require, show};
use crate::engine::request::{Input, Message, Part, Role};
use crate::workflows::nodes::template_transform::{NamedSelector, named_values};
use crate::workflows::nodes::{FieldError, NodeError, read};
use crate::workflows::template::{self, Template};
use crate::workflows::value;
use crate::workflows::vars::{Pool, Vars};

const CONTEXT: &str = "{{#context#}}";
const HISTORIES: [&str; 2] = ["{{#histories#}}", "#histories#"];

#[derive(Debug)]
pub enum PromptTemplate {
    Chat(Vec<ChatMessage>),
    Completion(Text),
}

#[derive(Debug, Deserialize)]
#[serde(from = "FlatMessage")]
pub struct ChatMessage {
    role: Role,
    text: Text,
}

/// As the file has it.
#[derive(Deserialize)]
struct FlatMessage {
    role: Role,
    #[serde(default)]
    text: String,
    #[serde(default)]
    edition_type: String,
    #[serde(default)]
    jinja2_text: String,
}

impl From<FlatMessage> for ChatMessage {
    fn from(message: FlatMessage) -> Self {
        let FlatMessage { role, text, edition_type, jinja2_text } = message;
        Self { role, text: Text { text, edition_type, jinja2_text } }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Text {
    text: String,
    edition_type: String,
    jinja2_text: String,
}

impl Text {
    fn is_jinja(&self) -> bool {
        self.edition_type == "jinja2"
    }
}

/// A text in which placeholders are filled in.
#[derive(Debug, PartialEq)]
pub struct Rendered {
    pub role: Role,
    pub text: String,
    /// What variables in it hold besides text.
    pub files: Vec<Value>,
}

/// What templates are filled in from.
pub struct Filling<'a> {
    pub pool: &'a Pool,
    pub knowledge: &'a str,
    pub jinja_variables: &'a [NamedSelector],
    pub max_chars: usize,
}

impl PromptTemplate {
    pub fn parse(value: &Value) -> Result<Self, FieldError> {
        let at = |error: FieldError| match error.field.as_str() {
            "data" => FieldError::new("prompt_template", error.message),
            inner if inner.starts_with('[') => FieldError::new(format!("prompt_template{inner}"), error.message),
            inner => FieldError::new(format!("prompt_template.{inner}"), error.message),
        };
        match value {
            Value::Array(_) => {
                let messages: Vec<ChatMessage> = read(value).map_err(at)?;
                match messages.iter().position(|message| message.role == Role::Tool) {
                    Some(i) => Err(FieldError::new(format!("prompt_template[{i}].role"), "must be system, user or assistant")),
                    None => Ok(Self::Chat(messages)),
                }
            }
            Value::Object(_) => Ok(Self::Completion(read(value).map_err(at)?)),
            _ => Err(FieldError::new("prompt_template", "must be a list of messages, or an object with a text")),
        }
    }

    fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Chat(messages) => messages.iter().map(|message| &message.text).collect(),
            Self::Completion(text) => vec![text],
        }
    }

    /// Checks that every variable exists, and shows them.
    pub fn collect_inputs(&self, filling: &Filling<'_>, inputs: &mut Vars) -> Result<(), NodeError> {
        for text in self.texts() {
            if text.is_jinja() {
                for named in filling.jinja_variables.iter().filter(|named| !named.value_selector.is_empty()) {
                    let Some(value) = filling.pool.get(&named.value_selector) else {
                        return Err(NodeError::new("VariableNotFoundError", format!("Variable {} not found", named.variable)));
                    };
                    inputs.insert(named.variable.clone(), value.into_owned());
                }
            } else {
                let template = Template::parse(&text.text);
                require(&template, filling.pool)?;
                show(&template, filling.pool, inputs);
            }
        }
        Ok(())
    }
}

impl Filling<'_> {
    pub fn chat(&self, messages: &[ChatMessage]) -> Result<Vec<Rendered>, NodeError> {
        let rendered = |message: &ChatMessage| {
            let mut rendered = Rendered { role: message.role, text: String::new(), files: Vec::new() };
            if message.text.is_jinja() {
                rendered.text = self.jinja(&message.text.jinja2_text)?;
                return Ok(rendered);
            }
            for (i, piece) in message.text.text.split(CONTEXT).enumerate() {
                if i > 0 {
                    rendered.text.push_str(self.knowledge);
                }
                self.fill(piece, &mut rendered);
            }
            Ok(rendered)
        };
        messages.iter().map(rendered).collect()
    }

    /// The question of the memory.
    pub fn question(&self, query_template: &str) -> Rendered {
        let mut question = Rendered { role: Role::User, text: String::new(), files: Vec::new() };
        if query_template.is_empty() {
            question.text = self.pool.system("query").map(value::text).unwrap_or_default();
        } else {
            self.fill(query_template, &mut question);
        }
        question
    }

    /// The pieces of a text between which the history goes.
    pub fn completion(&self, text: &Text) -> Result<Vec<String>, NodeError> {
        if text.is_jinja() {
            return Ok(vec![self.jinja(&text.jinja2_text)?]);
        }
        let mut pieces = vec![String::new()];
        let mut rest = text.text.as_str();
        loop {
            let marks = HISTORIES.into_iter().chain([CONTEXT]);
            let next = marks.filter_map(|mark| Some((rest.find(mark)?, mark))).min_by_key(|(at, _)| *at);
            let literal = next.map_or(rest, |(at, _)| &rest[..at]);
            let current = pieces.last_mut().expect("begins with one");
            current.push_str(&template::render(literal, self.pool));
            let Some((at, mark)) = next else { return Ok(pieces) };
            rest = &rest[at + mark.len()..];
            if mark == CONTEXT {
                current.push_str(self.knowledge);
            } else {
                pieces.push(String::new());
            }
        }
    }

    fn fill(&self, text: &str, out: &mut Rendered) {
        let template = Template::parse(text);
        out.text.push_str(&template.text(self.pool));
        let values = template.variables().filter_map(|selector| self.pool.get(selector));
        // of custom files nothing is known that a model could see
        let is_media = |file: &&Value| file.get("type").and_then(Value::as_str) != Some("custom");
        values.for_each(|value| out.files.extend(value::files(&value).into_iter().filter(is_media).cloned()));
    }

    fn jinja(&self, source: &str) -> Result<String, NodeError> {
        let values = named_values(self.jinja_variables, self.pool);
        template::jinja(source, &values, self.max_chars).map_err(|message| NodeError::new("LLMNodeError", message))
    }
}

/// Everything but the history.
pub enum Prompt<'a> {
    Chat {
        before: Vec<Message>,
        /// After the history.
        question: Option<Message>,
        pictures: Vec<Part>,
    },
    Text {
        pieces: Vec<String>,
        memory: Option<&'a Memory>,
        pictures: Vec<Part>,
    },
}

impl Prompt<'_> {
    /// What the model reads, as messages; those without content are left out.
    pub fn messages(&self, history: &[Message]) -> Vec<Message> {
        let (mut messages, pictures) = match self {
            Self::Chat { before, question, pictures } => {
                (before.iter().chain(history).chain(question).cloned().collect::<Vec<_>>(), pictures)
            }
            Self::Text { pieces, memory, pictures } => {
                let lines = memory.map(|memory| memory.lines(history)).unwrap_or_default();
                let text = match pieces.as_slice() {
                    [only] if lines.is_empty() => only.clone(),
                    [only] => format!("{lines}\n{only}"),
                    many => many.join(&lines),
                };
                (vec![Message::text(Role::User, text)], pictures)
            }
        };
        if !pictures.is_empty() {
            match messages.last_mut().filter(|last| last.role == Role::User) {
                Some(last) => last.content.splice(..0, pictures.iter().cloned()).for_each(drop),
                None => messages.push(Message { content: pictures.clone(), ..Message::text(Role::User, "") }),
            }
        }
        for message in &mut messages {
            message.content.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        }
        messages.retain(|message| !message.content.is_empty());
        messages
    }

    /// The messages as the model takes them: text models get the text itself.
    pub fn input(&self, mode: Mode, messages: Vec<Message>) -> Input {
        match (self, messages.as_slice()) {
            (Self::Text { .. }, [Message { content, .. }]) if mode == Mode::Completion => match content.as_slice() {
                [Part::Text(text)] => Input::Text(text.clone()),
                _ => Input::Chat(messages),
            },
            _ => Input::Chat(messages),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::engine::request::{Detail, Image};
    use crate::workflows::vars::Selector;

    fn pool() -> Pool {
        let mut pool = Pool::default();
        pool.set("sys", "query", json!("Who? {{#env.SECRET#}}"));
        pool.set("env", "SECRET", json!("hush"));
        pool.set("n", "list", json!(["a", 1]));
        pool.set("n", "file", json!({"dify_model_identity": "__dify__file__", "type": "image", "filename": "a.png"}));
        pool.set("n", "blob", json!({"dify_model_identity": "__dify__file__", "type": "custom", "filename": "a.bin"}));
        pool
    }

    fn filling<'a>(pool: &'a Pool, jinja_variables: &'a [NamedSelector]) -> Filling<'a> {
        Filling { pool, knowledge: "K {{#env.SECRET#}}", jinja_variables, max_chars: 1000 }
    }

    fn chat(template: Value) -> Vec<ChatMessage> {
        match PromptTemplate::parse(&template).unwrap() {
            PromptTemplate::Chat(messages) => messages,
            PromptTemplate::Completion(_) => panic!("not a chat"),
        }
    }

    fn picture() -> Part {
        Part::Image(Image { bytes: Bytes::from_static(b"x"), mime_type: "image/png".into(), detail: Detail::Auto })
    }

    fn shown(messages: &[Message]) -> Vec<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            _ => "[picture]".into(),
        };
        messages.iter().map(|m| format!("{:?}: {}", m.role, m.content.iter().map(part).collect::<Vec<_>>().join("|"))).collect()
    }

    #[test]
    fn templates_are_filled_in_once() {
        let pool = pool();
        let named = [NamedSelector { variable: "x".into(), value_selector: Selector::new("n", "list") }];
        let filling = filling(&pool, &named);
        let messages = chat(json!([
            {"role": "system", "text": "Use {{#context#}} and {{#n.list#}}.{{#n.none#}}"},
            {"role": "user", "text": "See {{#n.file#}}{{#n.blob#}}!", "edition_type": "basic"},
            {"role": "assistant", "text": "old", "edition_type": "jinja2", "jinja2_text": "{% for i in x %}<{{ i }}>{% endfor %}"}]));
        let rendered = filling.chat(&messages).unwrap();
        assert_eq!(rendered[0].text, "Use K {{#env.SECRET#}} and ['a', 1].n.none");
        assert_eq!((rendered[1].text.as_str(), rendered[1].files.len()), ("See !", 1));
        assert_eq!(rendered[2].text, "<a><1>");
        assert_eq!(filling.question("").text, "Who? {{#env.SECRET#}}");
        assert_eq!(filling.question("Q: {{#sys.query#}}").text, "Q: Who? {{#env.SECRET#}}");
    }

    #[test]
    fn variables_must_exist() {
        let pool = pool();
        let named = [NamedSelector { variable: "x".into(), value_selector: Selector::new("n", "none") }];
        let collect = |template: Value, named: &[NamedSelector]| {
            let mut inputs = Vars::new();
            let done = PromptTemplate::parse(&template).unwrap().collect_inputs(&filling(&pool, named), &mut inputs);
            done.map(|()| Value::Object(inputs)).map_err(|error| error.message)
        };
        let basic = json!([{"role": "user", "text": "{{#n.list#}} {{#context#}}"}]);
        assert_eq!(collect(basic, &named), Ok(json!({"#n.list#": ["a", 1]})), "variables of another edition don't matter");
        assert_eq!(collect(json!([{"role": "user", "text": "{{#n.none#}}"}]), &[]), Err("Variable #n.none# not found".into()));
        let jinja = json!([{"role": "user", "edition_type": "jinja2", "jinja2_text": "{{ x }}"}]);
        assert_eq!(collect(jinja, &named), Err("Variable x not found".into()));
    }

    #[test]
    fn bad_templates_are_named() {
        let field = |template: Value| PromptTemplate::parse(&template).unwrap_err().field;
        assert_eq!(field(json!([{"role": "user"}, {"role": "boss", "text": ""}])), "prompt_template[1].role");
        assert_eq!(field(json!([{"role": "tool", "text": ""}])), "prompt_template[0].role");
        assert_eq!(field(json!({"text": 5})), "prompt_template.text");
        assert_eq!(field(json!("text")), "prompt_template");
    }

    #[test]
    fn a_chat_has_history_and_pictures_in_their_places() {
        let history = [Message::text(Role::User, "h1"), Message::text(Role::Assistant, "h2")];
        let prompt = |question: Option<&str>, pictures: Vec<Part>| Prompt::Chat {
            before: vec![Message::text(Role::System, "s"), Message::text(Role::User, "")],
            question: question.map(|text| Message::text(Role::User, text)),
            pictures,
        };
        let read = |prompt: Prompt<'_>, history: &[Message]| shown(&prompt.messages(history));
        assert_eq!(read(prompt(Some("q"), vec![picture()]), &history), ["System: s", "User: h1", "Assistant: h2", "User: [picture]|q"]);
        assert_eq!(read(prompt(None, vec![picture()]), &history), ["System: s", "User: h1", "Assistant: h2", "User: [picture]"]);
        assert_eq!(read(prompt(None, vec![]), &[]), ["System: s"]);
    }

    #[test]
    fn a_text_has_the_history_where_it_wants_it() {
        let pool = pool();
        let filling = filling(&pool, &[]);
        let memory = Memory::default();
        let history = [Message::text(Role::User, "h1"), Message::text(Role::Assistant, "h2")];
        let text = |template: &str, history: &[Message]| {
            let PromptTemplate::Completion(text) = PromptTemplate::parse(&json!({"text": template})).unwrap() else { panic!("not a text") };
            let prompt = Prompt::Text { pieces: filling.completion(&text).unwrap(), memory: Some(&memory), pictures: vec![] };
            match prompt.input(Mode::Completion, prompt.messages(history)) {
                Input::Text(text) => text,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            text("<{{#histories#}}> {{#n.list#}} {{#context#}}", &history),
            "<Human: h1\nAssistant: h2> ['a', 1] K {{#env.SECRET#}}"
        );
        assert_eq!(text("[#histories#]", &history), "[Human: h1\nAssistant: h2]");
        assert_eq!(text("go on", &history), "Human: h1\nAssistant: h2\ngo on");
        assert_eq!(text("go on", &[]), "go on");
    }
}
