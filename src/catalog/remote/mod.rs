//! Models behind an OpenAI-compatible HTTP API: the same [`Request`] in, the same [`Generation`] out.
//!
//! A call is tried again, with growing pauses, when the provider is busy or not reachable and nothing was generated yet;
//! after the first token a failure is final. `timeout_ms` bounds each silence (until the answer begins, then between two
//! chunks), not the whole answer. Keys and prompts are never logged.

mod sse;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::db::ModelRow;
use super::{Prices, Ranking};
use crate::engine::host::{Features, Kind};
use crate::engine::request::{Event, Failure, Generation, Input, Message, Part, Request, Timing, Tool};
use crate::engine::{EmbedInput, Embedded};
use crate::error::{Error, Result};
use crate::outbound::{Outbound, Refusal};
use crate::state::AppState;

/// Longest pause between two tries; a provider that asks for a longer one is not waited for.
const MAX_PAUSE: Duration = Duration::from_secs(20);
/// Texts of one embeddings call; some providers take no more.
const EMBED_BATCH: usize = 32;
/// Bytes of a provider's answer that is not a stream.
const MAX_BODY_BYTES: usize = 64 << 20;

/// A model of a workspace's provider, with what is needed to call it.
#[derive(Clone)]
pub struct RemoteModel {
    pub provider: String,
    pub name: String,
    pub kind: Kind,
    pub features: Features,
    pub context_size: usize,
    pub prices: Prices,
    endpoint: Arc<Endpoint>,
}

/// A provider's base URL and how to call it.
pub(super) struct Endpoint {
    pub(super) http: Outbound,
    pub(super) base_url: Url,
    pub(super) api_key: Option<String>,
    /// Longest silence.
    pub(super) timeout: Duration,
    pub(super) max_retries: u32,
}

impl RemoteModel {
    pub(super) fn open(state: &AppState, row: ModelRow) -> Result<Self> {
        let has = |feature: &str| row.features.iter().any(|f| f == feature);
        let endpoint =
            Endpoint::open(state, &row.provider_id, &row.base_url, row.api_key_sealed.as_deref(), row.timeout_ms, row.max_retries)?;
        Ok(Self {
            kind: row.kind.parse().unwrap_or(Kind::Llm),
            features: Features {
                vision: has("vision"),
                tools: has("tools"),
                structured_output: has("structured_output"),
                ..Features::default()
            },
            context_size: usize::try_from(row.context_size).unwrap_or(0),
            prices: Prices {
                prompt_unit_price: row.prompt_unit_price,
                completion_unit_price: row.completion_unit_price,
                price_unit: row.price_unit,
                currency: row.currency,
            },
            provider: row.provider,
            name: row.name,
            endpoint: Arc::new(endpoint),
        })
    }

    /// A model of a provider at `url`, on this machine.
    #[cfg(test)]
    pub(super) fn for_tests(url: &str, features: Features, context_size: usize) -> Self {
        let here = "127.0.0.0/8".parse().expect("a network");
        let endpoint = Endpoint {
            http: Outbound::new(&[here]).expect("a client"),
            base_url: url.parse().expect("a URL"),
            api_key: None,
            timeout: Duration::from_secs(5),
            max_retries: 0,
        };
        let prices = Prices { prompt_unit_price: 2.0, completion_unit_price: 10.0, ..Prices::default() };
        let endpoint = Arc::new(endpoint);
        Self { provider: "scripted".into(), name: "m".into(), kind: Kind::Llm, features, context_size, prices, endpoint }
    }

