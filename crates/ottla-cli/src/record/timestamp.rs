//! [`TimestampFormat`]: the format of timestamps in the input.

use jiff::{Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};

/// The format of timestamps in the input: `timestamp_format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimestampFormat {
    /// RFC 3339, such as `2013-01-01T10:00:00Z`.
    Rfc3339,
    /// A number of units since 1970 in UTC.
    Unix(Unit),
    /// A strptime pattern that determines the instant.
    Pattern(String),
    /// A strptime pattern without an offset, and the time zone of its times.
    LocalPattern(String, TimeZone),
}

/// The end of the year 9999, in milliseconds since 1970: a later time is usually one in another unit.
pub(super) const LATEST: i64 = 253_402_300_799_999;

/// The unit of a Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

const FORMATS: &str = "must be one of rfc3339, unix-s, unix-ms, unix-us, or a strptime pattern such as \"%d.%m.%Y %H:%M\"";

impl TimestampFormat {
    /// Parses `timestamp_format` and `timestamp_zone`. The error names the setting.
    ///
    /// # Errors
    /// The format or the zone is unknown, a pattern does not determine an instant, or a zone is set beside a format that has one.
    pub(super) fn parse(format: Option<&str>, zone: Option<&str>) -> Result<Self, TimestampSettingError> {
        let parsed = match format {
            None | Some("rfc3339") => Self::Rfc3339,
            Some("unix-s") => Self::Unix(Unit::Seconds),
            Some("unix-ms") => Self::Unix(Unit::Milliseconds),
            Some("unix-us") => Self::Unix(Unit::Microseconds),
            Some(pattern) => return Self::of_pattern(pattern, zone),
        };
        match zone {
            None => Ok(parsed),
            Some(_) => Err(TimestampSettingError::Zone("applies only to a strptime pattern without an offset; remove it".into())),
        }
    }

    fn of_pattern(pattern: &str, zone: Option<&str>) -> Result<Self, TimestampSettingError> {
        let wrong = |reason: String| Err(TimestampSettingError::Format(reason));
        if !pattern.contains('%') {
            return wrong(FORMATS.to_owned());
        }
        let zone = zone.map(time_zone).transpose().map_err(TimestampSettingError::Zone)?;
        // What the pattern can determine shows when it reads what it has written.
        let sample = DateTime::constant(2013, 2, 3, 14, 5, 6, 0).to_zoned(TimeZone::UTC);
        let written = sample.and_then(|sample| strtime::format(pattern, &sample));
        let read = written.and_then(|text| strtime::parse(pattern, &text));
        let read = match read {
            Ok(read) => read,
            Err(error) => return wrong(format!("is not a usable strptime pattern: {error}")),
        };
        if read.iana_time_zone().is_some() {
            return wrong("has the name of a zone, which is not supported; use %z, or set timestamp_zone".to_owned());
        }
        // The sample is at 14 o'clock.
        if read.timestamp().is_none() && read.hour().is_some_and(|hour| hour != 14) {
            return wrong("has hours of a 12-hour clock without %p; add it, or use %H".to_owned());
        }
        if read.to_timestamp().is_ok() {
            return match zone {
                None => Ok(Self::Pattern(pattern.to_owned())),
                Some(_) => {
                    Err(TimestampSettingError::Zone("does not apply, because timestamp_format has an offset; remove it".into()))
                }
            };
        }
        if let Err(error) = read.to_datetime() {
            return wrong(format!("does not determine a date and a time: {error}"));
        }
        match zone {
            Some(zone) => Ok(Self::LocalPattern(pattern.to_owned(), zone)),
            None => wrong("has no offset; add %z, or set timestamp_zone, such as \"UTC\" or \"Europe/Berlin\"".to_owned()),
        }
    }

    /// Parses a timestamp to milliseconds since 1970 in UTC, rounded down. `None` if it does not match the format.
    pub(super) fn milliseconds(&self, text: &str) -> Option<i64> {
        let text = text.trim();
        let instant = match self {
            Self::Rfc3339 => text.parse::<Timestamp>().ok()?,
            Self::Unix(Unit::Seconds) => return seconds(text),
            Self::Unix(Unit::Milliseconds) => return text.parse().ok(),
            Self::Unix(Unit::Microseconds) => return Some(text.parse::<i64>().ok()?.div_euclid(1_000)),
            Self::Pattern(pattern) => strtime::parse(pattern, text).ok()?.to_timestamp().ok()?,
            Self::LocalPattern(pattern, zone) => {
                zone.to_timestamp(strtime::parse(pattern, text).ok()?.to_datetime().ok()?).ok()?
            }
        };
        i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).ok()
    }

    /// The format, for messages.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Rfc3339 => "an RFC 3339 time such as 2013-01-01T10:00:00Z".to_owned(),
            Self::Unix(Unit::Seconds) => "a number of seconds since 1970".to_owned(),
            Self::Unix(Unit::Milliseconds) => "an integer number of milliseconds since 1970".to_owned(),
            Self::Unix(Unit::Microseconds) => "an integer number of microseconds since 1970".to_owned(),
            Self::Pattern(pattern) | Self::LocalPattern(pattern, _) => format!("a time of the form {pattern}"),
        }
    }
}

/// The setting that is wrong, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TimestampSettingError {
    Format(String),
    Zone(String),
}

