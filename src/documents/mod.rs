//! Text out of documents: what a person would read in the file, as Markdown where the format has headings, lists or tables.
//!
//! Knows bytes and a name, nothing of uploads, workflows or models. Files come from strangers: everything is bounded by [`Limits`],
//! a parser that panics makes an error of that file, nothing outside the file is read, and what a file says of itself (its name,
//! its type, the sizes in its headers) is a hint.

mod archive;
mod budget;
mod docx;
mod epub;
mod format;
mod html;
mod mail;
mod markdown;
mod odf;
mod ole;
mod outlook;
mod pdf;
mod plain;
mod pptx;
mod spreadsheet;
mod subtitles;
mod xml;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use tokio::sync::Semaphore;

use budget::Budget;
pub use budget::Limits;
pub use format::{Format, SUPPORTED};

/// What was in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    pub text: String,
    pub format: Format,
    /// Of formats that have pages or slides.
    pub pages: Option<usize>,
    /// Pages of a PDF that hold no text, as scanned ones do.
    pub pages_without_text: usize,
}

/// Why a file gives no text. `Display` names the file and says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct DocumentError {
    /// The file as the user knows it.
    pub name: String,
    pub problem: Problem,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    #[error("the file is empty")]
    Empty,
    #[error("no text can be read from files of this kind; supported are {SUPPORTED}")]
    Unsupported,
    #[error("{from} files are not supported; save the file as {to} and upload it again")]
    Convert { from: &'static str, to: &'static str },
    #[error("the {0} file is protected by a password; remove the password and upload it again")]
    PasswordProtected(&'static str),
    #[error("the {kind} file is damaged: {reason}")]
    Damaged { kind: &'static str, reason: String },
    #[error(
        "the PDF has no readable text layer: its {pages} page(s) are pictures, as in a scan, or use fonts that don't say which letters they show; recognise the text (OCR) and upload the result"
    )]
    NoText { pages: usize },
    #[error("the file has more than {limit} {what}, which is the limit; split it")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("reading the file takes longer than {seconds} s; split it")]
    Timeout { seconds: f32 },
}

impl Problem {
    fn damaged(kind: &'static str, reason: impl Into<String>) -> Self {
        Self::Damaged { kind, reason: reason.into() }
    }
}

/// What a parser gives.
#[derive(Debug, Default)]
struct Text {
    markdown: String,
    pages: Option<usize>,
    pages_without_text: usize,
}

impl From<String> for Text {
    fn from(markdown: String) -> Self {
        Self { markdown, ..Self::default() }
    }
}

/// Reads a document. `name_or_extension` is `report.pdf`, `.pdf` or `pdf`; the format is what the bytes say where they say it, else
/// what the extension says, else the type.
///
/// Works as long as it must, up to `limits.time`: call [`extract_in_background`] from async code.
pub fn extract(bytes: &[u8], name_or_extension: &str, mime_type: Option<&str>, limits: &Limits) -> Result<Extracted, DocumentError> {
    let budget = Budget::new(limits);
    let result = catch_unwind(AssertUnwindSafe(|| extract_within(bytes, name_or_extension, mime_type, &budget)));
    let result = result.unwrap_or_else(|panic| match panic.downcast::<Problem>() {
        Ok(problem) => Err(*problem),
        Err(_) => Err(Problem::damaged("document", "its reader gave up on it")),
    });
    result.map_err(|problem| DocumentError { name: name_or_extension.to_owned(), problem })
}

fn extract_within(bytes: &[u8], name: &str, mime_type: Option<&str>, budget: &Budget) -> Result<Extracted, Problem> {
    if bytes.is_empty() {
        return Err(Problem::Empty);
    }
    budget.size(bytes.len())?;
    let format = format::detect(bytes, name, mime_type)?;
    let text = match format {
        Format::Pdf => pdf::extract(bytes, budget)?,
        Format::Docx => docx::extract(bytes, budget)?,
        Format::Pptx => pptx::extract(bytes, budget)?,
        Format::Xlsx => spreadsheet::extract_xlsx(bytes, budget)?,
        Format::Xls => spreadsheet::extract_xls(bytes, budget)?,
        Format::OpenDocument => odf::extract(bytes, budget)?,
        Format::Epub => epub::extract(bytes, budget)?,
        Format::Html => html::extract(bytes, budget)?.into(),
        Format::Csv => spreadsheet::extract_csv(bytes, budget)?.into(),
        Format::Mail => mail::extract(bytes, budget)?.into(),
        Format::OutlookMail => outlook::extract(bytes, budget)?.into(),
        Format::Subtitles => subtitles::extract(&plain::decode(bytes)?).into(),
        Format::Plain => plain::decode(bytes)?.into(),
    };
    let markdown = markdown::tidy(&text.markdown);
    budget.length(markdown.len())?;
    Ok(Extracted { text: markdown, format, pages: text.pages, pages_without_text: text.pages_without_text })
}

/// One thread for each core: a thread that hangs in a parser keeps its place until it is through, so that no flood of bad files
/// takes more.
static THREADS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));

/// [`extract`] on a thread of its own with a deadline: `limits.time` for waiting and working together.
pub async fn extract_in_background(
    bytes: bytes::Bytes,
    name_or_extension: String,
    mime_type: Option<String>,
    limits: Limits,
) -> Result<Extracted, DocumentError> {
    let work = async {
        // never closed
        let permit = THREADS.acquire().await.ok()?;
        let (done, result) = tokio::sync::oneshot::channel();
        let (name, mime_type, limits) = (name_or_extension.clone(), mime_type.clone(), limits.clone());
        let thread = std::thread::Builder::new().name("document".into()).stack_size(STACK).spawn(move || {
            let _permit = permit;
            // nobody listens any more when the deadline has passed
            let _ = done.send(extract(&bytes, &name, mime_type.as_deref(), &limits));
        });
        thread.ok()?;
        result.await.ok()
    };
    match tokio::time::timeout(limits.time, work).await {
        Ok(Some(result)) => result,
        Ok(None) => Err(DocumentError { name: name_or_extension, problem: Problem::damaged("document", "its reader could not be run") }),
        Err(_) => Err(DocumentError { name: name_or_extension, problem: Problem::Timeout { seconds: limits.time.as_secs_f32() } }),
    }
}

/// Documents nest: a PDF's forms, a page's lists.
const STACK: usize = 16 << 20;

#[cfg(test)]
mod tests;
