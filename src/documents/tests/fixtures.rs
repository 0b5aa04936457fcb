//! Small documents of every kind, put together here byte by byte.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub fn archive(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in parts {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn compound(streams: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            file.create_storage_all(folder).unwrap();
        }
        file.create_stream(path).unwrap().write_all(content).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Objects 1… in their order, the first of them the catalog.
pub fn pdf_of(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", i + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    file.extend(format!("trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1).bytes());
    file
}

pub fn stream(entries: &str, bytes: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {entries} /Length {} >>\nstream\n", bytes.len()).into_bytes();
    object.extend(bytes);
    object.extend(b"\nendstream");
    object
}

fn utf16_hex(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("{unit:04X}")).collect()
}

/// Two pages: Latin text in two paragraphs and Chinese by a predefined CMap; Japanese by the file's own ToUnicode table, compressed.
pub fn pdf() -> Vec<u8> {
    let page = |contents: usize| {
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {contents} 0 R \
             /Resources << /Font << /L 5 0 R /C 6 0 R /J 8 0 R >> >> >>"
        )
    };
    let first = format!(
        "BT /L 12 Tf 14 TL 72 770 Td (Quarterly report) Tj T* (Sales rose by) Tj ( 4%.) Tj 0 -40 Td (Second paragraph.) Tj ET\n\
         BT /C 12 Tf 72 600 Td <{}> Tj ET",
        utf16_hex("第一季度的销售额")
    );
    let to_unicode = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def \
        1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfchar <0001> <65E5672C> <0002> <8A9E> endbfchar endcmap end end";
    pdf_of(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>".to_vec(),
        page(12).into_bytes(),
        page(13).into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [7 0 R] >>".to_vec(),
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> \
          /DW 1000 /FontDescriptor 11 0 R >>"
            .to_vec(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Own /Encoding /Identity-H /DescendantFonts [9 0 R] /ToUnicode 10 0 R >>".to_vec(),
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Own /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> \
          /DW 1000 /FontDescriptor 11 0 R >>"
            .to_vec(),
        stream("", to_unicode.as_bytes()),
        b"<< /Type /FontDescriptor /FontName /Own /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 900 /Descent -200 \
          /CapHeight 700 /StemV 80 >>"
            .to_vec(),
        stream("", first.as_bytes()),
        stream("/Filter /FlateDecode", &deflated(b"BT /J 12 Tf 72 770 Td <00010002> Tj ET BT /L 12 Tf 200 770 Td (right) Tj ET")),
    ])
}

/// A page that is a picture.
pub fn scanned_pdf() -> Vec<u8> {
    pdf_of(&[
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>".to_vec(),
        stream("", b"100 0 0 100 0 0 cm /I Do"),
        stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", &[0]),
    ])
}

const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn relations(entries: &[(&str, &str, &str)]) -> String {
    let entries: String = entries
        .iter()
        .map(|(id, kind, target)| {
            let mode = if target.contains("://") { " TargetMode=\"External\"" } else { "" };
            format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"{mode}/>")
        })
        .collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Relationships xmlns=\"{RELATIONS}\">{entries}</Relationships>")
}

