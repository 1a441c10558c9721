//! From a crash to working again: a journal with a long past, killed amid its work, started anew.

use std::time::{Duration, Instant};

use super::kills::Office;

/// Mails that are there when it is killed, and more than it works off before.
const MAILS: usize = 200;
/// Effects before it is killed.
const BEFORE: u64 = 100;
/// Starts that are measured.
const STARTS: usize = 5;
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// So many messages that were worked off long ago, each with two actions and their events, as copies of one message.
const PAST: &str = "
    CREATE TEMP TABLE old AS
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) SELECT 1000000 + n AS id FROM n;
    INSERT INTO message (id, mailbox, graph_id, internet_message_id, identity, subject, sender, conversation, folder, received_at,
                         envelope, status, rule_set, rules, look_at, seen_at, changed_at, epoch)
        SELECT o.id, m.mailbox, 'old-' || o.id, '<old-' || o.id || '@fabrikam.com>', 'old-' || o.id, m.subject, m.sender,
               'old-' || o.id, m.folder, m.received_at, m.envelope, 'planned', m.rule_set, m.rules, m.look_at, m.seen_at,
               m.changed_at, m.epoch
          FROM old o, (SELECT * FROM message WHERE status = 'planned' LIMIT 1) m;
    INSERT INTO action (id, message, mailbox, ordinal, epoch, rule, kind, body, status, turn, due_at, changed_at)
        SELECT printf('%031x%d', o.id, k.k), o.id, 'invoices', k.k, 0, '10-mix', 'move', '{\"rule\":\"10-mix\",\"kind\":\"mark_read\"}', 'done', 1, 0, 0
          FROM old o, (SELECT 0 AS k UNION ALL SELECT 1) k;
    INSERT INTO event (message, action, at, kind, detail)
        SELECT a.message, a.id, 0, k.k, '{}'
          FROM action a JOIN old o ON o.id = a.message, (SELECT 'started' AS k UNION ALL SELECT 'done') k;
    DROP TABLE old;";

/// Kills it and measures the time from its start to its first new effect, a few times; the median and the longest, in words.
pub async fn measure(messages: usize) -> String {
    let office = Office::open(1).await;
    for number in 0..MAILS {
        office.deliver(number);
    }
    let mut effects = office.tenant.effects();
    let before = *effects.borrow() + BEFORE;
    let engine = office.run();
    tokio::time::timeout(PATIENCE, effects.wait_for(|count| *count >= before)).await.unwrap().unwrap();
    drop(engine);
    give_past(&office, messages);
    let mut times = Vec::new();
    for start in 0..STARTS {
        office.deliver(MAILS + start);
        effects.mark_unchanged();
        let begun = Instant::now();
        let engine = office.run();
        tokio::time::timeout(PATIENCE, effects.changed()).await.unwrap().unwrap();
        times.push(begun.elapsed());
        drop(engine);
    }
    office.close().await;
    times.sort();
    format!("first effect {} ms after the start, at most {} ms", times[STARTS / 2].as_millis(), times[STARTS - 1].as_millis())
}

fn give_past(office: &Office, messages: usize) {
    let mut connection = rusqlite::Connection::open(office.database()).unwrap();
    let transaction = connection.transaction().unwrap();
    let past = PAST.replace("?1", &messages.to_string());
    transaction.execute_batch(&past).unwrap();
    transaction.commit().unwrap();
}
