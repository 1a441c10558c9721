//! A model of the send protocol: one mail, a tenant at its worst, no HTTP and no database, so that hundreds of thousands of runs are
//! cheap. The engine's side takes its statuses from the journal's own fold and its judgements from the executor's own [`judge`]; the
//! same seed gives the same run.
//!
//! Absent: attachments, budgets, several mails at once. Those have their stories.

mod engine;
mod tenant;

use std::time::{Duration, Instant};

use postroom::executor::Patience;

use engine::{Ended, Engine};
use tenant::Mix;

/// Runs of each mix.
const RUNS: u64 = 50_000;

/// How the engine goes about it.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Ours,
    /// Repeats whatever fails.
    Naive,
}

/// What came of many runs.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    /// Went out twice by the engine's doing.
    duplicates: u64,
    /// Went out twice because a person sent the hidden draft as well.
    by_people: u64,
    /// Ended without a delivery and without a name.
    lost: u64,
    parked: u64,
    rejected: u64,
    withheld: u64,
    deaths: u64,
    /// What must not be: illegal moves, runs without an end, the first seeds of duplicates and losses.
    violations: Vec<String>,
}

impl Tally {
    fn violation(&mut self, seed: u64, what: &str) {
        if self.violations.len() < 10 {
            self.violations.push(format!("seed {seed}: {what}"));
        }
    }

    fn add(&mut self, seed: u64, engine: &Engine<'_>, ended: Result<Ended, String>) {
        self.runs += 1;
        self.deaths += u64::from(engine.deaths);
        let sent = engine.tenant.deliveries();
        if sent > 1 && engine.tenant.has_been_sent_by_a_person() {
            self.by_people += 1;
        } else if sent > 1 {
            self.duplicates += 1;
            self.violation(seed, &format!("sent {sent} times\n  {}", engine.story.join("\n  ")));
        }
        match ended {
            Ok(Ended::Sent) if sent == 0 => {
                self.lost += 1;
                self.violation(seed, &format!("lost\n  {}", engine.story.join("\n  ")));
            }
            Ok(Ended::Sent) => {}
            Ok(Ended::Withheld) => self.withheld += 1,
            Ok(Ended::Parked) => self.parked += 1,
            Ok(Ended::Rejected) => self.rejected += 1,
            Err(what) => self.violation(seed, &what),
        }
    }

    /// Named ones among the runs, in thousandths of a percent.
    fn parked_share(&self) -> u64 {
        (self.parked + self.rejected) * 100_000 / self.runs.max(1)
    }
}

fn runs_of(mix: &Mix, patience: &Patience, runs: u64, protocol: Protocol) -> Tally {
    let started = Instant::now();
    let mut tally = Tally::default();
    for seed in 0..runs {
        let mut engine = Engine::new(mix, patience, seed);
        let ended = match protocol {
            Protocol::Ours => engine.run(),
            Protocol::Naive => Ok(engine.run_naively()),
        };
        tally.add(seed, &engine, ended);
    }
    eprintln!(
        "{:<22} {:>7} runs {:>6} duplicates {:>4} by people {:>4} lost {:>6} parked {:>6} rejected {:>6} withheld {:>7} deaths {:>6.1?}",
        mix.name,
        tally.runs,
        tally.duplicates,
        tally.by_people,
        tally.lost,
        tally.parked,
        tally.rejected,
        tally.withheld,
        tally.deaths,
        started.elapsed()
    );
    tally
}

fn assert_kept(mix: &Mix) -> Tally {
    let tally = runs_of(mix, &Patience::default(), RUNS, Protocol::Ours);
    assert!(tally.violations.is_empty(), "{}: {}", mix.name, tally.violations.join("\n"));
    assert_eq!((tally.runs, tally.duplicates, tally.lost), (RUNS, 0, 0), "{}", mix.name);
    tally
}

#[test]
fn under_heavy_faults_no_mail_goes_out_twice_and_none_is_lost() {
    assert_kept(&tenant::HEAVY);
}

#[test]
fn with_an_index_ten_minutes_late_no_mail_goes_out_twice_and_none_is_lost() {
    assert_kept(&Mix { name: "index up to 10 min late", index_lag: Duration::from_mins(10), ..tenant::HEAVY });
}

#[test]
fn with_a_transport_of_five_minutes_no_mail_goes_out_twice_and_none_is_lost() {
    assert_kept(&Mix { name: "transport mean 5 min", transport: Duration::from_mins(5), ..tenant::HEAVY });
}

#[test]
fn on_usual_days_hardly_any_mail_waits_for_a_person() {
    let share = assert_kept(&tenant::LIGHT).parked_share();
    assert!(share <= 1_000, "{share} thousandths of a percent wait for a person");
}

#[test]
fn the_model_can_fail_for_a_repeat_on_any_error_sends_twice() {
    let naive = runs_of(&Mix { name: "repeats on any error", ..tenant::HEAVY }, &Patience::default(), 5_000, Protocol::Naive);
    assert!(naive.duplicates > 100, "{naive:?}");
}

#[test]
fn the_model_can_fail_for_a_draft_that_has_not_settled_is_sent_twice() {
    let hasty = Patience { settle: Duration::from_mins(2), ..Patience::default() };
    let mix = Mix { name: "settles in 2 min", transport: Duration::from_mins(5), ..tenant::HEAVY };
    let tally = runs_of(&mix, &hasty, 5_000, Protocol::Ours);
    assert!(tally.duplicates > 10, "{tally:?}");
}