pub fn docx() -> Vec<u8> {
    let paragraph = |style: &str, text: &str| format!("<w:p><w:pPr>{style}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>");
    let item = |list: u8, level: u8| format!("<w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"{list}\"/></w:numPr>");
    let cell = |properties: &str, text: &str| {
        format!("<w:tc><w:tcPr>{properties}</w:tcPr>{}</w:tc>", text.split('/').map(|text| paragraph("", text)).collect::<String>())
    };
    let body = [
        paragraph("<w:pStyle w:val=\"Titel\"/>", "The report"),
        paragraph("<w:pStyle w:val=\"Sub\"/>", "Findings"),
        "<w:p><w:r><w:t xml:space=\"preserve\">See </w:t></w:r><w:hyperlink r:id=\"r1\"><w:r><w:t>the page</w:t></w:r></w:hyperlink>\
         <w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t xml:space=\"preserve\"> now</w:t></w:r></w:ins>\
         <w:r><w:footnoteReference w:id=\"2\"/></w:r><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>A box</w:t></w:r></w:p>\
         </w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>A box</w:t></w:r></w:p></w:txbxContent></mc:Fallback>\
         </mc:AlternateContent></w:r></w:p>"
            .to_owned(),
        paragraph(&item(1, 0), "first"),
        paragraph(&item(1, 1), "inner"),
        paragraph(&item(1, 0), "second"),
        paragraph(&item(2, 0), "eggs"),
        paragraph("", "Between"),
        "<w:tbl>".to_owned(),
        format!("<w:tr>{}{}</w:tr>", cell("", "Name"), cell("<w:gridSpan w:val=\"2\"/>", "Both")),
        format!("<w:tr>{}{}{}</w:tr>", cell("<w:vMerge w:val=\"restart\"/>", "中文"), cell("", "a|b"), cell("", "two/lines")),
        format!("<w:tr>{}{}{}</w:tr>", cell("<w:vMerge/>", ""), cell("", "1"), cell("", "2")),
        "</w:tbl>".to_owned(),
    ]
    .concat();
    let level = |level: u8, format: &str| format!("<w:lvl w:ilvl=\"{level}\"><w:start w:val=\"1\"/><w:numFmt w:val=\"{format}\"/></w:lvl>");
    let w = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";
    archive(&[
        ("[Content_Types].xml", "<Types/>"),
        (
            "word/document.xml",
            &format!(
                "<?xml version=\"1.0\"?><w:document {w} xmlns:r=\"{OFFICE}\" \
                 xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\"><w:body>{body}</w:body></w:document>"
            ),
        ),
        (
            "word/styles.xml",
            &format!(
                "<w:styles {w}><w:style w:styleId=\"Titel\"><w:name w:val=\"Title\"/></w:style>\
                 <w:style w:styleId=\"H2\"><w:name w:val=\"heading 2\"/></w:style>\
                 <w:style w:styleId=\"Sub\"><w:name w:val=\"Own\"/><w:basedOn w:val=\"H2\"/></w:style></w:styles>"
            ),
        ),
        (
            "word/numbering.xml",
            &format!(
                "<w:numbering {w}><w:abstractNum w:abstractNumId=\"0\">{}{}</w:abstractNum>\
                 <w:abstractNum w:abstractNumId=\"1\">{}</w:abstractNum><w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num>\
                 <w:num w:numId=\"2\"><w:abstractNumId w:val=\"1\"/></w:num></w:numbering>",
                level(0, "decimal"),
                level(1, "bullet"),
                level(0, "bullet")
            ),
        ),
        (
            "word/footnotes.xml",
            &format!(
                "<w:footnotes {w}><w:footnote w:type=\"separator\" w:id=\"0\"/><w:footnote w:id=\"2\">{}</w:footnote></w:footnotes>",
                paragraph("", "As of May.")
            ),
        ),
        ("word/_rels/document.xml.rels", &relations(&[("r1", "hyperlink", "https://example.com/x")])),
    ])
}

pub fn pptx() -> Vec<u8> {
    let spaces = format!(
        "xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\" xmlns:r=\"{OFFICE}\" \
         xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\""
    );
    let shape = |placeholder: &str, paragraphs: &[&str]| {
        let paragraphs: String = paragraphs
            .iter()
            .map(|text| {
                let level = if text.starts_with('>') { "<a:pPr lvl=\"1\"/>" } else { "" };
                format!("<a:p>{level}<a:r><a:t>{}</a:t></a:r></a:p>", text.trim_start_matches('>'))
            })
            .collect();
        format!("<p:sp><p:nvSpPr><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr><p:txBody>{paragraphs}</p:txBody></p:sp>")
    };
    let slide = |shapes: &[String]| format!("<p:sld {spaces}><p:cSld><p:spTree>{}</p:spTree></p:cSld></p:sld>", shapes.concat());
    let cell = |text: &str| format!("<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>");
    let table = format!(
        "<p:graphicFrame><p:nvGraphicFramePr><p:nvPr/></p:nvGraphicFramePr><a:graphic><a:tbl><a:tr>{}{}</a:tr><a:tr>{}{}</a:tr></a:tbl>\
         </a:graphic></p:graphicFrame>",
        cell("k"),
        cell("v"),
        cell("a"),
        cell("1")
    );
    let (title, body) = ("<p:ph type=\"title\"/>", "<p:ph idx=\"1\"/>");
    archive(&[
        (
            "ppt/presentation.xml",
            &format!(
                "<p:presentation {spaces}><p:sldIdLst><p:sldId id=\"256\" r:id=\"r2\"/><p:sldId id=\"257\" r:id=\"r1\"/></p:sldIdLst></p:presentation>"
            ),
        ),
        ("ppt/_rels/presentation.xml.rels", &relations(&[("r1", "slide", "slides/slide1.xml"), ("r2", "slide", "slides/slide2.xml")])),
        ("ppt/slides/slide1.xml", &slide(&[shape("", &["A caption"]), table])),
        (
            "ppt/slides/slide2.xml",
            &slide(&[shape(body, &["one", ">inner", "two"]), shape(title, &["标题"]), shape("<p:ph type=\"sldNum\"/>", &["1"])]),
        ),
        ("ppt/slides/_rels/slide2.xml.rels", &relations(&[("r1", "notesSlide", "../notesSlides/notesSlide1.xml")])),
        ("ppt/notesSlides/notesSlide1.xml", &slide(&[shape("<p:ph type=\"body\"/>", &["Say hello."])]).replace("p:sld", "p:notes")),
    ])
}

