//! [`Type`], [`Unit`] and [`Range`] of a value, and the check against them.

use std::fmt;

/// The type of a setting's value, as in Kafka's `ConfigDef.Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `true` or `false`, in any case.
    Boolean,
    /// A 16-bit integer.
    Short,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    Long,
    /// A floating-point number.
    Double,
    /// A string; surrounding whitespace is removed, as in Java.
    String,
    /// Strings separated by commas.
    List,
    /// The name of a Java class, or the short name of its equivalent.
    Class,
    /// A secret string.
    Password,
}

/// The unit of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// No unit.
    None,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Kibibytes.
    Kibibytes,
}

/// The allowed values. `Display` writes them as Kafka's documentation does: `[0,...,3600]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// Any value of the type.
    Any,
    /// This number or more.
    AtLeast(i64),
    /// From the first number to the second, inclusive.
    Between(i64, i64),
    /// From the first number to the second, inclusive, or the third.
    BetweenOr(i64, i64, i64),
    /// From the first number to the second, inclusive, with fractions.
    Decimal(f64, f64),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// One of these strings, in any case.
    OneOfAnyCase(&'static [&'static str]),
    /// A string that is not empty.
    NonEmpty,
    /// A list without duplicates, which may be empty.
    Distinct,
    /// A list without duplicates, which must not be empty.
    NonEmptyDistinct,
}

impl Type {
    /// The minimum and maximum of an integer type; `None` for other types.
    fn limits(self) -> Option<(i64, i64)> {
        match self {
            Self::Short => Some((i16::MIN.into(), i16::MAX.into())),
            Self::Int => Some((i32::MIN.into(), i32::MAX.into())),
            Self::Long => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }

    /// The type's name in Kafka's `ConfigDef`, in lower case: `int`, `list`, `password`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Short => "short",
            Self::Int => "int",
            Self::Long => "long",
            Self::Double => "double",
            Self::String => "string",
            Self::List => "list",
            Self::Class => "class",
            Self::Password => "password",
        }
    }
}

impl Unit {
    /// The unit's symbol: `ms`, `s`, `bytes`, `KiB`, or nothing.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Kibibytes => "KiB",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Milliseconds => " milliseconds",
            Self::Seconds => " seconds",
            Self::Bytes => " bytes",
            Self::Kibibytes => " KiB",
        }
    }
}

const EMPTY: &str = "is empty; set a value or remove the setting";

/// Checks `text` and returns it in canonical form: trimmed, `true` for `TRUE`, `5` for `+05`.
///
/// The error says what is allowed and never shows the value.
pub(crate) fn check(text: &str, kind: Type, range: Range, unit: Unit) -> Result<String, String> {
    let text = text.trim();
    if text.contains('\0') {
        return Err("contains a NUL byte, which is not allowed".to_owned());
    }
    match kind {
        Type::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Ok("true".to_owned()),
            "false" => Ok("false".to_owned()),
            _ => Err("is invalid; must be true or false".to_owned()),
        },
        Type::Short | Type::Int | Type::Long => integer(text, kind, range, unit),
        Type::Double => decimal(text, range),
        Type::List => list(text, range),
        Type::String | Type::Class | Type::Password => word(text, range),
    }
}

fn list(text: &str, range: Range) -> Result<String, String> {
    let items: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_distinct = matches!(range, Range::Distinct | Range::NonEmptyDistinct);
    match items.as_slice() {
        [""] if range == Range::NonEmptyDistinct => Err(EMPTY.to_owned()),
        [""] => Ok(String::new()),
        items if items.contains(&"") => Err("has an empty entry between commas".to_owned()),
        items if is_distinct => match (1..items.len()).find(|&index| items[..index].contains(&items[index])) {
            Some(index) => Err(format!("has a duplicate: entry {} repeats an earlier one; remove it", index + 1)),
            None => Ok(items.join(",")),
        },
        items => Ok(items.join(",")),
    }
}

fn integer(text: &str, kind: Type, range: Range, unit: Unit) -> Result<String, String> {
    let (least, greatest) = kind.limits().unwrap_or((i64::MIN, i64::MAX));
    let wanted = describe(range, unit).unwrap_or_else(|| format!("must be {least} to {greatest}{}", unit.plural()));
    let number: i128 = text.parse().map_err(|_| format!("is not a whole number; {wanted}"))?;
    let number = i64::try_from(number)
        .ok()
        .filter(|number| (least..=greatest).contains(number) && within(*number, range))
        .ok_or_else(|| format!("is out of range; {wanted}"))?;
    Ok(number.to_string())
}

fn within(number: i64, range: Range) -> bool {
    match range {
        Range::AtLeast(least) => number >= least,
        Range::Between(least, greatest) => (least..=greatest).contains(&number),
        Range::BetweenOr(least, greatest, other) => number == other || (least..=greatest).contains(&number),
        _ => true,
    }
}

fn decimal(text: &str, range: Range) -> Result<String, String> {
    let number: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    match range {
        _ if !number.is_finite() => Err("is not a finite number".to_owned()),
        Range::Decimal(least, greatest) if !(least..=greatest).contains(&number) => {
            Err(format!("is out of range; must be {least} to {greatest}"))
        }
        _ => Ok(number.to_string()),
    }
}