    pub(super) async fn generate(&self, request: Request) -> Result<Generation, Failure> {
        // OpenAI's own newer models know only the one name, everyone else's the other
        let token_limit = if self.endpoint.base_url.host_str() == Some("api.openai.com") { "max_completion_tokens" } else { "max_tokens" };
        let (path, body) = wire::body(&self.name, &request, token_limit)?;
        let body = body.to_string();
        let started = Instant::now();
        let mut answer = self.endpoint.with_retries(|| Answer::open(&self.endpoint, path, &body, request.logprobs.is_some())).await?;
        let first_at = started.elapsed();
        let (sender, generation) = Generation::channel(64);
        tokio::spawn(async move {
            let forward = async {
                loop {
                    for event in answer.events.drain(..) {
                        if sender.send(Ok(event)).await.is_err() {
                            return;
                        }
                    }
                    match answer.more().await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(failure) => {
                            let _gone = sender.send(Err(failure)).await;
                            return;
                        }
                    }
                }
                let timing =
                    Timing { time_to_first_token_s: first_at.as_secs_f64(), total_s: started.elapsed().as_secs_f64(), ..Timing::default() };
                let prompt = || match &request.input {
                    Input::Chat(messages) => estimate_tokens(messages, &request.tools),
                    Input::Text(text) => estimate_text(text),
                    Input::Tokens(tokens) => tokens.len(),
                };
                match answer.assembler.finish(prompt, timing) {
                    Ok(events) => {
                        for event in events {
                            if sender.send(Ok(event)).await.is_err() {
                                return;
                            }
                        }
                    }
                    Err(failure) => {
                        let _gone = sender.send(Err(failure)).await;
                    }
                }
            };
            // nobody listens any more: drop the connection, which tells the provider to stop
            tokio::select! {
                () = forward => {}
                () = sender.closed() => {}
            }
        });
        Ok(generation)
    }

    pub(super) async fn embed(&self, texts: Vec<EmbedInput>) -> Result<Embedded, Failure> {
        let mut embedded = Embedded { vectors: Vec::with_capacity(texts.len()), n_tokens: 0 };
        for batch in texts.chunks(EMBED_BATCH) {
            let body = json!({"model": self.name, "input": batch, "encoding_format": "float"}).to_string();
            let answer = self.endpoint.with_retries(|| self.endpoint.post_json("embeddings", &body)).await?;
            let mut vectors = vec![Vec::new(); batch.len()];
            for (position, entry) in answer["data"].as_array().into_iter().flatten().enumerate() {
                let index = entry["index"].as_u64().map_or(position, |i| i as usize);
                let vector: Vec<f32> =
                    entry["embedding"].as_array().into_iter().flatten().filter_map(Value::as_f64).map(|v| v as f32).collect();
                match vectors.get_mut(index) {
                    Some(slot) => *slot = vector,
                    None => return Err(broken("answered with more vectors than texts were sent")),
                }
            }
            if vectors.iter().any(Vec::is_empty) {
                return Err(broken("answered with fewer vectors than texts were sent"));
            }
            embedded.vectors.append(&mut vectors);
            embedded.n_tokens +=
                answer["usage"]["prompt_tokens"].as_u64().map_or_else(|| batch.iter().map(estimate_input).sum(), |n| n as usize);
        }
        Ok(embedded)
    }

    /// A score for each document, in the documents' order.
    pub(super) async fn rerank(&self, query: &str, documents: &[String]) -> Result<Ranking, Failure> {
        let body = json!({"model": self.name, "query": query, "documents": documents, "top_n": documents.len()}).to_string();
        let answer = self.endpoint.with_retries(|| self.endpoint.post_json("rerank", &body)).await?;
        let mut scores = vec![None; documents.len()];
        for result in answer["results"].as_array().or(answer["data"].as_array()).into_iter().flatten() {
            let index = result["index"].as_u64().and_then(|i| scores.get_mut(i as usize));
            let score = result["relevance_score"].as_f64().or(result["score"].as_f64());
            if let (Some(slot), Some(score)) = (index, score) {
                *slot = Some(score as f32);
            }
        }
        let scores = scores.into_iter().collect::<Option<_>>().ok_or_else(|| broken("did not score every document"))?;
        let counted = answer["usage"]["total_tokens"].as_u64().map(|n| n as usize);
        let n_tokens = counted.unwrap_or_else(|| documents.iter().map(|d| estimate_text(d) + estimate_text(query)).sum());
        Ok(Ranking { scores, n_tokens })
    }
}

impl Endpoint {
    pub(super) fn open(
        state: &AppState,
        provider_id: &crate::ids::ProviderId,
        base_url: &str,
        api_key_sealed: Option<&[u8]>,
        timeout_ms: i32,
        max_retries: i32,
    ) -> Result<Self> {
        let api_key = match api_key_sealed {
            Some(sealed) => Some(String::from_utf8(state.secrets.unseal(sealed, provider_id.0.as_bytes())?).map_err(Error::internal)?),
            None => None,
        };
        Ok(Self {
            http: state.outbound.clone(),
            base_url: base_url.parse().map_err(Error::internal)?,
            api_key,
            timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
            max_retries: u32::try_from(max_retries).unwrap_or(0),
        })
    }

