//! EPUB: the chapters in the order of the book's spine.

use std::collections::HashMap;

use super::archive::Archive;
use super::budget::Budget;
use super::markdown::Blocks;
use super::xml::{self, attribute, is};
use super::{Problem, Text, html};

const KIND: &str = "EPUB";

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    let mut archive = Archive::open(bytes, KIND, budget)?;
    let container = xml::decode(&archive.require("META-INF/container.xml")?, KIND)?;
    let container = xml::parse(&container, KIND, budget)?;
    let path = container.descendants().find(|node| is(*node, "rootfile")).and_then(|file| attribute(file, "full-path"));
    let path = path.ok_or_else(|| Problem::damaged(KIND, "it does not say where its contents are"))?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let package = xml::decode(&archive.require(path)?, KIND)?;
    let package = xml::parse(&package, KIND, budget)?;

    let items: HashMap<&str, (&str, &str)> = package
        .descendants()
        .filter(|node| is(*node, "item"))
        .filter_map(|item| Some((attribute(item, "id")?, (attribute(item, "href")?, attribute(item, "media-type").unwrap_or_default()))))
        .collect();
    let spine: Vec<&str> =
        package.descendants().filter(|node| is(*node, "itemref")).filter_map(|chapter| attribute(chapter, "idref")).collect();
    budget.entries(spine.len())?;
    let locked = locked(&mut archive, budget)?;

    let mut blocks = Blocks::default();
    for (href, kind) in spine.iter().filter_map(|id| items.get(id)) {
        if !matches!(*kind, "application/xhtml+xml" | "text/html" | "") {
            continue;
        }
        let href = percent_encoding::percent_decode_str(href.split('#').next().unwrap_or_default()).decode_utf8_lossy();
        let path = xml::resolve(folder, &href);
        if locked.contains(&path) {
            return Err(Problem::PasswordProtected(KIND));
        }
        // a book that misses a chapter is still read
        if let Some(bytes) = archive.read(&path)? {
            blocks.push(&html::extract(&bytes, budget)?);
            budget.length(blocks.len())?;
        }
    }
    Ok(blocks.into_text().into())
}

/// Files that are encrypted; fonts often are, in books that are free to read.
fn locked(archive: &mut Archive<'_>, budget: &Budget) -> Result<Vec<String>, Problem> {
    let Some(bytes) = archive.read("META-INF/encryption.xml")? else { return Ok(Vec::new()) };
    let text = xml::decode(&bytes, KIND)?;
    let document = xml::parse(&text, KIND, budget)?;
    let references = document.descendants().filter(|node| is(*node, "CipherReference"));
    Ok(references.filter_map(|node| attribute(node, "URI")).map(|uri| xml::resolve("", uri)).collect())
}
