//! Which models exist, local and remote, and the one call that generates with any of them.
//!
//! A model is named by a [`ModelRef`]; [`resolve`] finds it for a workspace, [`Model::generate`] runs it. Local models
//! are the process's ([`crate::engine::host::Engines`]), remote ones belong to a workspace's provider. Apps, chat and
//! the OpenAI API know models only through this.

mod answer;
pub mod command;
mod db;
pub mod fit;
pub mod hub;
mod models;
mod plan;
mod providers;
mod pulls;
mod remote;
mod status;
#[cfg(test)]
pub mod testing;
pub mod think;
mod usage;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::engine::EmbedInput;
use crate::engine::host::{self, DEFAULT, Engines, Kind, Loaded, Status};
use crate::engine::request::{Failure, Generation, Input, Message, Modalities, Part, Request, Sampling, Tool};
use crate::error::{Code, Error, Result};
use crate::ids::WorkspaceId;
use crate::state::AppState;

pub use crate::engine::host::Features;
pub use answer::Answer;
pub use remote::RemoteModel;
pub use usage::{CallDetail, Usage};

/// The console's routes.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(models::list_models))
        .routes(routes!(models::load_model))
        .routes(routes!(models::unload_model))
        .routes(routes!(models::delete_model))
        .routes(routes!(pulls::list_pulls, pulls::create_pull))
        .routes(routes!(pulls::delete_pull))
        .routes(routes!(plan::get_model_plan))
        .routes(routes!(status::get_engine))
        .routes(routes!(providers::list_providers, providers::create_provider))
        .routes(routes!(providers::get_provider, providers::update_provider, providers::delete_provider))
        .routes(routes!(providers::test_provider))
}

/// The service API's route.
pub fn service_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(models::list_models_by_type))
}

/// Provider of the models in this process.
pub const LOCAL: &str = "local";

/// How apps name a model: `provider: local, name: default` is the bundled or configured default.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ModelRef {
    /// `local`, or the name of a provider of the workspace.
    pub provider: String,
    pub name: String,
}

impl ModelRef {
    pub fn local(name: impl Into<String>) -> Self {
        Self { provider: LOCAL.into(), name: name.into() }
    }
}

impl std::fmt::Display for ModelRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

/// What tokens cost: `tokens × unit price × price unit`, in `currency`. Zero for local models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Prices {
    #[serde(default)]
    pub prompt_unit_price: f64,
    #[serde(default)]
    pub completion_unit_price: f64,
    /// 0.000001 = the unit prices are per million tokens.
    #[serde(default = "per_million")]
    pub price_unit: f64,
    #[serde(default = "usd")]
    pub currency: String,
}

impl Default for Prices {
    fn default() -> Self {
        Self { prompt_unit_price: 0.0, completion_unit_price: 0.0, price_unit: per_million(), currency: usd() }
    }
}

fn per_million() -> f64 {
    0.000_001
}

fn usd() -> String {
    "USD".into()
}

/// A model that exists for the workspace that asked. It may not be loaded yet.
#[derive(Clone)]
pub enum Model {
    Local(LocalModel),
    Remote(RemoteModel),
}

/// A model of this process.
#[derive(Clone)]
pub struct LocalModel {
    engines: Engines,
    pub info: host::LocalModel,
}

impl Model {
    /// Under its own name, never `default`.
    pub fn reference(&self) -> ModelRef {
        match self {
            Self::Local(model) => ModelRef::local(&model.info.name),
            Self::Remote(model) => ModelRef { provider: model.provider.clone(), name: model.name.clone() },
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Local(model) => model.info.kind,
            Self::Remote(model) => model.kind,
        }
    }

    pub fn features(&self) -> Features {
        match self {
            Self::Local(model) => model.info.features,
            Self::Remote(model) => model.features,
        }
    }

    /// Tokens that prompt and answer may have together.
    pub fn context_size(&self) -> usize {
        match self {
            Self::Local(model) => model.info.context_size,
            Self::Remote(model) => model.context_size,
        }
    }

