//! What a generation may say: JSON, a schema, a regular expression or a tool call, as a mask over the vocabulary that is
//! moved on by every sampled token. Grammars are compiled where requests are prepared; masks are computed while they are
//! needed, off the critical path where the caller can.

use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use super::request::{Failure, Format, Tool, ToolChoice};
use super::text::ToolSyntax;
use super::tokenizer::Tokenizer;

/// Compiles grammars for one vocabulary.
pub struct Grammars {
    factory: ParserFactory,
    /// `<tool_call>` and `</tool_call>` are tokens of their own.
    has_tool_tokens: bool,
}

impl Grammars {
    /// `eos` are the tokens that end a generation.
    pub fn new(tokenizer: &Arc<Tokenizer>, eos: &[u32]) -> Result<Self, anyhow::Error> {
        let n_tokens = tokenizer.n_tokens();
        let mut words: Vec<Vec<u8>> = (0..n_tokens as u32).map(|id| tokenizer.token_bytes(id).to_vec()).collect();
        let mut mark = |name: &str, id: u32| {
            if let Some(word) = words.get_mut(id as usize) {
                *word = [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_bytes()].concat();
            }
        };
        for (name, id) in tokenizer.special_tokens() {
            mark(name, *id);
        }
        let mut has_tool_tokens = true;
        for name in ["<tool_call>", "</tool_call>"] {
            match tokenizer.id(name) {
                Some(id) => mark(name, id),
                None => has_tool_tokens = false,
            }
        }
        let Some(&first_eos) = eos.first() else { anyhow::bail!("the checkpoint names no token that ends an answer") };
        let trie = TokTrie::from(&TokRxInfo::new(n_tokens as u32, first_eos), &words).with_eos_tokens(eos);
        let environment: TokEnv = Arc::new(Environment { trie, tokenizer: Arc::clone(tokenizer) });
        let mut factory = ParserFactory::new_simple(&environment)?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory, has_tool_tokens })
    }

    /// What the request asks for; `None` if anything may be said. Tool choice comes before format: a call is the answer.
    pub fn compile(
        &self,
        format: &Format,
        tools: &[Tool],
        choice: &ToolChoice,
        syntax: Option<ToolSyntax>,
    ) -> Result<Option<Constraint>, Failure> {
        let invalid = |field: &str, message: String| Failure::Invalid { field: field.to_owned(), message };
        let (field, grammar) = match choice {
            ToolChoice::Required if tools.is_empty() => {
                return Err(invalid("tool_choice", "a tool is required but `tools` is empty".to_owned()));
            }
            ToolChoice::Required => ("tools", self.tool_grammar(tools, syntax)?),
            ToolChoice::Named(name) => {
                let Some(tool) = tools.iter().find(|tool| tool.name == *name) else {
                    return Err(invalid("tool_choice", format!("no tool is named {name:?}")));
                };
                ("tools", self.tool_grammar(std::slice::from_ref(tool), syntax)?)
            }
            ToolChoice::None | ToolChoice::Auto => match format {
                Format::Text => return Ok(None),
                Format::JsonObject => ("response_format", json_grammar(json!({"type": "object"}))),
                Format::JsonSchema(schema) => ("response_format", json_grammar(schema.clone())),
                Format::Regex(regex) => ("response_format", TopLevelGrammar::from_regex(regex)),
            },
        };
        let matcher = Matcher::new(self.factory.create_parser(grammar));
        match matcher.get_error() {
            Some(error) => Err(invalid(field, error.lines().next().unwrap_or("not understood").to_owned())),
            None => Ok(Some(Constraint { matcher, mask: None })),
        }
    }

    /// One call of one of the tools, in the family's syntax.
    fn tool_grammar(&self, tools: &[Tool], syntax: Option<ToolSyntax>) -> Result<TopLevelGrammar, Failure> {
        let call = |arguments: &str| {
            let calls = tools.iter().map(|tool| {
                let schema = match &tool.parameters {
                    Value::Null => json!({"type": "object"}),
                    schema => schema.clone(),
                };
                json!({
                    "type": "object",
                    "properties": {"name": {"const": tool.name}, arguments: schema},
                    "required": ["name", arguments],
                    "additionalProperties": false,
                })
            });
            json!({"anyOf": calls.collect::<Vec<_>>(), "x-guidance": {"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "}})
        };
        match syntax {
            Some(ToolSyntax::Hermes) => {
                let (open, close) =
                    if self.has_tool_tokens { ("<tool_call>", "</tool_call>") } else { ("\"<tool_call>\"", "\"</tool_call>\"") };
                let lark = format!("start: {open} \"\\n\" call \"\\n\" {close}\ncall: %json {}\n", call("arguments"));
                Ok(TopLevelGrammar::from_lark(lark))
            }
            Some(ToolSyntax::Json) => Ok(TopLevelGrammar::from_json_schema(call("parameters"))),
            None => Err(Failure::Unsupported("this model's chat template knows no tools".to_owned())),
        }
    }
}