/// Parses the name of a zone, or an offset such as `+01:00`.
fn time_zone(name: &str) -> Result<TimeZone, String> {
    let offset = || strtime::parse("%:z", name).ok()?.offset();
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    match offset() {
        Some(offset) => Ok(TimeZone::fixed(offset)),
        None => TimeZone::get(name).map_err(|_| {
            "unknown time zone; must be UTC, an offset such as +01:00, or a name such as Europe/Berlin, which the system's tzdata \
             must have"
                .to_owned()
        }),
    }
}

/// Parses seconds, also with decimals, to milliseconds, rounded down.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || (fraction.is_empty() && text.contains('.')) {
        return None;
    }
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    let milliseconds = digits.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let whole: i64 = whole.parse().ok()?;
    let milliseconds = if text.starts_with('-') { -milliseconds } else { milliseconds };
    whole.checked_mul(1_000)?.checked_add(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: i64 = 1_357_034_400_000;

    fn read(format: &str, zone: Option<&str>, text: &str) -> Option<i64> {
        TimestampFormat::parse(Some(format), zone).unwrap().milliseconds(text)
    }

    #[test]
    fn each_format_gives_milliseconds() {
        for (format, zone, text, wanted) in [
            ("rfc3339", None, "2013-01-01T10:00:00Z", TEN),
            ("rfc3339", None, "2013-01-01T05:00:00.0015-05:00", TEN + 1),
            ("unix-s", None, "1357034400", TEN),
            ("unix-s", None, "1357034400.0129", TEN + 12),
            ("unix-s", None, "1357034400.5", TEN + 500),
            ("unix-s", None, "-0.5", -500),
            ("%F %I %p", Some("UTC"), "2013-01-01 10 AM", TEN),
            ("unix-ms", None, " 1357034400001 ", TEN + 1),
            ("unix-us", None, "1357034400001999", TEN + 1),
            ("%d/%b/%Y:%H:%M:%S %z", None, "01/Jan/2013:11:00:00 +0100", TEN),
            ("%s", None, "1357034400", TEN),
            ("%Y-%m-%d %H:%M", Some("UTC"), "2013-01-01 10:00", TEN),
            ("%Y-%m-%d %H:%M:%S%.f", Some("-05:00"), "2013-01-01 05:00:00.25", TEN + 250),
            ("%Y-%m-%d", Some("+00:00"), "2013-01-01", TEN - 36_000_000),
        ] {
            assert_eq!(read(format, zone, text), Some(wanted), "{format} {text}");
        }
    }

    #[test]
    fn patterns_that_lose_a_part_of_the_time_are_rejected() {
        for (pattern, zone, wanted) in [
            ("%F %T %Q", Some("UTC"), "has the name of a zone"),
            ("%F %T %Q", None, "has the name of a zone"),
            ("%F %I:%M", Some("UTC"), "has hours of a 12-hour clock"),
        ] {
            match TimestampFormat::parse(Some(pattern), zone) {
                Err(TimestampSettingError::Format(reason)) => assert!(reason.starts_with(wanted), "{pattern}: {reason}"),
                other => panic!("{pattern}: {other:?}"),
            }
        }
    }

    #[test]
    fn zones_have_summer_time() {
        // Both are 10:00 in New York.
        assert_eq!(read("%F %H", Some("America/New_York"), "2013-01-01 10"), Some(1_357_052_400_000));
        assert_eq!(read("%F %H", Some("America/New_York"), "2013-07-01 10"), Some(1_372_687_200_000));
    }

    #[test]
    fn texts_of_another_form_are_rejected() {
        for (format, zone, text) in [
            ("rfc3339", None, "2013-01-01 10:00"),
            ("rfc3339", None, ""),
            ("unix-s", None, "1357034400."),
            ("unix-s", None, "1.x"),
            ("unix-s", None, "9223372036854775807"),
            ("unix-ms", None, "1.5"),
            ("unix-us", None, "x"),
            ("%Y-%m-%d", Some("UTC"), "2013-02-30"),
            ("%Y-%m-%d", Some("UTC"), "2013-02-03x"),
        ] {
            assert_eq!(read(format, zone, text), None, "{format} {text}");
        }
    }

    #[test]
    fn unusable_settings_name_the_setting_and_the_remedy() {
        use TimestampSettingError::{Format, Zone};
        let error = |format: &str, zone| TimestampFormat::parse(Some(format), zone).unwrap_err();
        let format = |error: TimestampSettingError| match error {
            Format(reason) => reason,
            Zone(reason) => panic!("timestamp_zone: {reason}"),
        };
        let zone = |error: TimestampSettingError| match error {
            Zone(reason) => reason,
            Format(reason) => panic!("timestamp_format: {reason}"),
        };
        assert_eq!(format(error("iso", None)), FORMATS);
        assert!(format(error("%Y-%m-%d %Ö", None)).starts_with("is not a usable strptime pattern: "));
        assert!(format(error("%H:%M", Some("UTC"))).starts_with("does not determine a date and a time: "));
        assert!(format(error("%Y-%m-%d", None)).starts_with("has no offset; add %z, or set timestamp_zone"));
        assert!(zone(error("unix-s", Some("UTC"))).starts_with("applies only to a strptime pattern"));
        assert!(zone(error("%F %T %z", Some("UTC"))).starts_with("does not apply, because timestamp_format has an offset"));
        assert!(zone(error("%F", Some("Europe/Berlim"))).starts_with("unknown time zone; must be UTC, an offset such as +01:00"));
    }
}