    pub fn prices(&self) -> Prices {
        match self {
            Self::Local(_) => Prices::default(),
            Self::Remote(model) => model.prices.clone(),
        }
    }

    /// Starts one generation; a local model that is not in memory is loaded first. Drop the result to cancel.
    pub async fn generate(&self, request: Request) -> Result<Generation, Failure> {
        if self.kind() != Kind::Llm {
            return Err(Failure::Unsupported(format!(
                "\"{}\" is a {} model, not one that writes text",
                self.reference(),
                self.kind().as_str()
            )));
        }
        self.refuse_missing_features(&request)?;
        match self {
            Self::Local(model) => match model.engines.ready(&model.info.name).await? {
                Loaded::Llm(engine) => engine.submit(request).await,
                _ => Err(Failure::Unloaded),
            },
            Self::Remote(model) => model.generate(request).await,
        }
    }

    /// Tokens of the prompt that these messages and tools make: exact for local models (which loads them), an estimate for
    /// remote ones, whose tokenizer we don't have.
    pub async fn count_tokens(&self, messages: &[Message], tools: &[Tool]) -> Result<usize, Failure> {
        match self {
            Self::Local(model) => match model.engines.ready(&model.info.name).await? {
                Loaded::Llm(engine) => engine.count_tokens(&Input::Chat(messages.to_vec()), tools),
                _ => Err(Failure::Unloaded),
            },
            Self::Remote(_) => Ok(remote::estimate_tokens(messages, tools)),
        }
    }

    /// How the checkpoint wants to be sampled when nobody says otherwise (loads a local model); `None` when it is not known.
    pub async fn default_sampling(&self) -> Result<Option<Sampling>, Failure> {
        match self {
            Self::Local(model) => match model.engines.ready(&model.info.name).await? {
                Loaded::Llm(engine) => Ok(Some(engine.default_sampling())),
                _ => Ok(None),
            },
            Self::Remote(_) => Ok(None),
        }
    }

    /// What its answers may hold to a request that asks for no special form of them.
    pub fn modalities(&self) -> Modalities {
        if self.features().image_output { Modalities::TextAndImages } else { Modalities::Text }
    }

    /// Width and height of the pictures it writes (loads a local model); `None` when it writes none.
    pub async fn picture_size(&self) -> Result<Option<usize>, Failure> {
        match self {
            Self::Local(model) => match model.engines.ready(&model.info.name).await? {
                Loaded::Llm(engine) => Ok(engine.picture_size()),
                _ => Ok(None),
            },
            Self::Remote(_) => Ok(None),
        }
    }

    fn refuse_missing_features(&self, request: &Request) -> Result<(), Failure> {
        if matches!(self, Self::Local(_)) && !request.tools.is_empty() && !self.features().tools {
            return Err(Failure::Unsupported(format!("the model \"{}\" calls no tools", self.reference())));
        }
        if matches!(self, Self::Remote(_)) && request.modalities != Modalities::Text {
            return Err(Failure::Unsupported(format!("the model \"{}\" answers with text only, not with pictures", self.reference())));
        }
        let Input::Chat(messages) = &request.input else { return Ok(()) };
        let sees = |part: &Part| matches!(part, Part::Image(_) | Part::Video(_));
        if !self.features().vision && messages.iter().any(|m| m.content.iter().any(sees)) {
            return Err(Failure::Unsupported(format!("the model \"{}\" takes no pictures", self.reference())));
        }
        Ok(())
    }
}

