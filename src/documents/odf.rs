//! OpenDocument: text (odt), spreadsheets (ods) and presentations (odp) share one vocabulary.

use std::collections::HashMap;

use roxmltree::Node;

use super::archive::Archive;
use super::budget::Budget;
use super::markdown::{self, Blocks};
use super::xml::{self, attribute, child, children, is};
use super::{Problem, Text};

const KIND: &str = "OpenDocument";

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    let mut archive = Archive::open(bytes, KIND, budget)?;
    if let Some(manifest) = archive.read("META-INF/manifest.xml")? {
        let manifest = xml::decode(&manifest, KIND)?;
        let manifest = xml::parse(&manifest, KIND, budget)?;
        if manifest.descendants().any(|node| is(node, "encryption-data")) {
            return Err(Problem::PasswordProtected(KIND));
        }
    }
    let content = xml::decode(&archive.require("content.xml")?, KIND)?;
    let document = xml::parse(&content, KIND, budget)?;
    let root = document.root_element();
    let body = child(root, "body").and_then(|body| body.first_element_child()).ok_or_else(|| Problem::damaged(KIND, "it has no body"))?;

    let mut writer = Writer { numbered: numbered_lists(root), blocks: Blocks::default(), cells: 0, budget };
    let mut pages = None;
    match body.tag_name().name() {
        "spreadsheet" => {
            for sheet in children(body, "table") {
                let table = markdown::table(&writer.rows(sheet)?);
                if !table.is_empty() {
                    writer.blocks.heading(2, attribute(sheet, "name").unwrap_or("Sheet"));
                    writer.blocks.push(&table);
                }
            }
        }
        "presentation" => {
            let slides: Vec<_> = children(body, "page").collect();
            budget.pages(slides.len())?;
            pages = Some(slides.len());
            for (i, slide) in slides.into_iter().enumerate() {
                writer.slide(i + 1, slide)?;
            }
        }
        _ => writer.blocks(body)?,
    }
    Ok(Text { markdown: writer.blocks.into_text(), pages, ..Text::default() })
}

/// By the name of a list's style, the levels that are numbered.
fn numbered_lists<'a>(root: Node<'a, '_>) -> HashMap<&'a str, Vec<usize>> {
    let mut numbered: HashMap<&str, Vec<usize>> = HashMap::new();
    for level in root.descendants().filter(|node| is(*node, "list-level-style-number")) {
        let style = level.parent().and_then(|style| attribute(style, "name"));
        let level = attribute(level, "level").and_then(|level| level.parse().ok());
        if let (Some(style), Some(level)) = (style, level) {
            numbered.entry(style).or_default().push(level);
        }
    }
    numbered
}

struct Writer<'a, 'd> {
    numbered: HashMap<&'d str, Vec<usize>>,
    blocks: Blocks,
    cells: usize,
    budget: &'a Budget,
}

