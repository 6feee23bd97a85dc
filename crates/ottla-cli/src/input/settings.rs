//! [`InputSettings`]: the table `[input]` of a configuration file.

use super::{
    Format, Keep,
    dialect::{CsvDialect, Header},
    line_parts::LineDialect,
    setting_table::InputSetting,
    text_encoding::TextEncoding,
};
use Format::{Csv, Lines, Record};
use std::time::Duration;

/// The table `[input]` of a configuration file.
#[derive(Debug, Clone, Default)]
pub(crate) struct InputSettings {
    pub(crate) csv: CsvDialect,
    pub(crate) lines: LineDialect,
    /// The encoding of the text. Defaults to UTF-8, where the format needs one.
    pub(crate) encoding: Option<TextEncoding>,
    /// What records of the format `record` keep.
    pub(crate) keep: Keep,
    /// How growing files are read.
    pub(crate) follow: FollowSettings,
    /// The settings as they are in the file.
    pub(crate) given: Vec<GivenSetting>,
}

/// How files that grow are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FollowSettings {
    /// Whether to read on at the end of the files.
    pub(crate) is_on: bool,
    /// How often the files are looked at.
    pub(crate) poll: Duration,
    /// How long a file that was replaced must not have grown before it counts as complete.
    pub(crate) rotate_wait: Duration,
}

impl Default for FollowSettings {
    fn default() -> Self {
        Self { is_on: false, poll: Duration::from_millis(250), rotate_wait: Duration::from_secs(5) }
    }
}

/// A setting as it is in the file.
#[derive(Debug, Clone)]
pub(crate) struct GivenSetting {
    /// The name within the table.
    pub(crate) name: String,
    pub(crate) value: String,
    /// The line of the file, counted from 1.
    pub(crate) line: usize,
}

impl InputSettings {
    /// Sets a setting of this table, by its name within the table.
    ///
    /// # Errors
    /// The value is invalid; the message says what is valid.
    pub(crate) fn put(&mut self, name: &str, value: &str, line: usize) -> Result<(), String> {
        let (csv, lines) = (&mut self.csv, &mut self.lines);
        match name {
            "parse_key" => lines.parse_key = boolean(value)?,
            "key_separator" => lines.key_separator = separator(value)?,
            "parse_headers" => lines.parse_headers = boolean(value)?,
            "headers_delimiter" => lines.headers_delimiter = separator(value)?,
            "headers_separator" => lines.headers_separator = separator(value)?,
            "headers_key_separator" => lines.headers_key_separator = separator(value)?,
            "null_marker" => lines.null_marker = Some(value.to_owned()),
            "ignore_error" => lines.ignore_error = boolean(value)?,
            "keep" => self.keep = value.parse()?,
            "encoding" => self.encoding = Some(value.parse()?),
            "follow" => self.follow.is_on = boolean(value)?,
            "poll_ms" => self.follow.poll = milliseconds(value)?,
            "rotate_wait_ms" => self.follow.rotate_wait = milliseconds(value)?,
            "delimiter" => match character(value)? {
                None => return Err("must not be empty: CSV needs a character between fields".to_owned()),
                delimiter => csv.delimiter = delimiter,
            },
            "quote" => csv.quote = character(value)?,
            "escape" => csv.escape = character(value)?,
            "comment" => csv.comment = character(value)?,
            "header" => csv.header = header(value)?,
            "skip_lines" => csv.skip_lines = value.parse().map_err(|_| "must be a number of lines, such as 1".to_owned())?,
            "quoted_null" => csv.quoted_null = boolean(value)?,
            "null" | "null.*" => csv.null.all = Some(value.to_owned()),
            _ => {
                if let Some(column) = name.strip_prefix("null.") {
                    csv.null.columns.push((column.to_owned(), value.to_owned()));
                }
            }
        }
        self.given.push(GivenSetting { name: name.to_owned(), value: value.to_owned(), line });
        Ok(())
    }

    /// Shows the last setting as it is in the file, if it has placeholders: their text may be a secret.
    pub(crate) fn show_as_written(&mut self, written: Option<&str>) {
        GivenSetting::show_last(&mut self.given, written);
    }

    /// Applies `--follow`.
    pub(crate) fn follow(&mut self) {
        self.remove("follow");
        self.given.push(GivenSetting { name: "follow".to_owned(), value: "true".to_owned(), line: 0 });
        self.follow.is_on = true;
    }

    /// Removes a setting of the file, which a flag overrides.
    pub(crate) fn remove(&mut self, name: &str) {
        self.given.retain(|given| given.name != name);
    }

