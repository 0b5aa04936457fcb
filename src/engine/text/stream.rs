//! From sampled tokens to what a caller sees: whole characters, nothing of a stop string, tool calls as events.

use std::sync::Arc;

use super::super::request::{Event, TokenLogprob, ToolCall};
use super::super::tokenizer::Tokenizer;
use super::utf8::Utf8Stream;

/// How a model family writes tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolSyntax {
    /// `<tool_call>\n{"name": …, "arguments": …}\n</tool_call>`, any number, after any text (Hermes, Qwen).
    Hermes,
    /// The whole answer is `{"name": …, "parameters": …}` (Llama 3).
    Json,
}

/// Output side of one generation.
pub struct TextStream {
    tokenizer: Arc<Tokenizer>,
    utf8: Utf8Stream,
    stops: Stops,
    calls: Option<Calls>,
    /// Log-probabilities of tokens not yet handed out, with the byte at which each token starts.
    logprobs: Vec<(usize, TokenLogprob)>,
    n_bytes_in: usize,
    n_bytes_out: usize,
    n_calls: usize,
    /// A stop string came: what is held back is not wanted.
    stopped: bool,
}

impl TextStream {
    /// `tool_syntax`: parse calls; `None` leaves everything text.
    pub fn new(tokenizer: Arc<Tokenizer>, stop: Vec<String>, tool_syntax: Option<ToolSyntax>) -> Self {
        Self {
            tokenizer,
            utf8: Utf8Stream::default(),
            stops: Stops { stops: stop, held: String::new() },
            calls: tool_syntax.map(Calls::new),
            logprobs: Vec::new(),
            n_bytes_in: 0,
            n_bytes_out: 0,
            n_calls: 0,
            stopped: false,
        }
    }

    /// Tool calls handed out so far.
    pub fn n_calls(&self) -> usize {
        self.n_calls
    }

    /// Takes one sampled token; true if a stop string ended the text.
    pub fn push(&mut self, id: u32, logprob: Option<TokenLogprob>, emit: &mut impl FnMut(Event)) -> bool {
        if let Some(logprob) = logprob {
            self.logprobs.push((self.n_bytes_in, logprob));
        }
        let bytes = self.tokenizer.token_bytes(id);
        self.n_bytes_in += bytes.len();
        let mut text = String::new();
        self.utf8.push(bytes, &mut text);
        if text.is_empty() {
            return false;
        }
        let (text, stopped) = self.stops.push(text);
        self.n_bytes_out += text.len();
        self.stopped = stopped;
        self.pass_on(text, emit);
        stopped
    }

    /// The last token was pushed, or the last before something that is no text.
    pub fn finish(&mut self, emit: &mut impl FnMut(Event)) {
        if !self.stopped {
            let mut text = self.stops.finish();
            self.utf8.finish(&mut text);
            self.n_bytes_out = self.n_bytes_in.max(self.n_bytes_out + text.len());
            self.pass_on(text, emit);
        }
        if let Some(mut calls) = self.calls.take() {
            calls.finish();
            self.hand_out(calls.out, emit);
        }
        let rest = self.released_logprobs();
        if !rest.is_empty() {
            emit(Event::Text { text: String::new(), logprobs: rest });
        }
    }

    fn pass_on(&mut self, text: String, emit: &mut impl FnMut(Event)) {
        if text.is_empty() {
            return;
        }
        match &mut self.calls {
            None => self.hand_out(vec![Piece::Text(text)], emit),
            Some(calls) => {
                calls.push(&text);
                let pieces = std::mem::take(&mut calls.out);
                self.hand_out(pieces, emit);
            }
        }
    }

    fn hand_out(&mut self, pieces: Vec<Piece>, emit: &mut impl FnMut(Event)) {
        for piece in pieces {
            match piece {
                Piece::Text(text) => emit(Event::Text { text, logprobs: self.released_logprobs() }),
                Piece::Call(call) => {
                    self.n_calls += 1;
                    emit(Event::ToolCall(call));
                }
            }
        }
    }

    fn released_logprobs(&mut self) -> Vec<TokenLogprob> {
        let n = self.logprobs.iter().take_while(|(start, _)| *start < self.n_bytes_out).count();
        self.logprobs.drain(..n).map(|(_, logprob)| logprob).collect()
    }
}

/// Finds stop strings across token boundaries.
struct Stops {
    stops: Vec<String>,
    /// The end of the text that may be the beginning of a stop string.
    held: String,
}

