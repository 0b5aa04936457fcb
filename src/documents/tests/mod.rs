//! Golden texts of a small document of every kind, and what happens to documents that are locked, cut off, too large or made to harm.

mod fixtures;

use std::time::Duration;

use fixtures::*;
use proptest::prelude::*;

use super::*;

fn read(name: &str, bytes: &[u8]) -> Result<Extracted, Problem> {
    extract(bytes, name, None, &Limits::default()).map_err(|error| error.problem)
}

#[track_caller]
fn assert_text(name: &str, bytes: &[u8], expected: &str) -> Extracted {
    let extracted = read(name, bytes).unwrap();
    assert_eq!(extracted.text, expected, "{name}");
    extracted
}

/// Name and bytes of a small document of every kind.
fn documents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a.pdf", pdf()),
        ("a.docx", docx()),
        ("a.pptx", pptx()),
        ("a.xlsx", xlsx()),
        ("a.xls", xls()),
        ("a.odt", odt()),
        ("a.ods", ods()),
        ("a.odp", odp()),
        ("a.epub", epub(&[])),
        ("a.eml", eml()),
        ("a.msg", msg()),
        ("a.csv", b"a;b\n1;\"x\ny\"\n".to_vec()),
        ("a.html", b"<h1>a</h1><table><tr><td>1<td>2</table><ul><li>b</ul>".to_vec()),
        ("a.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v A>b\n".to_vec()),
        ("a.txt", "naïve 中文".into()),
    ]
}

#[test]
fn pdf_text_with_pages_paragraphs_and_cjk() {
    let expected = "Quarterly report\nSales rose by 4%.\n\nSecond paragraph.\n\n第一季度的销售额\n\n日本語  right";
    let extracted = assert_text("report.pdf", &pdf(), expected);
    assert_eq!((extracted.format, extracted.pages, extracted.pages_without_text), (Format::Pdf, Some(2), 0));
}

#[test]
fn a_scan_is_said_to_be_one() {
    let error = extract(&scanned_pdf(), "scan.pdf", None, &Limits::default()).unwrap_err();
    assert_eq!(error.problem, Problem::NoText { pages: 1 });
    assert!(error.to_string().starts_with("scan.pdf: the PDF has no readable text layer"), "{error}");
}

#[test]
fn word_keeps_headings_lists_tables_links_and_notes() {
    assert_text(
        "a.docx",
        &docx(),
        "# The report\n\n## Findings\n\nSee [the page](https://example.com/x) now[^2]\n\nA box\n\n1. first\n  - inner\n2. second\n- eggs\n\nBetween\n\n\
         | Name | Both |  |\n| --- | --- | --- |\n| 中文 | a\\|b | two<br>lines |\n|  | 1 | 2 |\n\n[^2]: As of May.",
    );
}

#[test]
fn powerpoint_keeps_the_order_of_slides() {
    let expected = "## Slide 1: 标题\n\n- one\n  - inner\n- two\n\nNotes: Say hello.\n\n## Slide 2\n\nA caption\n\n| k | v |\n| --- | --- |\n| a | 1 |";
    assert_eq!(assert_text("a.pptx", &pptx(), expected).pages, Some(2));
}

#[test]
fn spreadsheets_are_tables() {
    assert_text(
        "a.xlsx",
        &xlsx(),
        "## Sales\n\n| Product | Sold | On |\n| --- | --- | --- |\n| Téa\\|b | 0.3 | 2024-01-01 |\n\n## 空\n\n| 只有 | TRUE |\n| --- | --- |",
    );
    assert_text("a.xls", &xls(), "## Towns\n\n| City | People |\n| --- | --- |\n| 7 | 1234.5 |");
    assert_text("a.ods", &ods(), "## Blatt\n\n| a |  | b |\n| --- | --- | --- |\n| 1 | 1 | 1 |\n| 1 | 1 | 1 |");
    let (gbk, ..) = encoding_rs::GBK.encode("姓名,城市\n张三,北京\n李四,上海\n");
    assert_text("名单.csv", &gbk, "| 姓名 | 城市 |\n| --- | --- |\n| 张三 | 北京 |\n| 李四 | 上海 |");
}

