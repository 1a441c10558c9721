//! Texts as people send them, and what becomes of each line.

#![allow(clippy::unwrap_used)]

use super::{Forwarded, Marks, Split, Subject};
use crate::mail::Content;
use crate::mail::envelope::Address;

fn split(text: &str) -> Split {
    Split::of(text, &Marks::default())
}

/// Top, signature, quoted.
fn parts(text: &str) -> [String; 3] {
    let split = split(text);
    assert_eq!(split.notices, "", "{text}");
    [split.top, split.signature, split.quoted]
}

fn opened(text: &str, subject: Subject) -> Option<Forwarded> {
    let marks = Marks::default();
    Forwarded::find((text, &marks), &Split::of(text, &marks).spans, subject)
}

fn forwarded(text: &str) -> Option<Forwarded> {
    opened(text, Subject::Forward)
}

fn person(name: &str, address: &str) -> Address {
    Address { name: Some(name.to_owned()).filter(|name| !name.is_empty()), address: address.to_owned() }
}

#[test]
fn a_marked_trail_below_an_attribution_of_two_lines_is_quoted() {
    let attribution = "On Mon, 2 Dec 2024 at 10:00, Bob Example\n<bob@fabrikam.com> wrote:\n> Really?\n>\n> Bob";
    assert_eq!(parts(&format!("Yes.\n\n-- \nAnn\n\n{attribution}\n")), ["Yes.", "-- \nAnn", attribution]);
}

#[test]
fn answers_between_quoted_lines_stay_on_top() {
    assert_eq!(
        parts("Am 02.12.2024 um 10:00 schrieb Bob:\n> Eins?\n\nJa.\n\n> Zwei?\n\nNein.\n"),
        ["Ja.\n\nNein.", "", "Am 02.12.2024 um 10:00 schrieb Bob:\n> Eins?\n\n> Zwei?"]
    );
}

#[test]
fn a_quoted_line_that_a_program_wrapped_is_quoted_to_its_end() {
    let trail = "> A line of a letter that is so long that a mail program wraps it some\nwhere\n> and goes on";
    assert_eq!(parts(&format!("Yes\n\n{trail}")), ["Yes", "", trail]);
    assert_eq!(parts("> Short?\nyes\n> Then?"), ["yes", "", "> Short?\n> Then?"]);
}

#[test]
fn the_header_block_of_outlook_begins_the_trail_in_every_language() {
    for block in [
        "From: Bob <bob@fabrikam.com>\nSent: Monday\nTo: Ann\nSubject: Order",
        "________________________________\nVon: Bob\nGesendet: Montag\nAn: Ann\nBetreff: Auftrag",
        "De : Bob\nEnvoyé : lundi\nÀ : Ann\nObjet : Commande",
        "*De:* Bob\n*Enviado:* lunes\n*Para:* Ann\n*Asunto:* Pedido",
        "Da: Bob\nInviato: lunedì\nA: Ann\nOggetto: Ordine",
        "Van: Bob\nVerzonden: maandag\nAan: Ann\nOnderwerp: Bestelling",
        "Od: Bob\nWysłano: poniedziałek\nDo: Ann\nTemat: Zamówienie",
        "От: Bob\nОтправлено: понедельник\nКому: Ann\nТема: Заказ",
        "Від: Bob\nНадіслано: понеділок\nКому: Ann\nТема: Замовлення",
        "Från: Bob\nSkickat: måndag\nTill: Ann\nÄmne: Order",
        "Fra: Bob\nSendt: mandag\nTil: Ann\nEmne: Ordre",
        "Lähettäjä: Bob\nLähetetty: maanantai\nVastaanottaja: Ann\nAihe: Tilaus",
        "Od: Bob\nOdesláno: pondělí\nKomu: Ann\nPředmět: Objednávka",
        "Feladó: Bob\nElküldve: hétfő\nCímzett: Ann\nTárgy: Rendelés",
        "De la: Bob\nTrimis: luni\nCătre: Ann\nSubiect: Comandă",
        "Kimden: Bob\nGönderildi: Pazartesi\nKime: Ann\nKonu: Sipariş",
        "Από: Bob\nΣτάλθηκε: Δευτέρα\nΠρος: Ann\nΘέμα: Παραγγελία",
        "发件人： Bob\n发送时间： 2024年12月2日\n收件人： Ann\n主题： 订单",
        "差出人: Bob\n送信日時: 2024年12月2日\n宛先: Ann\n件名: 注文",
        "-----Ursprüngliche Nachricht-----\nVon: Bob",
        "---------- Forwarded message ---------\nFrom: Bob",
        "Begin forwarded message:\n\nanything",
        "====\n\nMessage du : 12/12/2016 13:20\nDe : Bob\nA : Ann\nSujet : Commande",
    ] {
        assert_eq!(parts(&format!("Hello\n\n{block}\n\nold text\n")), ["Hello", "", &format!("{block}\n\nold text")], "{block}");
    }
}

