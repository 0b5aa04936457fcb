//! Web pages as Markdown: the main text, without what surrounds it.

use std::rc::Rc;
use std::time::Duration;

use encoding_rs::Encoding;
use htmd::HtmlToMarkdown;
use markup5ever_rcdom::{Node, NodeData};
use reqwest::header::{self, HeaderValue};
use url::Url;

use super::{Arguments, Definition, Field, Provider, Run};
use crate::error::Error;
use crate::outbound::{Answer, Limits};
use crate::state::AppState;
use crate::tools::{ToolError, ToolOutput};

pub const PROVIDER: Provider = Provider { id: "webscraper", label: "Web page", description: "Reads web pages.", tools: TOOLS };

const TOOLS: &[Definition] = &[Definition {
    name: "webscraper",
    label: "Read a web page",
    description: "Reads the page at a URL and gives its main text as Markdown.",
    fields: &[
        Field::text("url", "URL", "The address of the page, with https:// or http://."),
        Field::text("user_agent", "User agent", "What the server is told about the browser.").setting(),
        Field::text("generate_summary", "Summary only", "Give only the summary that the page has of itself.")
            .kind("boolean")
            .setting()
            .default("false"),
    ],
    run: Run::Webpage,
}];

const LIMITS: Limits = Limits { max_bytes: 5 << 20, timeout: Duration::from_secs(30) };

