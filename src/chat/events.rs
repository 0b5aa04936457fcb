//! The events of a chat or completion stream, byte for byte as the service API's contract wants them.
//!
//! An event is serialised once, into the bytes that the client, the log and later readers get.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::db::thoughts;
use crate::catalog::Usage;
use crate::error::Error;
use crate::files::AnswerFile;
use crate::ids::{ConversationId, MessageId, TaskId};

/// Writes the events of one message: what all of them share is put together once.
#[derive(Debug, Clone)]
pub struct EventWriter {
    /// `"conversation_id":"…","message_id":"…","created_at":1`
    common: String,
    /// `"task_id":"…"`: not on errors
    task: String,
    /// The message's, as most events have it.
    id: String,
}

/// `metadata` of `message_end` and of a blocking answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub annotation_reply: Option<AnnotationReply>,
    pub retriever_resources: Vec<Value>,
    pub usage: Option<Usage>,
    pub reasoning: serde_json::Map<String, Value>,
}

/// Which annotation answered instead of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnnotationReply {
    pub id: String,
    pub account: AnnotationAccount,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnnotationAccount {
    pub id: String,
    pub name: String,
}

impl EventWriter {
    /// Without a conversation: a completion app. `created_at` in Unix seconds.
    pub fn new(conversation: Option<ConversationId>, message: MessageId, task: TaskId, created_at: i64) -> Self {
        let conversation = conversation.map(|id| format!("\"conversation_id\":\"{id}\",")).unwrap_or_default();
        Self {
            common: format!("{conversation}\"message_id\":\"{message}\",\"created_at\":{created_at}"),
            task: format!("\"task_id\":\"{task}\""),
            id: message.to_string(),
        }
    }

    /// A piece of the answer.
    pub fn message(&self, delta: &str) -> Bytes {
        self.message_from(&[], delta)
    }

    /// A piece of the answer that shows a variable.
    pub fn message_from(&self, selector: &[String], delta: &str) -> Bytes {
        self.event("message", Some(&self.id), delta.len(), |out| {
            out.extend_from_slice(b",\"answer\":");
            put_json(out, delta);
            out.extend_from_slice(b",\"from_variable_selector\":");
            put_json(out, selector);
        })
    }

    /// A piece of what an agent says.
    pub fn agent_message(&self, delta: &str) -> Bytes {
        self.event("agent_message", Some(&self.id), delta.len(), |out| {
            out.extend_from_slice(b",\"answer\":");
            put_json(out, delta);
        })
    }

    /// A round of an agent, as far as it is.
    pub fn agent_thought(&self, thought: &thoughts::Row) -> Bytes {
        let size = thought.thought.len() + thought.tool_input.len() + thought.observation.len() + 256;
        self.event("agent_thought", Some(&thought.id.to_string()), size, |out| {
            out.extend_from_slice(format!(",\"position\":{},\"thought\":", thought.position).as_bytes());
            put_json(out, &thought.thought);
            out.extend_from_slice(b",\"observation\":");
            put_json(out, &thought.observation);
            out.extend_from_slice(b",\"tool\":");
            put_json(out, &thought.tool);
            out.extend_from_slice(b",\"tool_labels\":");
            put_json(out, &thought.tool_labels);
            out.extend_from_slice(b",\"tool_input\":");
            put_json(out, &thought.tool_input);
            out.extend_from_slice(b",\"message_files\":");
            put_json(out, &thought.files);
        })
    }

    /// A file that a tool made.
    pub fn message_file(&self, file: &AnswerFile) -> Bytes {
        self.event("message_file", Some(&file.id.to_string()), file.url.len() + 64, |out| {
            out.extend_from_slice(b",\"type\":");
            put_json(out, &file.kind);
            out.extend_from_slice(b",\"belongs_to\":\"assistant\",\"url\":");
            put_json(out, &file.url);
        })
    }

    /// Everything sent so far is void; `answer` stands instead.
    pub fn message_replace(&self, answer: &str, reason: &str) -> Bytes {
        self.event("message_replace", Some(&self.id), answer.len(), |out| {
            out.extend_from_slice(b",\"answer\":");
            put_json(out, answer);
            out.extend_from_slice(b",\"reason\":");
            put_json(out, reason);
        })
    }

    pub fn message_end(&self, metadata: &Metadata) -> Bytes {
        self.message_end_with(metadata, &[])
    }

