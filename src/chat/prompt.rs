//! From an app's prompt, its inputs, the history and the question to what a model reads. Pure: knows no HTTP, no SQL.
//!
//! In chat models instructions become the system message, past exchanges follow as messages, the question with its
//! pictures comes last. Text-completion models get all of it as one text. `{{name}}` stands for an input;
//! `{{#query#}}`, `{{#context#}}` and `{{#histories#}}` for the question, the knowledge and the history.

use serde_json::{Map, Value};

use crate::apps::config::{ModelConfig, PromptType};
use crate::engine::request::{Input, Message, Part, Role};

/// A past exchange.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    pub query: String,
    /// Pictures and videos.
    pub media: Vec<Part>,
    pub answer: String,
    /// Pictures that the model drew.
    pub drawn: Vec<Part>,
}

/// What is asked now.
pub struct Question<'a> {
    pub config: &'a ModelConfig,
    /// A completion app has no history, and its prompt may be the whole question.
    pub is_chat: bool,
    pub inputs: &'a Map<String, Value>,
    pub query: &'a str,
    /// Pictures and videos.
    pub media: &'a [Part],
}

/// What goes to the model, with the stop strings that the form of the prompt needs besides the app's own.
pub struct Prompt {
    pub input: Input,
    pub stop: Vec<String>,
}

/// Puts the prompt together; `history` is oldest first and already cut to what is wanted.
pub fn build(question: &Question<'_>, history: &[Turn]) -> Prompt {
    let history = if question.is_chat { history } else { &[] };
    let as_text = question.config.model.mode == "completion" && question.media.is_empty();
    match (question.config.prompt_type, as_text) {
        (PromptType::Simple, false) => chat_prompt(vec![(Role::System, &question.config.pre_prompt)], question, history),
        (PromptType::Advanced, false) => {
            let prompt = question.config.chat_prompt_config.prompt.iter().map(|m| (m.role, &m.text)).collect();
            chat_prompt(prompt, question, history)
        }
        (PromptType::Simple, true) => simple_text(question, history),
        (PromptType::Advanced, true) => {
            let text = fill(&question.config.completion_prompt_config.prompt.text, question, history);
            Prompt { input: Input::Text(text), stop: Vec::new() }
        }
    }
}

fn chat_prompt(template: Vec<(Role, &String)>, question: &Question<'_>, history: &[Turn]) -> Prompt {
    let history_inside = template.iter().any(|(_, text)| text.contains(HISTORIES));
    let mut messages: Vec<Message> = template
        .into_iter()
        .map(|(role, text)| (role, fill(text, question, history)))
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(role, text)| Message::text(role, text))
        .collect();
    if !history_inside {
        for turn in history {
            messages.push(user_message(&turn.query, &turn.media));
            messages.push(answer_message(turn));
        }
    }
    let simple = question.config.prompt_type == PromptType::Simple;
    match messages.last_mut() {
        // a completion app without a query: its prompt is the question
        Some(last) if question.query.is_empty() && history.is_empty() && (last.role == Role::User || simple) => {
            last.role = Role::User;
            let text = std::mem::take(&mut last.content);
            last.content = question.media.iter().cloned().chain(text).collect();
        }
        Some(_) if question.query.is_empty() && question.media.is_empty() && !question.is_chat => {}
        _ => messages.push(user_message(question.query, question.media)),
    }
    Prompt { input: Input::Chat(messages), stop: Vec::new() }
}

fn user_message(text: &str, media: &[Part]) -> Message {
    let text = (!text.is_empty() || media.is_empty()).then(|| Part::Text(text.to_owned()));
    Message { content: media.iter().cloned().chain(text).collect(), ..Message::text(Role::User, "") }
}

fn answer_message(turn: &Turn) -> Message {
    let text = (!turn.answer.is_empty() || turn.drawn.is_empty()).then(|| Part::Text(turn.answer.clone()));
    Message { content: text.into_iter().chain(turn.drawn.iter().cloned()).collect(), ..Message::text(Role::Assistant, "") }
}

const HISTORIES: &str = "{{#histories#}}";

