//! Dates in text and as text.

use jiff::civil::{Date, DateTime};

use super::date_form::{Item, expression, items};
use super::date_names::{MONTHS, WEEKDAYS, month};
use super::pattern::pattern;

/// Places of a text that are looked at for one date.
const PLACES_MAX: usize = 10_000;

/// Why there is no date to give, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// A form that is not made of the letters for dates, or lacks one that is needed.
    #[error("`{form}` is not the form of a date: {reason}")]
    BadForm {
        /// The form.
        form: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The text fits the form, but the calendar has no such day.
    #[error("`{text}` read as `{form}` is no day of the calendar")]
    NoSuchDay {
        /// As it stands in the text.
        text: String,
        /// The form asked for.
        form: String,
    },
    /// A date of numbers only, without a form.
    #[error("`{text}` does not say which number is the day; write the form: {forms}")]
    TwoReadings {
        /// As it stands in the text.
        text: String,
        /// What to write.
        forms: String,
    },
    /// A day before the year -9999 or after 9999.
    #[error("the day lies outside the calendar's years")]
    OutOfRange,
}

/// The first date in the text that fits the form (`dd.MM.yyyy`, `d MMMM yyyy`, `MM/dd/yy`, `yyyy-MM-dd HH:mm`); the letters are
/// Excel's and Power Automate's, month names are read in en de fr nl it es pl pt sv da no fi cs. Leading zeros may be left
/// out unless digits follow digits. `yy` below 69 is 20yy. A time is read over, not given. `None` when nothing fits.
///
/// # Errors
/// A form without day, month or year; a text that fits but is no day (`31.02.2024`), when no other place fits.
pub fn to_date(text: &str, form: &str) -> Result<Option<Date>, DateError> {
    let items = items(form)?;
    for (letters, found) in [
        ("the day (dd)", items.iter().filter(|item| matches!(item, Item::Day(_))).count()),
        ("the month (MM)", items.iter().filter(|item| matches!(item, Item::Month(_))).count()),
        ("the year (yyyy)", items.iter().filter(|item| matches!(item, Item::Year(_))).count()),
    ] {
        if found != 1 {
            let reason = format!("{letters} {}", if found == 0 { "is missing" } else { "stands in it twice" });
            return Err(DateError::BadForm { form: form.to_owned(), reason });
        }
    }
    let regex =
        pattern(&expression(&items)).map_err(|error| DateError::BadForm { form: form.to_owned(), reason: error.reason })?;
    let mut no_such_day = None;
    let mut at = 0;
    for _ in 0..PLACES_MAX {
        let Some(captures) = regex.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        if stands_alone(text, whole.start(), whole.end()) {
            match read(&items, &captures) {
                Read::Day(date) => return Ok(Some(date)),
                Read::NoSuchDay => {
                    no_such_day.get_or_insert_with(|| whole.as_str().to_owned());
                }
                Read::NoMonth => {}
            }
        }
        at = whole.start() + text[whole.start()..].chars().next().map_or(1, char::len_utf8);
    }
    no_such_day.map_or(Ok(None), |text| Err(DateError::NoSuchDay { text, form: form.to_owned() }))
}

/// Not within a longer number or word.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let joined = |inside: Option<char>, outside: Option<char>| match (inside, outside) {
        (Some(inside), Some(outside)) => {
            inside.is_ascii_digit() && outside.is_ascii_digit() || inside.is_alphabetic() && outside.is_alphabetic()
        }
        _ => false,
    };
    let (before, inner, after) = (&text[..start], &text[start..end], &text[end..]);
    !joined(inner.chars().next(), before.chars().next_back()) && !joined(inner.chars().next_back(), after.chars().next())
}

enum Read {
    Day(Date),
    NoSuchDay,
    NoMonth,
}

fn read(items: &[Item], captures: &regex::Captures<'_>) -> Read {
    let (mut year, mut month_number, mut day) = (0_i16, 0_i8, 0_i8);
    let parts = items.iter().filter(|item| !matches!(item, Item::Literal(_)));
    for (item, group) in parts.zip(captures.iter().skip(1)) {
        let part = group.map_or("", |group| group.as_str());
        match item {
            Item::Day(_) => day = part.parse().unwrap_or_default(),
            Item::Month(3..) => match month(part) {
                Some(number) => month_number = number,
                None => return Read::NoMonth,
            },
            Item::Month(_) => month_number = part.parse().unwrap_or_default(),
            Item::Year(width) => year = full_year(part.parse().unwrap_or_default(), *width),
            _ => {}
        }
    }
    Date::new(year, month_number, day).map_or(Read::NoSuchDay, Read::Day)
}