#[test]
fn attributions_are_known_in_every_language() {
    for line in [
        "On Dec 2, 2024, at 10:00, Bob <bob@fabrikam.com> wrote:",
        "Am Mo., 2. Dez. 2024 um 10:00 Uhr schrieb Bob <bob@fabrikam.com>:",
        "Le lun. 2 déc. 2024 à 10:00, Bob <bob@fabrikam.com> a écrit :",
        "Op ma 2 dec. 2024 om 10:00 schreef Bob <bob@fabrikam.com>:",
        "Op 2 dec. 2024 om 10:00 heeft Bob <bob@fabrikam.com> het volgende geschreven:",
        "Il giorno lun 2 dic 2024 alle ore 10:00 Bob <bob@fabrikam.com> ha scritto:",
        "El lun, 2 dic 2024 a las 10:00, Bob (<bob@fabrikam.com>) escribió:",
        "Em seg., 2 de dez. de 2024 às 10:00, Bob <bob@fabrikam.com> escreveu:",
        "pon., 2 gru 2024 o 10:00 Bob <bob@fabrikam.com> napisał(a):",
        "пн, 2 дек. 2024 г. в 10:00, Bob <bob@fabrikam.com>: написал:",
        "пн, 2 груд. 2024 р. о 10:00 Bob <bob@fabrikam.com> пише:",
        "Den mån 2 dec. 2024 kl 10:00 skrev Bob <bob@fabrikam.com>:",
        "man. 2. des. 2024 kl. 10:00 skrev Bob <bob@fabrikam.com>:",
        "ma 2. jouluk. 2024 klo 10.00 Bob (bob@fabrikam.com) kirjoitti:",
        "po 2. 12. 2024 v 10:00 odesílatel Bob Novák\n<bob@fabrikam.com> napsal:",
        "Bob <bob@fabrikam.com> ezt írta (időpont: 2024. dec. 2., H, 10:00):",
        "În lun., 2 dec. 2024 la 10:00, Bob <bob@fabrikam.com> a scris:",
        "Bob <bob@fabrikam.com>, 2 Ara 2024 Pzt, 10:00 tarihinde şunu yazdı:",
        "Στις Δευ 2 Δεκ 2024 στις 10:00 π.μ., ο/η Bob <bob@fabrikam.com> έγραψε:",
        "2024年12月2日 周一 10:00 Bob <bob@fabrikam.com> 写道：",
        "2024年12月2日(月) 10:00 Bob <bob@fabrikam.com>:",
        "2024년 12월 2일 (월) 오전 10:00, Bob <bob@fabrikam.com>님이 작성:",
    ] {
        assert_eq!(parts(&format!("Hi\n\n{line}\n\nold\n")), ["Hi", "", &format!("{line}\n\nold")], "{line}");
    }
}

#[test]
fn ordinary_text_is_not_taken_for_a_trail() {
    for text in [
        "On Monday we wrote:\nplease deliver.\n\nFrom: Hamburg\nwe ship daily\n\nTotal: 5",
        "Please book:\n\nFrom: Hamburg\nTo: Berlin\nDate: 2024-12-02",
        "An order of 10:00 was lost.\nPlease write to bob@fabrikam.com:\nthank you",
        "Sent from my desk, which is much quieter than my phone.",
        "Regards to your question, we agree.\nIt will be so.",
    ] {
        assert_eq!(parts(text), [text, "", ""], "{text}");
    }
}

