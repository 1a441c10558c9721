//! The mail that is tried: files, or what the journal knows, its content read in the mailbox again where a rule wants it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::super::progress;
use crate::clock::Clock;
use crate::config::Config;
use crate::daemon::graph_settings;
use crate::graph::{Graph, Mailbox};
use crate::ids::MessageId;
use crate::journal::{Decided, Row, Which};
use crate::mail::{Content, Message};
use crate::parsing::{Parser, Parsing};
use crate::replay::{Fetch, Found, Given, Mails, Past, Recorded, Sample};

/// Messages that are read from the journal together.
const PAGE: u32 = 100;
/// Failures to read content one after another, after which the mailbox is not asked any more.
const FAILURES_MAX: u32 = 5;

/// What is at hand for trying mail.
pub(super) struct Near<'a> {
    pub(super) config: &'a Config,
    pub(super) runtime: &'a Runtime,
    pub(super) given: Given,
    pub(super) recorded: Option<Recorded>,
}

/// Where content is read again.
struct Reader {
    mailbox: Mailbox,
    parser: Parser,
    /// Failures since the last success, and the last of them.
    failures: Mutex<(u32, String)>,
}

impl Reader {
    fn read(&self, runtime: &Runtime, id: &MessageId) -> Result<Content, String> {
        let (count, last) = self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if count >= FAILURES_MAX {
            return Err(format!("not asked for any more after {FAILURES_MAX} failures: {last}"));
        }
        // The gate of the Graph client holds the pace that the service wants; no more calls are under way than there are threads.
        let read = runtime.block_on(self.mailbox.mime(id));
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(raw) => {
                *failures = (0, String::new());
                drop(failures);
                self.parser.parse(raw).map_err(|error| error.to_string())
            }
            Err(error) if error.is_gone() => Err("it is no longer in the mailbox".to_owned()),
            Err(error) => {
                *failures = (failures.0 + 1, error.to_string());
                Err(error.to_string())
            }
        }
    }
}

/// The mail that is tried.
pub(super) struct Mail<'a> {
    /// Where it comes from, for people.
    pub(super) what: String,
    /// How much there is, where somebody wants to know.
    pub(super) total: Option<usize>,
    pub(super) items: Box<dyn Iterator<Item = Item<'a>> + Send + 'a>,
}

/// One mail, not read yet.
pub(super) enum Item<'a> {
    File(Found),
    Message(Box<Decided>, std::sync::Arc<Reads<'a>>),
    Broken(String),
}

/// What reads content again.
pub(super) struct Reads<'a> {
    reader: Reader,
    runtime: &'a Runtime,
}

impl<'a> Item<'a> {
    /// The mail with what the rules are told beside it; an error is its name and the reason.
    pub(super) fn sample<'n>(self, near: &'n Near<'_>) -> Result<Sample<'n>, (String, String)>
    where
        'a: 'n,
    {
        match self {
            Self::File(found) => {
                let file = found.file.clone();
                Sample::of_found(found, &near.given, near.recorded.as_ref()).map_err(|reason| (file, reason))
            }
            Self::Broken(reason) => Err(("the journal".to_owned(), reason)),
            Self::Message(message, reads) => {
                let file = format!("message {}", message.row.0);
                let Some(recorded) = &near.recorded else { return Err((file, "there is no journal".to_owned())) };
                let fetch: Option<Fetch<'n>> = message
                    .envelope
                    .id
                    .clone()
                    .map(|id| -> Fetch<'n> { Box::new(move || reads.reader.read(reads.runtime, &id)) });
                let beside = Box::new(Past::of_message(&message, &near.given, recorded));
                Ok(Sample { file, message: std::sync::Arc::new(Message::new(message.envelope)), beside, fetch })
            }
        }
    }
}

impl<'a> Mail<'a> {
    /// What lies at a path.
    pub(super) fn in_files(path: &Path, _near: &Near<'a>) -> anyhow::Result<Self> {
        let mails = || Mails::at(path).with_context(|| format!("{} cannot be read", path.display()));
        let total = if progress::is_wanted() { Some(mails()?.count()) } else { None };
        Ok(Self { what: path.display().to_string(), total, items: Box::new(mails()?.map(Item::File)) })
    }

