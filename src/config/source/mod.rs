//! Configuration texts: reads TOML, YAML, JSON and Java's `.properties` to names and values with line numbers.

mod file;
mod format;
mod host;
mod jaas;
mod json;
mod lines;
mod name_pattern;
mod placeholder;
mod properties;
mod provider;
mod table;
mod toml;
mod yaml;

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

pub use format::{Format, UnknownFormat};
pub use host::{HostSetting, client_tables, host_settings};

#[cfg(feature = "consumer")]
use super::ConsumerConfig;
use super::{ClientConfig, ClientKind, ConfigError, Origin, Problem, ProducerConfig};
use crate::secret::Secret;
use provider::{Providers, Rejected};

/// The number of errors to report for one text before reading stops.
const MAX_PROBLEMS: usize = 100;

/// One setting of a text.
struct Pair {
    line: usize,
    name: String,
    /// The value, or the error of an invalid one. The entries of a list are joined with commas.
    value: Result<Secret, &'static str>,
    /// The value with placeholders replaced, if that is done already: in lists, whose entries are checked one by one.
    expanded: Option<Secret>,
    /// The number of entries, if the value is a list.
    entries: Option<usize>,
}

impl Pair {
    /// The value with placeholders replaced; `None` if it has none.
    ///
    /// # Errors
    /// The value is invalid, or a placeholder has no value.
    fn expanded(&self, providers: &Providers) -> Result<Option<Secret>, String> {
        match (&self.value, &self.expanded) {
            (Err(what), _) => Err((*what).to_owned()),
            // It has a grammar of its own.
            (Ok(value), _) if self.name == "sasl.jaas.config" => {
                Ok(placeholder::parts(value.expose(), providers)?.map(|parts| jaas::substituted(&parts)))
            }
            (Ok(_), Some(expanded)) => Ok(Some(expanded.expose().into())),
            (Ok(value), None) => placeholder::expand(value.expose(), providers),
        }
    }
}

/// A syntax error.
#[cfg_attr(test, derive(Debug, PartialEq))]
struct Broken {
    line: usize,
    /// The error message, which does not quote the text.
    what: String,
}

impl ProducerConfig {
    /// Reads a file. The extension determines the format: `.toml`, `.yaml`, `.yml`, `.json` or `.properties`.
    ///
    /// In TOML, YAML and JSON the settings are in the table `producer`, or at the top level of a file that has neither a table
    /// `producer` nor a table `consumer`. Nested tables and dotted names are equivalent. Values may be strings, numbers, booleans
    /// or lists of strings. `${NAME}` is replaced by an environment variable, `${NAME:-DEFAULT}` by the default if the variable is not
    /// set or empty (it must not contain `${`), `${file:PATH}` by the content of a file without its last line end, `$${` by a plain `${`. A `.properties` file is parsed as by Java; it is read as UTF-8 if it is valid UTF-8,
    /// else as ISO-8859-1. Its `config.providers` may name Kafka's providers of files, directories and environment variables, for
    /// `${file:PATH:KEY}`, `${dir:PATH:KEY}` and `${env:NAME}`.
    ///
    /// The file, and each file that `${file:PATH}` names, must be a regular file of at most 1 MiB, and the placeholders in a value
    /// must not exceed that in total. So reading never blocks and takes little memory, whatever the path is. Placeholders in the
    /// content of variables and files are not replaced. Tables may be nested 24 deep; YAML aliases are not supported.
    ///
    /// # Errors
    /// All errors in the file, each with its line: unreadable or invalid content, unknown names, wrong types, values out of range,
    /// duplicate keys, placeholders without a value. Reading stops after a hundred errors.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        from_file(ClientKind::Producer, path.as_ref()).map(Self)
    }

    /// Reads a `.properties` file that a producer shares with a consumer, as Java's clients do. Settings that only the consumer has are not an
    /// error; they are returned. Other formats have tables for the clients, and are read as by [`from_file`](Self::from_file).
    ///
    /// # Errors
    /// As for [`from_file`](Self::from_file).
    #[cfg(feature = "consumer")]
    pub fn from_shared_file(path: impl AsRef<Path>) -> Result<(Self, Vec<OtherSetting>), ConfigError> {
        shared_file(ClientKind::Producer, ClientKind::Consumer, path.as_ref()).map(|(config, others)| (Self(config), others))
    }

    /// Reads a text in the given format, as [`from_file`](Self::from_file) does.
    ///
    /// # Errors
    /// As for [`from_file`](Self::from_file).
    pub fn from_str(text: &str, format: Format) -> Result<Self, ConfigError> {
        from_str(ClientKind::Producer, text, format).map(Self)
    }
}

