//! What people, disks and other programs do to the database file: it is refused in plain words, or nothing is lost and nothing doubled.

use std::path::Path;

use postroom::clock::Clock;
use postroom::ids::{MailboxName, MessageId};
use postroom::journal::{Arrival, Journal, JournalError};
use postroom::mail::Envelope;
use postroom::simulator::{Receiver, ReceiverOptions};
use rusqlite::Connection;

use crate::process::{configure, output};
use crate::whole::RULES;
use crate::world::{World, mail};

/// Every row of every table, as text.
fn rows(database: &Path) -> Vec<String> {
    let connection = Connection::open(database).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            let value = |column| format!("{:?}", row.get_ref(column).unwrap());
            Ok((0..columns).map(value).collect::<Vec<_>>().join(" "))
        };
        statement.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    let mut all = Vec::new();
    for table in ["cursor", "rule_set", "message", "action", "event", "question", "memory", "sent", "brake", "origin", "fence"] {
        all.extend(texts(&format!("SELECT * FROM {table} ORDER BY rowid")).into_iter().map(|row| format!("{table} {row}")));
    }
    all
}

/// The database of an engine that worked off some mail, as one file.
async fn worked_off(mails: usize) -> (World, Vec<u8>) {
    let mut world = World::started(&RULES).await;
    for number in 0..mails {
        world.deliver(&mail(number, &format!("Your invoice {number}"), &format!("Invoice No. {number}")));
    }
    world.settled(i64::try_from(mails).unwrap()).await;
    world.until_sent(mails).await;
    world.stop().await;
    let database = &world.config.state;
    Connection::open(database).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let bytes = std::fs::read(database).unwrap();
    (world, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_is_refused_in_plain_words_or_changes_one_value_of_one_row() {
    const FLIPS: usize = 400;
    /// Bytes at the file's beginning that say how to read it.
    const HEADER: usize = 100;
    let (world, whole) = worked_off(8).await;
    let before = rows(&world.config.state);
    let known: Vec<String> = {
        let connection = Connection::open(&world.config.state).unwrap();
        let mut ids = connection.prepare("SELECT graph_id FROM message").unwrap();
        ids.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let inbox = Arrival { mailbox: MailboxName::new("invoices"), folder: "Inbox".into() };
    let seen = || known.iter().map(|id| Envelope { id: Some(MessageId::new(id)), ..Envelope::default() }).collect();
    let (mut refused, mut wrong) = (0, Vec::new());
    for flip in 0..FLIPS {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("postroom.db");
        // Spread over the file, and over the bits of a byte.
        let (at, bit) = (flip.wrapping_mul(2_654_435_761) % whole.len(), flip % 8);
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << bit;
        std::fs::write(&database, bytes).unwrap();
        let opened = async {
            let journal = Journal::open(&database, Clock::system())?;
            // Mail that is known is known again: it would be worked twice otherwise.
            journal.record_page(&inbox, seen(), "next".into()).await?;
            let messages = journal.counts().await?.messages;
            journal.close().await;
            Ok(messages)
        };
        match opened.await {
            Ok(messages) => {
                let after = rows(&database);
                let changed = before.iter().filter(|row| !row.starts_with("cursor") && !after.contains(row)).count();
                if changed > 1 || messages != i64::try_from(known.len()).unwrap() {
                    wrong.push(format!("bit {bit} of byte {at}: {changed} rows changed, {messages} messages"));
                }
            }
            Err(JournalError::Damaged { .. }) => refused += 1,
            // What kind of file it is and which schema it has: it is another one then.
            Err(_) if at < HEADER => refused += 1,
            Err(error) => wrong.push(format!("bit {bit} of byte {at}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {FLIPS} went wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused > FLIPS / 10, "only {refused} of {FLIPS} were refused");
    eprintln!("{refused} of {FLIPS} flipped bits were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_on_a_damaged_database_says_what_is_wrong_and_what_to_do() {
    let (world, mut bytes) = worked_off(8).await;
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(ReceiverOptions::new("ERP", Clock::system())).await.unwrap();
    configure(dir.path(), &world.tenant.base_url(), &receiver);
    let page = bytes.len() / 2 / 4_096 * 4_096;
    bytes[page..page + 4_096].fill(0);
    std::fs::write(dir.path().join("postroom.db"), &bytes).unwrap();
    let (code, _, told) = tokio::task::spawn_blocking(move || output(dir.path(), &["run"])).await.unwrap();
    receiver.stop().await;
    let start = told.find("postroom.db is damaged: ").unwrap_or_else(|| panic!("{told}"));
    let (what, to_do) = told[start..].split_once("; ").unwrap();
    assert!(what.len() > "postroom.db is damaged: ".len(), "{told}");
    let expected = "put it aside with its -wal and -shm, and put a backup in its place: what may have happened since it was made is \
        looked for before it is brought about again\n";
    assert_eq!((code, to_do), (3, expected));
}
