//! Word: paragraphs, headings, lists, tables, links and footnotes, as Markdown. Headers and footers are left out: they repeat.

use std::collections::HashMap;

use roxmltree::Node;

use super::archive::Archive;
use super::budget::Budget;
use super::markdown::{self, Blocks};
use super::xml::{self, Relations, attribute, child, children, is, value};
use super::{Problem, Text};

const KIND: &str = "Word";

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    let mut archive = Archive::open(bytes, KIND, budget)?;
    let main = xml::decode(&archive.require("word/document.xml")?, KIND)?;
    let mut part = |name: &str| match archive.read(name)? {
        Some(bytes) => xml::decode(&bytes, KIND).map(Some),
        None => Ok(None),
    };
    let (styles, numbering) = (part("word/styles.xml")?, part("word/numbering.xml")?);
    let notes = [("footnote", part("word/footnotes.xml")?), ("endnote", part("word/endnotes.xml")?)];
    let relations = Relations::of("word/document.xml", &mut archive, KIND, budget)?;

    let mut writer = Writer {
        styles: styles.map(|text| read_styles(&text, budget)).transpose()?.unwrap_or_default(),
        lists: numbering.map(|text| read_lists(&text, budget)).transpose()?.unwrap_or_default(),
        relations,
        counters: HashMap::new(),
        blocks: Blocks::default(),
        in_list: false,
        budget,
    };
    let document = xml::parse(&main, KIND, budget)?;
    let body = child(document.root_element(), "body").ok_or_else(|| Problem::damaged(KIND, "it has no body"))?;
    writer.blocks(body)?;
    for (kind, text) in notes {
        let Some(text) = text else { continue };
        let document = xml::parse(&text, KIND, budget)?;
        for note in children(document.root_element(), kind) {
            // separators have a type
            let (Some(id), None) = (attribute(note, "id"), attribute(note, "type")) else { continue };
            let text = writer.cell(note)?;
            if !text.is_empty() {
                writer.blocks.push(&format!("[^{}{id}]: {text}", note_prefix(kind)));
            }
        }
    }
    Ok(writer.blocks.into_text().into())
}

/// What a paragraph style means.
#[derive(Debug, Clone, Default)]
struct Style {
    /// 1 for the title and first headings.
    heading: Option<usize>,
    list: Option<(String, usize)>,
    based_on: Option<String>,
}

fn read_styles(text: &str, budget: &Budget) -> Result<HashMap<String, Style>, Problem> {
    let document = xml::parse(text, KIND, budget)?;
    let mut styles = HashMap::new();
    for style in children(document.root_element(), "style") {
        let Some(id) = attribute(style, "styleId") else { continue };
        let name = value(style, "name").unwrap_or_default().to_lowercase();
        let properties = child(style, "pPr");
        let outline = properties.and_then(|p| value(p, "outlineLvl")).and_then(|level| level.parse::<usize>().ok());
        let heading = match name.strip_prefix("heading ").and_then(|level| level.parse::<usize>().ok()) {
            Some(level @ 1..=9) => Some(level),
            _ if name == "title" => Some(1),
            // 9 is body text
            _ => outline.filter(|level| *level < 9).map(|level| level + 1),
        };
        let list = properties.and_then(|p| child(p, "numPr")).and_then(numbering_of);
        styles.insert(id.to_owned(), Style { heading, list, based_on: value(style, "basedOn").map(str::to_owned) });
    }
    Ok(styles)
}

/// (numId, level)
fn numbering_of(properties: Node<'_, '_>) -> Option<(String, usize)> {
    let id = value(properties, "numId")?;
    let level = value(properties, "ilvl").and_then(|level| level.parse().ok()).unwrap_or(0);
    Some((id.to_owned(), level))
}

/// Of each list and level, the first number; none for bullets.
type Lists = HashMap<(String, usize), Option<u32>>;

