//! [`host_settings`]: the program's own settings in a configuration file.

use std::path::Path;

use super::{Format, Pair, json, load, provider::Providers, table, toml, yaml};
use crate::{config::ConfigError, secret::Secret};

/// A setting outside the tables `producer` and `consumer`, which belongs to the program.
#[derive(Clone, PartialEq, Eq)]
pub struct HostSetting {
    line: usize,
    name: String,
    value: Result<Secret, String>,
    /// The number of entries, if the value is a list.
    entries: Option<usize>,
    /// The value as it is written, if it has placeholders.
    written: Option<Secret>,
}

impl HostSetting {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The dotted name: `input.path` for `path` in the table `input`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, with placeholders replaced.
    ///
    /// # Errors
    /// The value is not valid: a placeholder without a value, a list of tables, a null. The error does not show the value.
    pub fn value(&self) -> Result<&str, String> {
        self.value.as_ref().map(Secret::expose).map_err(Clone::clone)
    }

    /// The entries of a list, which may be empty; any other value is the only entry. [`value`](Self::value) joins the entries with commas.
    ///
    /// # Errors
    /// As for [`value`](Self::value); an entry contains a comma.
    pub fn entries(&self) -> Result<Vec<&str>, String> {
        let value = self.value()?;
        match self.entries {
            None => Ok(vec![value]),
            Some(0) => Ok(Vec::new()),
            Some(count) => {
                let entries: Vec<_> = value.split(',').collect();
                if entries.len() == count { Ok(entries) } else { Err(table::COMMA.to_owned()) }
            }
        }
    }

    /// The value as it is in the file, if it has placeholders: for messages, because a placeholder's text may be a secret.
    pub fn written(&self) -> Option<&str> {
        self.written.as_ref().map(Secret::expose)
    }
}

/// The settings outside the tables `producer` and `consumer` of a `.toml`, `.yaml` or `.json` file, in order; names may repeat.
///
/// Empty if the file has neither table, as `.properties` files never do: then all settings are those of one client. Syntax errors
/// are reported by [`ProducerConfig::from_file`](crate::ProducerConfig::from_file), not here.
///
/// ```
/// use ottla::config::host_settings;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("orders.toml");
/// std::fs::write(&path, "topic = \"orders\"\n[producer]\nacks = \"all\"\n[input]\nkey = \"id\"\n").unwrap();
/// let settings = host_settings(&path)?;
/// assert_eq!(settings[0].value(), Ok("orders"));
/// assert_eq!((settings[1].name(), settings[1].line()), ("input.key", 5));
/// # Ok::<(), ottla::config::ConfigError>(())
/// ```
///
/// # Errors
/// The file cannot be read, or its format is unknown.
pub fn host_settings(path: impl AsRef<Path>) -> Result<Vec<HostSetting>, ConfigError> {
    let members = members(path.as_ref())?;
    let setting = |pair: Pair| {
        let expanded = pair.expanded(&Providers::default());
        let Pair { line, name, value, entries, .. } = pair;
        let (value, written) = match (value, expanded) {
            (Ok(value), Ok(Some(expanded))) => (Ok(expanded), Some(value)),
            (Ok(value), Ok(None)) => (Ok(value), None),
            (Err(what), _) => (Err(what.to_owned()), None),
            (Ok(_), Err(message)) => (Err(message), None),
        };
        HostSetting { line, name, value, entries, written }
    };
    Ok(table::others(members).into_iter().map(setting).collect())
}

/// Which of the tables `producer` and `consumer` a file has; empty if the settings are at the top level.
///
/// # Errors
/// The file cannot be read, or its format is unknown.
pub fn client_tables(path: impl AsRef<Path>) -> Result<Vec<&'static str>, ConfigError> {
    Ok(table::clients(&members(path.as_ref())?))
}

fn members(path: &Path) -> Result<Vec<table::Member>, ConfigError> {
    let (text, format) = load(path)?;
    let text = text.expose();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(match format {
        Format::Toml => toml::parse(text).0,
        Format::Yaml => yaml::parse(text).0,
        Format::Json => json::parse(text).0,
        Format::Properties => Vec::new(),
    })
}

/// Shows only the name, because the value may be a secret.
impl std::fmt::Debug for HostSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostSetting").field("line", &self.line).field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_comma_does_not_make_more_entries() {
        // A file that a placeholder names may change after the list is checked.
        let list = |value: &str, entries| {
            let value = Ok(Secret::from(value));
            HostSetting { line: 1, name: "input.path".to_owned(), value, entries, written: None }
        };
        assert_eq!(list("a,b", Some(2)).entries(), Ok(vec!["a", "b"]));
        for (value, count) in [("a,b,c", 2), ("a", 2), ("a,b", 1)] {
            assert_eq!(list(value, Some(count)).entries(), Err(table::COMMA.to_owned()), "{value}");
        }
    }
}
