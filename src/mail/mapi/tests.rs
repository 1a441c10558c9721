//! `.msg` files and `winmail.dat` made here, read as messages.
#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Write};

use cfb::CompoundFile;

use super::*;
use crate::mail::{Content, Message};

const TEXT: u16 = 0x001f;
const TEXT_8: u16 = 0x001e;
const BINARY: u16 = 0x0102;
const NUMBER: u16 = 0x0003;

type Property<'p> = (u16, u16, &'p [u8]);

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Writes properties into a storage, those of a fixed size behind a header of that length.
fn write(file: &mut CompoundFile<Cursor<Vec<u8>>>, storage: &str, header: usize, properties: &[Property<'_>]) {
    if storage != "/" {
        file.create_storage(storage).unwrap();
    }
    let below = |name: &str| format!("{}/{name}", storage.trim_end_matches('/'));
    let mut fixed = vec![0; header];
    for (id, kind, value) in properties {
        if *kind == NUMBER {
            fixed.extend([kind.to_le_bytes(), id.to_le_bytes()].concat());
            fixed.extend([0; 4]);
            fixed.extend_from_slice(value);
            fixed.extend([0; 4]);
        } else {
            let mut stream = file.create_stream(below(&format!("__substg1.0_{id:04X}{kind:04X}"))).unwrap();
            stream.write_all(value).unwrap();
        }
    }
    file.create_stream(below("__properties_version1.0")).unwrap().write_all(&fixed).unwrap();
}

fn compound() -> CompoundFile<Cursor<Vec<u8>>> {
    CompoundFile::create(Cursor::new(Vec::new())).unwrap()
}

fn finished(file: CompoundFile<Cursor<Vec<u8>>>) -> Vec<u8> {
    file.into_inner().into_inner()
}

fn message(bytes: &[u8]) -> Message {
    Message::from_raw(outlook_message(bytes).unwrap().unwrap(), "a.msg")
}

#[test]
fn a_saved_mail_is_a_message_with_its_header_recipients_and_attachments() {
    let mut file = compound();
    let headers = wide(
        "Received: from mx.fabrikam.com\r\nFrom: Ann <ann@fabrikam.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
         Content-Type: multipart/mixed;\r\n boundary=\"gone\"\r\nMIME-Version: 1.0\r\nMessage-ID: <7@fabrikam.com>\r\n\r\n",
    );
    write(
        &mut file,
        "/",
        32,
        &[
            (0x0037, TEXT, &wide("Grüße")),
            (0x007d, TEXT, &headers),
            (0x1000, TEXT_8, b"\xcf\xf0\xe8\xe2\xe5\xf2"),
            (0x3ffd, NUMBER, &1251_u32.to_le_bytes()),
            (0x1013, BINARY, b"<p>Pr\xfcfung</p>"),
            (0x3fde, NUMBER, &1252_u32.to_le_bytes()),
        ],
    );
    let orders = wide("Orders");
    let address = wide("orders@contoso.com");
    write(
        &mut file,
        "/__recip_version1.0_#00000000",
        8,
        &[(0x3001, TEXT, &orders), (0x39fe, TEXT, &address), (0x0c15, NUMBER, &1_u32.to_le_bytes())],
    );
    write(
        &mut file,
        "/__attach_version1.0_#00000000",
        8,
        &[(0x3707, TEXT, &wide("Übersicht.csv")), (0x370e, TEXT, &wide("text/csv")), (0x3701, BINARY, b"a;b\n1;2\n")],
    );
    write(&mut file, "/__attach_version1.0_#00000001", 8, &[(0x3705, NUMBER, &5_u32.to_le_bytes())]);
    let inner = wide("Inner");
    write(&mut file, "/__attach_version1.0_#00000001/__substg1.0_3701000D", 24, &[(0x0037, TEXT, &inner)]);
    let message = message(&finished(file));
    assert_eq!(message.envelope.subject.as_deref(), Some("Grüße"));
    assert_eq!(message.envelope.from.as_ref().map(|from| from.address.as_str()), Some("ann@fabrikam.com"));
    assert_eq!(message.envelope.to[0].address, "orders@contoso.com");
    assert_eq!(message.envelope.internet_message_id.as_deref(), Some("<7@fabrikam.com>"));
    assert_eq!(message.header("Received"), Ok(Some("from mx.fabrikam.com")));
    let content = message.content().unwrap();
    assert_eq!((content.text(), content.html()), ("Привет", Some("<p>Prüfung</p>")));
    let [file, mail] = content.attachments() else { panic!("{:?}", content.attachments()) };
    assert_eq!((file.name(), file.content_type(), file.text()), (Some("Übersicht.csv"), "text/csv", Ok(Some("a;b\n1;2\n"))));
    assert_eq!(mail.mail().unwrap().unwrap().envelope.subject.as_deref(), Some("Inner"));
}

#[test]
fn a_draft_without_header_is_told_by_its_properties() {
    let mut file = compound();
    write(
        &mut file,
        "/",
        32,
        &[
            (0x0037, TEXT, &wide("Plan\r\nBcc: x@fabrikam.com")),
            (0x0042, TEXT, &wide("Lee, \"Ann\"")),
            (0x5d02, TEXT, &wide("ann@fabrikam.com")),
            (0x0065, TEXT, &wide("/O=EXCHANGELABS/CN=ANN")),
            (0x0e04, TEXT, &wide("Orders; bob@fabrikam.com")),
            (0x001a, TEXT, &wide("IPM.Schedule.Meeting.Request")),
        ],
    );
    let message = message(&finished(file));
    assert_eq!(message.envelope.subject.as_deref(), Some("Plan  Bcc: x@fabrikam.com"));
    let from = message.envelope.from.clone().unwrap();
    assert_eq!((from.name.as_deref(), from.address.as_str()), (Some("Lee, 'Ann'"), "ann@fabrikam.com"));
    assert_eq!(message.envelope.to.last().unwrap().address, "bob@fabrikam.com");
    assert_eq!(message.is_meeting(), Ok(true));
}

fn attribute(level: u8, id: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    [&[level][..], &id.to_le_bytes(), &length.to_le_bytes(), data, &[0, 0]].concat()
}

fn winmail(attributes: &[Vec<u8>]) -> Vec<u8> {
    [TNEF.to_vec(), vec![1, 0], attributes.concat()].concat()
}

/// A list of properties as TNEF writes it: a named one, a text, an object.
fn list(subject: &str, object: Option<&[u8]>) -> Vec<u8> {
    let long = |bytes: &[u8]| {
        let padding = vec![0; bytes.len().next_multiple_of(4) - bytes.len()];
        [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes, &padding].concat()
    };
    let count = 2 + u32::from(object.is_some());
    let named = [
        &[0x1f, 0, 0x01, 0x80][..],
        &[9; 16],
        &1_u32.to_le_bytes(),
        &long(&wide("Keywords")),
        &1_u32.to_le_bytes(),
        &long(&wide("x")),
    ]
    .concat();
    let text = [&[0x1f, 0, 0x37, 0][..], &1_u32.to_le_bytes(), &long(&wide(subject))].concat();
    let object = object.map(|object| [&[0x0d, 0, 0x01, 0x37][..], &1_u32.to_le_bytes(), &long(object)].concat());
    [&count.to_le_bytes()[..], &named, &text, &object.unwrap_or_default()].concat()
}

#[test]
fn a_winmail_dat_gives_its_mail_and_its_files() {
    let inner = winmail(&[attribute(1, 0x0006_9003, &list("Inner", None)), attribute(1, 0x0002_800c, b"Deep\0")]);
    let iid = [0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    let whole = winmail(&[
        attribute(1, 0x0006_9007, &[0xe3, 4, 0, 0, 0, 0, 0, 0]),
        attribute(1, 0x0002_800c, b"\xcf\xf0\xe8\0"),
        attribute(1, 0x0006_9003, &list("Order", None)),
        attribute(2, 0x0006_9002, &[0; 14]),
        attribute(2, 0x0001_8010, b"\xcf.csv\0"),
        attribute(2, 0x0006_800f, b"a;b\n1;2\n"),
        attribute(2, 0x0006_9002, &[0; 14]),
        attribute(2, 0x0006_9005, &list("?", Some(&[&iid[..], &inner].concat()))),
    ]);
    let raw = [
        b"Subject: outer\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            .to_vec(),
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &whole).into_bytes(),
    ];
    let content = Content::parse(raw.concat());
    let [file] = content.attachments() else { panic!("{:?}", content.attachments()) };
    assert_eq!(file.problem(), Ok(None));
    let mail = file.mail().unwrap().unwrap();
    assert_eq!((mail.envelope.subject.as_deref(), mail.content().unwrap().text()), (Some("Order"), "При"));
    let [csv, inner] = file.files().unwrap() else { panic!("{:?}", file.files()) };
    assert_eq!(
        (csv.name(), csv.reading().unwrap().rows().unwrap().headers),
        (Some("П.csv"), vec!["a".to_owned(), "b".to_owned()])
    );
    let inner = inner.mail().unwrap().unwrap();
    assert_eq!((inner.envelope.subject.as_deref(), inner.content().unwrap().text().trim()), (Some("Inner"), "Deep"));
    for end in 0..whole.len() {
        let _ = tnef(&whole[..end]).map(|item| item.map(|item| item.to_message()));
    }
}

#[test]
fn items_in_items_end_somewhere_and_other_compound_files_are_no_mail() {
    let iid = [0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
    let deep = (0..12).fold(winmail(&[]), |inner, _| {
        winmail(&[attribute(2, 0x0006_9002, &[0; 14]), attribute(2, 0x0006_9005, &list("?", Some(&[&iid[..], &inner].concat())))])
    });
    assert_eq!(tnef(&deep).unwrap().unwrap_err(), "it holds more than 10 messages in each other");
    let mut other = compound();
    other.create_stream("/Workbook").unwrap().write_all(b"x").unwrap();
    let other = finished(other);
    assert!(outlook_message(&other).is_none() && !may_be_msg(&other));
    assert!(outlook_message(&other[..600]).unwrap().unwrap_err().starts_with("its compound file is damaged: "));
}
