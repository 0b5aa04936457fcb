//! CSV and TSV: the separator is what splits the first lines most evenly.

use crate::documents::budget::Budget;
use crate::documents::{Problem, markdown, plain};

/// In order of preference.
const SEPARATORS: &[u8] = b",;\t|";
/// Lines that tell the separator.
const SAMPLE: usize = 50;

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<String, Problem> {
    let text = plain::decode(bytes)?;
    let text = text.trim_start_matches('\u{feff}');
    // Excel's hint to itself
    let (separator, text) = match text.strip_prefix("sep=").and_then(|rest| rest.split_once('\n')) {
        Some((hint, rest)) if hint.trim_end_matches('\r').len() == 1 => (hint.as_bytes()[0], rest),
        _ => (separator(text), text),
    };
    let (mut cells, mut rows) = (0, Vec::new());
    for record in reader(text, separator).into_records() {
        let record = record.map_err(|error| Problem::damaged("CSV", error.to_string()))?;
        cells += record.len();
        budget.cells(cells)?;
        budget.time()?;
        let row: Vec<String> = record.iter().map(str::to_owned).collect();
        if row.iter().any(|cell| !cell.trim().is_empty()) {
            rows.push(row);
        }
    }
    // one long row makes a column of every other
    budget.cells(rows.iter().map(Vec::len).max().unwrap_or(0).saturating_mul(rows.len()))?;
    Ok(markdown::table(&rows))
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes())
}

fn separator(text: &str) -> u8 {
    let score = |separator: u8| {
        let lengths: Vec<usize> = reader(text, separator).into_records().take(SAMPLE).map_while(Result::ok).map(|row| row.len()).collect();
        let most = lengths.first().copied().unwrap_or(0);
        let alike = lengths.iter().filter(|length| **length == most).count();
        // splits at all, then evenly, then into more
        (most > 1, alike * 100 / lengths.len().max(1), most)
    };
    let mut best = b',';
    for separator in SEPARATORS {
        if score(*separator) > score(best) {
            best = *separator;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Limits;

    #[test]
    fn separators_quotes_and_gaps() {
        for (file, expected) in [
            ("a,b\n1,\"x, y\"\n", "| a | b |\n| --- | --- |\n| 1 | x, y |\n"),
            ("a;b\n1,5;2,5\n", "| a | b |\n| --- | --- |\n| 1,5 | 2,5 |\n"),
            ("a\tb c, d\n1\t2\n", "| a | b c, d |\n| --- | --- |\n| 1 | 2 |\n"),
            ("sep=|\r\na|b\r\n", "| a | b |\n| --- | --- |\n"),
            ("\u{feff}one\n\ntwo\n", "| one |\n| --- |\n| two |\n"),
            ("a,b\n1\n,,3\n", "| a | b |  |\n| --- | --- | --- |\n| 1 |  |  |\n|  |  | 3 |\n"),
            ("\"two\nlines\",b", "| two<br>lines | b |\n| --- | --- |\n"),
        ] {
            assert_eq!(extract(file.as_bytes(), &Budget::new(&Limits::default())).unwrap(), expected, "{file:?}");
        }
    }
}
