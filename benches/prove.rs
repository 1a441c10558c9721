//! The long proof: `postroom run` killed at random moments, as often as one likes.
//!
//! ```text
//! cargo bench --bench prove                                     1,000 kills
//! cargo bench --bench prove -- --kills 10000                    as many as the promise names
//! cargo bench --bench prove -- --kills 10000 --seeds 20000      and so many seeded days in virtual time
//! cargo bench --bench prove -- --kills 100 --from 7             one round again, by its seed
//! cargo bench --bench prove -- --kills 0 --seeds 1 --from 7     one seeded day again
//! cargo bench --bench prove -- --kills 0 --crash 100000         from a crash to the next effect, with so many messages in the journal
//! cargo bench --bench prove -- --kills 0 --flood 10000          one sender in many spellings gets one answer
//! ```
//!
//! Progress goes to standard error, the table to standard output; Ctrl-C shows the table so far. Ends with 1 if anything does not hold.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

#[path = "../tests/proof/mod.rs"]
mod proof;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proof::crash;
use proof::flood::flood;
use proof::kills::{Ending, Outcome, Round, Tally, round};
use proof::{points, seeds};

/// Rounds at a time.
const AT_ONCE: usize = 2;
/// How often progress is told.
const TELL: Duration = Duration::from_secs(10);

/// What is asked for.
struct Wanted {
    kills: usize,
    /// Kills of one round.
    round: usize,
    /// The seed of the first round.
    from: u64,
    /// The longest life.
    life: Duration,
    /// Seeded days.
    seeds: u64,
    /// Messages in the journal that is killed; 0 leaves it out.
    crash: usize,
    /// Mails of one sender; 0 leaves it out.
    flood: usize,
}

impl Wanted {
    fn of(arguments: impl Iterator<Item = String>) -> Self {
        let mut wanted =
            Self { kills: 1_000, round: 100, from: 1, life: Duration::from_millis(250), seeds: 0, crash: 0, flood: 0 };
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_default().replace('_', "");
            let number: u64 = value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not \"{value}\""));
            let count = usize::try_from(number).unwrap();
            match name.as_str() {
                "--kills" => wanted.kills = count,
                "--round" => wanted.round = count.max(1),
                "--seeds" => wanted.seeds = number,
                "--from" => wanted.from = number,
                "--life" => wanted.life = Duration::from_millis(number),
                "--crash" => wanted.crash = count,
                "--flood" => wanted.flood = count,
                _ => panic!("there are: --kills N --seeds N --round N --from SEED --life MS --crash MESSAGES --flood MAILS"),
            }
        }
        wanted
    }
}

/// What the rounds came to so far.
#[derive(Default)]
struct Book {
    tally: Tally,
    settling: usize,
    rounds: usize,
}

fn main() -> ExitCode {
    let wanted = Wanted::of(std::env::args().skip(1));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let book = Arc::new(Mutex::new(Book::default()));
    let killed = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let is_whole = runtime.block_on(async {
        tokio::select! {
            () = all_rounds(&wanted, &book, &killed) => true,
            () = progress(&wanted, &book, &killed, started) => true,
            _ = tokio::signal::ctrl_c() => false,
        }
    });
    let book = book.lock().unwrap_or_else(PoisonError::into_inner);
    if wanted.kills > 0 {
        table(&book, started.elapsed());
    }
    let days = if is_whole { all_days(wanted.from..wanted.from + wanted.seeds) } else { points::Tally::default() };
    if wanted.crash > 0 && is_whole {
        let measured = runtime.block_on(crash::measure(wanted.crash));
        println!("crash to working again, {} messages in the journal: {measured}", wanted.crash);
    }
    let mut holds = book.tally.failed == 0;
    if wanted.flood > 0 && is_whole {
        let came = runtime.block_on(flood(wanted.flood));
        println!(
            "{} mails of one sender in four spellings: {} answer in {:.1} s",
            came.worked_off,
            came.answers,
            came.took.as_secs_f64()
        );
        holds &= came.answers == 1 && came.worked_off == wanted.flood;
    }
    if !is_whole {
        eprintln!("stopped before the end");
    }
    ExitCode::from(u8::from(!holds || !days.violations.is_empty()))
}

