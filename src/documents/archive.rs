//! Zip archives as office formats use them: read by name, within bounds.

use std::collections::HashMap;
use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::budget::Budget;
use super::{Format, Problem};

pub struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    kind: &'static str,
    budget: &'a Budget,
    unpacked: u64,
    /// Names as they are written, by their lower case: programs are not of one mind.
    names: HashMap<String, usize>,
}

impl<'a> Archive<'a> {
    pub fn open(bytes: &'a [u8], kind: &'static str, budget: &'a Budget) -> Result<Self, Problem> {
        let zip =
            ZipArchive::new(Cursor::new(bytes)).map_err(|_| Problem::damaged(kind, "its archive can't be read; it may be cut off"))?;
        budget.entries(zip.len())?;
        let names = zip.file_names().enumerate().filter_map(|(i, name)| Some((name.ok()?.to_ascii_lowercase(), i))).collect();
        Ok(Self { zip, kind, budget, unpacked: 0, names })
    }

    /// A file of the archive, if it is there. What is said about its size is not believed.
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        self.budget.time()?;
        let Some(index) = self.names.get(&name.trim_start_matches('/').to_ascii_lowercase()) else { return Ok(None) };
        let file = match self.zip.by_index(*index) {
            Ok(file) => file,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => return Err(Problem::PasswordProtected(self.kind)),
            Err(_) => return Err(Problem::damaged(self.kind, format!("its part {name} can't be read"))),
        };
        let mut bytes = Vec::new();
        let left = self.budget.unpacked_left(self.unpacked);
        let read = file.take(left.saturating_add(1)).read_to_end(&mut bytes);
        self.unpacked += bytes.len() as u64;
        self.budget.unpacked(self.unpacked)?;
        read.map_err(|_| Problem::damaged(self.kind, format!("its part {name} can't be unpacked")))?;
        Ok(Some(bytes))
    }

    /// A file that the format can't do without.
    pub fn require(&mut self, name: &str) -> Result<Vec<u8>, Problem> {
        self.read(name)?.ok_or_else(|| Problem::damaged(self.kind, format!("its part {name} is missing")))
    }

    /// Unpacks everything without keeping it, for a reader that will open the archive by itself.
    pub fn measure(&mut self) -> Result<(), Problem> {
        let mut buffer = [0; 64 * 1024];
        for index in 0..self.zip.len() {
            let mut file = match self.zip.by_index(index) {
                Ok(file) => file,
                Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => return Err(Problem::PasswordProtected(self.kind)),
                // nothing comes out of it for the other reader either
                Err(_) => continue,
            };
            while let Ok(read @ 1..) = file.read(&mut buffer) {
                self.unpacked += read as u64;
                self.budget.unpacked(self.unpacked)?;
                self.budget.time()?;
            }
        }
        Ok(())
    }
}

/// Which of the formats in an archive this is; `named` is what the file's name says.
pub fn format(bytes: &[u8], named: Option<Format>) -> Result<Format, Problem> {
    let Ok(zip) = ZipArchive::new(Cursor::new(bytes)) else {
        // cut off: its reader says so
        return in_archive(named);
    };
    let has = |name: &str| zip.index_for_name(name).is_some();
    if has("word/document.xml") {
        Ok(Format::Docx)
    } else if has("ppt/presentation.xml") {
        Ok(Format::Pptx)
    } else if has("xl/workbook.xml") {
        Ok(Format::Xlsx)
    } else if has("META-INF/container.xml") {
        Ok(Format::Epub)
    } else if has("content.xml") {
        Ok(Format::OpenDocument)
    } else {
        // its reader says what is missing
        in_archive(named)
    }
}

fn in_archive(named: Option<Format>) -> Result<Format, Problem> {
    named
        .filter(|format| matches!(format, Format::Docx | Format::Pptx | Format::Xlsx | Format::OpenDocument | Format::Epub))
        .ok_or(Problem::Unsupported)
}