#[test]
fn opendocument_texts_and_slides() {
    assert_text(
        "a.odt",
        &odt(),
        "## Überschrift\n\nWords  and [a link](https://example.com/) (a note)\n\n1. one\n  - inner\n2. two\n\n| a | b |\n| --- | --- |\n| x | x |",
    );
    assert_text("a.odp", &odp(), "## Slide 1: Hello\n\n- point\n\nNotes: say it");
}

#[test]
fn books_and_mails() {
    assert_text("a.epub", &epub(&[]), "# One\n\nBegin.\n\n# 第二章\n\nEnd.");
    assert_text(
        "a.eml",
        &eml(),
        "Subject: Minutes\nFrom: 张三 <zhang@example.com>\nTo: Ann <ann@example.com>, bob@example.com\nDate: 2024-01-01T10:00:00+08:00\n\n\
         ## Agenda\n\n- café\n\nAttachments: plan.pdf",
    );
    assert_text(
        "a.msg",
        &msg(),
        "Subject: Offer\nFrom: 李四 <li@example.com>\nTo: Ann; Bob\nDate: 2024-01-01T10:00:00+08:00\n\nDear **Ann**\n\nAttachments: offer.xlsx",
    );
}

#[test]
fn the_bytes_say_more_than_the_name() {
    for (name, bytes, format) in [
        ("a.txt", pdf(), Format::Pdf),
        ("docx", docx(), Format::Docx),
        (".docx", docx(), Format::Docx),
        ("a", xlsx(), Format::Xlsx),
        ("a.doc", docx(), Format::Docx),
        ("a.xls", b"a\tb\n1\t2\n".to_vec(), Format::Csv),
        ("a.xls", b"<html><table><tr><td>1<td>2</table>".to_vec(), Format::Html),
        ("a.unknown", b"<!DOCTYPE html><p>x".to_vec(), Format::Html),
        ("Makefile", b"all:\n\techo".to_vec(), Format::Plain),
        ("a.rs", b"fn main() {}".to_vec(), Format::Plain),
        ("a.mdx", b"# x".to_vec(), Format::Plain),
        ("a.md", b"A file begins with\n%PDF-1.7".to_vec(), Format::Plain),
        ("a.pdf", [b"\r\n\r\n", pdf().as_slice()].concat(), Format::Pdf),
    ] {
        assert_eq!(read(name, &bytes).unwrap().format, format, "{name}");
    }
    let by_type = extract(b"<p>x", "page", Some("text/html; charset=utf-8"), &Limits::default()).unwrap();
    assert_eq!((by_type.format, by_type.text.as_str()), (Format::Html, "x"));
}

