//! The tree of a page, within bounds. The parser repairs what is wrong with a page, and repairs can be many times as large as the
//! page: it is fed in small pieces, and its elements are counted in between.

use std::borrow::Cow;
use std::cell::Cell;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, ExpandedName, ParseOpts, QualName, parse_document};
use markup5ever_rcdom::{Handle, RcDom};

use crate::documents::Problem;
use crate::documents::budget::Budget;

/// Bytes that are parsed at once.
const PIECE: usize = 4096;

pub fn parse(html: &str, budget: &Budget) -> Result<Handle, Problem> {
    let sink = Counting { dom: RcDom::default(), nodes: Cell::new(0) };
    let mut parser = parse_document(sink, ParseOpts::default());
    let mut rest = html;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE).max(1));
        parser.process(StrTendril::from(piece));
        rest = after;
        budget.time()?;
        let sink = &parser.tokenizer.sink.sink;
        if sink.nodes.get() > budget.limits.nodes {
            return Err(Problem::TooLarge { what: "HTML elements", limit: u64::from(budget.limits.nodes) });
        }
        check_last(&sink.dom.document, budget)?;
    }
    let dom = parser.finish();
    check_depth(&dom.document, budget)?;
    Ok(dom.document.clone())
}

fn too_deep(budget: &Budget) -> Problem {
    Problem::TooLarge { what: "HTML elements within each other", limit: budget.limits.depth as u64 }
}

/// The elements that are open are the last of their parents: how deep the page is right now.
fn check_last(document: &Handle, budget: &Budget) -> Result<(), Problem> {
    let mut node = document.clone();
    for _ in 0..=budget.limits.depth {
        let last = node.children.borrow().last().cloned();
        match last {
            Some(last) => node = last,
            None => return Ok(()),
        }
    }
    Err(too_deep(budget))
}

fn check_depth(document: &Handle, budget: &Budget) -> Result<(), Problem> {
    let mut open = vec![(document.clone(), 0)];
    while let Some((node, depth)) = open.pop() {
        if depth > budget.limits.depth {
            return Err(too_deep(budget));
        }
        open.extend(node.children.borrow().iter().map(|child| (child.clone(), depth + 1)));
    }
    Ok(())
}

/// `RcDom` that counts the elements it makes.
struct Counting {
    dom: RcDom,
    nodes: Cell<u32>,
}

impl TreeSink for Counting {
    type Handle = Handle;
    type Output = RcDom;
    type ElemName<'a> = ExpandedName<'a>;

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> Handle {
        self.nodes.set(self.nodes.get().saturating_add(1));
        self.dom.create_element(name, attrs, flags)
    }

    fn finish(self) -> RcDom {
        self.dom
    }

    // a page's errors are nobody's concern, and there may be as many as it has bytes
    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.dom.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        self.dom.elem_name(target)
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.dom.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> Handle {
        self.dom.create_pi(target, data)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.dom.append(parent, child);
    }

    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        self.dom.append_based_on_parent_node(element, previous, child);
    }

    fn append_doctype_to_document(&self, name: StrTendril, public_id: StrTendril, system_id: StrTendril) {
        self.dom.append_doctype_to_document(name, public_id, system_id);
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        self.dom.get_template_contents(target)
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        self.dom.same_node(one, other)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.dom.set_quirks_mode(mode);
    }

    fn append_before_sibling(&self, sibling: &Handle, new: NodeOrText<Handle>) {
        self.dom.append_before_sibling(sibling, new);
    }

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Attribute>) {
        self.dom.add_attrs_if_missing(target, attrs);
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.dom.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        self.dom.reparent_children(node, new_parent);
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        self.dom.is_mathml_annotation_xml_integration_point(handle)
    }
}
