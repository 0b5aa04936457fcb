//! The inputs of a form: what each takes, and the check of what people gave.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::apps::inputs::without_nul;
use crate::error::{Code, Error, Result};
use crate::files::{self, FileKind, InputFile, Scope, TransferMethod, UploadRules};
use crate::state::AppState;

/// Files that a list takes when it does not say.
const USUAL_NUMBER: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = FormInputKind)]
pub enum InputKind {
    Paragraph,
    Select,
    File,
    FileList,
}

/// An input as its form has it.
pub struct Input<'a> {
    pub name: &'a str,
    pub kind: InputKind,
    data: &'a Value,
}

impl<'a> Input<'a> {
    /// The inputs of a form. Unknown types read as paragraphs.
    pub fn list(inputs: &'a Value) -> Vec<Self> {
        let read = |data: &'a Value| {
            let kind = match data.get("type").and_then(Value::as_str) {
                Some("select") => InputKind::Select,
                Some("file") => InputKind::File,
                Some("file-list") => InputKind::FileList,
                _ => InputKind::Paragraph,
            };
            Some(Self { name: data.get("output_variable_name")?.as_str()?, kind, data })
        };
        inputs.as_array().into_iter().flatten().filter_map(read).collect()
    }

    /// Of a select.
    pub fn options(&self) -> Vec<&'a str> {
        self.data.pointer("/option_source/value").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Of inputs that take files.
    pub fn upload_rules(&self) -> Option<UploadRules> {
        let number_limit = match self.kind {
            InputKind::Paragraph | InputKind::Select => return None,
            InputKind::File => 1,
            InputKind::FileList => {
                let given = self.data.get("number_limits").and_then(Value::as_u64).filter(|n| *n > 0);
                given.and_then(|n| usize::try_from(n).ok()).unwrap_or(USUAL_NUMBER)
            }
        };
        let extensions: Vec<String> = self.many("allowed_file_extensions");
        Some(UploadRules {
            kinds: self.many::<FileKind>("allowed_file_types"),
            extensions: extensions.iter().map(|extension| extension.trim_start_matches('.').to_ascii_lowercase()).collect(),
            methods: self.many::<TransferMethod>("allowed_file_upload_methods"),
            number_limit,
            detail: Default::default(),
        })
    }

    fn many<T: DeserializeOwned>(&self, key: &str) -> Vec<T> {
        self.data.get(key).and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default()
    }

    async fn check(&self, state: &AppState, scope: &Scope, given: &Value) -> Result<Value> {
        let value = without_nul(given);
        let wrong = |what: &str| Error::new(Code::InvalidFormData, format!("Invalid value for input '{}': must be {what}", self.name));
        let items: Vec<&Value> = match (self.kind, &value) {
            (InputKind::Paragraph, Value::String(_)) => return Ok(value),
            (InputKind::Paragraph, _) => return Err(wrong("a text")),
            (InputKind::Select, Value::String(text)) => {
                let options = self.options();
                return if options.is_empty() || options.contains(&text.as_str()) { Ok(value) } else { Err(wrong("one of the options")) };
            }
            (InputKind::Select, _) => return Err(wrong("one of the options")),
            (InputKind::File, Value::Object(_)) => vec![&value],
            (InputKind::File, _) => return Err(wrong("a file")),
            (InputKind::FileList, Value::Array(items)) => items.iter().collect(),
            (InputKind::FileList, _) => return Err(wrong("a list of files")),
        };
        let files: Vec<InputFile> =
            items.into_iter().map(|item| InputFile::of_value(item, self.name)).collect::<Result<_>>().map_err(form_data)?;
        let resolved = files::resolve(state, scope, self.upload_rules().as_ref(), self.name, &files).await.map_err(form_data)?;
        let mut shown: Vec<Value> = resolved.iter().map(|file| file.output_json(state, scope.workspace_id)).collect();
        Ok(if self.kind == InputKind::File { shown.pop().unwrap_or_default() } else { Value::Array(shown) })
    }
}

/// The values of the form's own inputs, checked by their types.
pub async fn read(state: &AppState, scope: &Scope, form: &Value, given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let inputs = Input::list(form);
    let missing: Vec<&str> = inputs.iter().map(|input| input.name).filter(|name| given.get(*name).is_none_or(Value::is_null)).collect();
    if !missing.is_empty() {
        return Err(Error::new(Code::InvalidFormData, format!("Missing required inputs: {}", missing.join(", "))));
    }
    let mut values = Map::new();
    for input in inputs {
        values.insert(input.name.to_owned(), input.check(state, scope, &given[input.name]).await?);
    }
    Ok(values)
}

/// Whatever is wrong with a file is wrong with the form's data.
fn form_data(error: Error) -> Error {
    if error.code == Code::InvalidParam { Error::new(Code::InvalidFormData, error.message) } else { error }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_say_what_they_take() {
        let form = json!([
            {"output_variable_name": "a", "type": "text-input"},
            {"output_variable_name": "b", "type": "select", "option_source": {"value": ["x", "y"]}},
            {"output_variable_name": "c", "type": "file", "allowed_file_types": ["custom"], "allowed_file_extensions": [".CSV"]},
            {"output_variable_name": "d", "type": "file-list", "number_limits": 3, "allowed_file_upload_methods": ["remote_url"]},
            {"output_variable_name": "e", "type": "file-list", "number_limits": 0},
            {"type": "paragraph"},
        ]);
        let inputs = Input::list(&form);
        let kinds: Vec<_> = inputs.iter().map(|input| (input.name, input.kind)).collect();
        use InputKind::{File, FileList, Paragraph, Select};
        assert_eq!(kinds, [("a", Paragraph), ("b", Select), ("c", File), ("d", FileList), ("e", FileList)]);
        assert_eq!(inputs[1].options(), ["x", "y"]);
        assert!(inputs[1].upload_rules().is_none());
        assert_eq!(inputs[2].upload_rules().unwrap().accepted(), ["csv"]);
        let list = inputs[3].upload_rules().unwrap();
        assert_eq!((list.number_limit, list.takes_by(TransferMethod::LocalFile)), (3, false));
        assert_eq!(inputs[4].upload_rules().unwrap().number_limit, USUAL_NUMBER);
    }
}