fn read_lists(text: &str, budget: &Budget) -> Result<Lists, Problem> {
    let document = xml::parse(text, KIND, budget)?;
    let root = document.root_element();
    let definitions: HashMap<&str, Node<'_, '_>> =
        children(root, "abstractNum").filter_map(|list| Some((attribute(list, "abstractNumId")?, list))).collect();
    let mut lists = Lists::new();
    for list in children(root, "num") {
        let Some(id) = attribute(list, "numId") else { continue };
        let Some(definition) = value(list, "abstractNumId").and_then(|id| definitions.get(id)) else { continue };
        for level in children(*definition, "lvl") {
            let Some(index) = attribute(level, "ilvl").and_then(|level| level.parse().ok()) else { continue };
            let start = value(level, "start").and_then(|start| start.parse().ok()).unwrap_or(1);
            let bullet = matches!(value(level, "numFmt"), Some("bullet" | "none"));
            lists.insert((id.to_owned(), index), (!bullet).then_some(start));
        }
    }
    Ok(lists)
}

struct Writer<'a> {
    styles: HashMap<String, Style>,
    lists: Lists,
    relations: Relations,
    /// The next number of each list and level.
    counters: HashMap<(String, usize), u32>,
    blocks: Blocks,
    in_list: bool,
    budget: &'a Budget,
}