fn word(text: &str, range: Range) -> Result<String, String> {
    match range {
        Range::OneOf(words) if !words.contains(&text) => Err(format!("is invalid; must be one of {}", words.join(", "))),
        Range::OneOfAnyCase(words) => words
            .iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .map(|word| (*word).to_owned())
            .ok_or_else(|| format!("is invalid; must be one of {}", words.join(", "))),
        Range::NonEmpty if text.is_empty() => Err(EMPTY.to_owned()),
        _ => Ok(text.to_owned()),
    }
}

fn describe(range: Range, unit: Unit) -> Option<String> {
    let unit = unit.plural();
    match range {
        Range::AtLeast(least) => Some(format!("must be {least} or more{unit}")),
        Range::Between(least, greatest) => Some(format!("must be {least} to {greatest}{unit}")),
        Range::BetweenOr(least, greatest, other) => Some(format!("must be {least} to {greatest}{unit}, or {other}")),
        _ => None,
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::AtLeast(least) => write!(f, "[{least},...]"),
            Self::Between(least, greatest) => write!(f, "[{least},...,{greatest}]"),
            Self::BetweenOr(least, greatest, other) => write!(f, "[{least},...,{greatest}] or {other}"),
            Self::Decimal(least, greatest) => write!(f, "[{least:?},...,{greatest:?}]"),
            Self::OneOf(words) => write!(f, "[{}]", words.join(", ")),
            Self::OneOfAnyCase(words) => write!(f, "(case insensitive) [{}]", words.join(", ")),
            Self::NonEmpty => f.write_str("non-empty string"),
            Self::Distinct => f.write_str("no duplicates"),
            Self::NonEmptyDistinct => f.write_str("not empty, no duplicates"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_parsed_as_in_java_and_returned_in_canonical_form() {
        let check = |text| check(text, Type::Int, Range::AtLeast(0), Unit::Milliseconds);
        assert_eq!(check(" 5 "), Ok("5".to_owned()));
        assert_eq!(check("+05"), Ok("5".to_owned()));
        assert_eq!(check("2147483647"), Ok("2147483647".to_owned()));
        for (text, wanted) in [
            ("5ms", "is not a whole number; must be 0 or more milliseconds"),
            ("", "is not a whole number; must be 0 or more milliseconds"),
            ("1_000", "is not a whole number; must be 0 or more milliseconds"),
            ("-1", "is out of range; must be 0 or more milliseconds"),
            ("2147483648", "is out of range; must be 0 or more milliseconds"),
            ("99999999999999999999", "is out of range; must be 0 or more milliseconds"),
        ] {
            assert_eq!(check(text), Err(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_range_may_have_one_value_outside_it() {
        let check = |text| check(text, Type::Int, Range::BetweenOr(1, 9, -1), Unit::None);
        assert_eq!(check("-1"), Ok("-1".to_owned()));
        assert_eq!(check("0"), Err("is out of range; must be 1 to 9, or -1".to_owned()));
    }

    #[test]
    fn strings_lists_and_booleans() {
        let any = |text, kind| check(text, kind, Range::Any, Unit::None);
        assert_eq!(any(" TRUE ", Type::Boolean), Ok("true".to_owned()));
        assert_eq!(any("yes", Type::Boolean), Err("is invalid; must be true or false".to_owned()));
        assert_eq!(any(" a , b ", Type::List), Ok("a,b".to_owned()));
        assert_eq!(any("", Type::List), Ok(String::new()));
        assert_eq!(any("a,,b", Type::List), Err("has an empty entry between commas".to_owned()));
        let distinct = |text, range| check(text, Type::List, range, Unit::None);
        for range in [Range::Distinct, Range::NonEmptyDistinct] {
            assert_eq!(distinct(" a , b ", range), Ok("a,b".to_owned()));
            assert_eq!(distinct("a,b, a", range), Err("has a duplicate: entry 3 repeats an earlier one; remove it".to_owned()));
        }
        assert_eq!(distinct("", Range::Distinct), Ok(String::new()));
        assert_eq!(distinct(" ", Range::NonEmptyDistinct), Err(EMPTY.to_owned()));
        assert_eq!(any("0.80", Type::Double), Ok("0.8".to_owned()));
        assert_eq!(any("NaN", Type::Double), Err("is not a finite number".to_owned()));
        assert_eq!(any("a\0b", Type::String), Err("contains a NUL byte, which is not allowed".to_owned()));
        let protocol = |text| check(text, Type::String, Range::OneOfAnyCase(&["SSL", "PLAINTEXT"]), Unit::None);
        assert_eq!(protocol("ssl"), Ok("SSL".to_owned()));
        assert_eq!(protocol("tls"), Err("is invalid; must be one of SSL, PLAINTEXT".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_errors_do_not_show_it(text in "[a-z]{12,20}|.{0,40}") {
            for kind in [Type::Boolean, Type::Short, Type::Int, Type::Long, Type::Double, Type::String, Type::List, Type::Class] {
                for range in [Range::Any, Range::AtLeast(0), Range::BetweenOr(1, 9, -1), Range::Decimal(0.5, 1.0), Range::OneOf(&["x"])] {
                    if let Err(message) = check(&text, kind, range, Unit::Bytes) {
                        prop_assert!(text.len() < 12 || !message.contains(&text));
                    }
                }
            }
        }
    }
}
