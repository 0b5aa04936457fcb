//! Rows of a table as a file, CSV or JSON lines, written row by row while the database gives them.

use std::fmt::Display;

use axum::BoxError;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// With a byte order mark, which spreadsheets want
    Csv,
    /// An object a line
    Jsonl,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    #[param(inline)]
    pub format: Format,
}

/// A line of the file.
pub trait Line: Serialize {
    /// What its rows are, as the file is called where the app's name can't be written.
    const STEM: &str;
    /// Its fields, in the order of the columns.
    const COLUMNS: &[&str];
}

/// The file, named after the app. A failure on the way breaks the download off: whoever has it all sees that it ended.
pub fn respond<L, E>(app: &str, format: Format, lines: impl Stream<Item = Result<L, E>> + Send + 'static) -> Response
where
    L: Line,
    E: Display + Into<BoxError> + Send + 'static,
{
    let (mime, extension) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Jsonl => ("application/jsonl; charset=utf-8", "jsonl"),
    };
    let head = (format == Format::Csv).then(|| {
        let names = csv_line(L::COLUMNS.iter().map(|name| (*name).to_owned()));
        Ok(Bytes::from([b"\xef\xbb\xbf", names.as_slice()].concat()))
    });
    let lines = lines.map(move |line| match line {
        Ok(line) => Ok(Bytes::from(if format == Format::Csv { csv(&line) } else { json(&line) })),
        Err(error) => {
            tracing::warn!(%error, "an export broke off");
            Err(error)
        }
    });
    let (stem, name) = (L::STEM, percent_encoding::utf8_percent_encode(app, percent_encoding::NON_ALPHANUMERIC));
    let headers = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{stem}.{extension}\"; filename*=UTF-8''{name}.{extension}")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, Body::from_stream(futures::stream::iter(head).chain(lines))).into_response()
}

fn json(line: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(line).unwrap_or_default();
    line.push(b'\n');
    line
}

fn csv<L: Line>(line: &L) -> Vec<u8> {
    let fields = serde_json::to_value(line).unwrap_or_default();
    csv_line(L::COLUMNS.iter().map(|name| cell(&fields[name])))
}

/// Text as it is, but inert: what a spreadsheet would take for a formula stays text. Objects and lists as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn csv_line(cells: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // memory takes everything
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Row {
        note: &'static str,
        text: &'static str,
        inputs: Value,
        price: Option<f64>,
    }

    impl Line for Row {
        const STEM: &str = "rows";
        const COLUMNS: &[&str] = &["text", "note", "inputs", "price"];
    }

    #[test]
    fn cells_are_quoted_and_formulas_are_text() {
        let row = Row { text: "=1+1", note: "a \"b\",\nc", inputs: json!({"n": 1}), price: None };
        assert_eq!(String::from_utf8(csv(&row)).unwrap(), "'=1+1,\"a \"\"b\"\",\nc\",\"{\"\"n\"\":1}\",\r\n");
        let row = Row { text: "x", note: "", inputs: json!(null), price: Some(-0.5) };
        assert_eq!(String::from_utf8(csv(&row)).unwrap(), "x,,,-0.5\r\n");
    }
}