pub fn xlsx() -> Vec<u8> {
    let main = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let text = |place: &str, index: u8| format!("<c r=\"{place}\" t=\"s\"><v>{index}</v></c>");
    archive(&[
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>",
        ),
        ("_rels/.rels", &relations(&[("r1", "officeDocument", "xl/workbook.xml")])),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook {main} xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"Sales\" sheetId=\"1\" r:id=\"r1\"/>\
                 <sheet name=\"空\" sheetId=\"2\" r:id=\"r2\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &relations(&[
                ("r1", "worksheet", "worksheets/sheet1.xml"),
                ("r2", "worksheet", "worksheets/sheet2.xml"),
                ("r3", "sharedStrings", "sharedStrings.xml"),
                ("r4", "styles", "styles.xml"),
            ]),
        ),
        ("xl/styles.xml", &format!("<styleSheet {main}><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>")),
        (
            "xl/sharedStrings.xml",
            &format!(
                "<sst {main}><si><t>Product</t></si><si><t>Sold</t></si><si><t>On</t></si><si><r><t>Té</t></r><r><t>a|b</t></r></si></sst>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!(
                "<worksheet {main}><sheetData><row r=\"2\">{}{}{}</row>\
                 <row r=\"5\">{}<c r=\"D5\"><v>0.30000000000000004</v></c><c r=\"E5\" s=\"1\"><v>45292</v></c></row></sheetData></worksheet>",
                text("B2", 0),
                text("D2", 1),
                text("E2", 2),
                text("B5", 3)
            ),
        ),
        (
            "xl/worksheets/sheet2.xml",
            &format!(
                "<worksheet {main}><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>只有</t></is></c><c r=\"B1\" t=\"b\"><v>1</v></c></row></sheetData></worksheet>"
            ),
        ),
    ])
}

/// One sheet with a label, two numbers and a table of strings, as Excel 97 writes it.
pub fn xls() -> Vec<u8> {
    let record = |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    let begin = |kind: u16| record(0x0809, &[&0x0600u16.to_le_bytes()[..], &kind.to_le_bytes(), &[0; 12]].concat());
    let number = |row: u16, column: u16, value: f64| {
        record(0x0203, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &[0; 2], &value.to_le_bytes()].concat())
    };
    let label = |row: u16, column: u16, index: u32| {
        record(0x00fd, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &[0; 2], &index.to_le_bytes()].concat())
    };
    let string = |text: &str| [&(text.len() as u16).to_le_bytes()[..], &[0], text.as_bytes()].concat();
    let strings = record(0x00fc, &[&2u32.to_le_bytes()[..], &2u32.to_le_bytes(), &string("City"), &string("People")].concat());
    let globals = |sheet_at: u32| {
        let sheet = record(0x0085, &[&sheet_at.to_le_bytes()[..], &[0, 0], &[5, 0], b"Towns"].concat());
        [begin(0x0005), sheet, strings.clone(), record(0x000a, &[])].concat()
    };
    let at = globals(0).len() as u32;
    let sheet = [begin(0x0010), label(0, 0, 0), label(0, 1, 1), number(1, 0, 7.0), number(1, 1, 1234.5), record(0x000a, &[])].concat();
    compound(&[("/Workbook", [globals(at), sheet].concat())])
}

const ODF: &str = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
    xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
    xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
    xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" \
    xmlns:presentation=\"urn:oasis:names:tc:opendocument:xmlns:presentation:1.0\"";