/// Seeded days in virtual time, two at once.
fn all_days(seeds: std::ops::Range<u64>) -> points::Tally {
    let (next, started, count) = (AtomicU64::new(seeds.start), Instant::now(), seeds.end - seeds.start);
    let all = Mutex::new(points::Tally::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let tally = seeds::run(seed);
            for violation in &tally.violations {
                eprintln!("{violation}\n  again with: cargo bench --bench prove -- --kills 0 --seeds 1 --from {seed}");
            }
            let done = seed + 1 - seeds.start;
            if done.is_multiple_of(200) {
                let left = started.elapsed().as_secs_f64() / done as f64 * (count - done) as f64;
                eprintln!("{done} of {count} seeds; about {left:.0} s to go");
            }
            all.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let tally = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    if count > 0 {
        println!("| what | seeds | deaths | actions | violations | parked % | seconds |");
        println!("|---|---|---|---|---|---|---|");
        let parked = 100.0 * tally.parked as f64 / tally.actions.max(1) as f64;
        let (cases, deaths, actions, wrong) = (tally.cases, tally.deaths, tally.actions, tally.violations.len());
        println!(
            "| virtual days | {cases} | {deaths} | {actions} | {wrong} | {parked:.2} | {:.0} |",
            started.elapsed().as_secs_f64()
        );
    }
    tally
}

async fn all_rounds(wanted: &Wanted, book: &Arc<Mutex<Book>>, killed: &Arc<AtomicUsize>) {
    let next = Arc::new(AtomicUsize::new(0));
    let rounds = wanted.kills.div_ceil(wanted.round);
    let (all, size, from, life) = (wanted.kills, wanted.round, wanted.from, wanted.life);
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, book, killed) = (Arc::clone(&next), Arc::clone(book), Arc::clone(killed));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rounds {
                    return;
                }
                let seed = from + number as u64;
                let kills = size.min(all - number * size);
                let played = Round { seed, kills, life, ending: Ending::Kill };
                let outcome = round(played, &killed).await;
                note(&book, &outcome, played);
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
}

fn note(book: &Mutex<Book>, outcome: &Outcome, played: Round) {
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    book.tally.kills += played.kills;
    book.tally.counts += outcome.verdict.counts;
    book.settling += outcome.settling;
    book.rounds += 1;
    if !outcome.verdict.violations.is_empty() {
        book.tally.failed += 1;
        let Round { seed, kills, life, .. } = played;
        eprintln!(
            "seed {seed} does not hold; again with: cargo bench --bench prove -- --kills {kills} --round {kills} --from {seed} --life {}\n  {}",
            life.as_millis(),
            outcome.verdict.violations.join("\n  ")
        );
    }
}

/// Tells how far it is; never ends.
async fn progress(wanted: &Wanted, book: &Mutex<Book>, killed: &AtomicUsize, started: Instant) {
    let mut tick = tokio::time::interval(TELL);
    tick.tick().await;
    loop {
        tick.tick().await;
        let done = killed.load(Ordering::Relaxed);
        let each = started.elapsed().as_secs_f64() / done.max(1) as f64;
        let left = each * wanted.kills.saturating_sub(done) as f64;
        let counts = book.lock().unwrap_or_else(PoisonError::into_inner).tally.counts;
        eprintln!(
            "{done} of {} kills; of rounds that ended: {} actions, {} effects, {} lost, {} duplicated; about {left:.0} s to go",
            wanted.kills, counts.actions, counts.effects, counts.lost, counts.duplicated
        );
    }
}

fn table(book: &Book, took: Duration) {
    let (tally, counts) = (&book.tally, &book.tally.counts);
    let share = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
    println!("| what | kills | messages | actions | effects | lost | duplicated | parked % | unclear % | seconds |");
    println!("|---|---|---|---|---|---|---|---|---|---|");
    println!(
        "| `kill -9`, {} rounds | {} | {} | {} | {} | {} | {} | {:.2} | {:.2} | {:.0} |",
        book.rounds,
        tally.kills,
        counts.messages,
        counts.actions,
        counts.effects,
        counts.lost,
        counts.duplicated,
        share(counts.parked, counts.actions),
        share(counts.unclear, counts.actions),
        took.as_secs_f64()
    );
    println!(
        "\n{:.1} kills a second; {} actions wait behind others; {} sends whose draft lies unsent are looked at for an hour; {} rounds do not hold",
        tally.kills as f64 / took.as_secs_f64(),
        counts.waiting,
        book.settling,
        tally.failed
    );
}
