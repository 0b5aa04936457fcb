//! `model_config`: the settings of basic apps (chat, completion, agent-chat), as the DSL writes them.
//!
//! The database keeps a config as the JSON it came as, so that keys we do not know survive. [`ModelConfig::parse`] reads what
//! we do know, into types that can't be invalid; its errors name the field's path. Nulls read as absent.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalog::ModelRef;
use crate::engine::request::{Detail, Format, Request, Role};
use crate::error::{Error, Result};
use crate::files::{FileKind, TransferMethod, UploadRules};
use crate::tools::ToolRef;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    pub opening_statement: String,
    pub suggested_questions: Vec<String>,
    pub suggested_questions_after_answer: SuggestedQuestions,
    pub sensitive_word_avoidance: Moderation,
    pub file_upload: FileUpload,
    pub model: Model,
    /// Read it with [`ModelConfig::form`].
    user_input_form: Vec<FormEntry>,
    /// The simple prompt; `{{variable}}` stands for an input.
    pub pre_prompt: String,
    pub prompt_type: PromptType,
    pub chat_prompt_config: ChatPromptConfig,
    pub completion_prompt_config: CompletionPromptConfig,
    pub memory: Memory,
    /// Of agent-chat apps.
    pub agent_mode: AgentMode,
}

/// How an agent works, and with which tools.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct AgentMode {
    pub strategy: AgentStrategy,
    /// Rounds with tools; 1 to 99.
    pub max_iteration: u32,
    /// Read it with [`AgentMode::tools`].
    tools: Vec<Value>,
}