impl Writer<'_> {
    fn blocks(&mut self, parent: Node<'_, '_>) -> Result<(), Problem> {
        for node in parent.children().filter(Node::is_element) {
            self.budget.time()?;
            self.budget.length(self.blocks.len())?;
            match node.tag_name().name() {
                "p" => self.paragraph(node)?,
                "tbl" => {
                    let rows = self.table(node)?;
                    self.blocks.push(&markdown::table(&rows));
                    self.in_list = false;
                }
                "sdt" => {
                    if let Some(content) = child(node, "sdtContent") {
                        self.blocks(content)?;
                    }
                }
                "customXml" | "ins" | "moveTo" | "smartTag" => self.blocks(node)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn paragraph(&mut self, paragraph: Node<'_, '_>) -> Result<(), Problem> {
        let mut boxes = Vec::new();
        let text = self.text(paragraph, &mut boxes);
        let properties = child(paragraph, "pPr");
        let style = self.style(properties.and_then(|p| value(p, "pStyle")));
        let own_list = properties.and_then(|p| child(p, "numPr")).and_then(numbering_of);
        let outline = properties.and_then(|p| value(p, "outlineLvl")).and_then(|level| level.parse::<usize>().ok());
        let heading = outline.filter(|level| *level < 9).map(|level| level + 1).or(style.heading);
        // list 0 takes a paragraph out of its style's list
        let list = own_list.or(style.list).filter(|(id, _)| id != "0");
        let is_item = heading.is_none() && list.is_some();
        if !text.trim().is_empty() {
            match (heading, list) {
                (Some(level), _) => self.blocks.heading(level, &text),
                (None, Some(list)) => self.list_item(list, &text),
                (None, None) => self.blocks.push(text.trim()),
            }
            self.in_list = is_item;
        }
        for content in boxes {
            self.blocks(content)?;
        }
        Ok(())
    }

    /// With what it inherits.
    fn style(&self, id: Option<&str>) -> Style {
        let mut found = Style::default();
        let mut next = id.and_then(|id| self.styles.get(id));
        // a chain that long goes round
        for _ in 0..20 {
            let Some(style) = next else { break };
            found.heading = found.heading.or(style.heading);
            found.list = found.list.or_else(|| style.list.clone());
            next = style.based_on.as_ref().and_then(|id| self.styles.get(id));
        }
        found
    }

    fn list_item(&mut self, (id, level): (String, usize), text: &str) {
        let key = (id, level.min(8));
        let marker = match self.lists.get(&key) {
            Some(Some(start)) => {
                let number = self.counters.entry(key.clone()).or_insert(*start);
                let marker = format!("{number}.");
                *number = number.saturating_add(1);
                marker
            }
            _ => "-".to_owned(),
        };
        // deeper levels begin anew
        self.counters.retain(|(list, deeper), _| *list != key.0 || *deeper <= key.1);
        let item = markdown::list_item(key.1, &marker, text);
        if self.in_list { self.blocks.push_close(&item) } else { self.blocks.push(&item) }
    }

    fn table(&self, table: Node<'_, '_>) -> Result<Vec<Vec<String>>, Problem> {
        let mut rows = Vec::new();
        for row in table.descendants().filter(|node| is(*node, "tr") && nearest_table(*node) == Some(table)) {
            self.budget.time()?;
            let mut cells = Vec::new();
            for cell in row.descendants().filter(|node| is(*node, "tc") && nearest_table(*node) == Some(table)) {
                let properties = child(cell, "tcPr");
                let merged = properties.and_then(|p| child(p, "vMerge")).is_some_and(|merge| attribute(merge, "val") != Some("restart"));
                cells.push(if merged { String::new() } else { self.cell(cell)? });
                let span = properties.and_then(|p| value(p, "gridSpan")).and_then(|span| span.parse::<usize>().ok()).unwrap_or(1);
                // Word has 63 columns at most
                cells.extend((1..span.min(64)).map(|_| String::new()));
            }
            rows.push(cells);
        }
        Ok(rows)
    }

    /// The text of a cell or a note, a line for each paragraph.
    fn cell(&self, cell: Node<'_, '_>) -> Result<String, Problem> {
        let mut lines = Vec::new();
        for paragraph in cell.descendants().filter(|node| is(*node, "p") && !xml::is_fallback(*node)) {
            self.budget.time()?;
            let line = self.text(paragraph, &mut Vec::new());
            if !line.trim().is_empty() {
                lines.push(line.trim().to_owned());
            }
        }
        Ok(lines.join("\n"))
    }

    /// The text of a paragraph. `boxes` takes the text boxes that hang on it.
    fn text<'a, 'i>(&self, paragraph: Node<'a, 'i>, boxes: &mut Vec<Node<'a, 'i>>) -> String {
        let mut text = String::new();
        self.inline(paragraph, &mut text, boxes);
        text
    }

    fn inline<'a, 'i>(&self, parent: Node<'a, 'i>, text: &mut String, boxes: &mut Vec<Node<'a, 'i>>) {
        for node in parent.children().filter(Node::is_element) {
            match node.tag_name().name() {
                "t" => text.push_str(node.text().unwrap_or_default()),
                "tab" | "ptab" => text.push('\t'),
                "br" | "cr" => text.push('\n'),
                "noBreakHyphen" => text.push('-'),
                "sym" => text.extend(symbol(node)),
                "footnoteReference" | "endnoteReference" => {
                    let prefix = note_prefix(node.tag_name().name());
                    text.extend(attribute(node, "id").map(|id| format!("[^{prefix}{id}]")));
                }
                "hyperlink" => {
                    let mut label = String::new();
                    self.inline(node, &mut label, boxes);
                    let target = attribute(node, "id").and_then(|id| self.relations.get(id)).filter(|link| link.external);
                    match target {
                        Some(link) if !label.trim().is_empty() && label.trim() != link.target => {
                            text.push_str(&format!("[{label}]({})", link.target));
                        }
                        _ => text.push_str(&label),
                    }
                }
                // formulas: the runs of text in their order
                "oMath" | "oMathPara" => self.inline(node, text, boxes),
                "txbxContent" => boxes.push(node),
                // the same once more for older programs; what was deleted or moved away; properties
                "Fallback" | "del" | "moveFrom" | "pPr" | "rPr" | "instrText" | "delText" => {}
                _ => self.inline(node, text, boxes),
            }
        }
    }
}

fn nearest_table<'a, 'i>(node: Node<'a, 'i>) -> Option<Node<'a, 'i>> {
    node.ancestors().skip(1).find(|ancestor| is(*ancestor, "tbl"))
}

/// Footnotes and endnotes are counted apart.
fn note_prefix(kind: &str) -> &'static str {
    if kind.starts_with("endnote") { "e" } else { "" }
}

/// Check boxes and arrows come from symbol fonts.
fn symbol(node: Node<'_, '_>) -> Option<char> {
    let code = u32::from_str_radix(attribute(node, "char")?, 16).ok()?;
    match (attribute(node, "font"), code & 0xff) {
        (Some("Wingdings"), 0xfe | 0x52) => Some('☑'),
        (Some("Wingdings"), 0xa8 | 0x6f) => Some('☐'),
        (Some("Wingdings"), 0xfc) => Some('✓'),
        (Some("Wingdings"), 0xe0) => Some('→'),
        (Some("Symbol" | "Wingdings"), 0xb7 | 0xa7 | 0x6c | 0x6e) => Some('•'),
        _ => char::from_u32(code).filter(|c| !matches!(c, '\u{e000}'..='\u{f8ff}')),
    }
}
