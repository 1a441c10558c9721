//! Files that are protected, empty, cut off, called something else or made to do harm: each is its own problem, told to the rules and in
//! the message's story, and nothing else of the message is lost.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use lopdf::{Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream, StringFormat, dictionary};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::world::{World, statuses};

const EACH: &str = "//! Looks into every file.\nfn told(file) {\n    `${file.name}: ${file.problem ?? \"fine\"}, ${(file.text ?? \"\").len} letters, ${(file.files ?? []).len} files`\n}\n\
     fn then(mail) {\n    for file in mail.attachments {\n        note(told(file));\n        for inner in file.files ?? [] { note(`in ${file.name}: ${told(inner)}`); }\n    }\n    \
     categorise(\"Seen\");\n}\n";
const SUM: &str = "//! Looks into all files.\nfn then(mail) {\n    let fine = 0;\n    let letters = 0;\n    for file in mail.attachments {\n        \
                   if file.problem == () { fine += 1; }\n        letters += file.text.len;\n    }\n    \
                   note(`${mail.attachments.len} files, ${fine} fine, ${letters} letters`);\n    categorise(\"Seen\");\n}\n";

fn mail(files: &[(&str, &str, Vec<u8>)]) -> Vec<u8> {
    let mut raw =
        "From: a@fabrikam.com\r\nSubject: Files\r\nMessage-ID: <files@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
                   --b\r\n\r\nThey are attached.\r\n"
            .to_owned();
    for (name, kind, bytes) in files {
        write!(
            raw,
            "--b\r\nContent-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: attachment\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n"
        )
        .unwrap();
        for line in STANDARD.encode(bytes).as_bytes().chunks(76) {
            raw += std::str::from_utf8(line).unwrap();
            raw += "\r\n";
        }
    }
    (raw + "--b--\r\n").into_bytes()
}

/// A PDF of one page with this content, packed.
fn pdf(content: &[u8]) -> Document {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).unwrap();
    let mut document = Document::with_version("1.5");
    let pages = document.new_object_id();
    let font = document.add_object(
        dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding" },
    );
    let content = document.add_object(Stream::new(dictionary! { "Filter" => "FlateDecode" }, packed.finish().unwrap()));
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
        "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
    });
    document.set_object(pages, dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 });
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    let id = Object::String(vec![7; 16], StringFormat::Literal);
    document.trailer.set("ID", vec![id.clone(), id]);
    document
}