/// Values of the schema. Between tokens may be a space, or a line break with its indentation: small models would else write
/// blanks for ever.
fn json_grammar(mut schema: Value) -> TopLevelGrammar {
    if let Value::Object(schema) = &mut schema {
        schema.entry("x-guidance").or_insert_with(|| json!({"whitespace_pattern": r"[ \t]|\r?\n[ \t]{0,64}"}));
    }
    TopLevelGrammar::from_json_schema(schema)
}

/// The grammar of one generation and how far it is.
pub struct Constraint {
    matcher: Matcher,
    /// Computed ahead for the next token.
    mask: Option<SimpleVob>,
}

impl Constraint {
    /// Computes the mask ahead of its use. An error comes back when the mask is asked for.
    pub fn prepare(&mut self) {
        if self.mask.is_none() {
            self.mask = self.matcher.compute_mask_or_eos().ok();
        }
    }

    /// Tokens allowed next, 32 a word.
    pub fn mask(&mut self) -> Result<&[u32], anyhow::Error> {
        let mask = match self.mask.take() {
            Some(mask) => mask,
            None => self.matcher.compute_mask_or_eos()?,
        };
        Ok(self.mask.insert(mask).as_slice())
    }

    /// Takes the sampled token. True when the grammar is complete and nothing can follow.
    pub fn accept(&mut self, id: u32) -> Result<bool, anyhow::Error> {
        self.mask = None;
        self.matcher.consume_token(id)?;
        Ok(self.matcher.is_stopped())
    }
}

/// The tokenizer as the grammar engine sees it.
struct Environment {
    trie: TokTrie,
    tokenizer: Arc<Tokenizer>,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| self.tokenizer.encode_plain(text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// How many bytes of the text the schema lets through.
    fn accepted(schema: Value, text: &str) -> usize {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ashlar-tiny/tokenizer.json");
        let tokenizer = Arc::new(Tokenizer::from_file(&file).unwrap());
        let grammars = Grammars::new(&tokenizer, &[0]).unwrap();
        let mut constraint =
            grammars.compile(&Format::JsonSchema(schema), &[], &ToolChoice::None, None).unwrap().expect("a schema constrains");
        let mut n = 0;
        for id in tokenizer.encode_plain(text).unwrap() {
            let mask = constraint.mask().unwrap();
            if mask[id as usize / 32] >> (id % 32) & 1 == 0 {
                break;
            }
            n += tokenizer.token_bytes(id).len();
            constraint.accept(id).unwrap();
        }
        n
    }

    #[test]
    fn blanks_between_tokens_of_json_come_to_an_end() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}, "required": ["a"]});
        for text in [r#"{"a":[1,2]}"#, r#"{"a": [1, 2]}"#, "{\n    \"a\": [\n        1,\n        2\n    ]\n}", "{\r\n\t\"a\": [1]}"] {
            assert_eq!(accepted(schema.clone(), text), text.len(), "{text:?}");
        }
        for blanks in [" ".repeat(200), "\n".repeat(9), "\n ".repeat(20)] {
            let text = format!("{{{blanks}\"a\":[1]}}");
            assert!(accepted(schema.clone(), &text) < 1 + 66, "{text:?}");
        }
        let own = json!({"type": "object", "x-guidance": {"whitespace_pattern": " +"}});
        assert!(accepted(own, &format!("{{{}}}", " ".repeat(100))) > 100, "a schema's own options stay");
    }
}
