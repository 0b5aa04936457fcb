//! The page behind a form's link, for people who sign in nowhere: whoever has the link may look and answer. How often is limited
//! by address.

use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::db::forms::{self as db, Link, Row};
use super::event::{Form, FormAnswer};
use super::form_inputs::{Input, InputKind};
use super::forms::{self, Standing};
use super::nodes::{Piece, pieces};
use crate::accounts::end_users::{self, EndUserType};
use crate::accounts::{self, ClientIp};
use crate::apps::AppFace;
use crate::error::{Code, Error, Result};
use crate::files::{self, Owner, Scope, TransferMethod, Upload};
use crate::http::extract::{Json, Path};
use crate::state::AppState;

/// Requests of one address, a minute. An office may share one.
const VISITS: i64 = 120;

/// Files that may be uploaded for each that the form takes.
const CHANGES_OF_MIND: usize = 10;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    let upload = OpenApiRouter::default().routes(routes!(upload_form_file)).layer(DefaultBodyLimit::disable());
    OpenApiRouter::default().merge(upload).routes(routes!(get_form_page, answer_form_page))
}

/// Somebody with a link, and the form that it leads to.
struct Visit {
    link: Link,
    form: Row,
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let ClientIp(ip) = ClientIp::from_request_parts(parts, state).await?;
        accounts::count_visit(&state.redis, "form", ip, VISITS).await?;
        let Path(token) = Path::<String>::from_request_parts(parts, state).await?;
        let link = db::find_link(&state.db, &token).await?.ok_or_else(no_such_form)?;
        let form = db::find(&state.db, link.workspace_id, link.form_id).await?.ok_or_else(no_such_form)?;
        Ok(Self { link, form })
    }
}

fn no_such_form() -> Error {
    Error::not_found("There is no form here: the link is incomplete, or the form was deleted.")
}

impl Visit {
    /// The person behind the link: the same one each time.
    async fn scope(&self, state: &AppState) -> Result<Scope> {
        let Link { workspace_id, app_id, .. } = self.link;
        let user = format!("form:{}", self.link.recipient_id.unwrap_or(self.form.id));
        let end_user = end_users::resolve(&state.db, workspace_id, app_id, EndUserType::Browser, Some(&user)).await?;
        Ok(Scope { workspace_id, app_id, owner: Owner::EndUser(end_user.id) })
    }

    /// `is_answerer`: it is they who just answered. Else a link of one's own tells; one that many may have does not.
    async fn page(&self, state: &AppState, is_answerer: bool) -> Result<LinkedForm> {
        let app = AppFace::find(&state.db, self.link.workspace_id, self.link.app_id).await.map_err(|error| match error.code {
            Code::NotFound => no_such_form(),
            _ => error,
        })?;
        let form = forms::form_of(&self.form)?;
        let standing = Standing::of(&self.form);
        Ok(LinkedForm {
            standing,
            app,
            expires_at: self.form.expires_at,
            questions: (standing == Standing::Waiting).then(|| FormQuestions::of(state, &form)),
            answer: self.given(state, is_answerer)?,
            title: form.node_title,
        })
    }

    fn given(&self, state: &AppState, is_answerer: bool) -> Result<Option<GivenAnswer>> {
        let (Some(answer), Some(answered_at)) = (&self.form.answer, self.form.answered_at) else { return Ok(None) };
        let answer: FormAnswer = serde_json::from_value(answer.clone()).map_err(anyhow::Error::from)?;
        let is_own_link = self.link.recipient_id.is_some() && self.form.answered_through == self.link.recipient_id;
        let is_yours = is_answerer || is_own_link;
        let content = is_yours.then(|| files::renewed(state, &answer.rendered_content));
        Ok(Some(GivenAnswer { action: answer.action_text, answered_at, is_yours, content }))
    }
}

/// A form as whoever has a link to it sees it.
#[derive(Debug, Serialize, ToSchema)]
struct LinkedForm {
    standing: Standing,
    app: AppFace,
    /// Of the node that asks
    title: String,
    expires_at: DateTime<Utc>,
    /// While it waits
    questions: Option<FormQuestions>,
    /// Once somebody answered
    answer: Option<GivenAnswer>,
}