fn saved(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn locked(mut document: Document) -> Document {
    let how = EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "user",
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(how).unwrap();
    document.encrypt(&state).unwrap();
    document
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A spreadsheet with this sheet.
fn workbook(rows: &str) -> Vec<u8> {
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const SHEETS: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relation = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" Type=\"{OFFICE}/{kind}\" \
             Target=\"{target}\"/></Relationships>"
        )
    };
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>";
    let book = format!(
        "<workbook xmlns=\"{SHEETS}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let sheet = format!("<worksheet xmlns=\"{SHEETS}\"><sheetData>{rows}</sheetData></worksheet>");
    zipped(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml").as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml").as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

/// What the rule noted of the files, and what the story says beside that.
async fn told(rule: &str, files: &[(&str, &str, Vec<u8>)]) -> (Vec<String>, String) {
    let mut world = World::started(&[("10-all.rhai", rule)]).await;
    world.deliver(&mail(files));
    let lines = world.settled(1).await;
    let story = world.engine.as_ref().unwrap().journal().story("<files@x>").await.unwrap();
    world.stop().await;
    assert_eq!((lines[0].status.as_str(), statuses(&lines[0])), ("planned", vec!["done"]), "{:?}", story.lines);
    let planned = story.lines.iter().find(|line| line.event == "planned").unwrap();
    let notes = planned.detail["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned());
    (notes.collect(), story.lines.iter().map(|line| line.detail.to_string()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_says_why_and_the_others_are_read() {
    let text = b"BT /F1 10 Tf 50 700 Td (Total 12.50) Tj ET";
    let good = saved(pdf(text));
    let row = "<row r=\"2\"><c r=\"A2\"><v>7</v></c></row>";
    let rows: Vec<String> = (1..=1_000_000).map(|number| format!("<row r=\"{number}\"/>")).collect();
    let entities: Vec<String> = (1..=9).map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10))).collect();
    let entities = entities.concat();
    let octets = "application/octet-stream";
    let files = [
        ("good.pdf", "application/pdf", good.clone()),
        ("locked.pdf", "application/pdf", saved(locked(pdf(text)))),
        ("empty.pdf", "application/pdf", Vec::new()),
        ("cut.pdf", "application/pdf", good[..good.len() / 3].to_vec()),
        ("called-a-sheet.xlsx", octets, good.clone()),
        ("declared-a-picture.csv", "image/png", b"a;b\r\n1;2\r\n".to_vec()),
        ("inflates.pdf", "application/pdf", saved(pdf(&vec![b' '; 100_000_000]))),
        ("cut.xlsx", octets, workbook(row)[..300].to_vec()),
        ("rows.xlsx", octets, workbook(&(rows.concat() + &*row.replace('2', "1000001")))),
        ("cut.zip", "application/zip", zipped(&[("a.txt", &b"text".repeat(1_000))])[..60].to_vec()),
        ("bomb.zip", "application/zip", zipped(&[("a.txt", &vec![b'0'; 100_000_000])])),
        ("nested.zip", "application/zip", zipped(&[("inner.zip", &zipped(&[("a.txt", b"deep")])), ("b.txt", b"beside")])),
        ("slip.zip", "application/zip", zipped(&[("../../../etc/passwd.txt", b"root")])),
        ("entities.xml", "application/xml", format!("<!DOCTYPE x [<!ENTITY e0 \"ha\">{entities}]><x>&e9;</x>").into_bytes()),
        ("divs.html", "text/html", ("<div>".repeat(100_000) + "inside").into_bytes()),
    ];
    let (notes, story) = told(EACH, &files).await;
    let expected = [
        "good.pdf: fine, 12 letters, 0 files",
        "locked.pdf: it is protected: a password is needed to read it, 0 letters, 0 files",
        "empty.pdf: it is empty, 0 letters, 0 files",
        "cut.pdf: it is a damaged PDF: failed parsing cross reference table, 0 letters, 0 files",
        "called-a-sheet.xlsx: fine, 12 letters, 0 files",
        "declared-a-picture.csv: fine, 10 letters, 0 files",
        "inflates.pdf: page 1 could not be read whole: couldn't decompress stream, 0 letters, 0 files",
        "cut.xlsx: it is a damaged ZIP: its list of files cannot be read, 0 letters, 0 files",
        "rows.xlsx: fine, 2 letters, 0 files",
        "cut.zip: it is a damaged ZIP: its list of files cannot be read, 0 letters, 0 files",
        "bomb.zip: it holds more than 40 MB once it is unpacked: it stays closed, 0 letters, 0 files",
        "nested.zip: fine, 0 letters, 2 files",
        "in nested.zip: inner.zip: it is an archive in an archive: it is not opened, 0 letters, 0 files",
        "in nested.zip: b.txt: fine, 6 letters, 0 files",
        "slip.zip: fine, 0 letters, 1 files",
        "in slip.zip: passwd.txt: fine, 4 letters, 0 files",
        "entities.xml: its XML declares entities of its own (DTD), which are not read, 538 letters, 0 files",
        "divs.html: fine, 7 letters, 0 files",
    ];
    assert_eq!(notes, expected, "{story}");
    for note in expected.iter().filter(|note| !note.contains("fine") && !note.starts_with("in ")) {
        let (name, problem) = note.split_once(": ").unwrap();
        let problem = problem.rsplitn(3, ", ").last().unwrap();
        assert!(story.contains(&format!("the attachment `{name}`: {problem}")), "{name}: {problem}\n{story}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_two_hundred_and_fifty_files_are_read() {
    let names: Vec<String> = (1..=250).map(|number| format!("{number}.txt")).collect();
    let files: Vec<(&str, &str, Vec<u8>)> =
        names.iter().map(|name| (name.as_str(), "text/plain", name.clone().into_bytes())).collect();
    let letters: usize = names.iter().map(String::len).sum();
    assert_eq!(told(SUM, &files).await.0, [format!("250 files, 250 fine, {letters} letters")]);
}
