//! Mail that is not what it says: the rules hear so, and what Postroom does by itself does not fall for it.

use serde_json::json;

use crate::world::{World, mail, statuses};

/// Acts on mail whose sender is proven.
const CAREFUL: [(&str, &str); 1] =
    [("10-a.rhai", "//! Acts.\nfn then(mail) {\n    require_authentic();\n    post(\"erp\", #{ subject: mail.subject });\n}\n")];

/// A mail with fields of its own on top.
fn under(headers: &str, number: usize, subject: &str) -> Vec<u8> {
    [headers.as_bytes(), &mail(number, subject, "x")].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_receiving_server_found_out_proves_a_sender() {
    const DOOR: &str = "Received: from mail.fabrikam.com (192.0.2.7) by c.mail.protection.outlook.com with SMTP; Mon, 2 Mar 2026 \
        09:00:00 +0000\r\n";
    let found = |dmarc: &str| format!("Authentication-Results: spf=pass; dmarc={dmarc} header.from=fabrikam.com\r\n");
    let mut world = World::started(&CAREFUL).await;
    let mails = [
        (format!("{}{DOOR}", found("pass")), "proven"),
        (format!("{}{DOOR}", found("fail")), "in another's name"),
        (format!("{DOOR}{}", found("pass")), "says so itself"),
        // An id of ours, or a known conversation, is no proof of who joins it.
        (format!("{}{DOOR}In-Reply-To: <1@fabrikam.com>\r\nReferences: <1@fabrikam.com>\r\n", found("fail")), "RE: proven"),
    ];
    for (number, (headers, subject)) in mails.iter().enumerate() {
        world.deliver(&under(headers, number, subject));
    }
    let lines = world.settled(4).await;
    let mut parked: Vec<(String, String)> =
        lines.iter().filter_map(|line| line.reason.as_ref().map(|reason| (line.subject.clone(), reason.clone()))).collect();
    parked.sort_unstable();
    world.stop().await;
    assert_eq!(world.posted(), [json!({ "subject": "proven" })]);
    let place = world.rules_dir().join("10-a.rhai");
    let expected = [
        ("RE: proven", "DMARC failed (dmarc=fail)"),
        ("in another's name", "DMARC failed (dmarc=fail)"),
        (
            "says so itself",
            "its Authentication-Results stands below the Received field of the server that took the mail in, where its sender can have \
         written it",
        ),
    ];
    let told =
        |(subject, why): (&str, &str)| (subject.to_owned(), format!("the sender is not proven: {why} ({}:3)", place.display()));
    assert_eq!(parked, expected.map(told));
    assert_eq!(lines.iter().map(statuses).filter(|found| !found.is_empty()).collect::<Vec<_>>(), [["done"]]);
}