impl Stops {
    /// What is certainly text, and whether a stop string followed it.
    fn push(&mut self, text: String) -> (String, bool) {
        if self.stops.is_empty() {
            return (text, false);
        }
        self.held.push_str(&text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            self.held.truncate(at);
            return (std::mem::take(&mut self.held), true);
        }
        let n_held = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - n_held);
        (std::mem::replace(&mut self.held, rest), false)
    }

    fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest end of `text` that is a proper beginning of `pattern`.
fn overlap(text: &str, pattern: &str) -> usize {
    let longest = text.len().min(pattern.len().saturating_sub(1));
    (1..=longest).rev().find(|&n| text.as_bytes().ends_with(&pattern.as_bytes()[..n])).unwrap_or(0)
}

enum Piece {
    Text(String),
    Call(ToolCall),
}

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// Separates tool calls from text.
struct Calls {
    syntax: ToolSyntax,
    state: State,
    buffer: String,
    out: Vec<Piece>,
}

#[derive(PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    Start,
    Text,
    /// Inside a call.
    Call,
    /// A call just ended: white space is not text.
    After,
}

impl Calls {
    fn new(syntax: ToolSyntax) -> Self {
        Self { syntax, state: State::Start, buffer: String::new(), out: Vec::new() }
    }

    fn push(&mut self, text: &str) {
        self.buffer.push_str(text);
        match self.syntax {
            ToolSyntax::Hermes => while self.advance_hermes() {},
            ToolSyntax::Json => self.advance_json(),
        }
    }

    /// One transition; false when more text is needed.
    fn advance_hermes(&mut self) -> bool {
        if self.state == State::Call {
            let Some(at) = self.buffer.find(CLOSE) else { return false };
            let rest = self.buffer.split_off(at + CLOSE.len());
            let whole = std::mem::replace(&mut self.buffer, rest);
            match parse_call(&whole[..at]) {
                Some(call) => {
                    self.out.push(Piece::Call(call));
                    self.state = State::After;
                }
                None => {
                    self.out.push(Piece::Text(format!("{OPEN}{whole}")));
                    self.state = State::Text;
                }
            }
            return true;
        }
        if let Some(at) = self.buffer.find(OPEN) {
            let rest = self.buffer.split_off(at + OPEN.len());
            let mut before = std::mem::replace(&mut self.buffer, rest);
            before.truncate(at);
            // White space between an answer and its call belongs to the syntax.
            before.truncate(before.trim_end().len());
            self.emit_text(before);
            self.state = State::Call;
            return true;
        }
        let n_tag = overlap(&self.buffer, OPEN);
        let certain = &self.buffer[..self.buffer.len() - n_tag];
        let n_certain = certain.trim_end().len();
        if n_certain > 0 {
            let rest = self.buffer.split_off(n_certain);
            let text = std::mem::replace(&mut self.buffer, rest);
            self.emit_text(text);
        }
        false
    }

    fn emit_text(&mut self, text: String) {
        let text = if self.state == State::After { text.trim_start().to_owned() } else { text };
        if !text.is_empty() {
            self.out.push(Piece::Text(text));
            self.state = State::Text;
        }
    }

    fn advance_json(&mut self) {
        if self.state == State::Start {
            match self.buffer.trim_start().as_bytes().first() {
                None => return,
                Some(b'{') => self.state = State::Call,
                Some(_) => self.state = State::Text,
            }
        }
        if self.state == State::Text {
            self.out.push(Piece::Text(std::mem::take(&mut self.buffer)));
        }
    }

    fn finish(&mut self) {
        let rest = std::mem::take(&mut self.buffer);
        match (self.syntax, &self.state) {
            (ToolSyntax::Hermes, State::Call) => match parse_call(&rest) {
                Some(call) => self.out.push(Piece::Call(call)),
                None => self.out.push(Piece::Text(format!("{OPEN}{rest}"))),
            },
            (ToolSyntax::Json, State::Call) => {
                let calls: Option<Vec<ToolCall>> = rest.split(';').map(parse_call).collect();
                match calls.or_else(|| parse_call(&rest).map(|call| vec![call])) {
                    Some(calls) => self.out.extend(calls.into_iter().map(Piece::Call)),
                    None => self.out.push(Piece::Text(rest)),
                }
            }
            (_, State::After) if rest.trim().is_empty() => {}
            _ if rest.is_empty() => {}
            _ => self.out.push(Piece::Text(rest)),
        }
    }
}