/// The model of that name for this workspace: 400 when the provider is not there, 404 when the model is not.
pub async fn resolve(state: &AppState, workspace_id: WorkspaceId, reference: &ModelRef) -> Result<Model> {
    if reference.provider == LOCAL {
        return resolve_local(&state.engines, &reference.name);
    }
    let row = db::find_model(&state.db, workspace_id, &reference.provider, &reference.name).await?;
    if let Some(row) = row {
        return RemoteModel::open(state, row).map(Model::Remote);
    }
    if db::provider_exists(&state.db, workspace_id, &reference.provider).await? {
        return Err(not_found(reference));
    }
    Err(Error::new(
        Code::ProviderNotInitialized,
        format!("This workspace has no model provider \"{}\". Add it under Settings, or choose another model.", reference.provider),
    ))
}

/// The model that an OpenAI-style id names: `provider/name`, or a bare name when only one model has it.
pub async fn resolve_id(state: &AppState, workspace_id: WorkspaceId, id: &str) -> Result<Model> {
    if let Some(name) = id.strip_prefix("local/") {
        return resolve_local(&state.engines, name);
    }
    let found = db::find_references(&state.db, workspace_id, id).await?;
    // the whole name is meant before a bare one
    if let Some(reference) = found.iter().find(|r| r.to_string() == id) {
        return resolve(state, workspace_id, reference).await;
    }
    if state.engines.get(id).is_some() {
        return resolve_local(&state.engines, id);
    }
    match found.as_slice() {
        [one] => resolve(state, workspace_id, one).await,
        [] => Err(not_found(&id)),
        many => {
            let names: Vec<_> = many.iter().map(ToString::to_string).collect();
            Err(Error::invalid("model", format!("Several providers have a model \"{id}\": choose one of {}.", names.join(", "))))
        }
    }
}

/// A model by name, for lists.
pub struct Listed {
    pub reference: ModelRef,
    /// Of an adapter: the model it is for.
    pub parent: Option<ModelRef>,
    pub kind: Kind,
    /// Unix seconds; when a local model's files were last changed
    pub created: i64,
}

/// Every model the workspace can use.
pub async fn list(state: &AppState, workspace_id: WorkspaceId) -> Result<Vec<Listed>> {
    let seconds = |path: &std::path::Path| {
        let changed = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_secs().cast_signed())
    };
    let usable = state.engines.list().into_iter().filter(|m| !matches!(m.status, Status::Refused(_)));
    let mut models: Vec<_> = usable
        .map(|m| Listed {
            kind: m.kind,
            created: seconds(&m.path),
            parent: m.parent.map(ModelRef::local),
            reference: ModelRef::local(m.name),
        })
        .collect();
    for row in db::list_models(&state.db, workspace_id).await? {
        let kind = row.kind.parse().unwrap_or(Kind::Llm);
        let reference = ModelRef { provider: row.provider, name: row.name };
        models.push(Listed { reference, parent: None, kind, created: row.created_at.timestamp() });
    }
    Ok(models)
}

/// The model of that name of this process: 404 when it is not there, 400 when it can't be run.
pub fn resolve_local(engines: &Engines, name: &str) -> Result<Model> {
    let reference = ModelRef::local(name);
    let info = engines.get(name).ok_or_else(|| not_found(&reference))?;
    match &info.status {
        Status::Refused(reason) => {
            Err(Error::new(Code::ModelNotSupported, format!("The model \"{reference}\" can't be run here: {reason}.")))
        }
        _ => Ok(Model::Local(LocalModel { engines: engines.clone(), info })),
    }
}

/// The workspace's default model of a kind, else the instance's: for an llm the configured or bundled one, for the other
/// kinds the first in the models folder.
pub async fn resolve_default(state: &AppState, workspace_id: WorkspaceId, kind: Kind) -> Result<Model> {
    if let Some(reference) = db::find_default(&state.db, workspace_id, kind).await? {
        return resolve(state, workspace_id, &reference).await;
    }
    if kind == Kind::Llm {
        return resolve_local(&state.engines, DEFAULT);
    }
    let first = state.engines.list().into_iter().find(|m| m.kind == kind && !matches!(m.status, Status::Refused(_)));
    first.map(|info| Model::Local(LocalModel { engines: state.engines.clone(), info })).ok_or_else(|| {
        Error::new(
            Code::ProviderNotInitialized,
            format!("There is no {} model. Put one into the models folder or add a provider that has one.", kind.as_str()),
        )
    })
}

