//! Spreadsheets and CSV: a Markdown table for each sheet. Empty rows and columns are left out, as Dify's extractor does.

mod biff;
mod csv;

use std::collections::BTreeSet;
use std::io::Cursor;

use calamine::{Data, ExcelDateTime, Reader, Xls, XlsError, Xlsx, XlsxError};

use super::archive::Archive;
use super::budget::Budget;
use super::markdown::{self, Blocks};
use super::{Problem, Text};

pub use csv::extract as extract_csv;

const KIND: &str = "Excel";

pub fn extract_xlsx(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    // calamine unpacks parts whole
    Archive::open(bytes, KIND, budget)?.measure()?;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsxError::Password => Problem::PasswordProtected(KIND),
        error => Problem::damaged(KIND, error.to_string()),
    })?;
    let mut sheets = Sheets::new(budget);
    for name in book.sheet_names() {
        let mut table = SheetCells::default();
        let mut cells = match book.worksheet_cells_reader(&name) {
            Ok(cells) => cells,
            // a sheet of charts
            Err(XlsxError::WorksheetNotFound(_) | XlsxError::NotAWorksheet(_)) => continue,
            Err(error) => return Err(Problem::damaged(KIND, error.to_string())),
        };
        loop {
            match cells.next_cell() {
                Ok(Some(cell)) => {
                    let (row, column) = cell.get_position();
                    sheets.push(&mut table, row, column, &Data::from(cell.get_value().clone()))?;
                }
                Ok(None) => break,
                Err(error) => return Err(Problem::damaged(KIND, error.to_string())),
            }
        }
        drop(cells);
        sheets.end(&name, table)?;
    }
    Ok(sheets.blocks.into_text().into())
}

pub fn extract_xls(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    // calamine lays out every sheet from its first to its last cell
    biff::measure(bytes, budget)?;
    let book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsError::Password => Problem::PasswordProtected(KIND),
        error => Problem::damaged(KIND, error.to_string()),
    })?;
    let mut book = book;
    let mut sheets = Sheets::new(budget);
    for (name, range) in book.worksheets() {
        let mut table = SheetCells::default();
        for (row, column, value) in range.used_cells() {
            sheets.push(&mut table, row as u32, column as u32, value)?;
        }
        sheets.end(&name, table)?;
    }
    Ok(sheets.blocks.into_text().into())
}

struct Sheets<'a> {
    blocks: Blocks,
    cells: usize,
    length: usize,
    budget: &'a Budget,
}

/// The cells of a sheet that hold something, in rows.
#[derive(Default)]
struct SheetCells {
    rows: Vec<(u32, Vec<(u32, String)>)>,
    columns: BTreeSet<u32>,
}

impl<'a> Sheets<'a> {
    fn new(budget: &'a Budget) -> Self {
        Self { blocks: Blocks::default(), cells: 0, length: 0, budget }
    }

    fn push(&mut self, sheet: &mut SheetCells, row: u32, column: u32, value: &Data) -> Result<(), Problem> {
        let text = shown(value);
        if text.trim().is_empty() {
            return Ok(());
        }
        self.length += text.len();
        self.cells += 1;
        self.budget.length(self.length)?;
        self.budget.cells(self.cells)?;
        if self.cells.is_multiple_of(1024) {
            self.budget.time()?;
        }
        sheet.columns.insert(column);
        match sheet.rows.last_mut() {
            Some((last, cells)) if *last == row => cells.push((column, text)),
            _ => sheet.rows.push((row, vec![(column, text)])),
        }
        Ok(())
    }

    fn end(&mut self, name: &str, sheet: SheetCells) -> Result<(), Problem> {
        self.budget.time()?;
        self.budget.cells(sheet.rows.len().saturating_mul(sheet.columns.len()))?;
        let columns: Vec<u32> = sheet.columns.into_iter().collect();
        let rows: Vec<Vec<String>> = sheet
            .rows
            .into_iter()
            .map(|(_, cells)| {
                let mut row = vec![String::new(); columns.len()];
                for (column, text) in cells {
                    if let Ok(place) = columns.binary_search(&column) {
                        row[place] = text;
                    }
                }
                row
            })
            .collect();
        let table = markdown::table(&rows);
        if !table.is_empty() {
            self.blocks.heading(2, name);
            self.blocks.push(&table);
            self.budget.length(self.blocks.len())?;
        }
        Ok(())
    }
}

/// A cell's value as a person would write it.
fn shown(value: &Data) -> String {
    match value {
        Data::Empty => String::new(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => number(*value),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(value) => value.to_string().to_uppercase(),
        Data::DateTime(value) => date(value),
        Data::Error(error) => error.to_string(),
    }
}

/// With the 15 digits that Excel knows: 0.1 + 0.2 is 0.3.
fn number(value: f64) -> String {
    format!("{value:.14e}").parse::<f64>().unwrap_or(value).to_string()
}

fn date(value: &ExcelDateTime) -> String {
    if value.is_duration() {
        let seconds = (value.as_f64() * 86_400.0).round() as i64;
        return format!("{}:{:02}:{:02}", seconds / 3600, (seconds / 60 % 60).abs(), (seconds % 60).abs());
    }
    match value.as_datetime() {
        Some(time) if value.as_f64().abs() < 1.0 => time.format("%H:%M:%S").to_string(),
        Some(time) if value.as_f64().fract() == 0.0 => time.format("%Y-%m-%d").to_string(),
        Some(time) => time.format("%Y-%m-%d %H:%M:%S").to_string(),
        None => number(value.as_f64()),
    }
}

#[cfg(test)]
mod tests {
    use calamine::ExcelDateTimeType::{DateTime, TimeDelta};

    use super::*;

    #[test]
    fn values_are_shown_as_written() {
        let time = |value, kind| Data::DateTime(ExcelDateTime::new(value, kind, false));
        for (value, expected) in [
            (Data::Float(0.1 + 0.2), "0.3"),
            (Data::Float(12.0), "12"),
            (Data::Float(-1.5e21), "-1500000000000000000000"),
            (Data::Float(f64::NAN), "NaN"),
            (Data::Bool(true), "TRUE"),
            (time(45_292.0, DateTime), "2024-01-01"),
            (time(45_292.75, DateTime), "2024-01-01 18:00:00"),
            (time(0.5, DateTime), "12:00:00"),
            (time(1.25, TimeDelta), "30:00:00"),
        ] {
            assert_eq!(shown(&value), expected);
        }
    }
}
