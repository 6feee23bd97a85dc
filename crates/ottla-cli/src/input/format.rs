//! [`Format`]: the format of the input.

use std::{fmt, path::Path, str::FromStr};

use super::decompress::Compression;

/// The format of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One record per line, unchanged.
    Lines,
    /// One JSON object per line.
    Jsonl,
    /// JSON objects that may span lines, one after the other or in arrays.
    Json,
    /// Comma-separated values with a header (RFC 4180); each row becomes a JSON object.
    Csv,
    /// An Avro object container file; each record becomes a JSON object.
    Avro,
    /// One record per line, with all its parts, as `ottla consume --format record` writes it.
    Record,
    /// The dead letters of earlier runs, whose records are read as their inputs were.
    DeadLetters,
}

impl Format {
    /// All formats.
    pub(crate) const ALL: [Self; 7] =
        [Self::Lines, Self::Jsonl, Self::Json, Self::Csv, Self::Avro, Self::Record, Self::DeadLetters];

    /// Whether each record has fields, from which parts of it can be made. The records of dead letters may have some.
    pub(crate) fn has_fields(self) -> bool {
        !matches!(self, Self::Lines | Self::Record)
    }

    /// Whether each record is read as a JSON object.
    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::Jsonl | Self::Json | Self::Avro)
    }

    /// The format by file extension, ignoring that of a compression; `None` if the extension is unknown.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        match plain_extension(path)?.as_str() {
            "txt" | "log" | "lines" => Some(Self::Lines),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
            "csv" | "tsv" | "tab" => Some(Self::Csv),
            "avro" => Some(Self::Avro),
            _ => None,
        }
    }
}

/// The delimiter that a file extension implies for CSV.
pub(super) fn delimiter_of_path(path: &Path) -> u8 {
    match plain_extension(path).as_deref() {
        Some("tsv" | "tab") => b'\t',
        _ => b',',
    }
}

/// The file extension in lower case, without that of a compression.
fn plain_extension(path: &Path) -> Option<String> {
    let plain = Compression::of_path(path).map(|_| path.with_extension(""));
    Some(plain.as_deref().unwrap_or(path).extension()?.to_str()?.to_ascii_lowercase())
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "lines" => Ok(Self::Lines),
            "jsonl" => Ok(Self::Jsonl),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "avro" => Ok(Self::Avro),
            "record" => Ok(Self::Record),
            "dead-letters" => Ok(Self::DeadLetters),
            _ => {
                Err(format!("unknown input format `{name}`; must be one of lines, jsonl, json, csv, avro, record, dead-letters"))
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lines => "lines",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Avro => "avro",
            Self::Record => "record",
            Self::DeadLetters => "dead-letters",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_from_the_extension() {
        for (path, format) in [
            ("flights.csv", Some(Format::Csv)),
            ("a.b/flights.CSV.gz", Some(Format::Csv)),
            ("orders.jsonl.zst", Some(Format::Jsonl)),
            ("orders.jsonl.XZ", Some(Format::Jsonl)),
            ("orders.tab.lz4", Some(Format::Csv)),
            ("orders.ndjson", Some(Format::Jsonl)),
            ("flights.tsv.gz", Some(Format::Csv)),
            ("notes.txt", Some(Format::Lines)),
            ("orders.json", Some(Format::Json)),
            ("orders.json.gz", Some(Format::Json)),
            ("orders.gz", None),
            ("csv", None),
            ("", None),
        ] {
            assert_eq!(Format::of_path(Path::new(path)), format, "{path}");
        }
    }

    #[test]
    fn displayed_names_parse_to_the_same_format() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("tsv".parse::<Format>().unwrap_err().contains("lines, jsonl, json, csv, avro"));
    }
}
