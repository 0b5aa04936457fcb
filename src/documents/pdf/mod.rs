//! PDF through hayro's interpreter: fonts, CMaps and encryption are its business, the places of glyphs ours.

mod layout;
mod unpack;

use std::panic::resume_unwind;

use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::object::{Dict, String as PdfString};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::kurbo::{BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache, InterpreterSettings, SoftMask,
    TransformExt, interpret_page,
};

use super::budget::Budget;
use super::{Problem, Text};
use layout::Glyph;

const KIND: &str = "PDF";
/// Glyphs of one page; a page of small print has some ten thousand.
const MAX_GLYPHS: usize = 500_000;

pub fn extract(bytes: &[u8], budget: &Budget) -> Result<Text, Problem> {
    unpack::check_raw(bytes, budget)?;
    let pdf = Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Problem::PasswordProtected(KIND),
        LoadPdfError::Decryption(_) => Problem::damaged(KIND, "its encryption is of no kind that can be read"),
        LoadPdfError::Invalid => Problem::damaged(KIND, "its structure can't be read"),
    })?;
    unpack::check_objects(&pdf, budget)?;
    let pages = pdf.pages();
    if pages.is_empty() {
        return Err(Problem::damaged(KIND, "it has no pages"));
    }
    budget.pages(pages.len())?;

    let cache = InterpreterCache::new();
    let mut texts = Vec::new();
    let (mut blank, mut unreadable, mut glyphs, mut length) = (0, 0, 0, 0);
    for page in pages.iter() {
        budget.time()?;
        let page = read_page(&pdf, page, &cache, budget);
        unreadable += page.unreadable;
        glyphs += page.glyphs;
        let text = page.layout.into_text();
        length += text.len();
        budget.length(length)?;
        if text.is_empty() {
            blank += 1;
        } else {
            texts.push(text);
        }
    }
    if texts.is_empty() || unreadable * 2 > glyphs {
        return Err(Problem::NoText { pages: pages.len() });
    }
    Ok(Text { markdown: texts.join("\n\n"), pages: Some(pages.len()), pages_without_text: blank })
}

/// The glyphs of one page. A stop is unwound through the interpreter, which knows no other way out; `super::extract` catches it.
struct Reader {
    layout: layout::Page,
    bounds: Rect,
    budget: Budget,
    glyphs: usize,
    /// Glyphs of which the file does not say what character they are.
    unreadable: usize,
    /// Open marked contents; of each, whether it says itself what its text is.
    marked: Vec<Option<Spelled>>,
}

/// Marked content with its text beside it (`ActualText`).
struct Spelled {
    text: String,
    /// From the first of its glyphs to the last.
    glyph: Option<Glyph>,
}

fn read_page<'a>(pdf: &'a Pdf, page: &Page<'a>, cache: &InterpreterCache<'a>, budget: &Budget) -> Reader {
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut reader =
        Reader { layout: layout::Page::default(), bounds, budget: budget.clone(), glyphs: 0, unreadable: 0, marked: Vec::new() };
    let upright = page.initial_transform(false).to_kurbo();
    let mut context = Context::new(upright, bounds, cache, pdf.xref(), InterpreterSettings::default());
    interpret_page(page, &mut context, &mut reader);
    reader
}

impl Reader {
    fn check(&self) {
        if let Err(problem) = self.budget.time() {
            resume_unwind(Box::new(problem));
        }
    }

    fn push(&mut self, glyph: Glyph) {
        match self.marked.iter_mut().rev().find_map(Option::as_mut) {
            Some(spelled) => match &mut spelled.glyph {
                Some(first) => (first.end_x, first.end_y) = (glyph.end_x, glyph.end_y),
                None => spelled.glyph = Some(Glyph { text: std::mem::take(&mut spelled.text), ..glyph }),
            },
            None => self.layout.push(glyph),
        }
    }
}

impl<'a> Device<'a> for Reader {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        self.check();
        for glyph in run.glyphs() {
            self.glyphs += 1;
            if self.glyphs > MAX_GLYPHS {
                resume_unwind(Box::new(Problem::TooLarge { what: "characters on one page", limit: MAX_GLYPHS as u64 }));
            }
            let text = match glyph.as_unicode() {
                Some(BfString::Char(c)) => readable(c).map(String::from),
                Some(BfString::String(text)) => Some(text.chars().filter_map(readable).collect::<String>()).filter(|text| !text.is_empty()),
                None => None,
            };
            let width = match &**glyph {
                hayro_interpret::font::Glyph::Outline(glyph) => glyph.advance_width(),
                hayro_interpret::font::Glyph::Type3(glyph) => glyph.advance_width(),
            };
            // glyph space has 1000 units to the em
            let place = props.transform * glyph.transform();
            let (start, top) = (place * Point::ZERO, place * Point::new(0.0, 1000.0));
            let size = start.distance(top);
            let end = match run.writing_mode() {
                WritingMode::Horizontal => place * Point::new(f64::from(width.unwrap_or(500.0)), 0.0),
                WritingMode::Vertical => place * Point::new(0.0, -1000.0),
            };
            let margin = size.abs();
            if !self.bounds.inflate(margin, margin).contains(start) {
                continue;
            }
            let Some(text) = text else {
                self.unreadable += 1;
                continue;
            };
            self.push(Glyph { text, x: start.x, y: start.y, end_x: end.x, end_y: end.y, size });
        }
    }

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        self.check();
        let text = properties.and_then(|properties| properties.get::<PdfString<'_>>(b"ActualText".as_slice()));
        self.marked.push(text.map(|text| Spelled { text: text_string(text.as_bytes()), glyph: None }));
    }

    fn end_marked_content(&mut self) {
        if let Some(Some(Spelled { glyph: Some(glyph), .. })) = self.marked.pop() {
            self.push(glyph);
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.check();
    }

    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {
        self.check();
    }

    fn push_clip_path(&mut self, _: &ClipPath) {
        self.check();
    }

    fn push_clip_rect(&mut self, _: &Rect) {
        self.check();
    }

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {
        self.check();
    }

    // a picture is not decoded unless somebody asks it for its pixels
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.check();
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}

/// A PDF text string: UTF-16 or UTF-8 with its mark, else PDFDocEncoding, which is Latin-1 for what matters.
fn text_string(bytes: &[u8]) -> String {
    let decoded = match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0,
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        bytes => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    };
    decoded.chars().filter_map(readable).collect()
}

/// No control characters, no soft hyphens, no private characters but the bullets of Microsoft's Symbol and Wingdings fonts.
fn readable(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' | '\u{a0}' => Some(' '),
        '\u{f0a7}' | '\u{f0b7}' | '\u{f0d8}' | '\u{f06c}' | '\u{f06e}' => Some('•'),
        '\u{ad}' | '\u{200b}' | '\u{feff}' | '\u{fffd}' | '\u{e000}'..='\u{f8ff}' => None,
        c if c.is_control() => None,
        c => Some(c),
    }
}
