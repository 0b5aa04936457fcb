//! Markdown as a model reads it: nothing is escaped but what would break a table.

/// A table from its first row on, which becomes the header. Rows may differ in length; empty rows and columns at the edges are dropped.
/// Gives an empty text for a table without text.
pub fn table(rows: &[Vec<String>]) -> String {
    let filled = |row: &Vec<String>| row.iter().any(|cell| !cell.trim().is_empty());
    let (Some(first), Some(last)) = (rows.iter().position(filled), rows.iter().rposition(filled)) else { return String::new() };
    let rows = &rows[first..=last];
    let left = rows.iter().filter_map(|row| row.iter().position(|cell| !cell.trim().is_empty())).min().unwrap_or(0);
    let right = rows.iter().filter_map(|row| row.iter().rposition(|cell| !cell.trim().is_empty())).max().unwrap_or(0);
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        push_row(&mut text, (left..=right).map(|column| row.get(column).map_or("", String::as_str)));
        if i == 0 {
            push_row(&mut text, (left..=right).map(|_| "---"));
        }
    }
    text
}

fn push_row<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    text.push('|');
    for cell in cells {
        text.push(' ');
        push_cell(text, cell.trim());
        text.push_str(" |");
    }
    text.push('\n');
}

fn push_cell(text: &mut String, cell: &str) {
    let mut characters = cell.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '|' => text.push_str("\\|"),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\n' => text.push_str("<br>"),
            c => text.push(c),
        }
    }
}

/// Blocks of text with an empty line between them.
#[derive(Debug, Default)]
pub struct Blocks {
    text: String,
}

impl Blocks {
    pub fn push(&mut self, block: &str) {
        self.append(block, "\n\n");
    }

    /// A block that goes on with the one before, as an item of a list does.
    pub fn push_close(&mut self, block: &str) {
        self.append(block, "\n");
    }

    pub fn heading(&mut self, level: usize, title: &str) {
        let title = one_line(title);
        if !title.is_empty() {
            self.push(&format!("{} {title}", "#".repeat(level.clamp(1, 6))));
        }
    }

    fn append(&mut self, block: &str, joint: &str) {
        let block = block.trim_matches('\n').trim_end();
        if block.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str(joint);
        }
        self.text.push_str(block);
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

/// White space, line ends among it, as single spaces.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An item of a list; its further lines are indented below it.
pub fn list_item(level: usize, marker: &str, text: &str) -> String {
    let indent = "  ".repeat(level.min(10));
    let mut lines = text.trim().lines();
    let mut item = format!("{indent}{marker} {}", lines.next().unwrap_or_default());
    for line in lines {
        item.push_str(&format!("\n{indent}  {line}"));
    }
    item
}

/// Ends of lines are `\n`, none has white space behind it, no NUL; what is around the text is gone, no indentation of the first line.
pub fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    for line in text.replace("\r\n", "\n").split(['\n', '\r', '\u{c}']) {
        tidy.extend(line.trim_end().chars().filter(|c| *c != '\0'));
        tidy.push('\n');
    }
    let end = tidy.trim_end().len();
    tidy.truncate(end);
    tidy.trim_start_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(ToString::to_string).collect()).collect()
    }

    #[test]
    fn tables_are_cut_to_what_they_hold() {
        for (cells, expected) in [
            (&[&["a", "b"][..], &["1", "2"]][..], "| a | b |\n| --- | --- |\n| 1 | 2 |\n"),
            (&[&["", "", ""], &["", "a", ""], &["", "1"], &["", "x", "y"], &[""]], "| a |  |\n| --- | --- |\n| 1 |  |\n| x | y |\n"),
            (&[&["a|b", "two\r\nlines\nand"]], "| a\\|b | two<br>lines<br>and |\n| --- | --- |\n"),
            (&[&["", " "], &[]], ""),
            (&[], ""),
        ] {
            assert_eq!(table(&rows(cells)), expected, "{cells:?}");
        }
    }

    #[test]
    fn text_is_tidied() {
        assert_eq!(tidy("\r\n  a \r\nb\rc\0\n\n"), "  a\nb\nc");
        assert_eq!(list_item(1, "-", "one\ntwo"), "  - one\n    two");
    }
}
