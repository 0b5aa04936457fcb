//! A page's tree as Markdown. Recursion is as deep as the tree, which is bounded.

use markup5ever_rcdom::{Handle, NodeData};

use crate::documents::Problem;
use crate::documents::budget::Budget;
use crate::documents::markdown::{self, Blocks};

pub fn write(document: &Handle, budget: &Budget) -> Result<String, Problem> {
    let mut writer = Writer::new(budget, false);
    writer.children(document)?;
    Ok(writer.finish())
}

struct Writer<'a> {
    blocks: Blocks,
    /// The paragraph that is being written.
    inline: String,
    /// How often a paragraph was ended.
    ends: usize,
    /// In lists and tables paragraphs stand close.
    tight: bool,
    budget: &'a Budget,
}

impl<'a> Writer<'a> {
    fn new(budget: &'a Budget, tight: bool) -> Self {
        Self { blocks: Blocks::default(), inline: String::new(), ends: 0, tight, budget }
    }

    fn finish(mut self) -> String {
        self.end_paragraph();
        self.blocks.into_text()
    }

    fn end_paragraph(&mut self) {
        self.ends += 1;
        let text = std::mem::take(&mut self.inline);
        self.push(text.trim());
    }

    fn push(&mut self, block: &str) {
        if self.tight { self.blocks.push_close(block) } else { self.blocks.push(block) }
    }

    /// The children of a node as a text of their own.
    fn inner(&self, node: &Handle, tight: bool) -> Result<String, Problem> {
        let mut writer = Writer::new(self.budget, tight);
        writer.children(node)?;
        Ok(writer.finish())
    }

