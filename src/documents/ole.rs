//! Compound files: the old Office formats, Outlook's messages, and new Office files under a password.

use std::io::{Cursor, Read};

use cfb::CompoundFile;

use super::budget::Budget;
use super::{Format, Problem};

pub const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

pub type File<'a> = CompoundFile<Cursor<&'a [u8]>>;

pub fn open<'a>(bytes: &'a [u8], kind: &'static str) -> Result<File<'a>, Problem> {
    CompoundFile::open(Cursor::new(bytes)).map_err(|_| Problem::damaged(kind, "its structure can't be read; it may be cut off"))
}

/// What kind of compound file this is, by the streams in it.
pub fn format(bytes: &[u8]) -> Result<Format, Problem> {
    let file = open(bytes, "Office")?;
    let has = |path: &str| file.is_stream(path);
    if has("/EncryptedPackage") {
        Err(Problem::PasswordProtected("Office"))
    } else if has("/Workbook") || has("/Book") {
        Ok(Format::Xls)
    } else if has("/__properties_version1.0") {
        Ok(Format::OutlookMail)
    } else if has("/WordDocument") {
        Err(Problem::Convert { from: "Word 97–2003 (doc)", to: "docx" })
    } else if has("/PowerPoint Document") {
        Err(Problem::Convert { from: "PowerPoint 97–2003 (ppt)", to: "pptx" })
    } else {
        Err(Problem::Unsupported)
    }
}

/// A stream, if it is there. The streams of a file share no bytes, so none is larger than the file.
pub fn read(file: &mut File<'_>, path: &str, budget: &Budget) -> Result<Option<Vec<u8>>, Problem> {
    budget.time()?;
    let Ok(stream) = file.open_stream(path) else { return Ok(None) };
    let mut bytes = Vec::new();
    // what can be read of a damaged stream is better than nothing
    stream.take(budget.limits.bytes).read_to_end(&mut bytes).ok();
    Ok(Some(bytes))
}
