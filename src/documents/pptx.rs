//! PowerPoint: the slides in their order, each with its title, texts, tables and notes.

use roxmltree::Node;

use super::archive::Archive;
use super::budget::Budget;
use super::markdown::{self, Blocks, one_line};
use super::xml::{self, Relations, attribute, child, children, is};
use super::{Problem, Text};

const KIND: &str = "PowerPoint";

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    let mut archive = Archive::open(bytes, KIND, budget)?;
    let presentation = xml::decode(&archive.require("ppt/presentation.xml")?, KIND)?;
    let relations = Relations::of("ppt/presentation.xml", &mut archive, KIND, budget)?;
    let document = xml::parse(&presentation, KIND, budget)?;
    let slides: Vec<&str> = document
        .descendants()
        .filter(|node| is(*node, "sldId"))
        // `id` is the slide's number, `r:id` what it refers to
        .filter_map(|slide| slide.attributes().find(|a| a.name() == "id" && a.namespace().is_some()))
        .filter_map(|id| Some(relations.get(id.value())?.target.as_str()))
        .collect();
    budget.pages(slides.len())?;

    let mut blocks = Blocks::default();
    for (i, path) in slides.iter().enumerate() {
        budget.length(blocks.len())?;
        let Some(bytes) = archive.read(path)? else { continue };
        let text = xml::decode(&bytes, KIND)?;
        let slide = xml::parse(&text, KIND, budget)?;
        if attribute(slide.root_element(), "show") == Some("0") {
            continue;
        }
        let shapes: Vec<Node<'_, '_>> =
            slide.descendants().filter(|node| (is(*node, "sp") || is(*node, "graphicFrame")) && !xml::is_fallback(*node)).collect();
        let title = shapes.iter().find(|shape| matches!(placeholder(**shape), Some("title" | "ctrTitle")));
        let title_text = title.map(|title| one_line(&paragraphs(*title, false))).filter(|title| !title.is_empty());
        blocks.heading(2, &format!("Slide {}{}", i + 1, title_text.map(|title| format!(": {title}")).unwrap_or_default()));
        for shape in &shapes {
            if Some(shape) != title {
                push_shape(*shape, &mut blocks);
            }
        }
        let relations = Relations::of(path, &mut archive, KIND, budget)?;
        if let Some(notes) = relations.of_kind("notesSlide")
            && let Some(bytes) = archive.read(&notes.target)?
        {
            let text = xml::decode(&bytes, KIND)?;
            let notes = xml::parse(&text, KIND, budget)?;
            let body = notes.descendants().find(|node| is(*node, "sp") && placeholder(*node) == Some("body"));
            let text = body.map(|body| paragraphs(body, false)).unwrap_or_default();
            if !text.is_empty() {
                blocks.push(&format!("Notes: {text}"));
            }
        }
    }
    Ok(Text { markdown: blocks.into_text(), pages: Some(slides.len()), ..Text::default() })
}

fn push_shape(shape: Node<'_, '_>, blocks: &mut Blocks) {
    if let Some(table) = shape.descendants().find(|node| is(*node, "tbl")) {
        let rows: Vec<Vec<String>> =
            children(table, "tr").map(|row| children(row, "tc").map(|cell| paragraphs(cell, false)).collect()).collect();
        return blocks.push(&markdown::table(&rows));
    }
    match placeholder(shape) {
        // the same on every slide
        Some("sldNum" | "dt" | "ftr" | "hdr") => {}
        Some("subTitle") => blocks.push(&paragraphs(shape, false)),
        // what a layout calls a body or leaves open is a list of points
        Some(_) => blocks.push(&paragraphs(shape, true)),
        None => blocks.push(&paragraphs(shape, false)),
    }
}

/// The type of the place in the layout that the shape fills, if it fills one.
fn placeholder<'a>(shape: Node<'a, '_>) -> Option<&'a str> {
    let properties = shape.children().find(|node| node.is_element() && node.tag_name().name().starts_with("nv"))?;
    let placeholder = child(child(properties, "nvPr")?, "ph")?;
    Some(attribute(placeholder, "type").unwrap_or("obj"))
}

/// A line for each paragraph of a shape; as points of a list unless there is only one.
fn paragraphs(shape: Node<'_, '_>, points: bool) -> String {
    let lines: Vec<(usize, bool, String)> = shape
        .descendants()
        .filter(|node| is(*node, "p"))
        .map(|paragraph| {
            let properties = child(paragraph, "pPr");
            let level = properties.and_then(|p| attribute(p, "lvl")).and_then(|level| level.parse().ok()).unwrap_or(0);
            let plain = properties.is_some_and(|p| child(p, "buNone").is_some());
            (level, plain, text(paragraph))
        })
        .filter(|(_, _, text)| !text.trim().is_empty())
        .collect();
    let points = points && lines.len() > 1;
    let lines = lines.into_iter().map(|(level, plain, text)| match points && !plain {
        true => markdown::list_item(level, "-", &text),
        false => text.trim().to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn text(paragraph: Node<'_, '_>) -> String {
    let mut text = String::new();
    for node in paragraph.descendants() {
        if is(node, "t") {
            text.push_str(node.text().unwrap_or_default());
        } else if is(node, "br") {
            text.push('\n');
        }
    }
    text
}