    /// Applies the flag that says what records keep.
    pub(crate) fn override_keep(&mut self, keep: Keep) {
        self.remove("keep");
        self.keep = keep;
    }

    /// Applies the flag that splits lines into key and value. A line without the separator has no key. With `parse_headers` the file's
    /// `ignore_error` decides that, because it also applies to headers.
    ///
    /// # Errors
    /// No line can have the separator.
    pub(crate) fn split_keys_at(&mut self, separator: String) -> Result<(), String> {
        check_separator(&separator)?;
        let ignores = if self.lines.parse_headers { self.lines.ignore_error } else { true };
        for (name, value) in [("parse_key", "true"), ("key_separator", &separator)] {
            self.remove(name);
            self.given.push(GivenSetting { name: name.to_owned(), value: value.to_owned(), line: 0 });
        }
        (self.lines.parse_key, self.lines.key_separator, self.lines.ignore_error) = (true, separator, ignores);
        Ok(())
    }

    /// Finds settings that conflict with each other: the name and the message of each.
    pub(crate) fn conflicts(&self) -> Vec<(&GivenSetting, String)> {
        let CsvDialect { delimiter, quote, escape, comment, null, quoted_null, .. } = &self.csv;
        let mut found = Vec::new();
        let mut conflict = |name: &str, message: String| {
            found.extend(self.given.iter().find(|given| given.name == name).map(|given| (given, message)));
        };
        let marks = [("delimiter", *delimiter), ("quote", *quote), ("escape", *escape), ("comment", *comment)];
        for (index, (name, mark)) in marks.iter().enumerate() {
            let same = marks[..index].iter().find(|(_, other)| mark.is_some() && other == mark);
            match (same, *name) {
                (Some(("quote", _)), "escape") => {
                    conflict("escape", "is the quote, and a doubled quote is part of the text in any case; remove it".to_owned());
                }
                (Some((other, _)), _) => {
                    let message = format!("must differ from `{other}`");
                    // One of them is a default, which has no line.
                    let is_given = self.given.iter().any(|given| given.name == *name);
                    conflict(
                        if is_given { name } else { other },
                        if is_given { message } else { format!("must differ from `{name}`") },
                    );
                }
                (None, _) => {}
            }
        }
        if escape.is_some() && quote.is_none() {
            conflict("escape", "requires a quote: remove `escape`, or set `quote`".to_owned());
        }
        if let Some(mark) = escape {
            let nulls = null.all.iter().map(|text| ("null".to_owned(), text));
            let nulls = nulls.chain(null.columns.iter().map(|(column, text)| (format!("null.{column}"), text)));
            // An even number of escapes at the end are escaped themselves.
            let ends_with_escape = |text: &String| text.bytes().rev().take_while(|byte| byte == mark).count() % 2 == 1;
            for (name, _) in nulls.filter(|(_, text)| ends_with_escape(text)) {
                conflict(&name, "ends with the escape, after which a field goes on; no field has this text".to_owned());
            }
        }
        if !quoted_null && null.all.is_none() && null.columns.is_empty() {
            conflict(
                "quoted_null",
                "has no effect without `null`; set `null` to the text that means null, such as \"\"".to_owned(),
            );
        }
        let mut of_lines = self.line_conflicts();
        found.append(&mut of_lines);
        found
    }

    /// The conflicts of the settings for lines, which are those of Kafka's console producer, and settings without effect.
    fn line_conflicts(&self) -> Vec<(&GivenSetting, String)> {
        let LineDialect { parse_key, parse_headers, null_marker, .. } = &self.lines;
        let given = |name: &str| self.given.iter().find(|given| given.name == name);
        let mut found = Vec::new();
        let parts = [
            ("key_separator", Some(&self.lines.key_separator), *parse_key),
            ("headers_delimiter", Some(&self.lines.headers_delimiter), *parse_headers),
            ("headers_separator", Some(&self.lines.headers_separator), *parse_headers),
            ("headers_key_separator", Some(&self.lines.headers_key_separator), *parse_headers),
            ("null_marker", null_marker.as_ref(), true),
        ];
        for (index, (name, text, applies)) in parts.iter().enumerate() {
            // The key separator may be the headers' delimiter, as it is by default, or another of their separators.
            let same = parts[..index].iter().find(|(other, same, applies)| {
                *applies && text.is_some() && same == text && (*other != "key_separator" || *name == "null_marker")
            });
            let Some((other, ..)) = same.filter(|_| *applies) else { continue };
            // One of them may be a default, which has no line.
            let conflict = given(name).map(|given| (given, other)).or_else(|| given(other).map(|given| (given, name)));
            found.extend(conflict.map(|(given, other)| (given, format!("must differ from `{other}`"))));
        }
        let users = [
            ("key_separator", *parse_key, "`parse_key = true`"),
            ("ignore_error", *parse_key || *parse_headers, "`parse_key = true` or `parse_headers = true`"),
        ];
        let of_headers = ["headers_delimiter", "headers_separator", "headers_key_separator"]
            .map(|name| (name, *parse_headers, "`parse_headers = true`"));
        for (name, has_effect, without) in users.into_iter().chain(of_headers) {
            found.extend(given(name).filter(|_| !has_effect).map(|given| (given, format!("has no effect without {without}"))));
        }
        found
    }

