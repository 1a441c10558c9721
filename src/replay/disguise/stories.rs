//! Mails before and after.

#![allow(clippy::unwrap_used)]

use super::*;

fn mail(body: &str) -> Vec<u8> {
    let head = "Received: from mail.contoso-supplies.example (192.0.2.7) by outlook.com; Mon, 2 Nov 2026 09:00:00 +0000\r\n\
        Authentication-Results: spf=pass smtp.mailfrom=contoso-supplies.example; dmarc=pass header.from=contoso-supplies.example\r\n\
        X-Spam-Secret: 42\r\nFrom: \"Garcia, Maria\" <maria.garcia@contoso-supplies.example>\r\nTo: invoices@contoso.com\r\n\
        Subject: =?utf-8?Q?Rechnung_f=C3=BCr_Maria_Garcia?=\r\nMessage-ID: <a.1@contoso-supplies.example>\r\n\
        Date: Mon, 2 Nov 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n";
    format!("{head}{body}").into_bytes()
}

fn own() -> Vec<String> {
    vec!["invoices@contoso.com".to_owned()]
}

#[test]
fn people_addresses_and_numbers_are_replaced_alike_everywhere_and_days_and_amounts_stay() {
    let raw = mail(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\nInvoice 4711223 of 02.11.2026 over 12345.67 EUR\r\nGr=FC=DFe, Maria Garcia, \
         +49 30 1234567\r\nDE89 3704 0044 0532 0130 00 https://x.example/a?token=abc\r\n--b\r\nContent-Type: text/csv; name=\"4711223.csv\"\r\n\
         Content-Disposition: attachment; filename=\"4711223.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         bnVtYmVyO25hbWUNCjQ3MTEyMjM7TWFyaWENCg==\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; \
         filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--b--\r\n",
    );
    let mut disguise = Disguise::new(&own(), &[]);
    let content = Content::parse(disguise.mail(&raw).unwrap());
    let envelope = content.envelope();
    let from = envelope.from.unwrap();
    assert_eq!((from.address.as_str(), from.name.as_deref()), ("person1@fabrikam.com", Some("Person 1")));
    assert_eq!(envelope.to, [Address::new("invoices@contoso.com")]);
    assert_eq!(envelope.subject.as_deref(), Some("Rechnung für Person1 Person1"));
    assert!(envelope.internet_message_id.unwrap().ends_with("@fabrikam.com>"));
    let text = content.text();
    let number = text.split_whitespace().nth(1).unwrap().to_owned();
    assert!(number != "4711223" && number.len() == 7 && number.bytes().all(|digit| digit.is_ascii_digit()), "{text}");
    assert!(text.contains(" of 02.11.2026 over 12345.67 EUR") && text.contains("Grüße, Person1 Person1, +"), "{text}");
    assert!(text.contains("https://x.example/a") && !text.contains("token"), "{text}");
    for original in ["1234567", "3704 0044", "Maria", "garcia", "supplies"] {
        assert!(!text.to_lowercase().contains(&original.to_lowercase()), "{original} is in {text}");
    }
    let attachments = content.attachments();
    assert_eq!(attachments[0].name(), Some(format!("{number}.csv").as_str()));
    assert_eq!(attachments[0].text(), Ok(Some(format!("number;name\r\n{number};Person1\r\n").as_str())));
    assert_eq!(attachments[1].bytes(), b"This attachment was replaced when the mail was recorded.");
    let headers: Vec<&str> = content.headers().iter().map(|header| header.name.as_str()).collect();
    assert!(headers.contains(&"Authentication-Results") && !headers.contains(&"X-Spam-Secret"), "{headers:?}");
    let told = disguise.value(&serde_json::json!({ "supplier": "maria.garcia@contoso-supplies.example", "number": "4711223" }));
    assert_eq!(told, serde_json::json!({ "supplier": "person1@fabrikam.com", "number": number }));
}

#[test]
fn what_shall_stay_stays_and_what_cannot_be_replaced_is_named() {
    let raw = mail("Content-Type: text/plain; charset=utf-8\r\n\r\nOrder 4711223\r\n");
    let kept = ["4711223".to_owned(), "contoso-supplies.example".to_owned()];
    let content = Content::parse(Disguise::new(&own(), &kept).mail(&raw).unwrap());
    assert_eq!(content.text(), "Order 4711223\n");
    assert_eq!(content.envelope().from.unwrap().address, "person1@contoso-supplies.example");
    let glued = mail("Content-Type: text/plain; charset=utf-8\r\n\r\nxgarciax\r\n");
    assert_eq!(Disguise::new(&own(), &[]).mail(&glued), Err(vec!["garcia".to_owned()]));
}