#[test]
fn a_signature_begins_with_a_greeting_a_dash_or_a_program_s_line() {
    for signature in [
        "Von meinem iPhone gesendet",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Best regards,\n\nAnn Example\nHead of Purchasing\nFabrikam Ltd, 1 Example Road\nTel. +44 20 7946 0018",
        "Mit freundlichen Grüßen\ni. A. Ann Example",
        "Cordialement, Ann Example",
        "Met vriendelijke groet,\nAnn",
        "Saludos cordiales\nAnn",
        "Pozdrawiam\nAnn",
        "С уважением,\nAnn",
        "Med vänliga hälsningar\nAnn",
        "-Ann Example",
        "/Ann",
        "-- \nAnn\n\n_______________________________________________\nlist@fabrikam.com",
    ] {
        assert_eq!(parts(&format!("Ok\n\n{signature}\n")), ["Ok", signature, ""], "{signature}");
    }
}

#[test]
fn a_greeting_before_more_text_is_no_signature() {
    let text = "Kind regards to all of you and thanks!\n\nKind regards\nAnn\n\nPS: please bring the papers along.";
    assert_eq!(parts(text), [text, "", ""]);
}

#[test]
fn banners_and_confidentiality_are_notices() {
    let split = split(
        "You don't often get email from ann@fabrikam.com. Learn why this is important\nHello,\nten pieces, please.\n\nBest regards\nAnn\n\n\
         This e-mail and any attachments are confidential and intended only for the\naddressee.\n\n\
         From: Bob <bob@contoso.com>\nSent: Monday\nTo: Ann\nSubject: Offer\n\nold\n",
    );
    assert_eq!([split.top.as_str(), &split.signature], ["Hello,\nten pieces, please.", "Best regards\nAnn"]);
    assert_eq!(
        split.notices,
        "You don't often get email from ann@fabrikam.com. Learn why this is important\n\
         This e-mail and any attachments are confidential and intended only for the\naddressee."
    );
    let banner =
        "CAUTION: This email originated from outside of the organization. Do not click links unless you recognize\nthe sender.";
    let split = self::split(&format!("{banner}\n\nHello\n\nDiese E-Mail ist vertraulich.\n"));
    assert_eq!([split.top.as_str(), &split.notices], ["Hello", &format!("{banner}\nDiese E-Mail ist vertraulich.")]);
}

#[test]
fn what_the_html_says_of_lines_counts_in_any_language() {
    let text = "Aye.\n\nX bhí ag scríobh:\n\nOld\n\nMore\n";
    let cited = Marks { cited: vec![4..6, 6..7], trail: None };
    assert_eq!(Split::of(text, &cited).top, "Aye.\n\nX bhí ag scríobh:");
    let trail = Marks { cited: Vec::new(), trail: Some(2) };
    assert_eq!(Split::of(text, &trail).top, "Aye.");
}

#[test]
fn a_forwarded_message_is_opened_whatever_program_wrote_it() {
    let bob = Forwarded {
        from: Some(person("Bob Example", "bob@fabrikam.com")),
        to: vec![person("Ann", "ann@contoso.com"), person("", "orders@contoso.com")],
        cc: Vec::new(),
        date: Some("2 Dec 2024 10:00".to_owned()),
        subject: Some("Order 7: valves".to_owned()),
        text: "Ten pieces.\n\nBob\n".to_owned(),
    };
    for text in [
        "fyi\n\n---------- Forwarded message ---------\nFrom: Bob Example <bob@fabrikam.com>\nDate: 2 Dec 2024 10:00\nSubject: Order 7: valves\nTo: Ann <ann@contoso.com>, <orders@contoso.com>\n\n\nTen pieces.\n\nBob\n",
        "fyi\n\nBegin forwarded message:\n\n> From: \"Bob Example\" <bob@fabrikam.com>\n> Subject: Order 7: valves\n> Date: 2 Dec 2024 10:00\n> To: Ann <ann@contoso.com>, orders@contoso.com\n> \n> Ten pieces.\n> \n> Bob\n",
        "fyi\n\n________________________________\nVon: Bob Example <bob@fabrikam.com>\nGesendet: 2 Dec 2024 10:00\nAn: Ann <ann@contoso.com>; orders@contoso.com <orders@contoso.com>\nBetreff: Order 7: valves\n\nTen pieces.\n\nBob\n",
        "De : Bob Example [mailto:bob@fabrikam.com] \nEnvoyé : 2 Dec 2024 10:00\nÀ : Ann <ann@contoso.com>;\n orders@contoso.com\nObjet : Order 7: valves\n\nTen pieces.\n\nBob",
        "-------- Weitergeleitete Nachricht --------\nBetreff: \tOrder 7: valves\nDatum: \t2 Dec 2024 10:00\nVon: \tBob Example <bob@fabrikam.com>\nAn: \tAnn <ann@contoso.com>, orders@contoso.com\n\nTen pieces.\n\nBob",
        "----- Forwarded Message ----- From: Bob Example <bob@fabrikam.com>To: Ann <ann@contoso.com>; <orders@contoso.com>Sent: 2 Dec 2024 10:00Subject: Order 7: valves\nTen pieces.\n\nBob",
        "*From:* Bob Example <bob@fabrikam.com<mailto:bob@fabrikam.com>>\n*Sent:* 2 Dec 2024 10:00\n*To:* Ann <ann@contoso.com>; orders@contoso.com\n*Subject:* Order 7:\nvalves\n*Importance:* High\n\nTen pieces.\n\nBob",
    ] {
        assert_eq!(forwarded(text), Some(bob.clone()), "{text}");
    }
}