/// The century of a year of two digits, as POSIX has it.
fn full_year(year: i16, width: usize) -> i16 {
    match (width, year) {
        (4, year) => year,
        (_, 0..=68) => 2000 + year,
        (_, year) => 1900 + year,
    }
}

/// What can be read without a form: ISO dates and their like with the year first, and dates with the month's name.
const CERTAIN: &str = r"(?ix)
    (?<iso_year>[0-9]{4}) [-/.] (?<iso_month>[0-9]{1,2}) [-/.] (?<iso_day>[0-9]{1,2})
  | (?<numbers>[0-9]{1,2} (?<mark>[-/.]) [0-9]{1,2} [-/.] (?<year>[0-9]{4}|[0-9]{2}))
  | (?<day>[0-9]{1,2}) (?:st|nd|rd|th|er|º|°)? [\s.-]{1,3} (?:de\s|of\s|d')? (?<name>[a-z\x{C0}-\x{24F}]{3,14}) [.,]?,? [\s-]{1,3} (?:de\s|del\s)? (?<named_year>[0-9]{4})
  | (?<first_name>[a-z\x{C0}-\x{24F}]{3,14}) \.? \s{1,3} (?<second_day>[0-9]{1,2}) (?:st|nd|rd|th)? ,? \s{1,3} (?<last_year>[0-9]{4})";

/// The first date in the text that can be read without a form: ISO dates (`2024-12-01`, also with `/` or `.`), and dates
/// with the month's name and a year of four digits (`1. Dezember 2024`, `December 1, 2024`). `None` when there is none.
///
/// # Errors
/// A date of numbers with the year last stands first (`03/04/2024`): even where only one order would make a day, as the
/// next mail's will not; a day that the calendar does not have.
pub fn to_date_guess(text: &str) -> Result<Option<Date>, DateError> {
    let Ok(regex) = pattern(CERTAIN) else { return Ok(None) };
    let mut at = 0;
    for _ in 0..PLACES_MAX {
        let Some(captures) = regex.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        if stands_alone(text, whole.start(), whole.end())
            && let Some(read) = certain(&captures)
        {
            return read.map(Some);
        }
        at = whole.start() + text[whole.start()..].chars().next().map_or(1, char::len_utf8);
    }
    Ok(None)
}

fn certain(captures: &regex::Captures<'_>) -> Option<Result<Date, DateError>> {
    let part = |name: &str| captures.name(name).map(|group| group.as_str());
    if let Some(numbers) = part("numbers") {
        return Some(Err(two_readings(numbers, part("mark").unwrap_or("/"), part("year").map_or(4, str::len))));
    }
    let number = |name: &str| part(name).and_then(|digits| digits.parse::<i8>().ok());
    let (year, month_number, day) = if let Some(year) = part("iso_year") {
        (year, number("iso_month")?, number("iso_day")?)
    } else if let Some(day) = number("day") {
        (part("named_year")?, month(part("name")?)?, day)
    } else {
        (part("last_year")?, month(part("first_name")?)?, number("second_day")?)
    };
    let whole = captures.get(0).map_or("", |group| group.as_str());
    let date = Date::new(year.parse().ok()?, month_number, day);
    Some(date.map_err(|_| DateError::NoSuchDay { text: whole.to_owned(), form: "a date".to_owned() }))
}

fn two_readings(numbers: &str, mark: &str, year_width: usize) -> DateError {
    let year = "y".repeat(year_width);
    let day_first = format!("to_date(\"dd{mark}MM{mark}{year}\")");
    let forms = if mark == "." { day_first } else { format!("{day_first} or to_date(\"MM{mark}dd{mark}{year}\")") };
    DateError::TwoReadings { text: numbers.to_owned(), forms }
}

/// The date (at 00:00) or date and time in a form: `dd.MM.yyyy`, `dddd, d MMMM yyyy`, `yyyy-MM-dd HH:mm`. Names are English.
///
/// # Errors
/// A form that is not made of the letters for dates.
pub fn format_date(date: impl Into<DateTime>, form: &str) -> Result<String, DateError> {
    let date = date.into();
    let mut written = String::new();
    for item in items(form)? {
        write_item(&mut written, &item, date);
    }
    Ok(written)
}

fn write_item(written: &mut String, item: &Item, date: DateTime) {
    let padded = |number: i16, width: usize| format!("{number:0width$}");
    let name = |names: &[&str], position: i8, width: usize| {
        let name = usize::try_from(position).ok().and_then(|at| names.get(at).copied()).unwrap_or_default();
        if width == 3 { name.chars().take(3).collect() } else { name.to_owned() }
    };
    let part = match item {
        Item::Literal(text) => text.clone(),
        Item::Day(width) => padded(date.day().into(), *width),
        Item::Weekday(width) => name(&WEEKDAYS, date.date().weekday().to_monday_zero_offset(), *width),
        Item::Month(width @ (1 | 2)) => padded(date.month().into(), *width),
        Item::Month(width) => name(&MONTHS, date.month() - 1, *width),
        Item::Year(2) => padded(date.year().rem_euclid(100), 2),
        Item::Year(width) => padded(date.year(), *width),
        Item::Hour24(width) => padded(date.hour().into(), *width),
        Item::Hour12(width) => padded((i16::from(date.hour()) + 11) % 12 + 1, *width),
        Item::Minute(width) => padded(date.minute().into(), *width),
        Item::Second(width) => padded(date.second().into(), *width),
        Item::HalfDay => (if date.hour() < 12 { "AM" } else { "PM" }).to_owned(),
    };
    written.push_str(&part);
}

/// The date `days` working days (Monday to Friday, no holidays) later, or earlier if negative. From a weekend, the first
/// working day after it is one day on.
///
/// # Errors
/// [`DateError::OutOfRange`].
pub fn add_workdays(date: Date, days: i64) -> Result<Date, DateError> {
    let out_of_range = |_| DateError::OutOfRange;
    let add = |date: Date, days: i64| -> Result<Date, DateError> {
        let days = i32::try_from(days).map_err(|_| DateError::OutOfRange)?;
        date.checked_add(jiff::Span::new().try_days(days).map_err(out_of_range)?).map_err(out_of_range)
    };
    let mut day = add(date, (days / 5).checked_mul(7).ok_or(DateError::OutOfRange)?)?;
    let weekend = |day: Date| day.weekday().to_monday_zero_offset() >= 5;
    // Whole weeks from a weekend end on a weekend: the last working day of them lies before it (or after, going back).
    let mut left = days % 5;
    if left == 0 && days != 0 && weekend(day) {
        left = 5 * days.signum();
        day = add(day, -7 * days.signum())?;
    }
    while left != 0 {
        day = add(day, days.signum())?;
        if !weekend(day) {
            left -= days.signum();
        }
    }
    Ok(day)
}

/// The day's English name: `Monday`.
pub fn weekday(date: Date) -> &'static str {
    let position = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
    WEEKDAYS.get(position).copied().unwrap_or("Monday")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jiff::civil::{date, datetime};

    use super::*;

    #[test]
    fn a_date_is_read_in_the_form_asked_for() {
        let first = Ok(Some(date(2024, 12, 1)));
        let cases = [
            ("Due: 01.12.2024.", "dd.MM.yyyy"),
            ("1.12.2024", "dd.MM.yyyy"),
            ("01.12.24", "dd.MM.yy"),
            ("12/1/2024", "M/d/yyyy"),
            ("1. Dezember 2024", "d. MMMM yyyy"),
            ("1er déc. 2024 ou 1 déc. 2024", "d MMM yyyy"),
            ("Sunday, December 1, 2024", "dddd, MMMM d, yyyy"),
            ("el 1 de diciembre de 2024", "d 'de' MMMM 'de' yyyy"),
            ("1. prosince 2024", "d. MMMM yyyy"),
            ("ref 20241201", "yyyyMMdd"),
            ("2024-12-01T10:30:00Z", "yyyy-MM-ddTHH:mm:ssZ"),
            ("2024-12-01T10:30:00Z", "yyyy-MM-dd"),
            ("01.12.2024 10:30", "dd.mm.yyyy hh:mm"),
            ("12/01/2024 9:05 PM", "MM/dd/yyyy h:mm tt"),
            ("12/01/2024 9:05 pm", "MM/dd/yyyy h:mm AM/PM"),
            ("31.02.2024 or 01.12.2024", "DD.MM.YYYY"),
        ];
        for (text, form) in cases {
            assert_eq!(to_date(text, form), first, "{text} as {form}");
        }
    }

    #[test]
    fn what_does_not_fit_the_form_is_not_there() {
        for (text, form) in
            [("", "dd.MM.yyyy"), ("1.12.20245", "dd.MM.yyyy"), ("01.12.2024", "dd.MM.yy"), ("1 Foo 2024", "d MMM yyyy")]
        {
            assert_eq!(to_date(text, form), Ok(None), "{text} as {form}");
        }
        assert_eq!(
            to_date("03/13/2024", "dd/MM/yyyy").unwrap_err().to_string(),
            "`03/13/2024` read as `dd/MM/yyyy` is no day of the calendar"
        );
    }

    #[test]
    fn a_bad_form_is_explained() {
        let told = |form| to_date("1.1.2024", form).unwrap_err().to_string();
        assert_eq!(told("dd.MM"), "`dd.MM` is not the form of a date: the year (yyyy) is missing");
        assert_eq!(
            told("d de MMMM"),
            "`d de MMMM` is not the form of a date: the letter `e` stands for nothing; words are put in single quotes: 'de'"
        );
        assert_eq!(
            told("dd.MM.yyy"),
            "`dd.MM.yyy` is not the form of a date: `yyy` is no part of a date; write for example dd, MM or yyyy"
        );
        assert_eq!(told("dd 'x"), "`dd 'x` is not the form of a date: the quote ' is not closed");
    }

    #[test]
    fn without_a_form_only_certain_dates_are_read() {
        let first = Ok(Some(date(2024, 12, 1)));
        for text in [
            "2024-12-01",
            "am 2024-12-01T10:00",
            "2024/12/1",
            "1. Dezember 2024",
            "1.Dez. 2024",
            "December 1st, 2024",
            "1er décembre 2024",
            "1 de dezembro de 2024",
            "01-Dec-2024",
            "Room 12 Monday 1 December 2024",
        ] {
            assert_eq!(to_date_guess(text), first, "{text}");
        }
        for text in ["", "soon", "Room 12 West 2024"] {
            assert_eq!(to_date_guess(text), Ok(None), "{text}");
        }
        assert_eq!(
            to_date_guess("03/04/2024 or 2024-04-03").unwrap_err().to_string(),
            "`03/04/2024` does not say which number is the day; write the form: to_date(\"dd/MM/yyyy\") or to_date(\"MM/dd/yyyy\")"
        );
        assert!(matches!(to_date_guess("25.12.24"), Err(DateError::TwoReadings { .. })));
        assert!(matches!(to_date_guess("2024-02-31"), Err(DateError::NoSuchDay { .. })));
    }

    #[test]
    fn a_date_is_written_in_a_form() {
        let written = |form| format_date(datetime(2024, 12, 1, 21, 5, 7, 0), form).unwrap();
        assert_eq!(written("dddd, d MMMM yyyy"), "Sunday, 1 December 2024");
        assert_eq!(written("ddd dd.MM.yy"), "Sun 01.12.24");
        assert_eq!(written("h:mm tt 'on' M/d/yyyy"), "9:05 PM on 12/1/2024");
        assert_eq!(written("yyyy-MM-ddTHH:mm:ssZ"), "2024-12-01T21:05:07Z");
        assert_eq!(format_date(date(2024, 12, 1), "dd.MM.yyyy HH:mm").unwrap(), "01.12.2024 00:00");
    }

    #[test]
    fn workdays_leave_out_weekends() {
        let friday = date(2024, 11, 29);
        let cases = [
            (friday, 0, friday),
            (friday, 1, date(2024, 12, 2)),
            (friday, 5, date(2024, 12, 6)),
            (friday, -5, date(2024, 11, 22)),
            (friday, 6, date(2024, 12, 9)),
            (date(2024, 11, 30), 0, date(2024, 11, 30)),
            (date(2024, 11, 30), 1, date(2024, 12, 2)),
            (date(2024, 11, 30), 5, date(2024, 12, 6)),
            (date(2024, 12, 1), 7, date(2024, 12, 10)),
            (date(2024, 12, 1), -1, friday),
            (date(2024, 12, 1), -5, date(2024, 11, 25)),
        ];
        for (start, days, expected) in cases {
            assert_eq!(add_workdays(start, days), Ok(expected), "{start} {days}");
        }
        assert_eq!(add_workdays(friday, i64::MAX), Err(DateError::OutOfRange));
        assert_eq!(weekday(friday), "Friday");
    }

    #[test]
    fn long_texts_cost_linear_time_and_never_panic() {
        for text in ["1.1.".repeat(300_000), "1 ".repeat(400_000), "é1é ".repeat(100_000), "1234".repeat(200_000)] {
            let _ = to_date(&text, "dd.MM.yyyy");
            let _ = to_date(&text, "d MMMM yyyy");
            let _ = to_date_guess(&text);
        }
    }
}
