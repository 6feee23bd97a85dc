//! [`ColumnType`]: the JSON type of a CSV column.

use std::{io::Write as _, str::FromStr};

use serde::de::IgnoredAny;

/// The JSON type of a CSV column, for values without a schema: `types`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// A string.
    #[default]
    String,
    /// An integer of 16 bits.
    Short,
    /// An integer of 32 bits.
    Integer,
    /// An integer of 64 bits.
    Long,
    /// A number in the range of a 32-bit float.
    Float,
    /// A number in the range of a 64-bit float.
    Double,
    /// `true` or `false`.
    Boolean,
    /// JSON, which is inserted unchanged.
    Json,
    /// The type that each field looks like: a number, `true`, `false`, or a string.
    Infer,
}

impl FromStr for ColumnType {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "string" => Self::String,
            "short" => Self::Short,
            "integer" => Self::Integer,
            "long" => Self::Long,
            "float" => Self::Float,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "json" => Self::Json,
            _ => return Err("must be one of string, short, integer, long, float, double, boolean, json".to_owned()),
        })
    }
}

impl ColumnType {
    /// Appends the JSON of a field.
    ///
    /// # Errors
    /// The text is not of this type; the error says what it is not.
    pub(super) fn append(self, text: &str, json: &mut Vec<u8>) -> Result<(), &'static str> {
        match self {
            Self::String => append_string(text, json),
            Self::Short => append_integer(text.trim().parse::<i16>().ok(), json).ok_or("is not a short (an integer of 16 bits)"),
            Self::Integer => {
                append_integer(text.trim().parse::<i32>().ok(), json).ok_or("is not an integer (an integer of 32 bits)")
            }
            Self::Long => append_integer(text.trim().parse::<i64>().ok(), json).ok_or("is not a long (an integer of 64 bits)"),
            Self::Float => {
                let is_finite = text.trim().parse::<f32>().is_ok_and(f32::is_finite);
                append_number(text.trim(), json).filter(|()| is_finite).ok_or("is not a float (a finite number)")
            }
            Self::Double => append_number(text.trim(), json).ok_or("is not a double (a finite number)"),
            Self::Boolean => match text.trim() {
                "true" | "false" => append(text.trim(), json),
                "True" | "TRUE" => append("true", json),
                "False" | "FALSE" => append("false", json),
                _ => Err("is not true or false"),
            },
            Self::Json => match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => append(text, json),
                Err(_) => Err("is not JSON"),
            },
            Self::Infer if is_number(text) || matches!(text, "true" | "false") => append(text, json),
            Self::Infer => append_string(text, json),
        }
    }
}

fn append(text: &str, json: &mut Vec<u8>) -> Result<(), &'static str> {
    json.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Appends a JSON string.
fn append_string(text: &str, json: &mut Vec<u8>) -> Result<(), &'static str> {
    serde_json::to_writer(json, text).map_err(|_| "cannot be written as a JSON string")
}

/// Appends an integer, without the plus sign or zeros that it may begin with.
fn append_integer(integer: Option<impl Into<i64>>, json: &mut Vec<u8>) -> Option<()> {
    write!(json, "{}", integer?.into()).ok()
}

/// Appends a number with its own digits, or as the shortest equal number if JSON does not have this form, as for `.5` and `+1`.
fn append_number(text: &str, json: &mut Vec<u8>) -> Option<()> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if is_json_number(text) {
        json.extend_from_slice(text.as_bytes());
        return Some(());
    }
    serde_json::to_writer(json, &number).ok()
}

/// Whether a text has the form of a JSON number.
fn is_json_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a text is a JSON number that an integer of 64 bits or a finite float holds. `007` is not one.
fn is_number(text: &str) -> bool {
    is_json_number(text)
        && match text.contains(['.', 'e', 'E']) {
            true => text.parse::<f64>().is_ok_and(f64::is_finite),
            false => text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: ColumnType, text: &str) -> Result<String, &'static str> {
        let mut json = Vec::new();
        kind.append(text, &mut json)?;
        serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        Ok(String::from_utf8(json).unwrap())
    }

    #[test]
    fn texts_become_json_of_the_type() {
        for (name, text, wanted) in [
            ("string", "1\"é\n", r#""1\"é\n""#),
            ("short", "-32768", "-32768"),
            ("integer", " 007 ", "7"),
            ("long", "+9223372036854775807", "9223372036854775807"),
            ("float", "1.50", "1.50"),
            ("double", "1e-3", "1e-3"),
            ("double", ".5", "0.5"),
            ("double", "+2", "2.0"),
            ("double", "0.1000000000000000055", "0.1000000000000000055"),
            ("boolean", "true", "true"),
            ("boolean", "FALSE", "false"),
            ("json", "{\"a\": [1]}", "{\"a\": [1]}"),
        ] {
            assert_eq!(json(name.parse().unwrap(), text), Ok(wanted.to_owned()), "{name} {text:?}");
        }
    }

    #[test]
    fn texts_of_another_type_are_rejected() {
        for (name, texts) in [
            ("short", &["32768", "", "x"][..]),
            ("integer", &["2147483648", "1.0"]),
            ("long", &["9223372036854775808", "1e3", "NA"]),
            ("float", &["1e39", "NaN", ""]),
            ("double", &["1e309", "inf", "1,5", ""]),
            ("boolean", &["1", "yes", ""]),
            ("json", &["{", "", "x"]),
        ] {
            for text in texts {
                let error = json(name.parse().unwrap(), text).unwrap_err();
                assert!(error.starts_with("is not "), "{name} {text:?}: {error}");
            }
        }
        assert!("int".parse::<ColumnType>().unwrap_err().contains("integer, long"));
    }

    #[test]
    fn types_are_inferred_only_without_loss() {
        for (text, wanted) in [
            ("0", "0"),
            ("-17", "-17"),
            ("18446744073709551615", "18446744073709551615"),
            ("1.50", "1.50"),
            ("1E5", "1E5"),
            ("true", "true"),
            ("007", "\"007\""),
            ("+1", "\"+1\""),
            (" 1", "\" 1\""),
            ("1 ", "\"1 \""),
            (".5", "\".5\""),
            ("1e999", "\"1e999\""),
            ("18446744073709551616", "\"18446744073709551616\""),
            ("True", "\"True\""),
            ("null", "\"null\""),
            ("NaN", "\"NaN\""),
            ("", "\"\""),
        ] {
            assert_eq!(json(ColumnType::Infer, text), Ok(wanted.to_owned()), "{text:?}");
        }
    }
}
