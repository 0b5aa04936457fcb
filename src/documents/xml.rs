//! XML of office formats as a tree, within bounds: no entities of its own, none from outside.

use std::collections::HashMap;

use roxmltree::{Document, Node, ParsingOptions};

use super::archive::Archive;
use super::budget::Budget;
use super::{Problem, plain};

/// XML's text, from whatever encoding it is in.
pub fn decode(bytes: &[u8], kind: &'static str) -> Result<String, Problem> {
    plain::decode(bytes).map_err(|_| Problem::damaged(kind, "a part is no text"))
}

/// A tree that is safe to walk by recursion.
pub fn parse<'a>(text: &'a str, kind: &'static str, budget: &Budget) -> Result<Document<'a>, Problem> {
    budget.time()?;
    let options = ParsingOptions { nodes_limit: budget.limits.nodes, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => Problem::TooLarge { what: "XML elements", limit: u64::from(budget.limits.nodes) },
        error => Problem::damaged(kind, error.to_string()),
    })?;
    let (mut node, mut depth) = (document.root(), 0);
    // down, along, and up again, without a stack
    loop {
        if let Some(child) = node.first_child() {
            node = child;
            depth += 1;
            if depth > budget.limits.depth {
                return Err(Problem::TooLarge { what: "XML elements within each other", limit: budget.limits.depth as u64 });
            }
            continue;
        }
        while node.next_sibling().is_none() {
            let Some(parent) = node.parent() else { return Ok(document) };
            node = parent;
            depth -= 1;
        }
        if let Some(next) = node.next_sibling() {
            node = next;
        }
    }
}

/// Tags and attributes go by their local names: the prefixes are the writer's choice, and strict files use other namespaces.
pub fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

pub fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| is(*child, name))
}

pub fn children<'a, 'i: 'a>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| is(*child, name))
}

pub fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes().find(|attribute| attribute.name() == name).map(|attribute| attribute.value())
}

/// Whether this is within what Office writes once more for programs that don't know the first form.
pub fn is_fallback(node: Node<'_, '_>) -> bool {
    node.ancestors().any(|ancestor| is(ancestor, "Fallback"))
}

/// `<w:pStyle w:val="x"/>` below the node.
pub fn value<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).and_then(|child| attribute(child, "val"))
}

/// What a part of an Office file refers to.
pub struct Relations {
    by_id: HashMap<String, Relation>,
}

pub struct Relation {
    /// The last word of its type: `slide`, `hyperlink`.
    pub kind: String,
    /// A path in the archive, or an address outside.
    pub target: String,
    pub external: bool,
}

impl Relations {
    /// Of `ppt/slides/slide1.xml` they are in `ppt/slides/_rels/slide1.xml.rels`.
    pub fn of(part: &str, archive: &mut Archive<'_>, kind: &'static str, budget: &Budget) -> Result<Self, Problem> {
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
        let mut by_id = HashMap::new();
        if let Some(bytes) = archive.read(&format!("{folder}/_rels/{file}.rels"))? {
            let text = decode(&bytes, kind)?;
            let document = parse(&text, kind, budget)?;
            for relation in children(document.root_element(), "Relationship") {
                let (Some(id), Some(target)) = (attribute(relation, "Id"), attribute(relation, "Target")) else { continue };
                let external = attribute(relation, "TargetMode") == Some("External");
                let target = if external { target.to_owned() } else { resolve(folder, target) };
                let kind = attribute(relation, "Type").and_then(|kind| kind.rsplit('/').next()).unwrap_or_default().to_owned();
                by_id.insert(id.to_owned(), Relation { kind, target, external });
            }
        }
        Ok(Self { by_id })
    }

    pub fn get(&self, id: &str) -> Option<&Relation> {
        self.by_id.get(id)
    }

    pub fn of_kind(&self, kind: &str) -> Option<&Relation> {
        self.by_id.values().find(|relation| relation.kind == kind)
    }
}

/// A path in an archive, relative to a folder of it.
pub fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Limits;

    #[test]
    fn trees_are_bounded() {
        let budget = Budget::new(&Limits { depth: 5, nodes: 100, ..Limits::default() });
        let nested = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        assert!(parse(&nested(5), "XML", &budget).is_ok());
        for (text, expected) in [(nested(6), "XML elements within each other"), (format!("<a>{}</a>", "<b/>".repeat(100)), "XML elements")]
        {
            let problem = parse(&text, "XML", &budget).unwrap_err();
            assert!(matches!(problem, Problem::TooLarge { what, .. } if what == expected), "{problem}");
        }
        let entities = r#"<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"#;
        assert!(matches!(parse(entities, "XML", &budget), Err(Problem::Damaged { .. })));
    }

    #[test]
    fn paths_stay_in_the_archive() {
        for (folder, target, expected) in [
            ("ppt/slides", "../notes/n.xml", "ppt/notes/n.xml"),
            ("ppt", "slides/s.xml", "ppt/slides/s.xml"),
            ("ppt", "/word/a.xml", "word/a.xml"),
            ("", "../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(resolve(folder, target), expected);
        }
    }
}