/// One vector a text, in order.
#[derive(Debug, Clone)]
pub struct Embeddings {
    /// The model that made them; vectors of different models can't be compared.
    pub model: ModelRef,
    pub vectors: Vec<Vec<f32>>,
    pub n_tokens: usize,
}

/// Embeds texts with a model, or with the workspace's default embedder.
pub async fn embed(
    state: &AppState,
    workspace_id: WorkspaceId,
    model: Option<&ModelRef>,
    texts: Vec<impl Into<EmbedInput>>,
) -> Result<Embeddings> {
    let texts: Vec<EmbedInput> = texts.into_iter().map(Into::into).collect();
    let model = match model {
        Some(reference) => resolve(state, workspace_id, reference).await?,
        None => resolve_default(state, workspace_id, Kind::TextEmbedding).await?,
    };
    let reference = model.reference();
    if model.kind() != Kind::TextEmbedding {
        return Err(Error::new(Code::ModelNotSupported, format!("The model \"{reference}\" makes no embeddings.")).param("model"));
    }
    let embedded = match &model {
        Model::Local(local) => match local.engines.ready(&local.info.name).await? {
            Loaded::Embedder(embedder) => embedder.embed(texts).await?,
            _ => return Err(Failure::Unloaded.into()),
        },
        Model::Remote(remote) => remote.embed(texts).await?,
    };
    Ok(Embeddings { model: reference, vectors: embedded.vectors, n_tokens: embedded.n_tokens })
}

/// A score for each document, in the documents' order: higher answers the query better.
#[derive(Debug, Clone)]
pub struct Ranking {
    pub scores: Vec<f32>,
    pub n_tokens: usize,
}

/// Scores documents against a query with a reranker.
pub async fn rerank(model: &Model, query: String, documents: Vec<String>) -> Result<Ranking> {
    match model {
        Model::Local(local) => match local.engines.ready(&local.info.name).await? {
            Loaded::Reranker(reranker) => {
                let scored = reranker.score(query, documents).await?;
                Ok(Ranking { scores: scored.scores, n_tokens: scored.n_tokens })
            }
            _ => Err(Failure::Unsupported(format!("the model \"{}\" can't rerank", local.info.name)).into()),
        },
        Model::Remote(remote) => Ok(remote.rerank(&query, &documents).await?),
    }
}

fn not_found(reference: &dyn std::fmt::Display) -> Error {
    Error::new(Code::ModelNotFound, format!("The model \"{reference}\" does not exist or you do not have access to it.")).param("model")
}

/// What a caller is told when a model refuses or breaks off.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let text = failure.to_string();
        let sentence = || {
            let mut chars = text.chars();
            chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str() + ".").unwrap_or_default()
        };
        match failure {
            Failure::Invalid { field, message } => Self::invalid(field, message),
            Failure::ContextOverflow { .. } => Self::new(Code::ContextOverflow, format!("{} Shorten the prompt.", sentence())),
            Failure::ContextRefused(message) => Self::new(Code::ContextOverflow, message),
            Failure::Overloaded { retry_after_s, .. } => Self::new(Code::Overloaded, sentence()).retry_after(retry_after_s),
            Failure::Unsupported(_) => Self::new(Code::ModelNotSupported, sentence()),
            Failure::Provider { status, message } => {
                let code = match status {
                    Some(401 | 403) => Code::ProviderNotInitialized,
                    Some(402) => Code::ProviderQuotaExceeded,
                    Some(429) => Code::RateLimit,
                    _ => Code::CompletionRequest,
                };
                Self::new(code, message)
            }
            Failure::Unloaded => Self::unavailable("model", anyhow::anyhow!("it was unloaded")),
            Failure::Internal(cause) => Self::internal(anyhow::anyhow!("{cause:#}")),
        }
    }
}