    /// Names of the models the provider lists.
    pub(super) async fn list_models(&self) -> Result<Vec<String>, Failure> {
        let request = self.request(reqwest::Method::GET, "models")?;
        let answer = json_of(timeout(self.timeout, self.checked(request)).await.map_err(|_| self.too_slow())??, self).await?;
        let entries = answer["data"].as_array().or(answer["models"].as_array()).or(answer.as_array());
        let name = |entry: &Value| entry["id"].as_str().or(entry["name"].as_str()).or(entry.as_str()).map(str::to_owned);
        entries
            .map(|entries| entries.iter().filter_map(name).collect())
            .ok_or_else(|| broken("sent no list of models; is this the base URL, as in https://host/v1?"))
    }

    fn request(&self, method: reqwest::Method, path: &str) -> Result<reqwest::RequestBuilder, Failure> {
        let mut url = self.base_url.clone();
        url.set_path(&format!("{}/{path}", self.base_url.path().trim_end_matches('/')));
        let request = self.http.request(method, &url).map_err(refused)?;
        Ok(match &self.api_key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    async fn post(&self, path: &str, body: &str) -> Result<Response, Attempt> {
        let request = self.request(reqwest::Method::POST, path)?.header(header::CONTENT_TYPE, "application/json").body(body.to_owned());
        timeout(self.timeout, self.checked(request)).await.unwrap_or_else(|_| Err(Attempt::again(self.too_slow())))
    }

    async fn post_json(&self, path: &str, body: &str) -> Result<Value, Attempt> {
        Ok(json_of(self.post(path, body).await?, self).await?)
    }

    /// Sends; an answer that is no success becomes a failure with the provider's own words.
    async fn checked(&self, request: reqwest::RequestBuilder) -> Result<Response, Attempt> {
        let response = request.send().await.map_err(|e| match Refusal::from(e) {
            refusal @ Refusal::Forbidden(_) => Attempt::from(refused(refusal)),
            other => Attempt::again(refused(other)),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.trim().parse().ok())
            .map(Duration::from_secs_f64);
        let bytes = body_of(response, 64 << 10).await.unwrap_or_default();
        let json = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        let text = wire::error_text(&json).unwrap_or_else(|| String::from_utf8_lossy(&bytes).into_owned());
        let message = format!("The model provider answered {status}: {}", self.presentable(&text));
        let is_overflow = matches!(status.as_u16(), 400 | 413 | 422) && wire::is_context_overflow(&json, &text);
        let failure =
            if is_overflow { Failure::ContextRefused(message) } else { Failure::Provider { status: Some(status.as_u16()), message } };
        let busy = status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED);
        Err(Attempt { failure, again: busy, retry_after })
    }

    async fn with_retries<T, F: Future<Output = Result<T, Attempt>>>(&self, call: impl Fn() -> F) -> Result<T, Failure> {
        let mut tries = 0;
        loop {
            let attempt = match call().await {
                Ok(value) => return Ok(value),
                Err(attempt) => attempt,
            };
            let backoff = Duration::from_millis(500) * 2u32.saturating_pow(tries);
            let pause = attempt.retry_after.unwrap_or_else(|| backoff.min(MAX_PAUSE).mul_f64(rand::random_range(0.5..1.0)));
            if !attempt.again || tries >= self.max_retries || pause > MAX_PAUSE {
                return Err(attempt.failure);
            }
            tries += 1;
            tracing::warn!(
                provider.host = self.base_url.host_str(),
                retry.n = tries,
                retry.pause_ms = pause.as_millis() as u64,
                "model provider is asked again"
            );
            tokio::time::sleep(pause).await;
        }
    }

    /// At most 500 characters, without the key if the provider echoed it.
    fn presentable(&self, text: &str) -> String {
        let text = match &self.api_key {
            Some(key) if !key.is_empty() => text.replace(key.as_str(), "***"),
            _ => text.to_owned(),
        };
        text.trim().chars().take(500).collect()
    }

    fn too_slow(&self) -> Failure {
        Failure::Provider { status: None, message: format!("The model provider did not answer within {} ms.", self.timeout.as_millis()) }
    }
}

fn estimate_input(input: &EmbedInput) -> usize {
    match input {
        EmbedInput::Text(text) => estimate_text(text),
        EmbedInput::Tokens(ids) => ids.len(),
    }
}

/// One try that failed.
struct Attempt {
    failure: Failure,
    again: bool,
    retry_after: Option<Duration>,
}

impl Attempt {
    fn again(failure: Failure) -> Self {
        Self { failure, again: true, retry_after: None }
    }
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        Self { failure, again: false, retry_after: None }
    }
}

impl From<Attempt> for Failure {
    fn from(attempt: Attempt) -> Self {
        attempt.failure
    }
}

/// A generation under way at the provider.
struct Answer {
    chunks: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    parser: Option<sse::Parser>,
    assembler: wire::Assembler,
    events: Vec<Event>,
    silence: Duration,
    over: bool,
}

impl Answer {
    /// Returns when the first token is there: until then a failure may be tried again.
    async fn open(endpoint: &Endpoint, path: &str, body: &str, wants_logprobs: bool) -> Result<Self, Attempt> {
        let response = endpoint.post(path, body).await?;
        let is_json =
            response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|t| t.starts_with("application/json"));
        let mut assembler = wire::Assembler::new(wants_logprobs);
        let silence = endpoint.timeout;
        // a provider that does not stream
        if is_json {
            let events = assembler.push(&json_of(response, endpoint).await?.to_string())?;
            return Ok(Self { chunks: Box::pin(futures::stream::empty()), parser: None, assembler, events, silence, over: true });
        }
        let mut answer = Self {
            chunks: Box::pin(response.bytes_stream()),
            parser: Some(sse::Parser::default()),
            assembler,
            events: Vec::new(),
            silence,
            over: false,
        };
        while answer.events.is_empty() && !answer.assembler.is_finished() {
            if !answer.more().await.map_err(Attempt::again)? {
                break;
            }
        }
        Ok(answer)
    }

