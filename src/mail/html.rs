//! Markdown as the HTML of a mail: its own HTML stays text, pictures become their names, bare addresses become links.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream, html};

/// Characters that end a bare address, and those that don't belong to it at its end.
const OUTSIDE: &[char] = &['<', '>', '"', '`'];
const PUNCTUATION: &[char] = &['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_'];

pub fn of_markdown(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let (mut in_link, mut in_code) = (0usize, false);
    let mut events = Vec::new();
    for event in TextMergeStream::new(Parser::new_ext(markdown, options).map(without_html)) {
        match event {
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => continue,
            Event::Start(Tag::Link { ref dest_url, .. }) if !is_safe(dest_url) => {
                in_link += 1;
                events.push(link(CowStr::Borrowed("")));
                continue;
            }
            Event::Start(Tag::Link { .. }) => in_link += 1,
            Event::End(TagEnd::Link) => in_link = in_link.saturating_sub(1),
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Text(text) if in_link == 0 && !in_code => {
                push_linked(&text, &mut events);
                continue;
            }
            _ => {}
        }
        events.push(event);
    }
    let mut body = String::new();
    html::push_html(&mut body, events.into_iter());
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"></head>\
         <body style=\"font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:15px;line-height:1.55;max-width:42em\">\n{body}</body></html>\n"
    )
}

fn without_html(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        other => other,
    }
}

fn is_safe(url: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn link(dest_url: CowStr<'_>) -> Event<'_> {
    Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, title: CowStr::Borrowed(""), id: CowStr::Borrowed("") })
}

/// The text with its bare addresses as links.
fn push_linked<'a>(text: &str, events: &mut Vec<Event<'a>>) {
    const START: &str = "http";
    let (mut written, mut at) = (0, 0);
    while let Some(found) = text[at..].find(START) {
        let start = at + found;
        let url = bare_url(&text[start..]);
        at = start + url.len().max(START.len());
        if !url.is_empty() {
            events.extend([owned(&text[written..start]), link(url.to_owned().into()), owned(url), Event::End(TagEnd::Link)]);
            written = at;
        }
    }
    events.push(owned(&text[written..]));
}

fn owned<'a>(text: &str) -> Event<'a> {
    Event::Text(text.to_owned().into())
}

/// The address that a text begins with; empty when it begins with none.
fn bare_url(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return "" };
    let end = rest.find(|c: char| c.is_whitespace() || OUTSIDE.contains(&c)).unwrap_or(rest.len());
    let path = rest[..end].trim_end_matches(PUNCTUATION);
    if path.is_empty() { "" } else { &text[..text.len() - rest.len() + path.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(markdown: &str) -> String {
        let html = of_markdown(markdown);
        let start = html.find("42em\">\n").unwrap() + 7;
        html[start..].trim_end().trim_end_matches("</body></html>").trim_end().to_owned()
    }

    #[test]
    fn what_a_mail_shows() {
        let cases = [
            ("**Hi**", "<p><strong>Hi</strong></p>"),
            (
                "See https://a.b/form/1f?x=1&y=2.",
                "<p>See <a href=\"https://a.b/form/1f?x=1&amp;y=2\">https://a.b/form/1f?x=1&amp;y=2</a>.</p>",
            ),
            ("[Open](https://a.b/f)", "<p><a href=\"https://a.b/f\">Open</a></p>"),
            ("(http://a.b) and http:// or https", "<p>(<a href=\"http://a.b\">http://a.b</a>) and http:// or https</p>"),
            ("`https://a.b`", "<p><code>https://a.b</code></p>"),
            ("[x](javascript:alert(1))", "<p><a href=\"\">x</a></p>"),
            ("a <b onclick=\"x\">b</b>", "<p>a &lt;b onclick=\"x\"&gt;b&lt;/b&gt;</p>"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("![the chart](https://a.b/c.png)", "<p>the chart</p>"),
        ];
        for (markdown, expected) in cases {
            assert_eq!(body(markdown), expected, "{markdown}");
        }
        assert!(body("|a|b|\n|-|-|\n|1|2|").contains("<td>1</td>"));
    }
}
