//! Glyphs with places on a page → lines of text. Pure: knows no PDF.
//!
//! Text stays in the order in which the page draws it, which is the reading order in what today's programs write, columns included.
//! A glyph goes on with the line when it stands on its baseline, a gap becomes a space, a larger step down an empty line.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

/// A gap between glyphs, in parts of the type size, from which on it is a space, and from which on it is the gap between columns.
const SPACE: f64 = 0.18;
const COLUMN: f64 = 2.0;
/// Chinese and Japanese are set with space between the characters now and then.
const SPACE_CJK: f64 = 0.5;
/// A step to the next line larger than this, in parts of the type size, begins a paragraph.
const PARAGRAPH: f64 = 1.75;

/// One drawn character (or several, for a ligature) on the upright page; y grows upwards.
#[derive(Debug, Clone)]
pub struct Glyph {
    pub text: String,
    pub x: f64,
    pub y: f64,
    /// Where the next glyph would stand.
    pub end_x: f64,
    pub end_y: f64,
    /// Height of the type.
    pub size: f64,
}

impl Glyph {
    /// Unit vector along the line.
    fn direction(&self) -> Option<(f64, f64)> {
        let (dx, dy) = (self.end_x - self.x, self.end_y - self.y);
        let length = dx.hypot(dy);
        (length > 1e-6).then(|| (dx / length, dy / length))
    }
}

/// The page's text so far.
#[derive(Default)]
pub struct Page {
    lines: Vec<Line>,
    /// Where each text was drawn, in cells about as large as a glyph: bold type is often the same glyph drawn twice.
    seen: HashMap<(i64, i64), Vec<Drawn>>,
}

/// Place and text.
type Drawn = (f64, f64, String);

struct Line {
    parts: Vec<Part>,
    direction: (f64, f64),
    size: f64,
    starts_paragraph: bool,
}

/// A stretch that was drawn from its beginning to its end.
struct Part {
    text: String,
    start: (f64, f64),
    end: (f64, f64),
}

impl Page {
    pub fn push(&mut self, glyph: Glyph) {
        if !(glyph.x + glyph.y + glyph.end_x + glyph.end_y + glyph.size).is_finite() || glyph.size <= 0.0 {
            return;
        }
        if self.is_drawn_again(&glyph) {
            return;
        }
        let blank = glyph.text.trim().is_empty();
        let Some(line) = self.lines.last_mut() else {
            if !blank {
                self.lines.push(Line::new(glyph, false));
            }
            return;
        };
        let Some(part) = line.parts.last_mut() else { return };
        let size = line.size.max(glyph.size);
        let (along, across) = relative(part.end, (glyph.x, glyph.y), line.direction);
        let same_direction = glyph.direction().is_none_or(|(x, y)| x * line.direction.0 + y * line.direction.1 > 0.9);
        if !same_direction || across.abs() > 0.5 * size {
            if !blank {
                let small = line.size.min(glyph.size);
                // downwards by one line is the next line; anything else is another place on the page
                let starts_paragraph = !same_direction || across > 0.0 || -across > PARAGRAPH * size || small < 0.8 * size;
                self.lines.push(Line::new(glyph, starts_paragraph));
            }
            return;
        }
        let backwards = along < -0.5 * size;
        if backwards || along > COLUMN * size {
            if !blank {
                line.parts.push(Part::new(&glyph));
                line.size = size;
            }
            return;
        }
        let both_cjk = part.text.chars().next_back().is_some_and(is_cjk) && glyph.text.chars().next().is_some_and(is_cjk);
        let gap = if both_cjk { SPACE_CJK } else { SPACE };
        if along > gap * size && !blank && !part.text.ends_with(char::is_whitespace) {
            part.text.push(' ');
        }
        if blank {
            if !part.text.ends_with(' ') {
                part.text.push(' ');
            }
        } else {
            part.text.push_str(&glyph.text);
        }
        part.end = (glyph.end_x, glyph.end_y);
        line.size = size;
    }

    fn is_drawn_again(&mut self, glyph: &Glyph) -> bool {
        let near = 0.12 * glyph.size;
        let cell = |v: f64| (v / 8.0).floor() as i64;
        let (column, row) = (cell(glyph.x), cell(glyph.y));
        let neighbours = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (column.saturating_add(dx), row.saturating_add(dy))));
        for neighbour in neighbours {
            let there = self.seen.get(&neighbour).map(Vec::as_slice).unwrap_or_default();
            if there.iter().any(|(x, y, text)| (x - glyph.x).abs() < near && (y - glyph.y).abs() < near && *text == glyph.text) {
                return true;
            }
        }
        let here = self.seen.entry((column, row)).or_default();
        // a place with more than this is no text; what stands there is not searched again and again
        if here.len() < 64 {
            here.push((glyph.x, glyph.y, glyph.text.clone()));
        }
        false
    }

    /// The lines, an empty one between paragraphs.
    pub fn into_text(self) -> String {
        let mut text = String::new();
        for line in self.lines {
            let starts_paragraph = line.starts_paragraph;
            let line = line.into_text();
            if line.is_empty() {
                continue;
            }
            if !text.is_empty() {
                text.push_str(if starts_paragraph { "\n\n" } else { "\n" });
            }
            text.push_str(&line);
        }
        text
    }
}

