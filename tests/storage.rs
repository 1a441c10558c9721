//! What people, disks and other programs do to the database file: it is refused in plain words, or nothing is lost and nothing doubled.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use postroom::clock::Clock;
use postroom::ids::{MailboxName, MessageId};
use postroom::journal::{Arrival, Journal, JournalError, Looked};
use postroom::mail::Envelope;
use postroom::simulator::{Receiver, ReceiverOptions};
use rusqlite::Connection;
use serde_json::json;

use crate::faults::as_a_person;
use crate::process::{Process, configure, output, postroom};
use crate::whole::RULES;
use crate::world::{MAILBOX, World, mail, statuses};

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
    let (world, whole) = worked_off(24).await;
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
            journal.record_page(&inbox, seen(), Looked { next: "next".into(), calls: 0 }, jiff::Timestamp::MIN).await?;
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

/// Puts these bytes where the database is, without a log.
fn replace(database: &Path, bytes: Vec<u8>) {
    for beside in ["db-wal", "db-shm"] {
        let _ = std::fs::remove_file(database.with_extension(beside));
    }
    std::fs::write(database, bytes).unwrap();
}

/// A person takes everything that was filed back into the inbox, where it is seen once more.
async fn all_back_to_the_inbox(world: &World) {
    let filed = world.tenant.mailbox(MAILBOX).unwrap();
    for message in filed["folders"]["Processed/Invoices"].as_array().unwrap() {
        let path = format!("/messages/{}/move", message["id"].as_str().unwrap());
        as_a_person(world, reqwest::Method::POST, &path, json!({ "folder": "Inbox" })).await;
    }
}

