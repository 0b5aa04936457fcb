//! Takes `<think>…</think>` passages, and Kimi's `◁think▷…◁/think▷`, out of a text while it is being written. Pure.
//!
//! The text without them is trimmed and runs of empty lines become one; it is given out in pieces that add up to exactly
//! that, so white space waits until something follows it.

/// Has attributes, so that its end is another matter.
const OPEN: &str = "<think";
const CLOSE: &str = "</think>";
const KIMI_OPEN: &str = "◁think▷";
const KIMI_CLOSE: &str = "◁/think▷";
/// Characters that attributes of the opening tag may have.
const MAX_ATTRIBUTES: usize = 512;

/// What a piece of output belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Thought(String),
}

#[derive(Debug, Default)]
pub struct Splitter {
    /// What closes the passage that is open.
    inside: Option<&'static str>,
    /// May be the beginning of a tag.
    held: String,
    /// White space that shows only if text follows.
    space: String,
    text: String,
    /// The passage that is open.
    thought: String,
    thoughts: Vec<String>,
}

/// Everything that was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    pub text: String,
    /// Passages, one a line.
    pub reasoning: String,
}

impl Splitter {
    pub fn push(&mut self, written: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.held.push_str(written);
        let mut rest = std::mem::take(&mut self.held);
        loop {
            let (end, next) = match self.inside {
                Some(close) => find_close(&rest, close),
                None => find_open(&rest),
            };
            self.take(&rest[..end], &mut pieces);
            match next {
                Tag::Whole(length) => {
                    let is_kimis = rest[end..].starts_with(KIMI_OPEN);
                    rest.drain(..end + length);
                    self.inside = match self.inside {
                        Some(_) => {
                            self.close();
                            None
                        }
                        None => Some(if is_kimis { KIMI_CLOSE } else { CLOSE }),
                    };
                }
                Tag::Begun => {
                    rest.drain(..end);
                    self.held = rest;
                    return pieces;
                }
                Tag::No => return pieces,
            }
        }
    }

    /// The output is over: what was held back is what it looks like. A passage that was not closed is a thought.
    pub fn finish(mut self) -> (Vec<Piece>, Split) {
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held);
        self.take(&held, &mut pieces);
        self.close();
        (pieces, Split { text: self.text, reasoning: self.thoughts.join("\n") })
    }

    fn take(&mut self, written: &str, pieces: &mut Vec<Piece>) {
        if written.is_empty() {
            return;
        }
        if self.inside.is_some() {
            self.thought.push_str(written);
            pieces.push(Piece::Thought(written.to_owned()));
            return;
        }
        let start = self.text.len();
        for c in written.chars() {
            if c.is_whitespace() {
                self.space.push(c);
            } else {
                self.show_space();
                self.text.push(c);
            }
        }
        if self.text.len() > start {
            pieces.push(Piece::Text(self.text[start..].to_owned()));
        }
    }

    fn show_space(&mut self) {
        let space = std::mem::take(&mut self.space);
        if self.text.is_empty() {
            return;
        }
        match (space.find('\n'), space.rfind('\n')) {
            (Some(first), Some(last)) if first < last => {
                self.text.push_str(&space[..first]);
                self.text.push_str("\n\n");
                self.text.push_str(&space[last + 1..]);
            }
            _ => self.text.push_str(&space),
        }
    }

    fn close(&mut self) {
        let thought = std::mem::take(&mut self.thought);
        if !thought.trim().is_empty() {
            self.thoughts.push(thought.trim().to_owned());
        }
    }
}

enum Tag {
    /// So many bytes.
    Whole(usize),
    /// All that is there may become one.
    Begun,
    No,
}

/// Where the first opening tag is, or where one may begin.
fn find_open(text: &str) -> (usize, Tag) {
    for (at, first) in text.match_indices(['<', '◁']) {
        match if first == "<" { opening(&text[at..]) } else { plain_tag(&text[at..], KIMI_OPEN) } {
            Tag::No => {}
            tag => return (at, tag),
        }
    }
    (text.len(), Tag::No)
}

/// `tag` in any case, at the start of `text`.
fn plain_tag(text: &str, tag: &str) -> Tag {
    let n = text.len().min(tag.len());
    match text.as_bytes()[..n].eq_ignore_ascii_case(&tag.as_bytes()[..n]) {
        true if n == tag.len() => Tag::Whole(n),
        true => Tag::Begun,
        false => Tag::No,
    }
}

