//! Addresses in disguise, names that lead elsewhere, and answers that never end.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::addresses::{CheckedResolver, Network};
use super::*;
use crate::clock::Clock;
use crate::ids::EndpointName;
use crate::outgoing::{Secret, service_url};
use crate::verdict::Verdict;

/// Hosts that are or lead to an address inside, in every spelling that has opened a door somewhere.
fn hosts() -> Vec<String> {
    let mut hosts: Vec<String> = [
        // Names that lead inside: legal to write, refused when they are resolved.
        "localhost.",
        "LOCALHOST.",
        "localhost.localdomain",
        "ip6-localhost",
        "foo.localhost",
        "127.0.0.1.nip.io",
        "10.0.0.1.nip.io",
        "169-254-169-254.sslip.io",
        "169.254.169.254.xip.io",
        "metadata.google.internal",
        "metadata",
        "instance-data",
        "kubernetes.default.svc",
        "localtest.me",
        "lvh.me",
        "vcap.me",
        "spoofed.burpcollaborator.net",
        "1ynrnhl.xip.io",
        "customer1.app.localhost.my.company.127.0.0.1.nip.io",
        "erp.contoso.com",
        "ERP.CONTOSO.COM.",
        "xn--erp-8qa.contoso.com",
        "host.docker.internal",
        "gateway.docker.internal",
        "rebind.network",
        "a.b-c_d.example",
        // Addresses that are no destination, or another one in disguise.
        "0.0.0.0",
        "0",
        "0.0",
        "00.00.00.00",
        "0x0",
        "0.1.2.3",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.250",
        "[::]",
        "[0::0]",
        "[ff02::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[::a9fe:a9fe]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2002:a9fe:a9fe::]",
        "[2002:c0a8:101::1]",
        // Digits of other alphabets, dots of other kinds, blanks and marks between.
        "①②⑦.⓪.⓪.①",
        "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
        "１２７.０.０.１",
        "127。0。0。1",
        "127．0．0．1",
        "127｡0｡0｡1",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "loc\u{ad}alhost",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "ｌｏｃａｌｈｏｓｔ",
        "erp.contoso.com\u{200b}",
        "erp。contoso.com",
        "еrp.contoso.com",
        "127%2e0%2e0%2e1",
        "%31%32%37.0.0.1",
        "%6cocalhost",
        "lOcAl%68ost",
        "127.0.0.1%00",
        "127.0.0.1%09",
        "erp.contoso.com%00.evil.com",
        "[fe80::1%25eth0]",
        "[::1%25lo]",
        // Somebody else in front, or behind.
        "erp.contoso.com@127.0.0.1",
        "erp.contoso.com:x@169.254.169.254",
        "erp.contoso.com%40127.0.0.1",
        "@127.0.0.1",
        ":@10.0.0.1",
        "127.0.0.1#@erp.contoso.com",
        "erp.contoso.com#@127.0.0.1",
        "127.0.0.1\\@erp.contoso.com",
        "erp.contoso.com\\@127.0.0.1",
        "erp.contoso.com\\.127.0.0.1",
        "127.1.1.1:80:80",
        "127.0.0.1:80\\@127.2.2.2:80",
        "[::1]@erp.contoso.com",
        // Control characters, blanks, and no host at all.
        "erp.contoso.com\r\nHost: 127.0.0.1",
        "127.0.0.1\t",
        " 127.0.0.1",
        "127.0.0.1\u{0}",
        "127.\n0.0.1",
        "erp contoso.com",
        "",
        ":443",
        "..",
        ".",
        "[",
        "[]",
        "[::1",
        "::1",
        "[:::1]",
        "[127.0.0.1]",
        "127.0.0.256",
        "127.0.0.0.1",
        "1.2.3.4.5",
        "0x7f.0.0.0.1",
        "999999999999",
    ]
    .map(str::to_owned)
    .to_vec();
    for [a, b, c, d] in [[127_u32, 0, 0, 1], [169, 254, 169, 254], [10, 0, 0, 1], [192, 168, 1, 1]] {
        let (low, all) = ((b << 16) + (c << 8) + d, (a << 24) + (b << 16) + (c << 8) + d);
        hosts.extend([
            all.to_string(),
            format!("{all:#x}"),
            format!("0X{all:X}"),
            format!("0{all:o}"),
            format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
            format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
            format!("000{a:o}.{b}.{c}.{d}"),
            format!("{a}.{low}"),
            format!("{a}.{b}.{}", (c << 8) + d),
            format!("{a:#x}.{low}"),
            format!("{a}.{b}.{c}.{d}."),
            format!("{a}.{b}.0{c:o}.{d:#x}"),
        ]);
    }
    hosts
}

/// Names that lead to the worst place each.
struct Leads(Mutex<Vec<Vec<IpAddr>>>);

impl Resolve for Leads {
    fn resolve(&self, _: Name) -> Resolving {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        let found: Vec<SocketAddr> = answer.into_iter().map(|address| (address, 0).into()).collect();
        Box::pin(std::future::ready(Ok(Box::new(found.into_iter()) as Addrs)))
    }
}