impl Default for AgentMode {
    fn default() -> Self {
        Self { strategy: AgentStrategy::FunctionCall, max_iteration: 10, tools: Vec::new() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum AgentStrategy {
    /// Where the model can; others reason in text.
    FunctionCall,
    /// In thoughts, actions and observations.
    React,
}

impl From<String> for AgentStrategy {
    fn from(name: String) -> Self {
        match name.as_str() {
            "react" | "cot" | "react_router" => Self::React,
            _ => Self::FunctionCall,
        }
    }
}

/// One tool of an agent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct AgentTool {
    #[serde(flatten)]
    pub tool: ToolRef,
    /// What the author fills in.
    #[serde(default)]
    pub tool_parameters: Map<String, Value>,
}

impl AgentMode {
    /// The tools that are switched on, and what is wrong with those that can't be read.
    pub fn tools(&self) -> (Vec<AgentTool>, Vec<Error>) {
        let (mut tools, mut errors) = (Vec::new(), Vec::new());
        for (i, tool) in self.tools.iter().enumerate() {
            // the oldest files name a tool by a key of its own
            let is_on = |tool: &Value| tool.get("enabled").and_then(Value::as_bool);
            let enabled = is_on(tool).or_else(|| tool.as_object()?.values().find_map(is_on)).unwrap_or(true);
            if !enabled {
                continue;
            }
            let at = format!("agent_mode.tools[{i}]");
            match serde_json::from_value(tool.clone()) {
                Ok(tool) => tools.push(tool),
                Err(error) => {
                    errors.push(bad(&at, &format!("is not available on this server ({error}); remove it or choose another tool")))
                }
            }
        }
        (tools, errors)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptType {
    #[default]
    Simple,
    Advanced,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Model {
    pub provider: String,
    pub name: String,
    pub mode: String,
    pub completion_params: CompletionParams,
}

impl Default for Model {
    fn default() -> Self {
        Self { provider: "local".into(), name: "default".into(), mode: "chat".into(), completion_params: CompletionParams::default() }
    }
}

impl Model {
    pub fn reference(&self) -> ModelRef {
        ModelRef { provider: self.provider.clone(), name: self.name.clone() }
    }
}

/// Sampling parameters in Dify's names. What is absent is left to the model's default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CompletionParams {
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// 0 to 1.
    pub top_p: Option<f32>,
    pub top_k: Option<u32>,
    /// 0 to 1.
    pub min_p: Option<f32>,
    /// -2 to 2.
    pub presence_penalty: Option<f32>,
    /// -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// Above 0, to 2.
    pub repetition_penalty: Option<f32>,
    /// New tokens, at least 1.
    pub max_tokens: Option<u32>,
    pub stop: Stop,
    pub seed: Option<i64>,
    pub response_format: Option<ResponseFormat>,
    /// Schema for `response_format: json_schema`: an object, or its JSON text.
    pub json_schema: Option<Value>,
}

/// One stop string or a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "StopForm")]
pub struct Stop(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum StopForm {
    One(String),
    Many(Vec<String>),
}

impl From<StopForm> for Stop {
    fn from(form: StopForm) -> Self {
        let stops = match form {
            StopForm::One(stop) => vec![stop],
            StopForm::Many(stops) => stops,
        };
        Self(stops.into_iter().filter(|s| !s.is_empty()).collect())
    }
}

/// `text`, `json_object`, `json_schema`, or OpenAI's `{type, json_schema}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ResponseFormat {
    Name(String),
    Object {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        json_schema: Option<Value>,
    },
}

impl CompletionParams {
    /// Reads and checks parameters that stand on their own, as nodes of workflows have them.
    pub fn parse(params: &Value) -> Result<Self> {
        let parsed: Self = serde_path_to_error::deserialize(without_nulls(params))
            .map_err(|e| bad(&format!("model.completion_params.{}", e.path()), &e.into_inner().to_string()))?;
        parsed.check()?;
        Ok(parsed)
    }

    fn check(&self) -> Result<()> {
        let within = |name: &str, value: Option<f32>, min: f32, max: f32| match value {
            Some(v) if !(min..=max).contains(&v) => {
                Err(bad(&format!("model.completion_params.{name}"), &format!("must be between {min} and {max}, not {v}")))
            }
            _ => Ok(()),
        };
        within("temperature", self.temperature, 0.0, 2.0)?;
        within("top_p", self.top_p, 0.0, 1.0)?;
        within("min_p", self.min_p, 0.0, 1.0)?;
        within("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        within("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        within("repetition_penalty", self.repetition_penalty, 0.01, 2.0)?;
        if self.max_tokens == Some(0) {
            return Err(bad("model.completion_params.max_tokens", "must be at least 1"));
        }
        if self.stop.0.len() > 16 {
            return Err(bad("model.completion_params.stop", "may hold at most 16 stop strings"));
        }
        self.format().map(drop)
    }

    /// What the answer must look like.
    pub fn format(&self) -> Result<Format> {
        let (kind, inline) = match &self.response_format {
            None => return Ok(Format::Text),
            Some(ResponseFormat::Name(kind)) => (kind.as_str(), None),
            Some(ResponseFormat::Object { kind, json_schema }) => (kind.as_str(), json_schema.as_ref()),
        };
        match kind.to_ascii_lowercase().as_str() {
            "" | "text" => Ok(Format::Text),
            "json_object" | "json" => Ok(Format::JsonObject),
            "json_schema" => {
                const PATH: &str = "model.completion_params.json_schema";
                let schema = match inline.or(self.json_schema.as_ref()) {
                    Some(Value::String(text)) => serde_json::from_str(text).map_err(|e| bad(PATH, &format!("is not JSON: {e}")))?,
                    Some(schema) => schema.clone(),
                    None => return Err(bad(PATH, "is needed when response_format is json_schema")),
                };
                // OpenAI wraps the schema: {name, schema, strict}
                let schema = schema.get("schema").filter(|inner| inner.is_object()).cloned().unwrap_or(schema);
                if schema.is_object() { Ok(Format::JsonSchema(schema)) } else { Err(bad(PATH, "must be a JSON Schema object")) }
            }
            other => {
                Err(bad("model.completion_params.response_format", &format!("must be text, json_object or json_schema, not '{other}'")))
            }
        }
    }

    /// Sets what is given on a request to a model.
    pub fn apply(&self, request: &mut Request) -> Result<()> {
        let sampling = &mut request.sampling;
        // an app without a temperature samples as the field's default does
        sampling.temperature = self.temperature.unwrap_or(1.0);
        // 0 keeps the likeliest token only, as the smallest positive mass does
        sampling.top_p = self.top_p.unwrap_or(sampling.top_p).max(f32::MIN_POSITIVE);
        sampling.top_k = self.top_k.unwrap_or(sampling.top_k);
        sampling.min_p = self.min_p.unwrap_or(sampling.min_p);
        sampling.presence_penalty = self.presence_penalty.unwrap_or(sampling.presence_penalty);
        sampling.frequency_penalty = self.frequency_penalty.unwrap_or(sampling.frequency_penalty);
        sampling.repetition_penalty = self.repetition_penalty.unwrap_or(sampling.repetition_penalty);
        sampling.seed = self.seed.map(i64::cast_unsigned);
        request.max_tokens = self.max_tokens;
        request.stop = self.stop.0.clone();
        request.format = self.format()?;
        Ok(())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SuggestedQuestions {
    pub enabled: bool,
    /// Replaces our own instructions for the follow-up questions.
    pub prompt: String,
    /// Asked instead of the app's model.
    pub model: Option<Model>,
}

/// `sensitive_word_avoidance`; the checks are in [`super::moderation`].
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Moderation {
    pub enabled: bool,
    /// Only `keywords` is checked here.
    #[serde(rename = "type")]
    pub kind: String,
    pub config: ModerationConfig,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ModerationConfig {
    /// One a line.
    pub keywords: String,
    pub inputs_config: Preset,
    pub outputs_config: Preset,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Preset {
    pub enabled: bool,
    pub preset_response: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ChatPromptConfig {
    pub prompt: Vec<PromptMessage>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PromptMessage {
    pub role: Role,
    #[serde(default)]
    pub text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CompletionPromptConfig {
    pub prompt: CompletionPrompt,
    pub conversation_histories_role: RolePrefix,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CompletionPrompt {
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct RolePrefix {
    pub user_prefix: String,
    pub assistant_prefix: String,
}

impl Default for RolePrefix {
    fn default() -> Self {
        Self { user_prefix: "Human".into(), assistant_prefix: "Assistant".into() }
    }
}

/// Our own key, in the words of the LLM node's memory: without it the whole history goes in, cut to the token budget.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Memory {
    pub window: Window,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Window {
    pub enabled: bool,
    /// Past exchanges (a question with its answer) that are kept.
    pub size: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { enabled: false, size: 50 }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FileUpload {
    pub enabled: bool,
    pub allowed_file_types: Vec<FileKind>,
    pub allowed_file_extensions: Vec<String>,
    pub allowed_file_upload_methods: Vec<TransferMethod>,
    pub number_limits: Option<usize>,
    pub image: ImageUpload,
}

/// The older form, pictures only.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ImageUpload {
    pub enabled: bool,
    pub number_limits: Option<usize>,
    pub detail: Detail,
    pub transfer_methods: Vec<TransferMethod>,
}

impl FileUpload {
    /// What a message may carry; `None` when uploads are off.
    pub fn rules(&self) -> Option<UploadRules> {
        let image = &self.image;
        if self.enabled {
            return Some(UploadRules {
                kinds: self.allowed_file_types.clone(),
                extensions: self.allowed_file_extensions.iter().map(|e| bare_extension(e)).collect(),
                methods: self.allowed_file_upload_methods.clone(),
                number_limit: self.number_limits.or(image.number_limits).unwrap_or(3),
                detail: image.detail,
            });
        }
        image.enabled.then(|| UploadRules {
            kinds: vec![FileKind::Image],
            extensions: Vec::new(),
            methods: image.transfer_methods.clone(),
            number_limit: image.number_limits.or(self.number_limits).unwrap_or(3),
            detail: image.detail,
        })
    }
}

fn bare_extension(extension: &str) -> String {
    extension.trim_start_matches('.').to_ascii_lowercase()
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FormEntry {
    TextInput(Field),
    Paragraph(Field),
    Select(Field),
    Number(Field),
    Checkbox(Field),
    File(Field),
    FileList(Field),
    #[serde(rename = "json_object")]
    JsonObject(Field),
    /// Dify's way to fill an input from an extension; kept, and treated as text.
    #[serde(rename = "external_data_tool")]
    ExternalDataTool(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    TextInput,
    Paragraph,
    Select,
    Number,
    Checkbox,
    File,
    FileList,
    #[serde(rename = "json_object")]
    JsonObject,
    #[serde(rename = "external_data_tool")]
    ExternalDataTool,
}

impl FieldKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TextInput => "text-input",
            Self::Paragraph => "paragraph",
            Self::Select => "select",
            Self::Number => "number",
            Self::Checkbox => "checkbox",
            Self::File => "file",
            Self::FileList => "file-list",
            Self::JsonObject => "json_object",
            Self::ExternalDataTool => "external_data_tool",
        }
    }
}

impl FormEntry {
    fn parts(&self) -> (FieldKind, &Field) {
        match self {
            Self::TextInput(field) => (FieldKind::TextInput, field),
            Self::Paragraph(field) => (FieldKind::Paragraph, field),
            Self::Select(field) => (FieldKind::Select, field),
            Self::Number(field) => (FieldKind::Number, field),
            Self::Checkbox(field) => (FieldKind::Checkbox, field),
            Self::File(field) => (FieldKind::File, field),
            Self::FileList(field) => (FieldKind::FileList, field),
            Self::JsonObject(field) => (FieldKind::JsonObject, field),
            Self::ExternalDataTool(field) => (FieldKind::ExternalDataTool, field),
        }
    }
}

/// One entry of an input form: of a basic app, or a variable of a workflow's start node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Field {
    pub variable: String,
    pub label: Value,
    pub required: bool,
    /// Characters, or files of a list; 0 = no limit.
    pub max_length: Option<usize>,
    pub default: Option<Value>,
    pub options: Vec<String>,
    pub allowed_file_types: Vec<FileKind>,
    pub allowed_file_extensions: Vec<String>,
    pub allowed_file_upload_methods: Vec<TransferMethod>,
    /// Of JSON objects: a JSON Schema (Draft 7), or its text.
    pub json_schema: Option<Value>,
}

impl Field {
    /// For fields of kind file and file-list.
    pub fn upload_rules(&self, kind: FieldKind) -> UploadRules {
        let number_limit = if kind == FieldKind::FileList { self.max_length.filter(|n| *n > 0).unwrap_or(10) } else { 1 };
        UploadRules {
            kinds: self.allowed_file_types.clone(),
            extensions: self.allowed_file_extensions.iter().map(|e| bare_extension(e)).collect(),
            methods: self.allowed_file_upload_methods.clone(),
            number_limit,
            detail: Detail::High,
        }
    }
}

impl ModelConfig {
    /// Reads and checks a config. The error's `param` is the path of the first bad field.
    pub fn parse(config: &Value) -> Result<Self> {
        if !config.is_object() {
            return Err(bad("config", "must be an object"));
        }
        let parsed: Self = serde_path_to_error::deserialize(without_nulls(config)).map_err(|e| {
            let path = e.path().to_string();
            bad(if path == "." { "config" } else { &path }, &e.into_inner().to_string())
        })?;
        parsed.model.completion_params.check()?;
        if parsed.model.provider.trim().is_empty() || parsed.model.name.trim().is_empty() {
            return Err(bad("model", "must name a provider and a model"));
        }
        if !(1..=99).contains(&parsed.agent_mode.max_iteration) {
            return Err(bad("agent_mode.max_iteration", "must be between 1 and 99"));
        }
        if parsed.memory.window.enabled && parsed.memory.window.size == 0 {
            return Err(bad("memory.window.size", "must be at least 1"));
        }
        parsed.check_form()?;
        Ok(parsed)
    }

    fn check_form(&self) -> Result<()> {
        let mut seen = std::collections::HashSet::new();
        for (i, entry) in self.user_input_form.iter().enumerate() {
            let (kind, field) = entry.parts();
            let path = |key: &str| format!("user_input_form[{i}].{}.{key}", kind.as_str());
            if field.variable.is_empty() || field.variable.chars().count() > 100 || field.variable.chars().any(char::is_control) {
                return Err(bad(&path("variable"), "must be a name of 1 to 100 characters"));
            }
            if !seen.insert(&field.variable) {
                return Err(bad(&path("variable"), &format!("'{}' is used twice", field.variable)));
            }
            if kind == FieldKind::Select && field.required && field.options.is_empty() {
                return Err(bad(&path("options"), "must not be empty for a required select"));
            }
        }
        Ok(())
    }

    /// The same app, asking for nothing but the question.
    pub fn without_form(self) -> Self {
        Self { user_input_form: Vec::new(), ..self }
    }

    /// The input form, in order.
    pub fn form(&self) -> impl Iterator<Item = (FieldKind, &Field)> {
        self.user_input_form.iter().map(FormEntry::parts)
    }

    /// What keeps a well-formed config from doing what it says on this server.
    pub fn unsupported(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        let moderation = &self.sensitive_word_avoidance;
        if moderation.enabled && moderation.kind != "keywords" {
            let text = format!("'{}' is not available on this server; use keywords, or switch moderation off", moderation.kind);
            errors.push(bad("sensitive_word_avoidance.type", &text));
        }
        errors.extend(self.agent_mode.tools().1);
        errors
    }
}

fn bad(path: &str, message: &str) -> Error {
    Error::invalid(path, format!("{path}: {message}."))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k.clone(), without_nulls(v))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// The config of a new chat, completion or agent-chat app.
pub fn initial_model_config() -> Value {
    json!({
        "model": {"provider": "local", "name": "default", "mode": "chat", "completion_params": {"temperature": 0.7, "max_tokens": 512, "stop": []}},
        "pre_prompt": "",
        "prompt_type": "simple",
        "user_input_form": [],
        "opening_statement": "",
        "suggested_questions": [],
        "suggested_questions_after_answer": {"enabled": false},
        "speech_to_text": {"enabled": false},
        "text_to_speech": {"enabled": false, "voice": "", "language": ""},
        "retriever_resource": {"enabled": true},
        "sensitive_word_avoidance": {"enabled": false, "type": "", "config": {}},
        "file_upload": {
            "enabled": true, "number_limits": 3, "allowed_file_types": ["image"], "allowed_file_extensions": [],
            "allowed_file_upload_methods": ["local_file", "remote_url"],
            "image": {"enabled": true, "number_limits": 3, "detail": "high", "transfer_methods": ["local_file", "remote_url"]},
        },
        "memory": {"window": {"enabled": false, "size": 50}},
        "dataset_configs": {"retrieval_model": "multiple", "datasets": {"datasets": []}},
        "agent_mode": {"enabled": false, "strategy": "function_call", "max_iteration": 10, "tools": []},
    })
}

/// The config of a new advanced-chat or workflow app.
pub fn initial_workflow() -> Value {
    json!({
        "graph": {"nodes": [], "edges": [], "viewport": {"x": 0, "y": 0, "zoom": 1}},
        "features": {},
        "environment_variables": [],
        "conversation_variables": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(config: Value) -> String {
        ModelConfig::parse(&config).unwrap_err().param.unwrap()
    }

    #[test]
    fn a_new_config_is_valid_and_nulls_mean_absent() {
        ModelConfig::parse(&initial_model_config()).unwrap();
        let config = json!({"model": {"provider": "p", "name": "n", "completion_params": {"temperature": null}}, "suggested_questions": null,
            "opening_statement": null, "file_upload": null, "completion_prompt_config": {}, "unknown": {"kept": [1, null]}});
        let parsed = ModelConfig::parse(&config).unwrap();
        assert_eq!((parsed.model.completion_params.temperature, parsed.prompt_type), (None, PromptType::Simple));
    }

    #[test]
    fn errors_name_the_field() {
        let params = |params: Value| refused(json!({"model": {"provider": "p", "name": "n", "completion_params": params}}));
        assert_eq!(params(json!({"temperature": 3})), "model.completion_params.temperature");
        assert_eq!(params(json!({"temperature": "hot"})), "model.completion_params.temperature");
        assert_eq!(params(json!({"top_p": -0.1})), "model.completion_params.top_p");
        assert_eq!(params(json!({"max_tokens": 0})), "model.completion_params.max_tokens");
        assert_eq!(params(json!({"response_format": "yaml"})), "model.completion_params.response_format");
        assert_eq!(params(json!({"response_format": "json_schema"})), "model.completion_params.json_schema");
        assert_eq!(params(json!({"response_format": "json_schema", "json_schema": "{"})), "model.completion_params.json_schema");
        assert_eq!(refused(json!({"model": {"provider": "", "name": ""}})), "model");
        assert_eq!(refused(json!([])), "config");
        assert_eq!(refused(json!({"suggested_questions": [1]})), "suggested_questions[0]");
        assert_eq!(refused(json!({"user_input_form": [{"text-input": {"variable": 5}}]})), "user_input_form[0].text-input.variable");
        assert_eq!(refused(json!({"user_input_form": [{"text-input": {"variable": ""}}]})), "user_input_form[0].text-input.variable");
        let twice = json!({"user_input_form": [{"number": {"variable": "a"}}, {"paragraph": {"variable": "a"}}]});
        assert_eq!(refused(twice), "user_input_form[1].paragraph.variable");
        assert_eq!(refused(json!({"agent_mode": {"max_iteration": 0}})), "agent_mode.max_iteration");
        assert_eq!(refused(json!({"memory": {"window": {"enabled": true, "size": 0}}})), "memory.window.size");
    }

    #[test]
    fn parameters_reach_the_request() {
        let config = json!({"model": {"provider": "p", "name": "n", "completion_params":
            {"temperature": 0.5, "top_k": 7, "stop": "END", "seed": 3, "max_tokens": 9, "response_format": {"type": "json_schema",
             "json_schema": {"name": "x", "schema": {"type": "object"}}}, "unknown": true}}});
        let mut request = Request::new(crate::engine::request::Input::Text(String::new()));
        ModelConfig::parse(&config).unwrap().model.completion_params.apply(&mut request).unwrap();
        assert_eq!((request.sampling.temperature, request.sampling.top_k, request.sampling.seed), (0.5, 7, Some(3)));
        assert_eq!((request.stop, request.max_tokens), (vec!["END".to_owned()], Some(9)));
        assert_eq!(request.format, Format::JsonSchema(json!({"type": "object"})));
    }

    #[test]
    fn tools_of_agents_are_read_and_missing_ones_are_named() {
        let config = json!({"agent_mode": {"enabled": true, "strategy": "react", "max_iteration": 3, "tools": [
            {"enabled": true, "provider_id": "time", "provider_type": "builtin", "provider_name": "time", "tool_name": "current_time",
             "tool_label": "Current time", "tool_parameters": {"timezone": "UTC", "format": null}},
            {"enabled": false, "provider_type": "dataset-retrieval", "tool_name": "x"},
            {"enabled": true, "provider_type": "dataset-retrieval", "tool_name": "x"}, {"dataset": {"enabled": false, "id": "d"}}]}});
        let config = ModelConfig::parse(&config).unwrap();
        assert_eq!((config.agent_mode.strategy, config.agent_mode.max_iteration), (AgentStrategy::React, 3));
        let (tools, _) = config.agent_mode.tools();
        assert_eq!(tools.iter().map(|t| t.tool.tool_name.as_str()).collect::<Vec<_>>(), ["current_time"]);
        assert_eq!(Value::Object(tools[0].tool_parameters.clone()), json!({"timezone": "UTC"}));
        let problems = config.unsupported();
        assert_eq!(problems.iter().filter_map(|e| e.param.as_deref()).collect::<Vec<_>>(), ["agent_mode.tools[2]"]);
    }

    #[test]
    fn both_forms_of_upload_settings_are_read() {
        let rules = |file_upload: Value| ModelConfig::parse(&json!({"file_upload": file_upload})).unwrap().file_upload.rules();
        assert_eq!(rules(json!({"enabled": false})), None);
        let legacy =
            rules(json!({"image": {"enabled": true, "number_limits": 2, "detail": "low", "transfer_methods": ["remote_url"]}})).unwrap();
        assert_eq!((legacy.number_limit, legacy.detail), (2, Detail::Low));
        assert!(legacy.takes(FileKind::Image, "png") && !legacy.takes(FileKind::Document, "pdf"));
        let custom = rules(json!({"enabled": true, "allowed_file_types": ["custom"], "allowed_file_extensions": [".PDF"]})).unwrap();
        assert!(custom.takes(FileKind::Document, "pdf") && !custom.takes(FileKind::Image, "png") && !custom.takes(FileKind::Custom, "xyz"));
    }
}