pub(super) async fn read(state: &AppState, arguments: &Arguments) -> Result<ToolOutput, ToolError> {
    let url = arguments.needed("url")?;
    let what = format!("The page {url}");
    let parsed = Url::parse(url).map_err(|_| ToolError::argument("url", "must be a URL, as in https://example.com/page"))?;
    let mut request = reqwest::Request::new(reqwest::Method::GET, parsed);
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml,text/markdown,text/plain;q=0.9,*/*;q=0.5"));
    let user_agent = arguments.text("user_agent").trim();
    if !user_agent.is_empty() {
        let bad = |_| ToolError::argument("user_agent", "must be one line of plain text");
        headers.insert(header::USER_AGENT, HeaderValue::from_str(user_agent).map_err(bad)?);
    }
    let answer = state.outbound.execute(request, LIMITS).await.map_err(|refusal| ToolError::refused(&what, refusal))?;
    if !answer.status.is_success() {
        return Err(ToolError::Failed(format!("{what} answered with HTTP status {}.", answer.status.as_u16())));
    }
    let summary = arguments.flag("generate_summary");
    let convert = move || match decode(&answer) {
        Some((Kind::Html, html)) if tangled(&html) => Err("is too tangled to be read"),
        Some((Kind::Html, html)) => Ok(page(&html, &answer.url, summary)),
        Some((Kind::Text, text)) => Ok(text),
        None => Err("is not a web page or text; treat it as a file instead"),
    };
    let text = tokio::task::spawn_blocking(convert).await.map_err(Error::internal)?;
    text.map(ToolOutput::text).map_err(|why| ToolError::Failed(format!("{what} {why}.")))
}

enum Kind {
    Html,
    Text,
}

/// The text in the encoding that the server, the first bytes or the page name. None: no text.
fn decode(answer: &Answer) -> Option<(Kind, String)> {
    let content_type = answer.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let start = String::from_utf8_lossy(&answer.body[..answer.body.len().min(1024)]).to_ascii_lowercase();
    let kind = match essence {
        "text/html" | "application/xhtml+xml" => Kind::Html,
        "" if start.contains("<html") || start.contains("<!doctype html") => Kind::Html,
        "" if answer.body.contains(&0) => return None,
        "" => Kind::Text,
        _ if essence.starts_with("text/") || essence.ends_with("json") || essence.ends_with("xml") || essence.ends_with("yaml") => {
            Kind::Text
        }
        _ => return None,
    };
    let label = |text: &str| {
        let (_, label) = text.split_once("charset=")?;
        let label = label.trim_start_matches(['"', '\'']);
        Encoding::for_label(label.split(['"', '\'', ';', '>', ' ', '/']).next().unwrap_or_default().as_bytes())
    };
    let in_page = if matches!(kind, Kind::Html) { label(&start) } else { None };
    let encoding = label(&content_type).or(in_page).unwrap_or(encoding_rs::UTF_8);
    // a byte order mark wins over both
    Some((kind, encoding.decode(&answer.body).0.into_owned()))
}

/// Never part of what a page says.
const NOISE: &[&str] =
    &["script", "style", "noscript", "template", "iframe", "object", "svg", "canvas", "dialog", "button", "input", "select", "textarea"];
/// Around what a page says.
const FRAME: &[&str] = &["nav", "aside", "footer"];
/// Levels of elements that are read. The converter walks them on the stack, and no page that people read is deeper.
const MAX_DEPTH: usize = 256;
/// Tags times the elements that are open around them. Building the tree takes as long, and ordinary pages stay below a million.
const MAX_WORK: usize = 20_000_000;
/// Tags times the formatting elements that are open around them: each may be repeated in each block.
const MAX_REPEATS: usize = 1_000_000;
/// Elements that have no end, or that the next of their kind ends.
const ENDLESS: &[&str] = &[
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "p", "source", "tbody", "td",
    "th", "thead", "tr", "track", "wbr",
];
/// Elements that go on in the next block when they are not closed.
const FORMATTING: &[&str] = &["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];

/// Whether building the tree of this page would take far longer than its size says. Looks at tags only, before anything is built.
fn tangled(html: &str) -> bool {
    let (mut open, mut formatting, mut work, mut repeats) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let closing = rest.starts_with('/');
        let tag = rest.strip_prefix('/').unwrap_or(rest);
        let name = &tag[..tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len())];
        if name.is_empty() || name.len() > 20 {
            continue;
        }
        let name = name.to_ascii_lowercase();
        let is_formatting = FORMATTING.contains(&name.as_str());
        if !closing && matches!(name.as_str(), "script" | "style") {
            // no tags in there
            rest = after_end(rest, &name);
        } else if closing {
            open = open.saturating_sub(usize::from(!ENDLESS.contains(&name.as_str())));
            formatting = formatting.saturating_sub(usize::from(is_formatting));
        } else if !ENDLESS.contains(&name.as_str()) {
            open += 1;
            formatting += usize::from(is_formatting);
        }
        work += open;
        repeats += formatting;
        if work > MAX_WORK || repeats > MAX_REPEATS {
            return true;
        }
    }
    false
}

/// From the end tag of the element on, or nothing.
fn after_end<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        if rest.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return rest;
        }
    }
    ""
}

/// A main part shorter than this, in characters, is one that scripts fill.
const MIN_MAIN: usize = 200;

/// Title and main text, or the page's summary of itself.
fn page(html: &str, url: &Url, summary: bool) -> String {
    let converter = HtmlToMarkdown::new();
    // reading from memory does not fail
    let Ok(document) = converter.html_to_tree(html) else { return String::new() };
    let about = About::of(&document);
    if let Some(description) = about.description.as_ref().filter(|_| summary) {
        return titled(&about.title, description);
    }
    prune(&document, url);
    let body = find(&document, |name, _| name == "body").into_iter().next().unwrap_or_else(|| Rc::clone(&document));
    let main = main_part(&body);
    let text = converter.tree_to_markdown(&main);
    let text = text.trim();
    if summary {
        let first = text.split("\n\n").find(|paragraph| paragraph.chars().count() > 60).unwrap_or(text);
        return titled(&about.title, first);
    }
    // most articles repeat their title
    if text.lines().take(5).any(|line| line.trim_start_matches(['#', ' ']) == about.title) {
        text.to_owned()
    } else {
        titled(&about.title, text)
    }
}

fn titled(title: &str, text: &str) -> String {
    if title.is_empty() { text.to_owned() } else { format!("# {title}\n\n{text}") }
}

/// What a page's head says.
#[derive(Default)]
struct About {
    title: String,
    description: Option<String>,
}

impl About {
    fn of(document: &Rc<Node>) -> Self {
        let mut about = Self::default();
        for element in find(document, |name, _| name == "title" || name == "meta") {
            if !is(&element, "meta") {
                if about.title.is_empty() {
                    about.title = text_of(&element).split_whitespace().collect::<Vec<_>>().join(" ");
                }
                continue;
            }
            let named = attribute(&element, "name").or(attribute(&element, "property")).unwrap_or_default().to_ascii_lowercase();
            if matches!(named.as_str(), "description" | "og:description") && about.description.is_none() {
                about.description = attribute(&element, "content").map(|c| c.trim().to_owned()).filter(|c| !c.is_empty());
            }
        }
        about
    }
}

/// The part marked as the main one, else the longest article if it holds most of the text, else all without what surrounds it.
fn main_part(body: &Rc<Node>) -> Rc<Node> {
    let marked = find(body, |name, role| name == "main" || role == "main");
    let articles = find(body, |name, role| name == "article" || role == "article");
    let length = |node: &Rc<Node>| text_of(node).chars().filter(|c| !c.is_whitespace()).count();
    let whole = length(body);
    let main = marked.into_iter().next().filter(|main| length(main) >= MIN_MAIN || length(main) * 2 > whole);
    let article = || articles.into_iter().max_by_key(&length).filter(|article| length(article) * 2 > whole);
    let found = main.or_else(article);
    if found.is_none() {
        retain(body, |node| element_name(node).is_none_or(|name| name != "header"));
    }
    found.unwrap_or_else(|| Rc::clone(body))
}

/// Takes out what is not to be read, and makes links absolute.
fn prune(document: &Rc<Node>, url: &Url) {
    retain(document, |node| match element_name(node) {
        Some(name) => {
            let hidden = attribute(node, "hidden").is_some() || attribute(node, "aria-hidden").is_some_and(|v| v == "true");
            !hidden && !NOISE.contains(&name) && !FRAME.contains(&name) && attribute(node, "role").is_none_or(|r| r != "navigation")
        }
        None => !matches!(node.data, NodeData::Comment { .. }),
    });
    for element in find(document, |name, _| name == "a" || name == "img") {
        let NodeData::Element { attrs, .. } = &element.data else { continue };
        attrs.borrow_mut().retain_mut(|attribute| {
            if !matches!(&*attribute.name.local, "href" | "src") {
                return true;
            }
            // an embedded picture is a page of letters
            match url.join(&attribute.value).ok().filter(|target| target.scheme() != "data") {
                Some(target) => {
                    attribute.value = target.as_str().into();
                    true
                }
                None => false,
            }
        });
    }
}

/// Keeps the nodes that pass and lie above [`MAX_DEPTH`].
fn retain(root: &Rc<Node>, keep: impl Fn(&Rc<Node>) -> bool) {
    let mut open = vec![(Rc::clone(root), 0)];
    while let Some((node, depth)) = open.pop() {
        let mut children = node.children.borrow_mut();
        if depth >= MAX_DEPTH {
            children.retain(|child| matches!(child.data, NodeData::Text { .. }));
        }
        children.retain(&keep);
        open.extend(children.iter().map(|child| (Rc::clone(child), depth + 1)));
    }
}

/// The elements for which `wanted(name, role)` holds, in the order of the page.
fn find(root: &Rc<Node>, wanted: impl Fn(&str, &str) -> bool) -> Vec<Rc<Node>> {
    let (mut open, mut found) = (vec![Rc::clone(root)], Vec::new());
    while let Some(node) = open.pop() {
        if element_name(&node).is_some_and(|name| wanted(name, attribute(&node, "role").as_deref().unwrap_or_default())) {
            found.push(Rc::clone(&node));
        }
        open.extend(node.children.borrow().iter().rev().map(Rc::clone));
    }
    found
}

fn text_of(root: &Rc<Node>) -> String {
    let (mut open, mut text) = (vec![Rc::clone(root)], String::new());
    while let Some(node) = open.pop() {
        if let NodeData::Text { contents } = &node.data {
            text.push_str(&contents.borrow());
        }
        open.extend(node.children.borrow().iter().rev().map(Rc::clone));
    }
    text
}

fn element_name(node: &Node) -> Option<&str> {
    match &node.data {
        NodeData::Element { name, .. } => Some(&name.local),
        _ => None,
    }
}

fn is(node: &Node, name: &str) -> bool {
    element_name(node) == Some(name)
}

fn attribute(node: &Node, name: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    attrs.borrow().iter().find(|a| &*a.name.local == name).map(|a| a.value.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn read(html: &str) -> String {
        page(html, &"https://example.org/a/b".parse().unwrap(), false)
    }

    const ARTICLE: &str = r#"<!doctype html><html><head><title> The  Title </title><meta name="description" content="In short.">
        <style>p {}</style></head><body><nav><a href="/">Home</a></nav><header>Banner</header><main><h1>The Title</h1>
        <p>First <b>bold</b> words, with a <a href="../c?d=1">link</a>.</p><script>evil()</script><ul><li>one</li><li>two</li></ul>
        <pre><code>let x = 1;</code></pre><table><tr><th>k</th><th>v</th></tr><tr><td>a</td><td>1</td></tr></table>
        <img alt="chart" src="data:image/png;base64,AAAA"><div hidden>hidden words</div><aside>Advertisement</aside></main>
        <footer>Imprint</footer></body></html>"#;

    #[test]
    fn the_main_part_becomes_markdown() {
        let text = read(ARTICLE);
        for expected in ["# The Title", "First **bold** words, with a [link](https://example.org/c?d=1).", "one", "let x = 1;", "| k"] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        for unwanted in ["Home", "Banner", "evil", "hidden", "Advertisement", "Imprint", "base64", "p {}"] {
            assert!(!text.contains(unwanted), "{unwanted}: {text}");
        }
        assert_eq!(text.matches("The Title").count(), 1);
        assert_eq!(page(ARTICLE, &"https://example.org/".parse().unwrap(), true), "# The Title\n\nIn short.");
    }

    #[test]
    fn pages_without_a_marked_part_are_read_whole() {
        let long = "A sentence of the article. ".repeat(20);
        let text = read(&format!("<title>T</title><header>Banner</header><div><p>{long}</p></div><aside>Ad</aside>"));
        assert!(text.starts_with("# T\n\nA sentence") && !text.contains("Banner") && !text.contains("Ad"), "{text}");
        // a main part that scripts fill later
        let text = read(&format!("<main>Loading</main><article><p>{long}</p></article><article>Teaser</article>"));
        assert!(text.starts_with("A sentence") && !text.contains("Loading") && !text.contains("Teaser"), "{text}");
        assert_eq!(read(""), "");
        assert_eq!(read("just text"), "just text");
        let summary = page(&format!("<title>T</title><p>Short.</p><p>{long}</p>"), &"https://example.org/".parse().unwrap(), true);
        assert!(summary.starts_with("# T\n\nA sentence"), "{summary}");
    }

    #[test]
    fn tangled_pages_are_not_built() {
        for html in [
            "<div>".repeat(100_000),
            "<b><i><a href=x>".repeat(2_000),
            "<ul><li>".repeat(20_000),
            "<TABLE><tr><td>".repeat(10_000),
            (0..1_000).map(|n| format!("<font color=c{n}>")).collect::<String>() + &"<p>x".repeat(10_000),
        ] {
            assert!(tangled(&html), "{}", &html[..30]);
        }
        let script = format!("<script>{}</script>", "if (a<b) c(); ".repeat(50_000));
        let list = format!("<ul>{}</ul>", "<li><a href=x>one</a><br><p>two".repeat(20_000));
        for html in [ARTICLE, &script, &list, &"</p>".repeat(100_000), "<", "</", "a < b"] {
            assert!(!tangled(html), "{}", &html[..html.len().min(30)]);
        }
    }

    #[test]
    fn deep_and_broken_pages_do_no_harm() {
        // as on the threads that read pages
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        let check = || {
            for html in
                ["<div>".repeat(2_000) + "deep", "<ul><li>".repeat(2_000), "<table><tr><td>".repeat(1_000), "<b><i><a href=x>".repeat(300)]
            {
                assert!(!tangled(&html));
                assert!(!read(&html).contains("deep"));
            }
            assert!(read(&("<p>".repeat(20_000) + "x")).contains('x'));
        };
        thread.spawn(check).unwrap().join().unwrap();
    }

    #[test]
    fn encodings_are_found() {
        let decoded = |content_type: Option<&str>, body: &[u8]| {
            let mut headers = HeaderMap::new();
            if let Some(value) = content_type {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            }
            let url = "https://example.org/".parse().unwrap();
            let answer = Answer { url, status: StatusCode::OK, headers, body: Bytes::copy_from_slice(body) };
            decode(&answer).map(|(kind, text)| (matches!(kind, Kind::Html), text))
        };
        assert_eq!(decoded(Some("text/html; charset=ISO-8859-1"), b"\xe9"), Some((true, "é".into())));
        assert_eq!(decoded(Some("text/html"), b"<meta charset=\"gb2312\">\xc4\xe3").unwrap().1, "<meta charset=\"gb2312\">你");
        let old = b"<meta http-equiv=Content-Type content=\"text/html; charset=windows-1251\">\xcf";
        assert!(decoded(Some("text/html"), old).unwrap().1.ends_with('П'));
        assert_eq!(decoded(Some("text/plain;charset=utf-8"), "é".as_bytes()), Some((false, "é".into())));
        assert_eq!(decoded(Some("application/ld+json"), b"{}"), Some((false, "{}".into())));
        assert_eq!(decoded(None, b"<!DOCTYPE html><p>"), Some((true, "<!DOCTYPE html><p>".into())));
        assert_eq!(decoded(None, b"a\0b"), None);
        assert_eq!(decoded(Some("application/pdf"), b"%PDF"), None);
    }
}