fn invoice(number: usize) -> Vec<u8> {
    mail(number, &format!("Your invoice {number}"), &format!("Invoice No. {number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_in_a_deleted_write_ahead_log_is_looked_for_before_it_is_brought_about_again() {
    // All of the database stood in the log, or what was written since the last stop.
    for before in [0, 1] {
        let mut world = World::new(&RULES).await;
        if before > 0 {
            world.start().await;
            world.deliver(&invoice(0));
            world.settled(1).await;
            world.stop().await;
        }
        world.start().await;
        for number in before..5 {
            world.deliver(&invoice(number));
        }
        world.settled(5).await;
        world.until_sent(5).await;
        // What a killed process leaves behind, without the log; the engine that still runs closes its own and writes no more.
        let left = std::fs::read(&world.config.state).unwrap();
        world.stop().await;
        replace(&world.config.state, left);
        all_back_to_the_inbox(&world).await;
        world.start().await;
        world.deliver(&invoice(5));
        let lines = world.settled(6).await;
        world.until_sent(6).await;
        let story = world.engine.as_ref().unwrap().journal().story("<3@fabrikam.com>").await.unwrap();
        world.stop().await;
        assert!(lines.iter().all(|line| statuses(line) == ["done"; 5]), "{before}: {lines:#?}");
        assert_eq!((lines.len(), world.count("sent"), world.posted().len()), (6, 6, 6), "{before}");
        let doubts: Vec<&str> =
            story.lines.iter().filter(|line| line.event == "doubted").filter_map(|line| line.detail["step"].as_str()).collect();
        assert_eq!(doubts, ["post", "create"], "{before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_another_program_locks_for_longer_than_the_wait_loses_and_doubles_nothing() {
    // Its engine is a process, whose words are read.
    let world = World::new(&RULES).await;
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), &world.tenant.base_url(), &world.receiver);
    let mut command = postroom(dir.path(), &["run"]);
    let mut engine = Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    world.deliver(&invoice(0));
    world.until_sent(1).await;
    // A record is taken, and its answer is on its way when the other program comes.
    let mut taken = world.receiver.effects();
    world.receiver.script(&json!({ "on": "post", "fault": "slow", "seconds": 1, "times": 1 })).unwrap();
    world.deliver(&invoice(1));
    taken.wait_for(|count| *count == 2).await.unwrap();
    let other = Connection::open(dir.path().join("postroom.db")).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 2..5 {
        world.deliver(&invoice(number));
    }
    let lines = BufReader::new(engine.0.stderr.take().unwrap()).lines();
    // Its end is read to the end, so that the program never waits for a reader.
    let told = tokio::task::spawn_blocking(move || {
        let (mut told, mut other) = (Vec::new(), Some(other));
        for line in lines.map_while(Result::ok) {
            if line.contains("an outcome waits to be written") {
                drop(other.take());
            }
            told.push(line);
        }
        told.join("\n")
    });
    world.until_sent(5).await;
    let filed = ["Your invoice 0", "Your invoice 1", "Your invoice 2", "Your invoice 3", "Your invoice 4"];
    let sent = filed.map(|subject| format!("RE: {subject}"));
    world.until_filed(&json!({ "Processed/Invoices": filed, "Sent Items": sent })).await;
    assert!(engine.0.try_wait().unwrap().is_none(), "it ended");
    drop(engine);
    let told = told.await.unwrap();
    assert!(told.contains("postroom.db is held by another process; tried for 5 s"), "{told}");
    let repeats: u64 = world.receiver.received().iter().map(|received| received.repeats).sum();
    assert_eq!((world.count("sent"), world.count("moved"), world.posted().len(), repeats), (5, 5, 5, 0));
}

/// The tables of the schema before this one, with the columns that they had.
const BEFORE: [&str; 2] =
    [include_str!("../src/journal/migrations/0001_journal.sql"), include_str!("../src/journal/migrations/0002_deaths.sql")];

/// What a program of the schema before would hold at this moment.
fn as_it_was_before(database: &Path) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let older = dir.path().join("older.db");
    let connection = Connection::open(&older).unwrap();
    for migration in BEFORE {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "user_version", i64::try_from(BEFORE.len()).unwrap()).unwrap();
    connection.execute("ATTACH ? AS now", [database.to_str().unwrap()]).unwrap();
    for table in ["cursor", "rule_set", "message", "action", "event", "question", "memory", "sent"] {
        let columns: String = connection
            .query_row("SELECT group_concat(name) FROM pragma_table_info(?, 'main')", [table], |row| row.get(0))
            .unwrap();
        connection.execute(&format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}"), []).unwrap();
    }
    drop(connection);
    std::fs::read(older).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_the_schema_before_is_carried_on_to_the_end_of_what_was_under_way() {
    let mut world = World::new(&RULES).await;
    // One send is unclear, and nobody looks before the program is replaced; one post is under way.
    world.patience.looks = vec![Duration::from_secs(3)];
    world.script(&json!({ "on": "send", "fault": "reset_after_effect", "times": 1 }));
    world.start().await;
    world.deliver(&invoice(0));
    world.until("the send is unclear", |_, lines| lines.iter().any(|line| statuses(line).contains(&"unclear"))).await;
    let mut taken = world.receiver.effects();
    world.receiver.script(&json!({ "on": "post", "fault": "slow", "seconds": 1, "times": 1 })).unwrap();
    world.deliver(&invoice(1));
    taken.wait_for(|count| *count == 2).await.unwrap();
    let older = as_it_was_before(&world.config.state);
    world.stop().await;
    replace(&world.config.state, older);
    // It had no witness yet.
    std::fs::remove_file(world.config.state.with_extension("db.witness")).unwrap();
    let found = {
        let connection = Connection::open(&world.config.state).unwrap();
        let mut found = connection
            .prepare("SELECT message, kind, status FROM action WHERE status <> 'due' ORDER BY message, ordinal")
            .unwrap();
        let row = |row: &rusqlite::Row<'_>| {
            Ok(format!("{} {} {}", row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        };
        found.query_map([], row).unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    assert_eq!(found, ["1 post done", "1 reply unclear", "2 post running"]);

    world.patience.looks = vec![Duration::from_millis(50)];
    world.start().await;
    world.deliver(&invoice(2));
    let lines = world.settled(3).await;
    world.until_sent(3).await;
    world.stop().await;
    assert!(lines.iter().all(|line| statuses(line) == ["done"; 5]), "{lines:#?}");
    assert_eq!((lines.len(), world.count("sent"), world.count("moved"), world.posted().len()), (3, 3, 3, 3));
}