    fn children(&mut self, node: &Handle) -> Result<(), Problem> {
        for child in node.children.borrow().iter() {
            match &child.data {
                NodeData::Text { contents } => self.text(&contents.borrow()),
                NodeData::Element { name, .. } => {
                    self.budget.time()?;
                    self.budget.length(self.blocks.len() + self.inline.len())?;
                    if attribute(child, "hidden").is_none() {
                        self.element(&name.local, child)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                ' ' | '\t' | '\n' | '\r' | '\u{c}' => {
                    if !self.inline.is_empty() && !self.inline.ends_with([' ', '\n']) {
                        self.inline.push(' ');
                    }
                }
                '\u{a0}' => self.inline.push(' '),
                '\u{ad}' | '\u{200b}' => {}
                c => self.inline.push(c),
            }
        }
    }

    fn element(&mut self, name: &str, node: &Handle) -> Result<(), Problem> {
        match name {
            "script" | "style" | "noscript" | "template" | "head" | "svg" | "math" | "iframe" | "object" | "canvas" | "audio" | "video"
            | "select" | "button" | "textarea" | "datalist" => {}
            "br" => self.inline.push('\n'),
            "hr" => {
                self.end_paragraph();
                self.push("---");
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.end_paragraph();
                let level = usize::from(name.as_bytes()[1] - b'0');
                let title = self.inner(node, true)?;
                self.blocks.heading(level, &title);
            }
            "ul" | "ol" | "menu" => self.list(node, name == "ol")?,
            "table" => self.table(node)?,
            "pre" => {
                self.end_paragraph();
                let code = raw_text(node);
                self.push(&format!("```{}\n{}\n```", language(node), code.trim_matches('\n')));
            }
            "blockquote" => {
                self.end_paragraph();
                let quote = self.inner(node, self.tight)?;
                let lines: Vec<String> = quote.lines().map(|line| format!("> {line}").trim_end().to_owned()).collect();
                self.push(&lines.join("\n"));
            }
            "code" | "kbd" | "samp" | "tt" => self.wrapped(node, "`", "`")?,
            "b" | "strong" => self.wrapped(node, "**", "**")?,
            "i" | "em" => self.wrapped(node, "*", "*")?,
            "del" | "s" | "strike" => self.wrapped(node, "~~", "~~")?,
            "a" => match attribute(node, "href").filter(|link| is_address(link)) {
                Some(link) => self.wrapped(node, "[", &format!("]({link})"))?,
                None => self.children(node)?,
            },
            "img" => {
                let alternative = attribute(node, "alt").map(|text| markdown::one_line(&text)).unwrap_or_default();
                if !alternative.is_empty() {
                    match attribute(node, "src").filter(|source| is_address(source)) {
                        Some(source) => self.inline.push_str(&format!("![{alternative}]({source})")),
                        None => self.inline.push_str(&alternative),
                    }
                }
            }
            _ if is_inline(name) => self.children(node)?,
            _ => {
                self.end_paragraph();
                self.children(node)?;
                self.end_paragraph();
            }
        }
        Ok(())
    }

    /// Text with marks around it, white space outside. What holds whole paragraphs gets none.
    fn wrapped(&mut self, node: &Handle, before: &str, after: &str) -> Result<(), Problem> {
        let (start, ends) = (self.inline.len(), self.ends);
        self.children(node)?;
        if self.ends != ends {
            return Ok(());
        }
        let inner = self.inline.split_off(start);
        let text = inner.trim();
        // a link that is its own text, or marks within marks, say nothing new
        if text.is_empty() || after == format!("]({text})") || text.starts_with(before) && text.ends_with(after) {
            self.inline.push_str(&inner);
            return Ok(());
        }
        let lead = inner.len() - inner.trim_start().len();
        self.inline.push_str(&inner[..lead]);
        self.inline.push_str(before);
        self.inline.push_str(text);
        self.inline.push_str(after);
        self.inline.push_str(&inner[lead + text.len()..]);
        Ok(())
    }

    fn list(&mut self, list: &Handle, numbered: bool) -> Result<(), Problem> {
        self.end_paragraph();
        let mut number = attribute(list, "start").and_then(|start| start.parse::<i64>().ok()).unwrap_or(1);
        let mut items = Vec::new();
        for item in list.children.borrow().iter().filter(|child| tag(child).is_some()) {
            // a list in a list, as old pages write it, belongs to the item before
            if matches!(tag(item), Some("ul" | "ol")) {
                items.push(self.inner_list(item)?);
                continue;
            }
            let text = self.inner(item, true)?;
            if !text.is_empty() {
                let marker = if numbered { format!("{number}.") } else { "-".to_owned() };
                items.push(markdown::list_item(0, &marker, &text));
                number = number.saturating_add(1);
            }
        }
        items.retain(|item| !item.is_empty());
        self.push(&items.join("\n"));
        Ok(())
    }

    fn inner_list(&self, list: &Handle) -> Result<String, Problem> {
        let mut writer = Writer::new(self.budget, true);
        writer.list(list, tag(list) == Some("ol"))?;
        let text = writer.finish();
        Ok(text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
    }

    fn table(&mut self, table: &Handle) -> Result<(), Problem> {
        self.end_paragraph();
        let mut rows = Vec::new();
        find_rows(table, &mut rows);
        let cells = |row: &Handle| -> Vec<Handle> {
            row.children.borrow().iter().filter(|cell| matches!(tag(cell), Some("td" | "th"))).cloned().collect()
        };
        let columns = rows.iter().map(|row| cells(row).len()).max().unwrap_or(0);
        let is_layout = columns < 2 || rows.iter().any(holds_table);
        let mut text = Vec::new();
        for row in &rows {
            let mut line = Vec::new();
            for cell in cells(row) {
                line.push(self.inner(&cell, !is_layout)?);
                let span = attribute(&cell, "colspan").and_then(|span| span.parse::<usize>().ok()).unwrap_or(1);
                line.extend((1..span.min(100)).map(|_| String::new()));
            }
            text.push(line);
        }
        if let Some(caption) = table.children.borrow().iter().find(|child| tag(child) == Some("caption")) {
            let caption = self.inner(caption, true)?;
            self.push(&caption);
        }
        if is_layout {
            for block in text.into_iter().flatten() {
                self.push(&block);
            }
        } else {
            let table = markdown::table(&text);
            self.push(&table);
        }
        Ok(())
    }
}

/// The rows of a table, not those of tables in it.
fn find_rows(node: &Handle, rows: &mut Vec<Handle>) {
    for child in node.children.borrow().iter() {
        match tag(child) {
            Some("tr") => rows.push(child.clone()),
            Some("thead" | "tbody" | "tfoot") => find_rows(child, rows),
            _ => {}
        }
    }
}

fn holds_table(node: &Handle) -> bool {
    node.children.borrow().iter().any(|child| tag(child) == Some("table") || holds_table(child))
}

fn raw_text(node: &Handle) -> String {
    let mut text = String::new();
    for child in node.children.borrow().iter() {
        match &child.data {
            NodeData::Text { contents } => text.push_str(&contents.borrow()),
            NodeData::Element { name, .. } if &*name.local == "br" => text.push('\n'),
            _ => text.push_str(&raw_text(child)),
        }
    }
    text
}

/// Of a block of code, from `class="language-rust"` on itself or its `code`.
fn language(pre: &Handle) -> String {
    let code = pre.children.borrow().iter().find(|child| tag(child) == Some("code")).cloned();
    let classes = [Some(pre.clone()), code].into_iter().flatten().filter_map(|node| attribute(&node, "class"));
    let language = classes.into_iter().find_map(|classes| {
        classes.split_whitespace().find_map(|class| class.strip_prefix("language-").or(class.strip_prefix("lang-")).map(str::to_owned))
    });
    language.filter(|language| language.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_.".contains(c))).unwrap_or_default()
}

fn tag(node: &Handle) -> Option<&str> {
    match &node.data {
        NodeData::Element { name, .. } => Some(&name.local),
        _ => None,
    }
}

fn attribute(node: &Handle, name: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else { return None };
    attrs.borrow().iter().find(|attribute| &*attribute.name.local == name).map(|attribute| attribute.value.to_string())
}

/// Worth to be named in the text: not a place on the same page, a script, or a picture as a link.
fn is_address(link: &str) -> bool {
    let link = link.trim().to_ascii_lowercase();
    link.len() < 2000 && (["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)))
}

fn is_inline(name: &str) -> bool {
    matches!(
        name,
        "a" | "abbr"
            | "acronym"
            | "bdi"
            | "bdo"
            | "big"
            | "cite"
            | "data"
            | "dfn"
            | "font"
            | "ins"
            | "label"
            | "mark"
            | "meter"
            | "output"
            | "progress"
            | "q"
            | "rp"
            | "rt"
            | "ruby"
            | "small"
            | "span"
            | "sub"
            | "sup"
            | "time"
            | "u"
            | "var"
            | "wbr"
            | "nobr"
            | "picture"
            | "input"
            | "slot"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::documents::budget::{Budget, Limits};
    use crate::documents::html::{extract, to_markdown};
    use crate::documents::{Problem, markdown};

    fn convert(html: &str) -> String {
        markdown::tidy(&to_markdown(html, &Budget::new(&Limits::default())).unwrap())
    }

    #[test]
    fn pages_become_markdown() {
        for (html, expected) in [
            ("<h1>A_b *c* [d]</h1><p>1. one<br>two &lt; &amp;</p>", "# A_b *c* [d]\n\n1. one\ntwo < &"),
            ("<head><title>t</title></head><script>x</script><p hidden>x<p>seen<style>x</style>", "seen"),
            ("<ul><li>a<ul><li>b</ul><li><p>c</p><p>d</p></ul>", "- a\n  - b\n- c\n  d"),
            ("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "- a\n  - b\n- c"),
            ("<ol start=3><li>x<li>y</ol>", "3. x\n4. y"),
            ("<table><tr><th>A|B<th>C<tr><td>1<br>2<td><p>x</p><p>y</p></table>", "| A\\|B | C |\n| --- | --- |\n| 1<br>2 | x<br>y |"),
            ("<table><tr><td colspan=2>a<tr><td>1<td>2</table>", "| a |  |\n| --- | --- |\n| 1 | 2 |"),
            (
                "<table><tr><td><h2>t</h2><p>one</p><table><tr><td>1<td>2</table><td>side</table>",
                "## t\n\none\n\n| 1 | 2 |\n| --- | --- |\n\nside",
            ),
            ("<pre><code class=language-rust>let a = \"_\";\n  b\n</code></pre>", "```rust\nlet a = \"_\";\n  b\n```"),
            ("<blockquote>q<p>r</blockquote>after", "> q\n>\n> r\n\nafter"),
            (
                "a<b> bold </b>and<i></i> <a href='https://x.y/'>link</a>, <a href='#z'>here</a>",
                "a **bold** and [link](https://x.y/), here",
            ),
            ("<a href='https://x.y/'>https://x.y/</a> <a href='https://x.y/'><div>card</div></a>", "https://x.y/\n\ncard"),
            ("<img src='data:x' alt='a picture'><img src=https://x.y/z.png alt=z><img src=q>", "a picture![z](https://x.y/z.png)"),
            ("<p>x<sub>1</sub><span> y</span>\n z</p>", "x1 y z"),
            ("", ""),
        ] {
            assert_eq!(convert(html), expected, "{html}");
        }
    }

    #[test]
    fn the_encoding_is_as_the_page_says() {
        let html = "<meta charset=\"gbk\"><p>短</p>";
        let (bytes, ..) = encoding_rs::GBK.encode(html);
        assert_eq!(extract(&bytes, &Budget::new(&Limits::default())).unwrap(), "短");
    }

    #[test]
    fn hostile_pages_end_early() {
        let limits = Limits { nodes: 20_000, ..Limits::default() };
        for (html, what) in [
            ("<div>".repeat(100_000), "HTML elements within each other"),
            ("<b><i>".repeat(100_000), "HTML elements within each other"),
            ("<ul>".repeat(100_000), "HTML elements within each other"),
            ((0..150).map(|i| format!("<b id={i}>")).collect::<String>() + &"<p>".repeat(100_000), "HTML elements"),
            ("<td>".repeat(100_000) + &"<br>".repeat(100_000), "HTML elements"),
        ] {
            let problem = to_markdown(&html, &Budget::new(&limits)).unwrap_err();
            assert!(matches!(problem, Problem::TooLarge { what: found, .. } if found == what), "{problem}: {}", &html[..20]);
        }
    }

    proptest! {
        #[test]
        fn any_tags_are_taken(tags in prop::collection::vec(prop::sample::select(vec![
            "<table>", "</table>", "<tr>", "<td>", "<ul>", "</ul>", "<li>", "<p>", "</p>", "<b>", "</b>", "<a href=https://a>", "</a>", "text",
            "<pre>", "<template>", "<select>", "<svg>", "<math>", "<h1>", "</h1>", "<blockquote>", "<caption>", "<!--", "-->", "<body>", "&#0;",
        ]), 0..60)) {
            let _ = to_markdown(&tags.concat(), &Budget::new(&Limits::default()));
        }
    }
}
