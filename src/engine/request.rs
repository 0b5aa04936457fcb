//! What a caller may ask of a model and what it gets back. Local engine and remote providers take the same types.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::ReceiverStream;

/// One generation (one sampled continuation; `n > 1` is several requests that share their prefix).
#[derive(Debug, Clone)]
pub struct Request {
    pub input: Input,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    pub format: Format,
    /// What the answer may hold.
    pub modalities: Modalities,
    /// How closely pictures follow the prompt.
    pub guidance: Guidance,
    pub sampling: Sampling,
    /// Upper bound of new tokens; `None` = what the context leaves.
    pub max_tokens: Option<u32>,
    /// Text that ends the generation and is not part of it (at most 16, each non-empty).
    pub stop: Vec<String>,
    /// Log-probabilities of sampled tokens with this many alternatives (0..=20); `None` = none.
    pub logprobs: Option<u8>,
    pub priority: Priority,
    /// Separates prefix caches: callers with different salts can't time each other's prompts. The workspace id.
    pub cache_salt: u128,
}

impl Request {
    /// A greedy-by-default request with everything else at its default.
    pub fn new(input: Input) -> Self {
        Self {
            input,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            format: Format::Text,
            modalities: Modalities::Text,
            guidance: Guidance::default(),
            sampling: Sampling::default(),
            max_tokens: None,
            stop: Vec::new(),
            logprobs: None,
            priority: Priority::Interactive,
            cache_salt: 0,
        }
    }
}

#[derive(Debug, Clone)]
pub enum Input {
    /// Rendered by the checkpoint's chat template.
    Chat(Vec<Message>),
    /// Taken as is (`/v1/completions`).
    Text(String),
    Tokens(Vec<u32>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub role: Role,
    pub content: Vec<Part>,
    /// Assistant messages only.
    pub tool_calls: Vec<ToolCall>,
    /// Tool messages only: which call this answers.
    pub tool_call_id: Option<String>,
    pub name: Option<String>,
}

impl Message {
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: vec![Part::Text(text.into())], tool_calls: Vec::new(), tool_call_id: None, name: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Image(Image),
    /// Frames of one clip in order, with their times.
    Video(Video),
}

/// An encoded picture (PNG, JPEG, WebP, GIF, BMP, TIFF), as uploaded. Decoded once, off the engine thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub bytes: Bytes,
    pub mime_type: String,
    pub detail: Detail,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// At most 512×512 pixels.
    Low,
    #[default]
    Auto,
    High,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    pub frames: Vec<Image>,
    /// Seconds of each frame from the start of the clip.
    pub timestamps_s: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// JSON Schema of the arguments.
    #[serde(default)]
    pub parameters: serde_json::Value,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub enum ToolChoice {
    None,
    #[default]
    Auto,
    /// Some tool must be called.
    Required,
    /// This tool must be called.
    Named(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// JSON text of the arguments.
    pub arguments: String,
}

/// What the text must look like; enforced by a token mask.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    #[default]
    Text,
    JsonObject,
    JsonSchema(serde_json::Value),
    Regex(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Modalities {
    #[default]
    Text,
    /// Pictures wherever the model wants them.
    TextAndImages,
    /// One picture and no word.
    Image,
}

/// Classifier-free guidance of the logits in a picture: `u + image · (i − u) + text · (f − i)`, where `f` are those of the
/// whole prompt, `i` of its pictures alone and `u` of neither.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guidance {
    pub image: f32,
    pub text: f32,
}

impl Guidance {
    /// The prompt's own logits.
    pub const NONE: Self = Self { image: 1.0, text: 1.0 };
}

impl Default for Guidance {
    fn default() -> Self {
        Self { image: 1.2, text: 3.0 }
    }
}

/// Sampling parameters in the field's usual terms; order of application in `contract/models.md` §8 terms:
/// mask → bias → penalties → temperature → top-k → top-p → min-p → draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 = argmax.
    pub temperature: f32,
    /// 0 = off.
    pub top_k: u32,
    /// In (0, 1]; 1 = off.
    pub top_p: f32,
    /// In [0, 1]; 0 = off.
    pub min_p: f32,
    /// 1 = off.
    pub repetition_penalty: f32,
    /// In [-2, 2]; 0 = off.
    pub presence_penalty: f32,
    /// In [-2, 2]; 0 = off.
    pub frequency_penalty: f32,
    /// The draw is keyed by (seed, position). `None` = a fresh random seed.
    pub seed: Option<u64>,
    /// Added to the logits of these token ids; in [-100, 100].
    pub logit_bias: Vec<(u32, f32)>,
    /// Stop tokens are not sampled before this many tokens.
    pub min_tokens: u32,
    /// Go on past end-of-sequence tokens.
    pub ignore_eos: bool,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: None,
            logit_bias: Vec::new(),
            min_tokens: 0,
            ignore_eos: false,
        }
    }
}

