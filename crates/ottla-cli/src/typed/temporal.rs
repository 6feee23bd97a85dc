//! Dates and times: numbers in the schema's unit, or ISO 8601 texts.

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use serde_json::Value as Json;

use super::Cell;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// The unit of a schema's time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Count {
    const fn nanoseconds(self) -> i128 {
        match self {
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }

    /// Converts to this unit; `None` if precision would be lost or the value is out of range.
    fn of(self, nanoseconds: i128) -> Option<i64> {
        (nanoseconds % self.nanoseconds() == 0).then(|| i64::try_from(nanoseconds / self.nanoseconds()).ok())?
    }
}

/// Parses a date to days since 1970-01-01.
pub(super) fn date(cell: &Cell<'_>) -> Option<i32> {
    if let Some(days) = number(cell) {
        return days;
    }
    let date: Date = cell.text()?.trim().parse().ok()?;
    Some(EPOCH.until(date).ok()?.get_days())
}

/// Parses a time of day to the time since midnight.
pub(super) fn time(cell: &Cell<'_>, count: Count) -> Option<i64> {
    if let Some(time) = number(cell) {
        return time;
    }
    let time: Time = cell.text()?.trim().parse().ok()?;
    count.of(DateTime::from_parts(EPOCH, time).to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond())
}

/// Parses a timestamp to the time since 1970 in UTC; a text must have an offset, such as `Z` or `+01:00`.
pub(super) fn timestamp(cell: &Cell<'_>, count: Count) -> Option<i64> {
    if let Some(time) = number(cell) {
        return time;
    }
    let timestamp: Timestamp = cell.text()?.trim().parse().ok()?;
    count.of(timestamp.as_nanosecond())
}

/// Parses a local timestamp to the time since 1970 in local time; a text must not have an offset.
pub(super) fn local_timestamp(cell: &Cell<'_>, count: Count) -> Option<i64> {
    if let Some(time) = number(cell) {
        return time;
    }
    let text = cell.text()?.trim();
    // A text with an offset is not a local time.
    if text.parse::<Timestamp>().is_ok() {
        return None;
    }
    let local: DateTime = text.parse().ok()?;
    count.of(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond())
}

/// Formats a date as ISO 8601, or as a number if it is out of range.
pub(super) fn date_text(days: i32) -> Json {
    let date = EPOCH.checked_add(jiff::Span::new().days(days));
    date.map_or_else(|_| days.into(), |date| Json::String(date.to_string()))
}

/// Formats a time since midnight.
pub(super) fn time_text(time: i64, count: Count) -> Json {
    local(time, count).map_or_else(|| time.into(), |local| Json::String(local.time().to_string()))
}

/// Formats a time since 1970 in UTC.
pub(super) fn timestamp_text(time: i64, count: Count) -> Json {
    let timestamp = Timestamp::from_nanosecond(i128::from(time) * count.nanoseconds());
    timestamp.map_or_else(|_| time.into(), |timestamp| Json::String(timestamp.to_string()))
}

/// Formats a time since 1970 in local time.
pub(super) fn local_timestamp_text(time: i64, count: Count) -> Json {
    local(time, count).map_or_else(|| time.into(), |local| Json::String(local.to_string()))
}

fn local(time: i64, count: Count) -> Option<DateTime> {
    let timestamp = Timestamp::from_nanosecond(i128::from(time) * count.nanoseconds()).ok()?;
    Some(timestamp.to_zoned(TimeZone::UTC).datetime())
}

/// Returns `Some` if the cell is a number; the inner value is `None` if it is out of range.
fn number<T: std::str::FromStr>(cell: &Cell<'_>) -> Option<Option<T>> {
    let digits = cell.digits()?;
    let is_number = digits.strip_prefix('-').unwrap_or(digits).bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(Cow::Borrowed(text))
    }

    #[test]
    fn iso_8601_dates_and_times_are_parsed() {
        assert_eq!(date(&text("2013-01-01")), Some(15_706));
        assert_eq!(date(&text("1969-12-31")), Some(-1));
        assert_eq!(time(&text("00:01:00.5"), Count::Milliseconds), Some(60_500));
        assert_eq!(time(&text("00:00:00.000001"), Count::Microseconds), Some(1));
        for same in ["2013-01-01T10:00:00Z", "2013-01-01 10:00:00Z", "2013-01-01T05:00:00-05:00"] {
            assert_eq!(timestamp(&text(same), Count::Milliseconds), Some(1_357_034_400_000), "{same}");
        }
        assert_eq!(local_timestamp(&text("2013-01-01T10:00:00"), Count::Microseconds), Some(1_357_034_400_000_000));
    }

    #[test]
    fn numbers_are_in_the_schemas_unit() {
        assert_eq!(date(&Cell::Number("15706")), Some(15_706));
        assert_eq!(timestamp(&text("-5"), Count::Milliseconds), Some(-5));
    }

    #[test]
    fn invalid_dates_and_excess_precision_are_rejected() {
        for wrong in ["2013-02-30", "tomorrow", "", "99999999999999999999"] {
            assert_eq!(date(&text(wrong)), None, "{wrong:?}");
        }
        assert_eq!(time(&text("00:00:00.0001"), Count::Milliseconds), None);
        assert_eq!(timestamp(&text("2013-01-01T10:00:00"), Count::Milliseconds), None, "no offset");
        assert_eq!(local_timestamp(&text("2013-01-01T10:00:00Z"), Count::Milliseconds), None);
    }
}