/// The simple prompt for a model that continues a text.
fn simple_text(question: &Question<'_>, history: &[Turn]) -> Prompt {
    let pre_prompt = &question.config.pre_prompt;
    let mut text = fill(pre_prompt, question, history);
    if !question.is_chat {
        if !question.query.is_empty() && !pre_prompt.contains("{{#query#}}") {
            text.push_str(question.query);
        }
        return Prompt { input: Input::Text(text), stop: Vec::new() };
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    if !history.is_empty() && !pre_prompt.contains(HISTORIES) {
        let histories = histories(question, history);
        text.push_str("Here is the chat histories between human and assistant, inside <histories></histories> XML tags.\n\n<histories>\n");
        text.push_str(&histories);
        text.push_str("\n</histories>\n\n");
    }
    text.push_str("\n\nHuman: ");
    text.push_str(question.query);
    text.push_str("\n\nAssistant: ");
    Prompt { input: Input::Text(text), stop: vec!["\nHuman:".into(), "</histories>".into()] }
}

fn histories(question: &Question<'_>, history: &[Turn]) -> String {
    let names = &question.config.completion_prompt_config.conversation_histories_role;
    let lines = history
        .iter()
        .flat_map(|turn| [format!("{}: {}", names.user_prefix, turn.query), format!("{}: {}", names.assistant_prefix, turn.answer)]);
    lines.collect::<Vec<_>>().join("\n")
}

/// Replaces variables in one pass: what an input holds is never taken for a variable.
fn fill(template: &str, question: &Question<'_>, history: &[Turn]) -> String {
    replace_variables(template, |name| match name {
        "#query#" => Some(question.query.to_owned()),
        // knowledge is not attached to apps yet: nothing was found
        "#context#" => Some(String::new()),
        "#histories#" => Some(histories(question, history)),
        _ => question.inputs.get(name).map(value_text),
    })
}

/// The text with its `{{name}}` replaced by `inputs`, as opening statements need it.
pub fn fill_inputs(template: &str, inputs: &Map<String, Value>) -> String {
    replace_variables(template, |name| inputs.get(name).map(value_text))
}

fn replace_variables(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let name = from[2..].find("}}").map(|end| &from[2..2 + end]);
        match name.and_then(|name| Some((name, value(name.trim())?))) {
            Some((name, text)) => {
                out.push_str(&text);
                rest = &from[name.len() + 4..];
            }
            // unknown names stay as they are
            None => {
                out.push('{');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Bytes of everything a model would read: no prompt has more tokens of text than that.
pub fn text_bytes(question: &Question<'_>, history: &[Turn]) -> usize {
    match build(question, history).input {
        Input::Chat(messages) => messages.iter().flat_map(|m| &m.content).map(|p| if let Part::Text(t) = p { t.len() } else { 0 }).sum(),
        Input::Text(text) => text.len(),
        Input::Tokens(tokens) => tokens.len(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::engine::request::{Detail, Image};

    fn ask(config: Value, is_chat: bool, inputs: Value, query: &str, media: &[Part], history: &[Turn]) -> Prompt {
        let config = ModelConfig::parse(&config).unwrap();
        build(&Question { config: &config, is_chat, inputs: inputs.as_object().unwrap(), query, media }, history)
    }

    fn lines(prompt: &Prompt) -> Vec<String> {
        let Input::Chat(messages) = &prompt.input else { panic!("not a chat") };
        let part = |p: &Part| match p {
            Part::Text(text) => text.clone(),
            Part::Image(_) => "[image]".into(),
            Part::Video(_) => "[video]".into(),
        };
        messages.iter().map(|m| format!("{:?}: {}", m.role, m.content.iter().map(part).collect::<Vec<_>>().join(" "))).collect()
    }

    fn turn(query: &str, answer: &str) -> Turn {
        Turn { query: query.into(), media: vec![], answer: answer.into(), drawn: vec![] }
    }

    fn picture() -> Part {
        Part::Image(Image { bytes: Bytes::from_static(b"x"), mime_type: "image/png".into(), detail: Detail::Auto })
    }

    #[test]
    fn a_simple_chat_has_instructions_history_and_question() {
        let config = json!({"pre_prompt": "You are {{ who }}. {{unknown}} {{n}}"});
        let prompt = ask(config, true, json!({"who": "a {{n}} cook", "n": 3}), "Hi", &[picture()], &[turn("a", "b"), turn("c", "d")]);
        assert_eq!(
            lines(&prompt),
            ["System: You are a {{n}} cook. {{unknown}} 3", "User: a", "Assistant: b", "User: c", "Assistant: d", "User: [image] Hi"]
        );
        let prompt = ask(json!({}), true, json!({}), "Hi", &[], &[]);
        assert_eq!(lines(&prompt), ["User: Hi"]);
    }

    #[test]
    fn a_model_sees_what_it_drew_behind_what_it_said() {
        let drew = |answer: &str| Turn { drawn: vec![picture()], ..turn("draw", answer) };
        let prompt = ask(json!({}), true, json!({}), "Hi", &[], &[drew("Here:"), drew("")]);
        assert_eq!(lines(&prompt), ["User: draw", "Assistant: Here: [image]", "User: draw", "Assistant: [image]", "User: Hi"]);
    }

    #[test]
    fn the_prompt_of_a_completion_app_is_the_question() {
        let config = json!({"pre_prompt": "Translate: {{text}}"});
        let prompt = ask(config.clone(), false, json!({"text": "猫"}), "", &[picture()], &[]);
        assert_eq!(lines(&prompt), ["User: [image] Translate: 猫"]);
        let prompt = ask(config, false, json!({"text": "猫"}), "politely", &[], &[turn("never", "seen")]);
        assert_eq!(lines(&prompt), ["System: Translate: 猫", "User: politely"]);
    }

    #[test]
    fn an_advanced_chat_keeps_its_messages() {
        let config = json!({"prompt_type": "advanced", "chat_prompt_config": {"prompt": [
            {"role": "system", "text": "Be {{how}}. Asked: {{#query#}}{{#context#}}"}, {"role": "user", "text": "1+1"}, {"role": "assistant", "text": "2"}]}});
        let prompt = ask(config, true, json!({"how": "brief"}), "2+2", &[], &[turn("q", "a")]);
        assert_eq!(lines(&prompt), ["System: Be brief. Asked: 2+2", "User: 1+1", "Assistant: 2", "User: q", "Assistant: a", "User: 2+2"]);
        let config =
            json!({"prompt_type": "advanced", "chat_prompt_config": {"prompt": [{"role": "system", "text": "So far: {{#histories#}}"}]}});
        let prompt = ask(config, true, json!({}), "on", &[], &[turn("q", "a")]);
        assert_eq!(lines(&prompt), ["System: So far: Human: q\nAssistant: a", "User: on"]);
    }

    #[test]
    fn text_models_get_one_text() {
        let config = json!({"model": {"mode": "completion"}, "pre_prompt": "Be {{how}}."});
        let prompt = ask(config, true, json!({"how": "brief"}), "2+2", &[], &[turn("q", "a")]);
        let Input::Text(text) = prompt.input else { panic!("not a text") };
        assert!(text.starts_with("Be brief.\n\n") && text.contains("<histories>\nHuman: q\nAssistant: a\n</histories>"), "{text}");
        assert!(text.ends_with("\n\nHuman: 2+2\n\nAssistant: "), "{text}");
        assert_eq!(prompt.stop, ["\nHuman:", "</histories>"]);

        let config = json!({"model": {"mode": "completion"}, "prompt_type": "advanced", "completion_prompt_config": {
            "prompt": {"text": "{{#histories#}}\nU: {{#query#}}\nB:"}, "conversation_histories_role": {"user_prefix": "U", "assistant_prefix": "B"}}});
        let prompt = ask(config, true, json!({}), "2+2", &[], &[turn("q", "a")]);
        let Input::Text(text) = prompt.input else { panic!("not a text") };
        assert_eq!(text, "U: q\nB: a\nU: 2+2\nB:");
    }

    #[test]
    fn variables_are_replaced_once() {
        let inputs = json!({"a": "{{b}}", "b": "x", "o": {"k": 1}, "nothing": null});
        let text = fill_inputs("{{a}}{{b}} {{{b}}} {{o}} [{{nothing}}] {{ {{b}} }} {{", inputs.as_object().unwrap());
        assert_eq!(text, "{{b}}x {x} {\"k\":1} [] {{ x }} {{");
    }
}