#[test]
fn what_gives_no_text_is_refused_with_a_reason() {
    let locked_zip = {
        // the bit of the first entry, in its header and in the directory
        let mut bytes = xlsx();
        bytes[6] |= 1;
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[directory + 8] |= 1;
        bytes
    };
    let drm = "<encryption><CipherReference URI=\"OEBPS/text/two.xhtml\"/></encryption>";
    for (name, bytes, expected) in [
        ("a.pdf", Vec::new(), "a.pdf: the file is empty"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "a.png: no text can be read from files of this kind; supported are pdf, docx"),
        ("a.zip", archive(&[("x", "y")]), "a.zip: no text can be read from files of this kind"),
        ("a.doc", compound(&[("/WordDocument", vec![0; 100])]), "a.doc: Word 97–2003 (doc) files are not supported; save the file as docx"),
        (
            "a.ppt",
            compound(&[("/PowerPoint Document", vec![0; 100])]),
            "a.ppt: PowerPoint 97–2003 (ppt) files are not supported; save the file as pptx",
        ),
        ("a.rtf", b"{\\rtf1 x}".to_vec(), "a.rtf: RTF files are not supported"),
        ("a.docx", compound(&[("/EncryptedPackage", vec![0; 100])]), "a.docx: the Office file is protected by a password"),
        ("a.xlsx", locked_zip, "a.xlsx: the Excel file is protected by a password"),
        ("a.epub", epub(&[("META-INF/encryption.xml", drm)]), "a.epub: the EPUB file is protected by a password"),
        ("a.pdf", b"just text".to_vec(), "a.pdf: the PDF file is damaged: it does not begin like one"),
        ("a.pdf", b"%PDF-1.7 and nothing".to_vec(), "a.pdf: the PDF file is damaged"),
        ("a.docx", docx()[..docx().len() / 2].to_vec(), "a.docx: the Word file is damaged: its archive can't be read; it may be cut off"),
        ("a.docx", archive(&[("word/document.xml", "<a><b></a>")]), "a.docx: the Word file is damaged: expected 'b' tag"),
        ("a.pptx", archive(&[("x", "")]), "a.pptx: the PowerPoint file is damaged: its part ppt/presentation.xml is missing"),
    ] {
        let error = extract(&bytes, name, None, &Limits::default()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn everything_is_bounded() {
    let small = Limits { unpacked_bytes: 1 << 20, entries: 50, pages: 1, cells: 4, text_bytes: 2000, ..Limits::default() };
    let zeros = " ".repeat(2 << 20);
    let bomb = |name: &str| archive(&[("word/document.xml", "<w/>"), (name, &zeros)]);
    let many: Vec<String> = (0..51).map(|i| format!("f{i}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
    let deflated_page = |content: &[u8]| {
        pdf_of(&[
            b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>".to_vec(),
            stream("/Filter [/FlateDecode /FlateDecode]", &deflated(&deflated(content))),
        ])
    };
    let wide = odf(
        "spreadsheet",
        "<table:table><table:table-row><table:table-cell table:number-columns-repeated=\"5\"><text:p>1</text:p></table:table-cell></table:table-row></table:table>",
    );
    for (name, bytes, what) in [
        ("a.docx", bomb("word/styles.xml"), "bytes once unpacked"),
        ("a.xlsx", archive(&[("xl/workbook.xml", ""), ("other", &zeros)]), "bytes once unpacked"),
        ("a.pdf", deflated_page(zeros.as_bytes()), "bytes once unpacked"),
        ("a.docx", archive(&many), "files inside"),
        ("a.pdf", pdf(), "pages"),
        ("a.pptx", pptx(), "pages"),
        ("a.xlsx", xlsx(), "cells"),
        ("a.ods", wide, "cells"),
        ("a.csv", b"a,b,c\n1,2,3\n".to_vec(), "cells"),
        ("a.txt", "x".repeat(2001).into_bytes(), "bytes of text"),
        ("a.html", format!("<p>{}", "x".repeat(2001)).into_bytes(), "bytes of text"),
    ] {
        let error = extract(&bytes, name, None, &small).unwrap_err();
        assert!(matches!(error.problem, Problem::TooLarge { what: found, .. } if found == what), "{error}, not {what}");
    }
    let late = Limits { time: Duration::ZERO, ..Limits::default() };
    for (name, bytes) in documents().into_iter().filter(|(name, _)| !matches!(*name, "a.txt" | "a.vtt")) {
        let error = extract(&bytes, name, None, &late).unwrap_err();
        assert!(matches!(error.problem, Problem::Timeout { .. }), "{error}");
    }
}

#[test]
fn a_form_that_draws_itself_ten_times_ends_in_time() {
    let resources = "/Resources << /XObject << /F 4 0 R /G 5 0 R >> >>";
    let draw = |name: &str| format!("/{name} Do ").repeat(10).into_bytes();
    let form = format!("/Type /XObject /Subtype /Form /BBox [0 0 9 9] {resources}");
    let file = pdf_of(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 6 0 R {resources} >>").into_bytes(),
        stream(&form, &draw("G")),
        stream(&form, &draw("F")),
        stream("", &draw("F")),
    ]);
    let started = std::time::Instant::now();
    let limits = Limits { time: Duration::from_secs(1), ..Limits::default() };
    let error = extract(&file, "a.pdf", None, &limits).unwrap_err();
    assert!(matches!(error.problem, Problem::Timeout { .. } | Problem::NoText { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

/// What is within itself must not be read once more for each level.
#[test]
fn deep_documents_take_no_longer_than_long_ones() {
    let nested = |open: &str, close: &str, n: usize| format!("{}x{}", open.repeat(n), close.repeat(n));
    let boxes = nested("<text:p><draw:frame><draw:text-box>", "</draw:text-box></draw:frame></text:p>", 60);
    let html = nested("<ul><ul><ol>", "</ol></ul></ul>", 60);
    let tables = nested("<table><tr><td><td>", "</table>", 40);
    for (name, bytes) in [("a.odt", odf("text", &boxes)), ("a.html", html.into_bytes()), ("a.htm", tables.into_bytes())] {
        let started = std::time::Instant::now();
        read(name, &bytes).unwrap();
        assert!(started.elapsed() < Duration::from_secs(2), "{name}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn the_background_keeps_the_deadline() {
    let text = extract_in_background(docx().into(), "a.docx".into(), None, Limits::default()).await.unwrap().text;
    assert!(text.starts_with("# The report"));
    let limits = Limits { time: Duration::ZERO, ..Limits::default() };
    let error = extract_in_background(docx().into(), "a.docx".into(), None, limits).await.unwrap_err();
    assert_eq!(error.problem, Problem::Timeout { seconds: 0.0 });
}

/// What a damaged document gives is a text or an error, in time, without a panic: `extract` would turn one into this error.
fn assert_survives(name: &str, bytes: &[u8]) {
    let limits = Limits { time: Duration::from_secs(20), unpacked_bytes: 64 << 20, ..Limits::default() };
    let started = std::time::Instant::now();
    match extract(bytes, name, None, &limits) {
        Ok(_) => {}
        Err(error) => assert!(!error.to_string().contains("longer than"), "{error} after {:?}", started.elapsed()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_documents_are_survived(
        which in 0..documents().len(),
        keep in 0.0..1.3f64,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let (name, mut bytes) = documents().swap_remove(which);
        for (place, value) in flips {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let length = bytes.len();
        bytes.truncate((length as f64 * keep) as usize);
        assert_survives(name, &bytes);
    }

    /// The same inside the archive, where a damaged byte is not caught by a checksum.
    #[test]
    fn damaged_parts_are_survived(
        which in 0..documents().len(),
        part in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let (name, bytes) = documents().swap_remove(which);
        let Ok(mut zip) = zip::ZipArchive::new(std::io::Cursor::new(bytes)) else { return Ok(()) };
        let damaged = part.index(zip.len());
        let mut parts = Vec::new();
        for i in 0..zip.len() {
            let mut file = zip.by_index(i).unwrap();
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut file, &mut content).unwrap();
            if i == damaged && !content.is_empty() {
                for (place, value) in &flips {
                    let place = place.index(content.len());
                    content[place] = *value;
                }
                if cuts {
                    content.truncate(cut.index(content.len()));
                }
            }
            // the parts are text, and what is no longer UTF-8 is damage of another kind
            parts.push((file.name().unwrap().to_string(), String::from_utf8_lossy(&content).into_owned()));
        }
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
        assert_survives(name, &archive(&parts));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), which in 0..documents().len()) {
        let (name, document) = documents().swap_remove(which);
        assert_survives(name, &bytes);
        // with a beginning that is right
        let head = &document[..document.len().min(64)];
        assert_survives(name, &[head, &bytes].concat());
    }
}