    /// What the journal knows since then.
    pub(super) fn in_journal(since: &str, near: &Near<'a>) -> anyhow::Result<Self> {
        let config = near.config;
        let Some(recorded) = near.recorded.clone() else {
            anyhow::bail!(
                "there is no journal at {}, so no mail has been worked yet; name mail with --mail PATH",
                config.state.display()
            );
        };
        let mailbox = config.mailboxes.get(&recorded.mailbox).context("the mailbox is not configured")?;
        let clock = Clock::system();
        let from = since_when(since, clock.now(), &mailbox.time_zone)?;
        let which = Which { mailbox: recorded.mailbox.clone(), since: from.as_millisecond(), parked_by: None };
        let total = near.runtime.block_on(recorded.journal.count_decided(&which))?;
        anyhow::ensure!(
            total > 0,
            "the journal knows no message of {} that was received since {}",
            recorded.mailbox,
            from.strftime("%Y-%m-%d %H:%M")
        );
        config.require_secrets().map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("content is read in the mailbox, and that cannot be signed in to\n{}", lines.join("\n"))
        })?;
        let graph = Graph::new(&graph_settings(config), clock).context("Graph cannot be used")?;
        let reader = Reader {
            mailbox: graph.mailbox(&mailbox.address),
            parser: Parser::new(Parsing::in_children().context("this program cannot be found")?),
            failures: Mutex::default(),
        };
        let reads = std::sync::Arc::new(Reads { reader, runtime: near.runtime });
        let pages =
            Pages { recorded, which, after: Row(0), page: Vec::new().into_iter(), runtime: near.runtime, is_broken: false };
        let what = format!("the journal since {}", from.strftime("%Y-%m-%d %H:%M"));
        let items = pages.map(move |message| match message {
            Ok(message) => Item::Message(Box::new(message), std::sync::Arc::clone(&reads)),
            Err(reason) => Item::Broken(reason),
        });
        Ok(Self { what, total: Some(total), items: Box::new(items) })
    }
}

/// The journal's messages, page by page.
struct Pages<'a> {
    recorded: Recorded,
    which: Which,
    after: Row,
    page: std::vec::IntoIter<Decided>,
    runtime: &'a Runtime,
    is_broken: bool,
}

impl Iterator for Pages<'_> {
    type Item = Result<Decided, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.len() == 0 && !self.is_broken {
            match self.runtime.block_on(self.recorded.journal.decided_after(&self.which, self.after, PAGE)) {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => {
                    self.is_broken = true;
                    return Some(Err(error.to_string()));
                }
            }
        }
        let message = self.page.next()?;
        self.after = message.row;
        Some(Ok(message))
    }
}

/// `30d`, `12h`, `2w` before now, or the beginning of a day.
pub(in crate::cli) fn since_when(text: &str, now: Timestamp, zone: &jiff::tz::TimeZone) -> anyhow::Result<Timestamp> {
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return Ok(day.to_zoned(zone.clone())?.timestamp());
    }
    let units = [("h", 3_600), ("d", 86_400), ("w", 604_800)];
    let span = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(*seconds).filter(|span| (1..=366 * 86_400 * 20).contains(span))
    });
    let span =
        span.with_context(|| format!("`{text}` is no time to look back to; write 12h, 30d, 4w or a day such as 2026-11-01"))?;
    Ok(now.checked_sub(Duration::from_secs(span))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn one_looks_back_by_hours_days_or_weeks_or_to_a_day() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let utc = jiff::tz::TimeZone::UTC;
        let since = |text: &str| since_when(text, now, &utc).ok().map(|at| at.to_string());
        let told = ["12h", "30d", "2w", "2026-11-01"].map(|text| since(text).unwrap());
        assert_eq!(told, ["2026-11-27T00:00:00Z", "2026-10-28T12:00:00Z", "2026-11-13T12:00:00Z", "2026-11-01T00:00:00Z"]);
        assert_eq!(["30", "0d", "d", "-1d", "99999999999999999999d", "yesterday"].map(since), [const { None }; 6]);
    }
}