impl Line {
    fn new(glyph: Glyph, starts_paragraph: bool) -> Self {
        let direction = glyph.direction().unwrap_or((1.0, 0.0));
        Self { parts: vec![Part::new(&glyph)], direction, size: glyph.size, starts_paragraph }
    }

    /// The stretches in their order on the line, wherever each was drawn first.
    fn into_text(self) -> String {
        let origin = self.parts.first().map_or((0.0, 0.0), |part| part.start);
        let mut parts = self.parts;
        parts.sort_by(|a, b| relative(origin, a.start, self.direction).0.total_cmp(&relative(origin, b.start, self.direction).0));
        let mut text = String::new();
        let mut end = None;
        for part in parts {
            if let Some(end) = end {
                let (gap, _) = relative(end, part.start, self.direction);
                let joint = match gap / self.size {
                    gap if gap > COLUMN => "  ",
                    gap if gap > SPACE => " ",
                    _ => "",
                };
                if !text.ends_with(' ') || joint.len() > 1 {
                    text.push_str(joint);
                }
            }
            text.push_str(&readable(&part.text));
            end = Some(part.end);
        }
        text.trim().to_owned()
    }
}

impl Part {
    fn new(glyph: &Glyph) -> Self {
        Self { text: glyph.text.clone(), start: (glyph.x, glyph.y), end: (glyph.end_x, glyph.end_y) }
    }
}

/// Where `to` is, seen from `from`: along the direction, and across it (positive is up for text that runs to the right).
fn relative(from: (f64, f64), to: (f64, f64), direction: (f64, f64)) -> (f64, f64) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    (dx * direction.0 + dy * direction.1, dy * direction.0 - dx * direction.1)
}

/// Ligatures and shaped Arabic as letters, and text from right to left in the order in which it is read: a page draws it from the left.
fn readable(text: &str) -> String {
    let plain: String = if text.chars().any(is_presentation_form) {
        text.chars().flat_map(|c| if is_presentation_form(c) { c.nfkc().collect() } else { vec![c] }).collect()
    } else {
        text.to_owned()
    };
    if !plain.chars().any(is_right_to_left) {
        return plain;
    }
    // the whole stretch turned round, then each stretch from left to right within it turned back
    let mut turned = String::with_capacity(plain.len());
    let mut forward = String::new();
    for c in plain.chars().rev() {
        if c.is_alphanumeric() && !is_right_to_left(c) {
            forward.insert(0, c);
        } else {
            turned.push_str(&std::mem::take(&mut forward));
            turned.push(c);
        }
    }
    turned + &forward
}

fn is_presentation_form(c: char) -> bool {
    matches!(c, '\u{fb00}'..='\u{fb06}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `text` at (x, y), 10 high, each character 5 wide.
    fn write(page: &mut Page, x: f64, y: f64, text: &str) {
        for (i, c) in text.chars().enumerate() {
            let x = x + 5.0 * i as f64;
            page.push(Glyph { text: c.to_string(), x, y, end_x: x + 5.0, end_y: y, size: 10.0 });
        }
    }

    fn lines(pieces: &[(f64, f64, &str)]) -> String {
        let mut page = Page::default();
        for (x, y, text) in pieces {
            write(&mut page, *x, *y, text);
        }
        page.into_text()
    }

    #[test]
    fn places_become_lines_spaces_and_paragraphs() {
        for (pieces, expected) in [
            (&[(0.0, 100.0, "one"), (18.0, 100.0, "two"), (80.0, 100.0, "far")][..], "one two  far"),
            (&[(0.0, 100.0, "a"), (0.0, 88.0, "b"), (0.0, 60.0, "c")], "a\nb\n\nc"),
            // a table's row drawn from the right
            (&[(50.0, 100.0, "right"), (0.0, 100.0, "left")], "left  right"),
            // a second column stays behind the first
            (&[(0.0, 100.0, "a"), (0.0, 88.0, "b"), (50.0, 100.0, "c"), (50.0, 88.0, "d")], "a\nb\n\nc\nd"),
            // bold by drawing twice
            (&[(0.0, 100.0, "bold"), (0.3, 100.0, "bold")], "bold"),
            // superscripts stay on their line
            (&[(0.0, 100.0, "x"), (5.0, 104.0, "2")], "x2"),
            // characters set apart are one word
            (&[(0.0, 100.0, "中"), (8.0, 100.0, "文")], "中文"),
            (&[(0.0, 100.0, "ﬁne")], "fine"),
            // drawn from the left, read from the right, but for the number
            (&[(0.0, 100.0, "25 םולש")], "שלום 25"),
            (&[], ""),
        ] {
            assert_eq!(lines(pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn text_that_runs_upwards_is_text() {
        let mut page = Page::default();
        for (i, c) in "up".chars().enumerate() {
            let y = 10.0 + 5.0 * i as f64;
            page.push(Glyph { text: c.to_string(), x: 0.0, y, end_x: 0.0, end_y: y + 5.0, size: 10.0 });
        }
        assert_eq!(page.into_text(), "up");
    }

    proptest! {
        #[test]
        fn any_places_are_taken(places in prop::collection::vec((any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>()), 0..40)) {
            let mut page = Page::default();
            for (x, y, end_x, end_y, size) in places {
                page.push(Glyph { text: "x".into(), x, y, end_x, end_y, size });
            }
            page.into_text();
        }
    }
}
