//! One sender who writes again and again, under ever other spellings of one address.

use std::time::{Duration, Instant};

use super::kills::Office;

const SPELLINGS: [&str; 4] = ["ana1@fabrikam.com", "Ana1@Fabrikam.com", "ana1+a@fabrikam.com", "a.n.a.1@fabrikam.com"];

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Mails that were worked off.
    pub worked_off: usize,
    /// Answers that went out.
    pub answers: usize,
    /// How long it took.
    pub took: Duration,
}

/// Delivers so many and waits until all are worked off.
pub async fn flood(mails: usize) -> Flood {
    let office = Office::open(1).await;
    for number in 0..mails {
        office.deliver_as(number, &format!("Flood {number}"), SPELLINGS[number % SPELLINGS.len()]);
    }
    let started = Instant::now();
    let engine = office.run();
    let worked_off = office.settled(mails).await;
    drop(engine);
    let ledger = office.tenant.ledger();
    let answers = ledger.as_array().map_or(0, |all| all.iter().filter(|entry| entry["effect"] == "sent").count());
    office.close().await;
    Flood { worked_off, answers, took: started.elapsed() }
}