    /// With the files of the answer.
    pub fn message_end_with(&self, metadata: &Metadata, files: &[&Value]) -> Bytes {
        self.event("message_end", Some(&self.id), 512, |out| {
            out.extend_from_slice(b",\"metadata\":");
            put_json(out, metadata);
            out.extend_from_slice(b",\"files\":");
            put_json(out, files);
        })
    }

    /// A failure after the stream was opened: `code`, `status`, `message`, no `task_id`.
    pub fn error(&self, error: &Error) -> Bytes {
        self.event("error", None, error.message.len(), |out| {
            let head = format!(",\"code\":\"{}\",\"status\":{},\"message\":", error.code.as_str(), error.code.status().as_u16());
            out.extend_from_slice(head.as_bytes());
            put_json(out, &error.message);
        })
    }

    /// `id`: of what the event is about; errors have neither that nor the task's.
    fn event(&self, name: &str, id: Option<&str>, extra: usize, fields: impl FnOnce(&mut BytesMut)) -> Bytes {
        let mut out = BytesMut::with_capacity(self.common.len() + self.task.len() + extra + 128);
        out.extend_from_slice(b"data: {\"event\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",");
        out.extend_from_slice(self.common.as_bytes());
        if let Some(id) = id {
            out.put_u8(b',');
            out.extend_from_slice(self.task.as_bytes());
            out.extend_from_slice(b",\"id\":\"");
            out.extend_from_slice(id.as_bytes());
            out.put_u8(b'"');
        }
        fields(&mut out);
        out.extend_from_slice(b"}\n\n");
        out.freeze()
    }
}

fn put_json(out: &mut BytesMut, value: &(impl Serialize + ?Sized)) {
    // strings and plain structs always serialise, and memory is the writer
    let written = serde_json::to_writer(out.writer(), value);
    debug_assert!(written.is_ok(), "{written:?}");
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::error::Code;

    fn writer(conversation: bool) -> EventWriter {
        let id = |n: u128| Uuid::from_u128(n);
        EventWriter::new(conversation.then(|| ConversationId(id(1))), MessageId(id(2)), TaskId(id(3)), 1_790_000_000)
    }

    const C: &str = "00000000-0000-0000-0000-000000000001";
    const M: &str = "00000000-0000-0000-0000-000000000002";
    const T: &str = "00000000-0000-0000-0000-000000000003";

    #[test]
    fn a_delta_is_the_contracts_line() {
        let expected = format!(
            "data: {{\"event\":\"message\",\"conversation_id\":\"{C}\",\"message_id\":\"{M}\",\"created_at\":1790000000,\"task_id\":\"{T}\",\"id\":\"{M}\",\"answer\":\"Hel\\n\\\"红\\\"\",\"from_variable_selector\":[]}}\n\n"
        );
        assert_eq!(writer(true).message("Hel\n\"红\""), expected);
        assert!(!writer(false).message("x").windows(15).any(|w| w == b"conversation_id"));
    }

    #[test]
    fn the_end_carries_metadata_with_string_prices() {
        let metadata = Metadata { usage: Some(Usage { prompt_tokens: 9, ..Usage::default() }), ..Metadata::default() };
        let line = String::from_utf8(writer(true).message_end(&metadata).to_vec()).unwrap();
        let event: Value = serde_json::from_str(line.trim_start_matches("data: ")).unwrap();
        assert_eq!(event["metadata"]["usage"]["prompt_tokens"], 9);
        assert_eq!(event["metadata"]["usage"]["total_price"], "0");
        assert_eq!(event["metadata"]["annotation_reply"], Value::Null);
        assert_eq!(event["metadata"]["reasoning"], json!({}));
        assert_eq!(event["files"], json!([]));
    }

    #[test]
    fn an_error_has_no_task_id() {
        let error = Error::new(Code::CompletionRequest, "no {luck}");
        let expected = format!(
            "data: {{\"event\":\"error\",\"conversation_id\":\"{C}\",\"message_id\":\"{M}\",\"created_at\":1790000000,\"code\":\"completion_request_error\",\"status\":400,\"message\":\"no {{luck}}\"}}\n\n"
        );
        assert_eq!(writer(true).error(&error), expected);
    }

    #[test]
    fn a_replacement_says_why() {
        let line = String::from_utf8(writer(true).message_replace("no", "").to_vec()).unwrap();
        assert!(line.ends_with("\"answer\":\"no\",\"reason\":\"\"}\n\n"), "{line}");
    }
}