    /// Reads one chunk; `false` when the stream is over.
    async fn more(&mut self) -> Result<bool, Failure> {
        if self.over {
            return Ok(false);
        }
        let silent =
            || Failure::Provider { status: None, message: format!("The model provider sent nothing for {} ms.", self.silence.as_millis()) };
        let datas = match timeout(self.silence, self.chunks.next()).await.map_err(|_| silent())? {
            Some(Ok(bytes)) => match &mut self.parser {
                Some(parser) => parser.push(&bytes).map_err(|sse::TooLarge| broken("sent an event without end"))?,
                None => Vec::new(),
            },
            Some(Err(_)) if self.assembler.is_finished() => {
                self.over = true;
                Vec::new()
            }
            Some(Err(_)) => return Err(broken("broke off the stream")),
            None => {
                self.over = true;
                self.parser.take().and_then(sse::Parser::finish).into_iter().collect()
            }
        };
        for data in datas {
            if data.trim() == "[DONE]" {
                self.over = true;
                break;
            }
            if !data.trim().is_empty() {
                self.events.extend(self.assembler.push(&data)?);
            }
        }
        Ok(true)
    }
}

async fn json_of(response: Response, endpoint: &Endpoint) -> Result<Value, Failure> {
    let bytes = timeout(endpoint.timeout, body_of(response, MAX_BODY_BYTES)).await.map_err(|_| endpoint.too_slow())??;
    serde_json::from_slice(&bytes)
        .map_err(|_| broken("answered with something that is not JSON; is this the base URL, as in https://host/v1?"))
}

async fn body_of(response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk.map_err(|e| refused(e.into()))?);
        if body.len() > limit {
            return Err(broken("sent too long an answer"));
        }
    }
    Ok(body)
}

fn broken(what: &str) -> Failure {
    Failure::Provider { status: None, message: format!("The model provider {what}.") }
}

/// Why the provider's URL could not be called, in words for the person who set it.
fn refused(refusal: Refusal) -> Failure {
    Failure::Provider { status: None, message: format!("The model provider's URL {refusal}.") }
}

/// About four letters of a Latin script make a token, about one character in CJK; a picture is taken for 1,000.
pub(super) fn estimate_tokens(messages: &[Message], tools: &[Tool]) -> usize {
    let of_part = |part: &Part| match part {
        Part::Text(text) => estimate_text(text),
        Part::Image(_) => 1000,
        Part::Video(video) => 1000 * wire::shown_frames(video).count(),
    };
    let of_message = |m: &Message| {
        4 + m.content.iter().map(of_part).sum::<usize>() + m.tool_calls.iter().map(|c| estimate_text(&c.arguments) + 8).sum::<usize>()
    };
    let of_tool = |t: &Tool| estimate_text(&t.description) + estimate_text(&t.parameters.to_string()) + 8;
    messages.iter().map(of_message).sum::<usize>() + tools.iter().map(of_tool).sum::<usize>()
}

fn estimate_text(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 0.25 } else { 0.8 }).sum::<f64>().ceil() as usize
}