impl<'d> Writer<'_, 'd> {
    fn blocks(&mut self, parent: Node<'d, '_>) -> Result<(), Problem> {
        for node in parent.children().filter(Node::is_element) {
            self.budget.time()?;
            self.budget.length(self.blocks.len())?;
            match node.tag_name().name() {
                "h" => {
                    let level = attribute(node, "outline-level").and_then(|level| level.parse().ok()).unwrap_or(1);
                    self.blocks.heading(level, &text(node));
                }
                "p" => {
                    self.blocks.push(text(node).trim());
                    // text boxes hang on paragraphs
                    let of_this = |content: Node<'_, '_>| content.ancestors().skip(1).find(|ancestor| is(*ancestor, "p")) == Some(node);
                    for content in node.descendants().filter(|content| is(*content, "text-box") && of_this(*content)) {
                        self.blocks(content)?;
                    }
                }
                "list" => {
                    let mut items = Vec::new();
                    self.list(node, 1, None, &mut items);
                    self.blocks.push(&items.join("\n"));
                }
                "table" => {
                    let rows = self.rows(node)?;
                    self.blocks.push(&markdown::table(&rows));
                }
                // what was deleted; forms; styles
                "tracked-changes" | "forms" | "sequence-decls" | "variable-decls" | "notes" => {}
                _ => self.blocks(node)?,
            }
        }
        Ok(())
    }

    fn slide(&mut self, number: usize, slide: Node<'d, '_>) -> Result<(), Problem> {
        let class = |frame: Node<'d, '_>| attribute(frame, "class");
        let title = children(slide, "frame").find(|frame| class(*frame) == Some("title"));
        let title_text = title.map(|title| markdown::one_line(&paragraphs(title))).filter(|title| !title.is_empty());
        self.blocks.heading(2, &format!("Slide {number}{}", title_text.map(|title| format!(": {title}")).unwrap_or_default()));
        for shape in slide.children().filter(|node| node.is_element() && Some(*node) != title && !is(*node, "notes")) {
            self.blocks(shape)?;
        }
        let notes = child(slide, "notes").map(paragraphs).unwrap_or_default();
        if !notes.is_empty() {
            self.blocks.push(&format!("Notes: {notes}"));
        }
        Ok(())
    }

    fn list(&self, list: Node<'d, '_>, level: usize, style: Option<&'d str>, items: &mut Vec<String>) {
        // inner lists go by the style of the outer one
        let style = attribute(list, "style-name").or(style);
        let numbered = style.and_then(|style| self.numbered.get(style)).is_some_and(|levels| levels.contains(&level));
        let mut number = 0;
        for item in list.children().filter(|node| is(*node, "list-item") || is(*node, "list-header")) {
            let lines: Vec<String> = item.children().filter(|node| is(*node, "p") || is(*node, "h")).map(text).collect();
            let lines = lines.join("\n");
            if !lines.trim().is_empty() {
                number += 1;
                let marker = if numbered { format!("{number}.") } else { "-".to_owned() };
                items.push(markdown::list_item(level - 1, &marker, &lines));
            }
            for inner in children(item, "list") {
                self.list(inner, level + 1, style, items);
            }
        }
    }

    fn rows(&mut self, table: Node<'d, '_>) -> Result<Vec<Vec<String>>, Problem> {
        let mut rows = Vec::new();
        // empty rows count when something follows them
        let mut empty = 0;
        for row in table.descendants().filter(|node| is(*node, "table-row") && nearest_table(*node) == Some(table)) {
            self.budget.time()?;
            let cells = self.row(row)?;
            let repeat = repeat(row, "number-rows-repeated");
            if cells.is_empty() {
                empty += repeat;
                continue;
            }
            self.count(empty + repeat.saturating_mul(cells.len()))?;
            self.budget.length(cells.iter().map(String::len).sum::<usize>().saturating_mul(repeat))?;
            rows.extend(std::iter::repeat_n(Vec::new(), std::mem::take(&mut empty)));
            rows.extend(std::iter::repeat_n(cells, repeat));
        }
        Ok(rows)
    }

    /// Without the empty cells at its end.
    fn row(&mut self, row: Node<'d, '_>) -> Result<Vec<String>, Problem> {
        let mut cells = Vec::new();
        let mut empty = 0;
        for cell in row.children().filter(|node| is(*node, "table-cell") || is(*node, "covered-table-cell")) {
            let text = if is(cell, "table-cell") { paragraphs(cell) } else { String::new() };
            let repeat = repeat(cell, "number-columns-repeated");
            if text.is_empty() {
                empty += repeat;
                continue;
            }
            self.budget.cells(self.cells + cells.len() + empty + repeat)?;
            self.budget.length(text.len().saturating_mul(repeat))?;
            cells.extend(std::iter::repeat_n(String::new(), std::mem::take(&mut empty)));
            cells.extend(std::iter::repeat_n(text, repeat));
        }
        Ok(cells)
    }

    fn count(&mut self, cells: usize) -> Result<(), Problem> {
        self.cells = self.cells.saturating_add(cells);
        self.budget.cells(self.cells)
    }
}

/// A million rows fit a sheet; a file may say more.
fn repeat(node: Node<'_, '_>, name: &str) -> usize {
    attribute(node, name).and_then(|repeat| repeat.parse().ok()).unwrap_or(1).clamp(1, 1 << 20)
}

fn nearest_table<'a, 'i>(node: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    node.ancestors().skip(1).find(|ancestor| is(*ancestor, "table"))
}

/// A line for each paragraph below a node.
fn paragraphs(node: Node<'_, '_>) -> String {
    let lines = node.descendants().filter(|node| is(*node, "p") || is(*node, "h")).map(text);
    lines.filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

/// The text of a paragraph. White space is as in HTML; more of it has elements of its own.
fn text(paragraph: Node<'_, '_>) -> String {
    let mut out = String::new();
    inline(paragraph, &mut out);
    out
}

fn inline(parent: Node<'_, '_>, out: &mut String) {
    for node in parent.children() {
        if let Some(text) = node.text().filter(|_| node.is_text()) {
            for c in text.chars() {
                match c {
                    ' ' | '\t' | '\n' | '\r' if out.ends_with([' ', '\n']) => {}
                    ' ' | '\t' | '\n' | '\r' => out.push(' '),
                    c => out.push(c),
                }
            }
        }
        match node.tag_name().name() {
            "s" => {
                let count = attribute(node, "c").and_then(|count| count.parse().ok()).unwrap_or(1);
                out.extend(std::iter::repeat_n(' ', usize::min(count, 100)));
            }
            "tab" => out.push('\t'),
            "line-break" => out.push('\n'),
            "a" => {
                let mut label = String::new();
                inline(node, &mut label);
                match attribute(node, "href") {
                    Some(link) if !label.trim().is_empty() && label != link && !link.starts_with('#') => {
                        out.push_str(&format!("[{label}]({link})"));
                    }
                    _ => out.push_str(&label),
                }
            }
            "note" => {
                let note = child(node, "note-body").map(paragraphs).unwrap_or_default();
                out.push_str(&format!(" ({})", markdown::one_line(&note)));
            }
            // these stand for themselves, or are no text of the paragraph
            "annotation" | "frame" | "tracked-changes" | "ruby-text" => {}
            _ => inline(node, out),
        }
    }
}