/// `<think>` or `<think …>` in any case, at the start of `text`.
fn opening(text: &str) -> Tag {
    let n = match plain_tag(text, OPEN) {
        Tag::Whole(n) => n,
        other => return other,
    };
    let mut rest = text[n..].char_indices();
    match rest.next() {
        None => return Tag::Begun,
        Some((_, '>')) => return Tag::Whole(n + 1),
        Some((_, c)) if c.is_whitespace() => {}
        Some(_) => return Tag::No,
    }
    for (i, (at, c)) in rest.enumerate() {
        match c {
            '>' => return Tag::Whole(n + at + 1),
            '<' => return Tag::No,
            _ if i >= MAX_ATTRIBUTES => return Tag::No,
            _ => {}
        }
    }
    Tag::Begun
}

/// Where the first closing tag is, or where one may begin.
fn find_close(text: &str, close: &str) -> (usize, Tag) {
    for (at, _) in text.match_indices(['<', '◁']) {
        match plain_tag(&text[at..], close) {
            Tag::No => {}
            tag => return (at, tag),
        }
    }
    (text.len(), Tag::No)
}

/// A whole text without its thoughts.
pub fn without_thoughts(text: &str) -> String {
    let mut splitter = Splitter::default();
    splitter.push(text);
    splitter.finish().1.text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text, thoughts as they streamed, and reasoning in the end; the pieces of text add up to the text.
    fn split(pieces: &[&str]) -> (String, String, String) {
        let mut splitter = Splitter::default();
        let mut out: Vec<Piece> = pieces.iter().flat_map(|piece| splitter.push(piece)).collect();
        let (last, split) = splitter.finish();
        out.extend(last);
        let (mut text, mut thoughts) = (String::new(), String::new());
        for piece in out {
            match piece {
                Piece::Text(piece) => text.push_str(&piece),
                Piece::Thought(piece) => thoughts.push_str(&piece),
            }
        }
        assert_eq!(text, split.text);
        (text, thoughts, split.reasoning)
    }

    #[test]
    fn passages_are_taken_out_wherever_the_text_is_cut() {
        let cases = [
            ("plain", "plain", "", ""),
            ("  <think>a b</think>\n\nc ", "c", "a b", "a b"),
            ("x <THINK why=\"1\">\ny\n</Think> z", "x  z", "\ny\n", "y"),
            ("<think>a</think>b<think> </think>c<think>d</think>", "bc", "a d", "a\nd"),
            ("a\n \n\n b\n\n\n<think>t</think>\n\nc\n", "a\n\n b\n\nc", "t", "t"),
            ("a <think>never closed </thin", "a", "never closed </thin", "never closed </thin"),
            ("1 < 2 <thinker> <thi", "1 < 2 <thinker> <thi", "", ""),
            ("é<think>ü<</think>ß", "éß", "ü<", "ü<"),
            ("<think<think>a</think>", "<think", "a", "a"),
            ("◁think▷a</think>b◁/think▷c ◁ d", "c ◁ d", "a</think>b", "a</think>b"),
            ("◁thin◁think▷a", "◁thin", "a", "a"),
            ("<think>a◁/think▷</think>b", "b", "a◁/think▷", "a◁/think▷"),
        ];
        for (whole, text, thoughts, reasoning) in cases {
            let expected = (text.to_owned(), thoughts.to_owned(), reasoning.to_owned());
            assert_eq!(split(&[whole]), expected, "{whole}");
            let chars: Vec<String> = whole.chars().map(String::from).collect();
            let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
            assert_eq!(split(&chars), expected, "{whole}");
            for (at, _) in whole.char_indices() {
                assert_eq!(split(&[&whole[..at], &whole[at..]]), expected, "{whole} cut at {at}");
            }
            assert_eq!(without_thoughts(whole), text);
        }
    }

    #[test]
    fn what_cannot_become_a_tag_is_not_held_back() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push("a <b"), [Piece::Text("a <b".into())]);
        assert_eq!(splitter.push(" <th"), []);
        assert_eq!(splitter.push("ought"), [Piece::Text(" <thought".into())]);
        let long = format!("<think {}", "x".repeat(MAX_ATTRIBUTES + 2));
        assert_eq!(splitter.push(&long), [Piece::Text(long.clone())]);
    }
}