fn leads(answers: &[&[&str]], allowed: BTreeMap<String, Vec<Network>>) -> CheckedResolver<Leads> {
    let read = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    CheckedResolver { names: Leads(Mutex::new(answers.iter().map(read).collect())), allowed: Arc::new(allowed) }
}

fn settings(url: &str) -> EndpointSettings {
    EndpointSettings { timeout: Duration::from_millis(700), ..EndpointSettings::new(EndpointName::new("erp"), url) }
}

fn refused(settings: EndpointSettings) -> bool {
    !Endpoints::check(&[settings]).is_empty()
}

#[tokio::test]
async fn no_spelling_of_an_address_inside_opens_a_door_that_nobody_meant() {
    const INSIDE: [&str; 8] =
        ["127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0", "::1", "fd00:ec2::254", "64:ff9b::7f00:1", "::ffff:10.0.0.1"];
    let mut open = Vec::new();
    let hosts = hosts();
    assert!(hosts.len() >= 120, "{}", hosts.len());
    for host in &hosts {
        for url in [format!("https://{host}/api"), format!("http://{host}/api")] {
            let Ok(parsed) = service_url(&url) else { continue };
            // What is let through must be a name, and that name must not lead inside.
            let is_name = matches!(parsed.domain(), Some(name) if name.parse::<IpAddr>().is_err());
            for inside in INSIDE {
                let name: Name = parsed.host_str().unwrap().parse().unwrap();
                if !is_name
                    || parsed.scheme() != "https"
                    || leads(&[&["8.8.8.8", inside]], BTreeMap::new()).resolve(name).await.is_ok()
                {
                    open.push(format!("{url} to {inside}"));
                }
            }
        }
        // The same words are refused wherever an address stands.
        let refused_as_url = refused(settings(&format!("https://{host}/api")));
        let lookup =
            EndpointSettings { lookup: Some(format!("https://{host}/{{key}}")), ..settings("https://erp.fabrikam.com/api") };
        let token = OAuth2 {
            token_url: format!("https://{host}/token"),
            client_id: "c".into(),
            client_secret: Secret::new("s"),
            scope: None,
        };
        let token = EndpointSettings { auth: Some(Auth::OAuth2(token)), ..settings("https://erp.fabrikam.com/api") };
        if !refused(lookup) || refused(token) != refused_as_url {
            open.push(format!("{host} as lookup or token_url"));
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn other_schemes_and_odd_paths_are_refused_and_an_address_as_it_is_written_is_taken() {
    let refused = |url: &&str| service_url(url).is_err();
    let wrong = [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:25/",
        "dict://127.0.0.1/",
        "ldap://127.0.0.1/",
        "data:text/plain,x",
        "javascript:alert(1)",
        "https:erp.contoso.com",
        "https:/erp.contoso.com",
        "https:\\\\erp.contoso.com",
        "//erp.contoso.com/",
        "https:///erp.contoso.com/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost./",
        "ws://localhost/",
        "https://erp.contoso.com/a\r\nHost: x",
        "https://erp.contoso.com/a b",
        "https://erp.contoso.com/\u{0}",
        "https://erp.contoso.com/\tx",
        "https://erp.contoso.com\\@x/",
        "https://erp.contoso.com/#x",
        "",
        "erp.contoso.com",
        "https://",
    ];
    let taken = [
        "https://erp.contoso.com/api?v=2",
        "https://ERP.contoso.com:8443/",
        "https://10.0.0.1/api",
        "https://192.168.1.1:8443/",
        "https://[fd00::7]/",
        "https://[FD00:0:0:0:0:0:0:7]:8443/",
        "http://127.0.0.1:8080/",
        "http://[::1]:80/",
        "http://localhost:1/",
        "https://xn--mnchen-3ya.example/",
        "https://8.8.8.8/",
        "https://erp.contoso.com/a%0d%0ab",
    ];
    assert_eq!(wrong.iter().filter(|url| !refused(url)).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(taken.iter().filter(|url| refused(url)).collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// Two listeners on the same port of two addresses of this machine; who was called is told by the bytes read.
async fn two_doors() -> (TcpListener, TcpListener, u16) {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        if let Ok(second) = TcpListener::bind(("127.0.0.2", port)).await {
            return (first, second, port);
        }
    }
}

async fn say(mut stream: TcpStream, answer: &[u8]) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    let _ = stream.write_all(answer).await;
}

#[tokio::test]
async fn a_name_that_changes_its_answer_leads_only_where_it_was_checked() {
    let (right, wrong, port) = two_doors().await;
    let allowed = BTreeMap::from([("erp.contoso.com".to_owned(), vec![Network::parse("127.0.0.1").unwrap()])]);
    let resolver = leads(&[&["127.0.0.1"], &["127.0.0.2"]], allowed);
    let client = crate::outgoing::client().tls_certs_only([]).dns_resolver(Arc::new(resolver)).build().unwrap();
    let url = format!("http://erp.contoso.com:{port}/");
    let served = async {
        let (stream, _) = right.accept().await.unwrap();
        say(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    };
    let (answer, ()) = tokio::join!(client.get(&url).send(), served);
    assert_eq!(answer.unwrap().text().await.unwrap(), "ok");
    // The second connection gets the second answer, which is looked at anew and refused before anything is connected.
    let refused = client.get(&url).send().await.unwrap_err();
    let refused = super::error::EndpointError::transport(&EndpointName::new("erp"), super::error::Repeat::Unsafe, refused);
    assert_eq!((refused.kind, refused.verdict()), (FailureKind::RefusedAddress, Verdict::Never));
    let nobody = tokio::time::timeout(Duration::from_millis(50), wrong.accept()).await;
    assert!(nobody.is_err(), "the other address was called");
}

/// What posting to an endpoint comes to that answers with `head` and then with `rest` over and over, and the bytes it got rid of.
async fn bombed(head: &'static str, rest: &'static [u8], pause: Duration) -> (Result<Value, EndpointError>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let bomb = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let mut sent = 0;
        if stream.write_all(head.as_bytes()).await.is_err() || rest.is_empty() {
            return sent;
        }
        while stream.write_all(rest).await.is_ok() {
            sent += rest.len();
            tokio::time::sleep(pause).await;
        }
        sent
    });
    let endpoints = Endpoints::new(vec![settings(&url)], Clock::system()).unwrap();
    let decided = "2026-03-02T09:00:00Z".parse().unwrap();
    let origin = Origin { mailbox: "invoices@contoso.com".into(), message_id: None, decided };
    let answer = endpoints.post(&EndpointName::new("erp"), &Record { key: "k1", json: b"{}", origin: &origin }).await;
    drop(endpoints);
    (answer, bomb.await.unwrap())
}

static ZEROS: [u8; 64 * 1024] = [b'0'; 64 * 1024];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_ends_costs_no_more_than_its_limits() {
    // The endpoint took the record; what it says about it is given up, not read.
    let ten_gigabytes = "HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n";
    let (answer, sent) = bombed(ten_gigabytes, &ZEROS, Duration::ZERO).await;
    assert_eq!(answer.unwrap(), Value::Null);
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken");

    // A refusal is read for its first words only.
    let (answer, sent) = bombed("HTTP/1.1 400 Bad Request\r\n\r\n", &ZEROS, Duration::ZERO).await;
    assert_eq!(answer.unwrap_err().verdict(), Verdict::Never);
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken");

    // Nothing is unpacked that was not asked for: what is packed stays as it came.
    let packed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\nconnection: close\r\n\r\n\u{1f}abc";
    assert_eq!(bombed(packed, b"", Duration::ZERO).await.0.unwrap(), Value::Null);

    // A byte now and then does not keep a call alive beyond its time.
    let (answer, _) = bombed("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", b" ", Duration::from_millis(100)).await;
    assert_eq!(answer.unwrap(), Value::Null);
    let (answer, _) = bombed("HTTP/1.1 200 OK\r\nx: ", b"y", Duration::from_millis(100)).await;
    assert_eq!(answer.unwrap_err().kind, FailureKind::TimedOut);

    // Header lines without an end are cut off.
    let (answer, sent) = bombed("HTTP/1.1 200 OK\r\nx: ", &ZEROS, Duration::ZERO).await;
    assert_eq!(answer.unwrap_err().verdict(), Verdict::Unknown);
    assert!(sent < 32 * 1024 * 1024, "{sent} bytes were taken");
}

#[tokio::test]
async fn a_secret_that_the_endpoint_reflects_is_not_told_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let served = async {
        for status in ["400 Bad Request", "200 OK"] {
            let (stream, _) = listener.accept().await.unwrap();
            let body = r#"{"you":"Basic cG9zdHJvb206aHVudGVyMg==","password":"hunter2"}"#;
            say(
                stream,
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).as_bytes(),
            )
            .await;
        }
    };
    let auth = Some(Auth::Basic { user: "postroom".into(), password: Secret::new("hunter2") });
    let endpoints = Endpoints::new(vec![EndpointSettings { auth, ..settings(&url) }], Clock::system()).unwrap();
    let decided = "2026-03-02T09:00:00Z".parse().unwrap();
    let origin = Origin { mailbox: "invoices@contoso.com".into(), message_id: None, decided };
    let (name, record) = (EndpointName::new("erp"), Record { key: "k1", json: b"{}", origin: &origin });
    let calls = async { (endpoints.post(&name, &record).await, endpoints.post(&name, &record).await) };
    let ((first, second), ()) = tokio::join!(calls, served);
    assert_eq!(first.unwrap_err().to_string(), r#"endpoint erp: 400 {"you":"Basic ***","password":"***"}"#);
    assert_eq!(second.unwrap(), serde_json::json!({ "you": "Basic ***", "password": "***" }));
}