/// `{"name": …, "arguments" or "parameters": …}`.
fn parse_call(text: &str) -> Option<ToolCall> {
    let value: serde_json::Value = serde_json::from_str(text.trim()).ok()?;
    let name = value.get("name")?.as_str()?.to_owned();
    let arguments = match value.get("arguments").or_else(|| value.get("parameters")) {
        None | Some(serde_json::Value::Null) => "{}".to_owned(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(object) => object.to_string(),
    };
    Some(ToolCall { id: new_call_id(), name, arguments })
}

fn new_call_id() -> String {
    use rand::Rng;
    use rand::distr::Alphanumeric;
    let tail: String = rand::rng().sample_iter(Alphanumeric).take(24).map(char::from).collect();
    format!("call_{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool) {
        let mut stops = Stops { stops: stops.iter().map(|s| (*s).to_owned()).collect(), held: String::new() };
        let mut out = Vec::new();
        for piece in pieces {
            let (text, stopped) = stops.push((*piece).to_owned());
            out.push(text);
            if stopped {
                return (out, true);
            }
        }
        out.push(stops.finish());
        (out, false)
    }

    #[test]
    fn stop_strings_are_found_across_pieces_and_never_shown() {
        assert_eq!(through(&["END"], &["a E", "N", "D b"]), (vec!["a ".into(), "".into(), "".into()], true));
        assert_eq!(through(&["END"], &["a E", "Nx"]), (vec!["a ".into(), "ENx".into(), "".into()], false));
        assert_eq!(through(&["END"], &["a EN"]), (vec!["a ".into(), "EN".into()], false));
        assert_eq!(through(&["\n\n", "b"], &["a\n", "b"]), (vec!["a".into(), "\n".into()], true));
        assert_eq!(through(&["图片"], &["看图", "片"]), (vec!["看".into(), "".into()], true));
        assert_eq!(through(&["aab"], &["aa", "ab"]), (vec!["".into(), "a".into()], true));
    }

    fn parse(syntax: ToolSyntax, text: &str) -> (String, Vec<(String, String)>) {
        // Any cut of the text must give the same.
        let mut first = None;
        for cut in [1, 2, 3, 7, 1000] {
            let mut calls = Calls::new(syntax);
            let chars: Vec<char> = text.chars().collect();
            for piece in chars.chunks(cut) {
                calls.push(&piece.iter().collect::<String>());
            }
            calls.finish();
            let mut result = (String::new(), Vec::new());
            for piece in calls.out {
                match piece {
                    Piece::Text(text) => result.0.push_str(&text),
                    Piece::Call(call) => result.1.push((call.name, call.arguments)),
                }
            }
            let first = first.get_or_insert_with(|| result.clone());
            assert_eq!(*first, result, "cut {cut}");
        }
        first.unwrap_or_default()
    }

    #[test]
    fn hermes_calls_are_taken_out_of_the_text() {
        let call = |name: &str, arguments: &str| (name.to_owned(), arguments.to_owned());
        assert_eq!(
            parse(
                ToolSyntax::Hermes,
                "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>\n<tool_call>{\"name\": \"g\"}</tool_call>\n"
            ),
            ("Let me see.".to_owned(), vec![call("f", "{\"x\":1}"), call("g", "{}")])
        );
        assert_eq!(
            parse(ToolSyntax::Hermes, "<tool_call>{\"name\": \"f\", \"arguments\": {}}"),
            (String::new(), vec![call("f", "{}")]),
            "the closing tag may be missing"
        );
        assert_eq!(
            parse(ToolSyntax::Hermes, "a < b <tool_call>nonsense</tool_call> c \n"),
            ("a < b<tool_call>nonsense</tool_call> c \n".to_owned(), vec![])
        );
        assert_eq!(parse(ToolSyntax::Hermes, " 1 <tool \n\n2 "), (" 1 <tool \n\n2 ".to_owned(), vec![]));
    }

    #[test]
    fn llama_calls_are_whole_answers() {
        assert_eq!(
            parse(ToolSyntax::Json, " {\"name\": \"f\", \"parameters\": {\"q\": \"a;b\"}}"),
            (String::new(), vec![("f".to_owned(), "{\"q\":\"a;b\"}".to_owned())])
        );
        assert_eq!(parse(ToolSyntax::Json, "No {\"name\"} here"), ("No {\"name\"} here".to_owned(), vec![]));
        assert_eq!(parse(ToolSyntax::Json, "{\"answer\": 1}"), ("{\"answer\": 1}".to_owned(), vec![]));
    }
}