#[cfg(feature = "consumer")]
impl ConsumerConfig {
    /// Reads a file as [`ProducerConfig::from_file`] does for a producer. In TOML, YAML and JSON the settings are in the table
    /// `consumer`, or at the top level of a file that has neither a table `producer` nor a table `consumer`.
    ///
    /// # Errors
    /// As for [`ProducerConfig::from_file`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        from_file(ClientKind::Consumer, path.as_ref()).map(Self)
    }

    /// Reads a `.properties` file that a consumer shares with a producer. Settings that only the producer has are returned.
    ///
    /// # Errors
    /// As for [`ProducerConfig::from_file`].
    pub fn from_shared_file(path: impl AsRef<Path>) -> Result<(Self, Vec<OtherSetting>), ConfigError> {
        shared_file(ClientKind::Consumer, ClientKind::Producer, path.as_ref()).map(|(config, others)| (Self(config), others))
    }

    /// Reads a text in the given format, as [`from_file`](Self::from_file) does.
    ///
    /// # Errors
    /// As for [`from_file`](Self::from_file).
    pub fn from_str(text: &str, format: Format) -> Result<Self, ConfigError> {
        from_str(ClientKind::Consumer, text, format).map(Self)
    }
}

/// A setting of another client in a shared file.
#[cfg(feature = "consumer")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherSetting {
    name: String,
    line: usize,
}

#[cfg(feature = "consumer")]
impl OtherSetting {
    /// The setting's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The line of the file, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }
}

fn from_file(kind: ClientKind, path: &Path) -> Result<ClientConfig, ConfigError> {
    let (text, format) = load(path)?;
    let origin = |line| Origin::File { path: path.to_owned(), line };
    read(kind, text.expose(), format, &path.display().to_string(), &origin, &mut |_, _| false)
}

#[cfg(feature = "consumer")]
fn shared_file(kind: ClientKind, other: ClientKind, path: &Path) -> Result<(ClientConfig, Vec<OtherSetting>), ConfigError> {
    let (text, format) = load(path)?;
    let origin = |line| Origin::File { path: path.to_owned(), line };
    let mut others = Vec::new();
    let mut is_other = |name: &str, line| {
        let is_other = format == Format::Properties && kind.setting(name).is_none() && other.setting(name).is_some();
        if is_other {
            others.push(OtherSetting { name: name.to_owned(), line });
        }
        is_other
    };
    let config = read(kind, text.expose(), format, &path.display().to_string(), &origin, &mut is_other)?;
    Ok((config, others))
}

/// Reads a file's text and format.
fn load(path: &Path) -> Result<(Secret, Format), ConfigError> {
    let fail = |message: String| {
        let subject = path.display().to_string();
        ConfigError::new(subject.clone(), vec![Problem::new(None, None, format!("{subject}: {message}"))])
    };
    let format = Format::from_path(path)
        .ok_or_else(|| fail("unknown file extension; must be one of .toml, .yaml, .yml, .json, .properties".to_owned()))?;
    let bytes = file::read(path).map_err(fail)?;
    // Texts in all formats begin with an ASCII character. Two bytes of UTF-16, or its byte order mark, do not look like that.
    if matches!(*bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 1..=255, ..] | [1..=255, 0, ..]) {
        return Err(fail("is UTF-16; save it as UTF-8".to_owned()));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        // Java reads .properties as ISO-8859-1, whose bytes are the first 256 characters of Unicode.
        Err(error) if format == Format::Properties => error.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
        Err(error) => {
            let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            return Err(fail(format!("line {line} is not valid UTF-8")));
        }
    };
    Ok((text.into(), format))
}

