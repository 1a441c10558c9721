//! When something in a calendar is: days, moments in a zone that is named or told by its rules, times of day without any.

use calcard::common::PartialDateTime;
use calcard::common::timezone::Tz;
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarProperty, ICalendarValue, ICalendarWeekday,
};
use jiff::civil::{Date, DateTime, Weekday};

use super::When;

/// The zones that a calendar's times may name.
pub(super) struct Zones<'c> {
    known: TzResolver<&'c str>,
    own: Vec<OwnZone<'c>>,
}

/// A zone that the calendar tells by its rules.
struct OwnZone<'c> {
    name: &'c str,
    offsets: Vec<&'c ICalendarComponent>,
}

impl<'c> Zones<'c> {
    pub fn of(calendar: &'c ICalendar) -> Self {
        let own = calendar.timezones().filter_map(|zone| {
            let name = zone.property(&ICalendarProperty::Tzid)?.values.first()?.as_text()?;
            let parts = zone.component_ids.iter().filter_map(|id| calendar.component_by_id(*id));
            let is_offset = |part: &&ICalendarComponent| {
                matches!(part.component_type, ICalendarComponentType::Standard | ICalendarComponentType::Daylight)
            };
            Some(OwnZone { name, offsets: parts.filter(is_offset).collect() })
        });
        Self { own: own.collect(), known: calendar.build_tz_resolver() }
    }

    /// The point that a property states.
    pub fn when(&self, entry: &ICalendarEntry) -> Option<When> {
        let stated = entry.values.first()?.as_partial_date_time()?;
        let day = date(stated)?;
        if !stated.has_time() {
            return Some(When::Day(day));
        }
        let local = day.to_datetime(time(stated)?);
        if stated.has_zone() {
            return moment(local, stated_offset(stated)).map(When::Moment);
        }
        let Some(name) = entry.tz_id() else { return Some(When::Local(local)) };
        if let Some(zone) = self.known.resolve(name).filter(|zone| !zone.is_floating()) {
            return in_zone(stated, zone).or(Some(When::Local(local)));
        }
        let own = self.own.iter().find(|zone| zone.name == name);
        let seconds = own.and_then(|zone| zone.offset(local));
        Some(seconds.and_then(|seconds| moment(local, seconds)).map_or(When::Local(local), When::Moment))
    }
}

fn in_zone(stated: &PartialDateTime, zone: Tz) -> Option<When> {
    let seconds = stated.to_date_time_with_tz(zone)?.timestamp();
    jiff::Timestamp::from_second(seconds).ok().map(When::Moment)
}

impl OwnZone<'_> {
    /// Seconds east of UTC at that time: those of the part that began last.
    fn offset(&self, local: DateTime) -> Option<i64> {
        let begun = self.offsets.iter().filter_map(|part| {
            let years = [local.year(), local.year().saturating_sub(1)];
            let began = years.into_iter().filter_map(|year| onset(part, year)).find(|onset| *onset <= local);
            Some((began?, offset_to(part)?))
        });
        let last = begun.max_by_key(|(began, _)| *began).map(|(_, seconds)| seconds);
        last.or_else(|| self.offsets.first().and_then(|part| offset_to(part)))
    }
}

fn offset_to(part: &ICalendarComponent) -> Option<i64> {
    let stated = part.property(&ICalendarProperty::Tzoffsetto)?.values.first()?.as_partial_date_time()?;
    Some(stated_offset(stated))
}

/// When standard or daylight time begins in a year: by its rule, else on the day of the year on which it once began.
fn onset(part: &ICalendarComponent, year: i16) -> Option<DateTime> {
    let first = part.property(&ICalendarProperty::Dtstart)?.values.first()?.as_partial_date_time()?;
    let began = date(first)?;
    let rule = part.property(&ICalendarProperty::Rrule).and_then(|entry| match entry.values.first()? {
        ICalendarValue::RecurrenceRule(rule) => Some(rule),
        _ => None,
    });
    let Some(rule) = rule else { return (began.year() <= year).then(|| began.to_datetime(time(first).unwrap_or_default())) };
    let month = rule.bymonth.first().and_then(|month| i8::try_from(month.month()).ok()).unwrap_or(began.month());
    let day = match rule.byday.first() {
        Some(day) => {
            let place = day.ordwk.and_then(|place| i8::try_from(place).ok()).unwrap_or(1);
            Date::new(year, month, 1).ok()?.nth_weekday_of_month(place, weekday(day.weekday)).ok()?
        }
        None => Date::new(year, month, began.day()).ok()?,
    };
    Some(day.to_datetime(time(first).unwrap_or_default()))
}

fn weekday(day: ICalendarWeekday) -> Weekday {
    match day {
        ICalendarWeekday::Monday => Weekday::Monday,
        ICalendarWeekday::Tuesday => Weekday::Tuesday,
        ICalendarWeekday::Wednesday => Weekday::Wednesday,
        ICalendarWeekday::Thursday => Weekday::Thursday,
        ICalendarWeekday::Friday => Weekday::Friday,
        ICalendarWeekday::Saturday => Weekday::Saturday,
        ICalendarWeekday::Sunday => Weekday::Sunday,
    }
}

fn date(stated: &PartialDateTime) -> Option<Date> {
    let small = |number: Option<u8>| number.and_then(|number| i8::try_from(number).ok());
    Date::new(i16::try_from(stated.year?).ok()?, small(stated.month)?, small(stated.day)?).ok()
}

/// A leap second counts as the one before it.
fn time(stated: &PartialDateTime) -> Option<jiff::civil::Time> {
    let small = |number: u8| i8::try_from(number).ok();
    let (hour, minute) = (small(stated.hour?)?, small(stated.minute.unwrap_or(0))?);
    jiff::civil::Time::new(hour, minute, small(stated.second.unwrap_or(0).min(59))?, 0).ok()
}

fn stated_offset(stated: &PartialDateTime) -> i64 {
    let seconds = i64::from(stated.tz_hour.unwrap_or(0)) * 3_600 + i64::from(stated.tz_minute.unwrap_or(0)) * 60;
    if stated.tz_minus { -seconds } else { seconds }
}

fn moment(local: DateTime, offset: i64) -> Option<jiff::Timestamp> {
    let as_utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    jiff::Timestamp::from_second(as_utc.as_second().checked_sub(offset)?).ok()
}

impl When {
    /// The point that comes after it by a duration.
    pub(super) fn after(self, duration: &ICalendarEntry) -> Option<Self> {
        let Some(ICalendarValue::Duration(duration)) = duration.values.first() else { return None };
        let seconds = duration.as_seconds();
        let span = jiff::SignedDuration::from_secs(seconds);
        match self {
            Self::Day(day) => day.checked_add(jiff::Span::new().try_days(seconds / 86_400).ok()?).ok().map(Self::Day),
            Self::Moment(moment) => moment.checked_add(span).ok().map(Self::Moment),
            Self::Local(local) => local.checked_add(span).ok().map(Self::Local),
        }
    }
}