/// Scheduling class; first come first served inside one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    #[default]
    Interactive,
    Workflow,
    Batch,
}

/// What a generation yields, in order: any number of `Text`/`ToolCall`/`Image`, then one `Done`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A piece of text (whole UTF-8 characters) with the tokens it came from, if log-probabilities were asked for.
    Text {
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    /// A complete call the model made.
    ToolCall(ToolCall),
    /// A complete picture the model wrote, as PNG.
    Image(Image),
    Done(Done),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    pub finish_reason: FinishReason,
    pub usage: Usage,
    pub timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

impl FinishReason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    /// Prompt tokens that came from the prefix cache.
    pub cached_tokens: u32,
    /// Prompt tokens that stand for pictures.
    pub image_tokens: u32,
}

/// Seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timing {
    pub prepare_s: f64,
    pub queue_s: f64,
    pub time_to_first_token_s: f64,
    pub total_s: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    pub token: String,
    pub bytes: Vec<u8>,
    /// Natural log of the raw softmax (before temperature).
    pub logprob: f32,
    pub top: Vec<(String, Vec<u8>, f32)>,
}

/// Why a request was refused or broke off.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    #[error("{field}: {message}")]
    Invalid { field: String, message: String },
    #[error("the prompt has {n_tokens} tokens, more than the {limit} this model can take")]
    ContextOverflow { n_tokens: usize, limit: usize },
    /// For a while: the same request may be taken later.
    #[error("the model is busy: {reason}")]
    Overloaded { reason: String, retry_after_s: u64 },
    #[error("{0}")]
    Unsupported(String),
    /// A remote provider's words for a prompt that its model can't take.
    #[error("{0}")]
    ContextRefused(String),
    /// A remote provider's refusal.
    #[error("{message}")]
    Provider { status: Option<u16>, message: String },
    #[error("the model was unloaded")]
    Unloaded,
    #[error("{0}")]
    Internal(Arc<anyhow::Error>),
}

/// The running generation. Dropping it cancels the sequence and frees its blocks within one step.
pub struct Generation {
    events: Pin<Box<dyn Stream<Item = Result<Event, Failure>> + Send>>,
}

impl Generation {
    /// The producer ends when the receiver is gone.
    pub fn channel(capacity: usize) -> (tokio::sync::mpsc::Sender<Result<Event, Failure>>, Self) {
        let (sender, events) = tokio::sync::mpsc::channel(capacity);
        (sender, Self::new(ReceiverStream::new(events)))
    }

    /// The producer ends when the stream is dropped.
    pub fn new(events: impl Stream<Item = Result<Event, Failure>> + Send + 'static) -> Self {
        Self { events: Box::pin(events) }
    }

    /// `None` after `Done` or a failure.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        futures::StreamExt::next(&mut self.events).await
    }
}

impl Stream for Generation {
    type Item = Result<Event, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Self::Item>> {
        self.events.as_mut().poll_next(cx)
    }
}