/// What is asked.
#[derive(Debug, Serialize, ToSchema)]
struct FormQuestions {
    /// In order; every input has its place
    content: Vec<ContentPiece>,
    inputs: Vec<FormInput>,
    actions: Vec<FormAction>,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ContentPiece {
    /// Markdown
    Text { text: String },
    /// Where the input of this name stands
    Input { name: String },
}

#[derive(Debug, Serialize, ToSchema)]
struct FormInput {
    name: String,
    #[serde(rename = "type")]
    kind: InputKind,
    /// What the field begins with
    default: Option<String>,
    /// Of a select
    options: Vec<String>,
    /// Of files
    files: Option<FormFileRules>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FormFileRules {
    /// Extensions without dots; empty = any
    extensions: Vec<String>,
    /// `local_file`, `remote_url`
    methods: Vec<TransferMethod>,
    number_limit: usize,
    /// Of the largest kind of file that is taken
    max_mb: u64,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct FormAction {
    id: String,
    title: String,
    /// `primary`, `default`, `accent` or `ghost`
    button_style: String,
}

/// What was answered.
#[derive(Debug, Serialize, ToSchema)]
struct GivenAnswer {
    /// Title of the action that was chosen
    action: String,
    answered_at: DateTime<Utc>,
    /// By whoever asks, as far as their link tells
    is_yours: bool,
    /// Markdown: the form with its values; only for whoever gave them
    content: Option<String>,
}

impl FormQuestions {
    fn of(state: &AppState, form: &Form) -> Self {
        let inputs = Input::list(&form.inputs);
        let shown = |input: &Input<'_>| FormInput {
            name: input.name.to_owned(),
            kind: input.kind,
            default: form.resolved_default_values.get(input.name).and_then(Value::as_str).map(str::to_owned),
            options: input.options().into_iter().map(str::to_owned).collect(),
            files: input.upload_rules().map(|rules| FormFileRules {
                extensions: rules.accepted(),
                methods: [TransferMethod::LocalFile, TransferMethod::RemoteUrl].into_iter().filter(|m| rules.takes_by(*m)).collect(),
                number_limit: rules.number_limit,
                max_mb: rules.limit_mb(&state.config),
            }),
        };
        let actions = form.actions.as_array().into_iter().flatten();
        Self {
            content: content(&files::renewed(state, &form.form_content), &inputs),
            inputs: inputs.iter().map(shown).collect(),
            actions: actions.filter_map(|action| serde_json::from_value(action.clone()).ok()).collect(),
        }
    }
}

/// The pieces of the content, without places of inputs that don't exist; inputs without a place come last.
fn content(form_content: &str, inputs: &[Input<'_>]) -> Vec<ContentPiece> {
    let mut unplaced: Vec<&str> = inputs.iter().map(|input| input.name).collect();
    let mut content = Vec::new();
    for piece in pieces(form_content) {
        match piece {
            Piece::Text(text) if text.trim().is_empty() => {}
            Piece::Text(text) => content.push(ContentPiece::Text { text: text.to_owned() }),
            Piece::Input(name) => {
                // one that stands in two places is asked for in the first
                if let Some(at) = unplaced.iter().position(|input| *input == name) {
                    content.push(ContentPiece::Input { name: unplaced.remove(at).to_owned() });
                }
            }
        }
    }
    content.extend(unplaced.into_iter().map(|name| ContentPiece::Input { name: name.to_owned() }));
    content
}

const NEVER_STORED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// A form, by the token of its link
#[utoipa::path(get, path = "/api/forms/{form_token}", tag = "forms", security(()), params(("form_token" = String, Path)),
    responses((status = 200, body = LinkedForm), (status = 404), (status = 429)))]
async fn get_form_page(State(state): State<AppState>, visit: Visit) -> Result<([(HeaderName, &'static str); 1], Json<LinkedForm>)> {
    Ok((NEVER_STORED, Json(visit.page(&state, false).await?)))
}

#[derive(Debug, Deserialize, ToSchema)]
struct AnswerLinkedForm {
    /// Values of the form's inputs: texts, and files as `{"type", "transfer_method", "upload_file_id" or "url"}`
    inputs: Map<String, Value>,
    /// Id of one of its actions
    action: String,
}

/// Answer a form; the first answer wins, and the run that asked goes on
#[utoipa::path(post, path = "/api/forms/{form_token}", tag = "forms", security(()), params(("form_token" = String, Path)), request_body = AnswerLinkedForm,
    responses((status = 200, body = LinkedForm), (status = 400), (status = 404), (status = 412), (status = 429)))]
async fn answer_form_page(State(state): State<AppState>, visit: Visit, Json(body): Json<AnswerLinkedForm>) -> Result<Json<LinkedForm>> {
    let scope = visit.scope(&state).await?;
    forms::answer(&state, &scope, &visit.form, visit.link.recipient_id, &body.inputs, &body.action).await?;
    let form = db::find(&state.db, visit.link.workspace_id, visit.link.form_id).await?.ok_or_else(no_such_form)?;
    Ok(Json(Visit { form, ..visit }.page(&state, true).await?))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI document")]
struct FormFile {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Upload a file to answer a form with
#[utoipa::path(post, path = "/api/forms/{form_token}/files", tag = "forms", security(()), params(("form_token" = String, Path)),
    request_body(content = FormFile, content_type = "multipart/form-data"),
    responses((status = 201, body = Upload), (status = 400), (status = 404), (status = 412), (status = 413), (status = 415), (status = 429)))]
async fn upload_form_file(State(state): State<AppState>, visit: Visit, request: Request) -> Result<(StatusCode, Json<Upload>)> {
    Standing::of(&visit.form).admit(visit.form.id)?;
    let form = forms::form_of(&visit.form)?;
    let rules: Vec<_> = Input::list(&form.inputs).iter().filter_map(Input::upload_rules).collect();
    if !rules.iter().any(|rules| rules.takes_by(TransferMethod::LocalFile)) {
        return Err(Error::new(Code::Forbidden, "This form takes no uploads.").param("file"));
    }
    let max_files = rules.iter().map(|rules| rules.number_limit).sum::<usize>().saturating_mul(CHANGES_OF_MIND);
    let scope = visit.scope(&state).await?;
    let is_wanted =
        |kind, extension: &str| rules.iter().any(|rules| rules.takes_by(TransferMethod::LocalFile) && rules.takes(kind, extension));
    Ok((StatusCode::CREATED, Json(files::upload(&state, &scope, max_files, request, is_wanted).await?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_input_has_one_place() {
        let form = json!([{"output_variable_name": "a"}, {"output_variable_name": "b"}, {"output_variable_name": "c"}]);
        let (text, input) = (|text: &str| ContentPiece::Text { text: text.into() }, |name: &str| ContentPiece::Input { name: name.into() });
        assert_eq!(
            content("Hi {{#$output.b#}}\n\n{{#$output.a#}} x {{#$output.b#}}{{#$output.gone#}}", &Input::list(&form)),
            [text("Hi "), input("b"), input("a"), text(" x "), input("c")]
        );
    }
}
