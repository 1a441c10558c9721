//! Answers of the service, or of whoever stands in its place, that lead elsewhere or never end.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test]
async fn an_upload_address_that_leads_elsewhere_is_refused_and_nothing_is_sent_there() {
    let service = Scripted::with_token(Vec::new()).await;
    let elsewhere = Scripted::start(Vec::new()).await;
    let mailbox = mailbox(&service, &clock());
    let attachment = DraftAttachment { name: "a.bin".into(), content_type: "application/zip".into(), bytes: vec![0; UPLOAD_MIN] };
    let at = elsewhere.base.trim_start_matches("http://").to_owned();
    for (address, host) in [
        (format!("{}/upload?authtoken=s3cret", elsewhere.base), elsewhere.base.clone()),
        (format!("http://outlook.office.com@{at}/upload"), elsewhere.base.clone()),
        ("http://outlook.office.com/upload".to_owned(), "http://outlook.office.com".to_owned()),
        ("https://outlook.office.com.example.net/upload".to_owned(), "https://outlook.office.com.example.net".to_owned()),
        ("https://example.net/outlook.office.com".to_owned(), "https://example.net".to_owned()),
        ("file:///etc/passwd".to_owned(), "null".to_owned()),
        ("upload".to_owned(), "no URL".to_owned()),
    ] {
        service.then(vec![Reply::json(201, &json!({ "uploadUrl": address }))]);
        let url = mailbox.start_upload(&MessageId::new("d1"), &attachment).await.unwrap();
        let error = mailbox.upload(&url, &attachment.bytes).await.unwrap_err();
        let told = format!("the upload address leads to {host}, which is no host of the service; nothing was sent there");
        assert_eq!((error.kind, error.verdict(), &*error.message), (ErrorKind::ForeignLink, Verdict::Never, told.as_str()));
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

/// A service that signs us in and answers everything else with `head` and then with `rest` over and over. Gives what a look at a message
/// comes to, and the bytes it got rid of.
async fn bombed(head: &'static str, rest: &'static [u8], pause: Duration) -> (Result<Option<MessageState>, GraphError>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let bomb = tokio::spawn(async move {
        let token = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": "t" }).to_string();
        let token = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{token}", token.len());
        for (head, rest) in [(token.as_str(), &b""[..]), (head, rest)] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8192];
            let _ = stream.read(&mut request).await;
            let mut sent = 0;
            let is_told = stream.write_all(head.as_bytes()).await.is_ok();
            while is_told && !rest.is_empty() && stream.write_all(rest).await.is_ok() {
                sent += rest.len();
                tokio::time::sleep(pause).await;
            }
            if !rest.is_empty() {
                return sent;
            }
        }
        0
    });
    let settings = GraphSettings { timeout: Duration::from_secs(2), ..settings(&base) };
    let mailbox = Graph::new(&settings, Clock::system()).unwrap().mailbox("invoices@contoso.com");
    let answer = mailbox.state(&MessageId::new("m1")).await;
    drop(mailbox);
    (answer, bomb.await.unwrap())
}

static ZEROS: [u8; 64 * 1024] = [b'0'; 64 * 1024];
/// More than any answer may have, and what a connection holds on its way.
const TAKEN_MAX: usize = 32 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_service_that_never_ends_costs_no_more_than_its_limits() {
    for (what, head, expected) in [
        ("ten announced gigabytes", "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n", ErrorKind::TooLarge),
        ("no end announced", "HTTP/1.1 200 OK\r\n\r\n", ErrorKind::TooLarge),
        ("a refusal without an end", "HTTP/1.1 400 Bad Request\r\n\r\n", ErrorKind::Refused),
        ("header lines without an end", "HTTP/1.1 200 OK\r\nx: ", ErrorKind::Interrupted),
    ] {
        let (answer, sent) = bombed(head, &ZEROS, Duration::ZERO).await;
        assert_eq!(answer.unwrap_err().kind, expected, "{what}");
        assert!(sent < TAKEN_MAX, "{what}: {sent} bytes were taken");
    }
    // A byte now and then does not keep a call alive beyond its time.
    for head in ["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", "HTTP/1.1 200 OK\r\nx: "] {
        let (answer, _) = bombed(head, b" ", Duration::from_millis(100)).await;
        assert_eq!(answer.unwrap_err().kind, ErrorKind::TimedOut, "{head}");
    }
    // Nothing is unpacked that was not asked for: what is packed is no JSON.
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\nconnection: close\r\n\r\n\u{1f}abc";
    assert_eq!(bombed(packed, b"", Duration::ZERO).await.0.unwrap_err().kind, ErrorKind::BadAnswer);
}