#[test]
fn a_forward_within_a_forward_is_opened_in_turn() {
    let inner = "-------- Forwarded Message --------\nFrom: Cora <cora@adventure-works.com>\nDate: Mon, 2 Dec 2024 10:00:00 +0100\nSubject: Größe & Preis\nTo: Bob\n\nFive percent.\n";
    let outer = format!("From: Bob\nSent: 2. Dezember\nTo: Ann\nSubject: FW: Offer\n\nWhat now?\n\n{inner}");
    let mail = Content::parse(
        format!("Subject: FW: Offer\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nsee below\n\n{outer}").into_bytes(),
    );
    let outer = mail.forwarded().unwrap();
    assert_eq!(outer.envelope.from, Some(person("Bob", "")));
    assert_eq!((outer.header("Date"), outer.envelope.sent), (Ok(Some("2. Dezember")), None));
    assert_eq!(outer.content().map(Content::top_text), Ok("What now?"));
    let inner = outer.content().unwrap().forwarded().unwrap();
    assert_eq!(inner.envelope.from, Some(person("Cora", "cora@adventure-works.com")));
    assert_eq!(inner.envelope.subject.as_deref(), Some("Größe & Preis"));
    assert_eq!(inner.envelope.sent, "2024-12-02T09:00:00Z".parse().ok());
    assert_eq!(inner.content().map(Content::text), Ok("Five percent.\n"));
}

#[test]
fn outlook_for_mac_forwards_below_an_attribution_and_an_answer_s_trail_is_no_forward() {
    let text = "fyi\n\nOn 02.12.2024, 10:00, \"Bob Example\" <bob@fabrikam.com> wrote:\n\nTen pieces.\n";
    let expected = Forwarded {
        from: Some(person("Bob Example", "bob@fabrikam.com")),
        date: Some("02.12.2024, 10:00".to_owned()),
        text: "Ten pieces.\n".to_owned(),
        ..Forwarded::default()
    };
    assert_eq!(forwarded(text), Some(expected));
    let find = |subject| opened(text, Subject::of(Some(subject)));
    assert_eq!([find("RE: Order"), find("Order")], [None, None]);
    let header = "Yes\n\nFrom: Bob <bob@fabrikam.com>\nSent: Monday\nTo: Ann\nSubject: Order\n\nold\n";
    let find = |subject| opened(header, Subject::of(Some(subject))).is_some();
    assert_eq!([find("AW: Order"), find("[EXTERNAL] WG: Order"), find("Order")], [false, true, true]);
}

#[test]
fn long_and_odd_texts_cost_linear_time() {
    let text = "on 1 a\n".repeat(20_000)
        + "x".repeat(2_000_000).as_str()
        + "\n".repeat(50_000).as_str()
        + "on 1 wrote:\n\n".repeat(20_000).as_str()
        + "--\n".repeat(50_000).as_str();
    let found = split(&text);
    assert!(found.top.len() + found.quoted.len() > 2_000_000);
    for unit in [
        "> a\nconfidential\n\n",
        "From: a\nfrom: b\n\n",
        "Regards\nAnn\n\n",
        "From:\n\n",
        "To: a;\n",
        "> From: a\n> To: b\n",
        "a: b: c: d\n",
    ] {
        let text = unit.repeat(200_000 / unit.len());
        let spans = split(&text).spans;
        assert_eq!(spans.last().map(|(_, span)| span.end), Some(text.len()), "{unit}");
        let _ = forwarded(&text);
    }
}
