//! What the simulated tenant takes: `postroom sim` filled to the brim, asked over kept connections. It must never be what a measurement
//! measures.
//!
//! ```text
//! cargo bench --bench simulator                       200,000 messages
//! cargo bench --bench simulator -- --messages 20000   so many
//! ```
//!
//! Requests a second are told by the processor time that the tenant used, as one core would serve them.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

mod process;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use process::{Running, cpu_of, memory_kib};
use serde_json::Value;

const MAILBOX: &str = "shared@contoso.example";
/// Requests of each kind.
const REQUESTS: usize = 5_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let messages = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--messages"), Some(count)) => {
            count.replace('_', "").parse().unwrap_or_else(|_| panic!("--messages takes a number"))
        }
        (None, _) => 200_000,
        _ => panic!("there is: --messages N"),
    };
    let mut sim = Command::new(env!("CARGO_BIN_EXE_postroom"));
    sim.args(["sim", "--mailbox", MAILBOX, "--no-limits"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut sim = Running::start(&mut sim);
    let first = BufReader::new(sim.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = first.strip_prefix("listening on http://").unwrap().to_owned();
    let mut client = Client::to(&address);

    let started = Instant::now();
    let empty_kib = memory_kib(sim.pid(), "VmRSS");
    for number in 0..messages {
        client.ask("POST", &format!("/sim/mailboxes/{MAILBOX}/deliver"), "message/rfc822", &mail(number));
    }
    let filled_kib = memory_kib(sim.pid(), "VmRSS");
    println!("| {messages} messages | |\n|---|---|");
    println!("| delivered in | {:.0} s |", started.elapsed().as_secs_f64());
    println!(
        "| resident | {:.0} MiB, {:.1} KiB a message |\n",
        filled_kib as f64 / 1024.0,
        (filled_kib - empty_kib) as f64 / messages as f64
    );

    client.sign_in();
    let users = format!("/v1.0/users/{MAILBOX}");
    let select = "?$select=id,subject,from,receivedDateTime,categories";
    let ids: Vec<String> = (0..REQUESTS / 1_000)
        .flat_map(|page| {
            let page = client.ask("GET", &format!("{users}/messages?$select=id&$top=1000&$skip={}", page * 1_000), "", "");
            let rows = page["value"].as_array().unwrap().clone();
            rows.into_iter().map(|row| row["id"].as_str().unwrap().to_owned())
        })
        .collect();
    let done = client.ask("POST", &format!("{users}/mailFolders"), "application/json", r#"{"displayName":"Done"}"#);
    let done = format!(r#"{{"destinationId":{}}}"#, done["id"]);

    println!("| request | a second of one core | median round trip |\n|---|---|---|");
    let mut measure = |name: &str, count: usize, ask: &mut dyn FnMut(&mut Client, usize)| {
        let before = cpu_of(sim.pid());
        let mut taken: Vec<Duration> = Vec::new();
        for number in 0..count {
            let started = Instant::now();
            ask(&mut client, number);
            taken.push(started.elapsed());
        }
        taken.sort_unstable();
        let cpu = cpu_of(sim.pid()).saturating_sub(before);
        println!("| {name} | {:.0} | {:.2} ms |", count as f64 / cpu.as_secs_f64(), taken[count / 2].as_secs_f64() * 1e3);
    };
    measure("one message, five fields", REQUESTS, &mut |client, number| {
        client.ask("GET", &format!("{users}/messages/{}{select}", ids[number]), "", "");
    });
    measure("its MIME content", REQUESTS, &mut |client, number| {
        client.ask("GET", &format!("{users}/messages/{}/$value", ids[number]), "", "");
    });
    measure("PATCH of its categories", REQUESTS, &mut |client, number| {
        client.ask("PATCH", &format!("{users}/messages/{}", ids[number]), "application/json", r#"{"categories":["Seen"]}"#);
    });
    measure("move", REQUESTS, &mut |client, number| {
        client.ask("POST", &format!("{users}/messages/{}/move", ids[number]), "application/json", &done);
    });
    measure("newest ten of the Inbox", REQUESTS, &mut |client, _| {
        client.ask("GET", &format!("{users}/mailFolders/inbox/messages{select}"), "", "");
    });
    let mut next = format!("{users}/mailFolders/inbox/messages/delta{select}");
    measure("delta, pages of 100", messages.min(REQUESTS * 10) / 200, &mut |client, _| {
        let page = client.ask("GET", &next, "", "");
        let link = page["@odata.nextLink"].as_str().or(page["@odata.deltaLink"].as_str()).unwrap();
        link.split_once(&address).unwrap().1.clone_into(&mut next);
    });
}

fn mail(number: usize) -> String {
    format!(
        "From: Anna Schmidt <anna{number}@fabrikam.example>\r\nTo: {MAILBOX}\r\nSubject: Delivery {number} is late\r\n\
         Date: Mon, 5 Jan 2026 10:00:00 +0000\r\nMessage-ID: <{number}@fabrikam.example>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nGood morning,\r\n\r\nwhere is delivery {number}?\r\n{}\r\nAnna\r\n",
        "It was to come on Monday, and we have waited since.\r\n".repeat(10)
    )
}

/// One kept connection.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    token: String,
}

impl Client {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), host: address.to_owned(), token: String::new() }
    }

    fn sign_in(&mut self) {
        let form =
            "client_id=app&client_secret=s&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default";
        let answer = self.ask("POST", "/contoso.example/oauth2/v2.0/token", "application/x-www-form-urlencoded", form);
        answer["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    fn ask(&mut self, method: &str, path: &str, content_type: &str, body: &str) -> Value {
        let path = path.replace(' ', "%20");
        let content = if body.is_empty() { String::new() } else { format!("content-type: {content_type}\r\n") };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nprefer: IdType=\"ImmutableId\", odata.maxpagesize=100\r\n\
             {content}content-length: {}\r\n\r\n{body}",
            self.host,
            self.token,
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let is_good = line.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        let mut length = 0;
        loop {
            let mut header = String::new();
            self.stream.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        assert!(is_good, "{method} {path}: {line}{}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}