fn from_str(kind: ClientKind, text: &str, format: Format) -> Result<ClientConfig, ConfigError> {
    read(kind, text, format, "the text", &|line| Origin::Text { line }, &mut |_, _| false)
}

/// Reads a text. `skip` is called with the name and the line of each setting, and returns whether it is left out.
fn read(
    kind: ClientKind,
    text: &str,
    format: Format,
    subject: &str,
    origin: &dyn Fn(usize) -> Origin,
    skip: &mut dyn FnMut(&str, usize) -> bool,
) -> Result<ClientConfig, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (pairs, broken) = match format {
        Format::Toml => table::settings(kind, toml::parse(text)),
        Format::Yaml => table::settings(kind, yaml::parse(text)),
        Format::Json => table::settings(kind, json::parse(text)),
        Format::Properties => properties::parse(text),
    };
    let (providers, rejected) = match format {
        Format::Properties => Providers::read(&pairs),
        _ => Default::default(),
    };
    let mut config = ClientConfig::new(kind);
    let mut problems: Vec<(usize, Problem)> =
        broken.into_iter().map(|Broken { line, what }| (line, Problem::new(Some(&origin(line)), None, what))).collect();
    problems.extend(
        rejected
            .into_iter()
            .map(|Rejected { line, name, message }| (line, Problem::new(Some(&origin(line)), Some(&name), message))),
    );
    let mut seen: HashMap<String, usize> = HashMap::new();
    for pair in pairs {
        let (line, name) = (pair.line, &pair.name);
        let place = origin(line);
        if problems.len() >= MAX_PROBLEMS {
            problems.push((line, Problem::new(Some(&place), None, "stopped after 100 errors")));
            break;
        }
        match seen.entry(name.clone()) {
            Entry::Occupied(first) => {
                let (shown, _) = config.recognise(name);
                let message = format!("duplicate key, first set on line {}", first.get());
                problems.push((line, Problem::new(Some(&place), shown.as_deref(), message)));
                continue;
            }
            Entry::Vacant(place) => drop(place.insert(line)),
        }
        if (format == Format::Properties && provider::owns(name)) || skip(name, line) {
            continue;
        }
        let put = match (&pair.value, pair.expanded(&providers)) {
            (Ok(value), Ok(None)) => config.put(name, value.expose(), None, place.clone()),
            (Ok(value), Ok(Some(expanded))) => config.put(name, expanded.expose(), Some(value.expose()), place.clone()),
            (Ok(_), Err(message)) => Err(Problem::new(Some(&place), config.recognise(name).0.as_deref(), message)),
            (Err(what), _) => match config.recognise(name) {
                (shown, None) => Err(Problem::new(Some(&place), shown.as_deref(), *what)),
                (shown, Some(unknown)) => Err(Problem::new(Some(&place), shown.as_deref(), unknown)),
            },
        };
        if let Err(problem) = put {
            problems.push((line, problem));
        }
    }
    if problems.is_empty() {
        return Ok(config);
    }
    // Conflicts between settings are reported with the other errors. Without other errors they are left to `check`, because a
    // later source may resolve them.
    let rules = config.convert().problems.into_iter().filter_map(|problem| match problem.origin() {
        Some(Origin::File { line, .. } | Origin::Text { line }) => Some((*line, problem)),
        _ => None,
    });
    problems.extend(rules);
    problems.sort_by_key(|(line, _)| *line);
    Err(ConfigError::new(subject, problems.into_iter().map(|(_, problem)| problem).collect()))
}

#[cfg(test)]
mod tests;
