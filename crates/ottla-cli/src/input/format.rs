//! [`Format`]: how the input's records are told apart.

use std::{fmt, path::Path, str::FromStr};

/// How the input's records are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One record a line, as it is.
    Lines,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header (RFC 4180), each row a JSON object.
    Csv,
}

impl Format {
    /// The format of a file of this name, `.gz` or `.zst` left out; `None` if the name does not tell.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let extension = |path: &Path| path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let plain = match extension(path).as_deref() {
            Some("gz" | "zst") => path.with_extension(""),
            _ => path.to_owned(),
        };
        match extension(&plain)?.as_str() {
            "txt" | "log" | "lines" => Some(Self::Lines),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "lines" => Ok(Self::Lines),
            "jsonl" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            _ => Err(format!("`{name}` is no input format; there are lines, jsonl and csv")),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lines => "lines",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_its_format() {
        for (path, format) in [
            ("flights.csv", Some(Format::Csv)),
            ("a.b/flights.CSV.gz", Some(Format::Csv)),
            ("orders.jsonl.zst", Some(Format::Jsonl)),
            ("orders.ndjson", Some(Format::Jsonl)),
            ("notes.txt", Some(Format::Lines)),
            ("orders.json", None),
            ("orders.gz", None),
            ("csv", None),
            ("", None),
        ] {
            assert_eq!(Format::of_path(Path::new(path)), format, "{path}");
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_shown() {
        for format in [Format::Lines, Format::Jsonl, Format::Csv] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("tsv".parse::<Format>().unwrap_err().contains("lines, jsonl and csv"));
    }
}
