//! Days and moments as scripts hold them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rhai::Dynamic;

use super::values::{Day, Moment};
use crate::text;

/// Days that may be added at most.
const DAYS_MAX: i64 = 40_000;

/// A moment in the mailbox's time zone, or `()`.
pub(super) fn moment(at: Option<Timestamp>, zone: &TimeZone) -> Dynamic {
    at.map_or(Dynamic::UNIT, |at| Dynamic::from(Moment(at.to_zoned(zone.clone()))))
}

/// The day `days` after another.
pub(super) fn add_days(day: Day, days: i64) -> Result<Day, String> {
    let days = small(days)?;
    day.0.checked_add(SignedDuration::from_hours(days * 24)).map(Day).map_err(|error| error.to_string())
}

/// The day `days` working days (Monday to Friday) after another.
pub(super) fn add_workdays(day: Day, days: i64) -> Result<Day, String> {
    text::add_workdays(day.0, small(days)?).map(Day).map_err(|error| error.to_string())
}

/// The same time of day, `days` later.
pub(super) fn moment_add_days(moment: &Moment, days: i64) -> Result<Moment, String> {
    let span = jiff::Span::new().try_days(small(days)?).map_err(|error| error.to_string())?;
    moment.0.checked_add(span).map(Moment).map_err(|error| error.to_string())
}

fn small(days: i64) -> Result<i64, String> {
    if days.abs() > DAYS_MAX { Err(format!("{days} days are more than {DAYS_MAX}")) } else { Ok(days) }
}