    /// The first given setting that does not apply to the format, with the formats it applies to.
    pub(super) fn inapplicable(&self, format: Format) -> Option<(&GivenSetting, String)> {
        self.given.iter().find(|given| !given.applies_to(format)).and_then(|given| {
            let formats = InputSetting::of_name(&given.name)?.formats()?;
            Some((given, formats))
        })
    }

    /// Removes the settings that do not apply to the format but to one of the other formats of the run.
    pub(crate) fn leave_to_others(&mut self, format: Format, others: &[Format]) {
        self.given.retain(|given| given.applies_to(format) || !others.iter().any(|other| given.applies_to(*other)));
    }

    /// Removes the settings that do not apply to the format, and returns them.
    pub(crate) fn restrict_to(&mut self, format: Format) -> Vec<GivenSetting> {
        let (kept, removed) = std::mem::take(&mut self.given).into_iter().partition(|given| given.applies_to(format));
        self.given = kept;
        if format != Csv {
            self.csv = CsvDialect::default();
        }
        if format != Lines {
            self.lines = LineDialect::default();
        }
        if format != Record {
            self.keep = Keep::default();
        }
        removed
    }
}

impl GivenSetting {
    /// Shows the last of these settings as it is in the file, if it has placeholders.
    pub(crate) fn show_last(given: &mut [Self], written: Option<&str>) {
        if let Some((given, written)) = given.last_mut().zip(written) {
            given.value = written.to_owned();
        }
    }

    fn applies_to(&self, format: Format) -> bool {
        InputSetting::of_name(&self.name).is_none_or(|setting| setting.applies_to(format))
    }

    /// Whether this is the setting, for one column or for all.
    pub(crate) fn is_of(&self, setting: &InputSetting) -> bool {
        InputSetting::of_name(&self.name).is_some_and(|found| found.name == setting.name)
    }
}

/// One character, or none if the value is empty.
fn character(value: &str) -> Result<Option<u8>, String> {
    match value.as_bytes() {
        [] => Ok(None),
        // A tab in YAML without quotes and in TOML with single quotes.
        b"\\t" => Ok(Some(b'\t')),
        [b'\n' | b'\r'] => Err("must not be a line end, which ends a row".to_owned()),
        [byte] if byte.is_ascii() => Ok(Some(*byte)),
        _ if value.chars().count() == 1 => Err(format!("must be an ASCII character, but {value:?} is not")),
        _ => Err(format!("must be one character, but {value:?} has {}", value.chars().count())),
    }
}

/// A text between two parts of a line.
fn separator(value: &str) -> Result<String, String> {
    check_separator(value)?;
    // A tab in YAML without quotes and in TOML with single quotes.
    Ok(value.replace("\\t", "\t"))
}

fn check_separator(value: &str) -> Result<(), String> {
    match value {
        "" => Err("must not be empty".to_owned()),
        _ if value.contains('\n') => Err("must not have a line end, which ends a record".to_owned()),
        _ => Ok(()),
    }
}

fn header(value: &str) -> Result<Header, String> {
    match value {
        "true" => Ok(Header::FirstRow),
        "false" => Ok(Header::Numbered),
        "" => Err("must be true, false, or a list of column names".to_owned()),
        names => {
            let names: Vec<String> = names.split(',').map(str::to_owned).collect();
            for (index, name) in names.iter().enumerate() {
                if names[..index].contains(name) {
                    return Err(format!("duplicate column `{name}`"));
                }
            }
            Ok(Header::Names(names))
        }
    }
}

fn milliseconds(value: &str) -> Result<Duration, String> {
    match value.parse() {
        Ok(number @ 1..=3_600_000) => Ok(Duration::from_millis(number)),
        _ => Err("must be a number of milliseconds from 1 to 3600000".to_owned()),
    }
}

fn boolean(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "must be true or false".to_owned())
}