pub fn odf(kind: &str, body: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content {ODF}><office:automatic-styles><text:list-style style:name=\"N\"><text:list-level-style-number text:level=\"1\"/>\
         </text:list-style></office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    );
    archive(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", &content)])
}

pub fn odt() -> Vec<u8> {
    odf(
        "text",
        "<text:h text:outline-level=\"2\">Überschrift</text:h>\
         <text:p>Words<text:s text:c=\"2\"/>and\n   <text:a xlink:href=\"https://example.com/\">a link</text:a>\
         <text:note><text:note-body><text:p>a note</text:p></text:note-body></text:note></text:p>\
         <text:list text:style-name=\"N\"><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>inner</text:p></text:list-item>\
         </text:list></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>\
         <table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>\
         <table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table-header-rows>\
         <table:table-row><table:table-cell table:number-columns-repeated=\"2\"><text:p>x</text:p></table:table-cell></table:table-row></table:table>",
    )
}

pub fn ods() -> Vec<u8> {
    odf(
        "spreadsheet",
        "<table:table table:name=\"Blatt\"><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell/>\
         <table:table-cell><text:p>b</text:p></table:table-cell><table:table-cell table:number-columns-repeated=\"16000\"/></table:table-row>\
         <table:table-row table:number-rows-repeated=\"2\"><table:table-cell table:number-columns-repeated=\"3\"><text:p>1</text:p></table:table-cell>\
         </table:table-row><table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell/></table:table-row></table:table>\
         <table:table table:name=\"Leer\"/>",
    )
}

pub fn odp() -> Vec<u8> {
    odf(
        "presentation",
        "<draw:page><draw:frame presentation:class=\"title\"><draw:text-box><text:p>Hello</text:p></draw:text-box></draw:frame>\
         <draw:frame presentation:class=\"outline\"><draw:text-box><text:list><text:list-item><text:p>point</text:p></text:list-item></text:list>\
         </draw:text-box></draw:frame><presentation:notes><draw:frame><draw:text-box><text:p>say it</text:p></draw:text-box></draw:frame>\
         </presentation:notes></draw:page>",
    )
}

pub fn epub(extra: &[(&str, &str)]) -> Vec<u8> {
    let parts = [
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            "<container xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles><rootfile full-path=\"OEBPS/book.opf\"/></rootfiles></container>",
        ),
        (
            "OEBPS/book.opf",
            "<package xmlns=\"http://www.idpf.org/2007/opf\"><manifest>\
             <item id=\"b\" href=\"text/two.xhtml\" media-type=\"application/xhtml+xml\"/>\
             <item id=\"a\" href=\"text/one%20first.xhtml\" media-type=\"application/xhtml+xml\"/>\
             <item id=\"c\" href=\"cover.png\" media-type=\"image/png\"/></manifest>\
             <spine><itemref idref=\"c\"/><itemref idref=\"a\"/><itemref idref=\"b\"/></spine></package>",
        ),
        ("OEBPS/text/two.xhtml", "<html xmlns=\"http://www.w3.org/1999/xhtml\"><body><h1>第二章</h1><p>End.</p></body></html>"),
        (
            "OEBPS/text/one first.xhtml",
            "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>t</title></head><body><h1>One</h1><p>Begin.</p></body></html>",
        ),
    ];
    archive(&[&parts[..], extra].concat())
}

pub fn eml() -> Vec<u8> {
    "From: =?UTF-8?B?5byg5LiJ?= <zhang@example.com>\r\nTo: Ann <ann@example.com>, bob@example.com\r\nSubject: Minutes\r\n\
     Date: Mon, 1 Jan 2024 10:00:00 +0800\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
     --x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
     <h2>Agenda</h2><ul><li>caf=C3=A9</ul>\r\n\
     --x\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\nContent-Disposition: attachment; filename=\"plan.pdf\"\r\n\
     Content-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--x--\r\n"
        .into()
}

pub fn msg() -> Vec<u8> {
    let text = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    compound(&[
        ("/__properties_version1.0", vec![0; 32]),
        ("/__substg1.0_0037001F", text("Offer")),
        ("/__substg1.0_0C1A001F", text("李四")),
        ("/__substg1.0_0C1F001F", text("li@example.com")),
        ("/__substg1.0_0E04001F", text("Ann; Bob")),
        ("/__substg1.0_007D001F", text("Date: Mon, 1 Jan 2024 10:00:00 +0800\r\nFrom: x@y\r\n")),
        ("/__substg1.0_10130102", b"<p>Dear <b>Ann</b></p>".to_vec()),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", text("offer.xlsx")),
    ])
}
