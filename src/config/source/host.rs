//! [`host_settings`]: what stands in a file beside the settings of its clients.

use std::path::Path;

use super::{Format, Pair, json, load, placeholder, table, toml, yaml};
use crate::{config::ConfigError, secret::Secret};

/// A setting that stands beside a file's tables `producer` and `consumer`: one of the program's whose file it is.
#[derive(Clone, PartialEq, Eq)]
pub struct HostSetting {
    line: usize,
    name: String,
    value: Result<Secret, String>,
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

    /// The value as text, with its placeholders replaced.
    ///
    /// # Errors
    /// Why there is none, without repeating it: a placeholder that stands for nothing, a list of tables, a null.
    pub fn value(&self) -> Result<&str, String> {
        self.value.as_ref().map(Secret::expose).map_err(Clone::clone)
    }
}

/// The settings that stand beside the tables `producer` and `consumer` of a `.toml`, `.yaml` or `.json` file, in their order; names may repeat.
///
/// None if the file has neither, as a `.properties` file never has: then all its settings are one client's. What is broken
/// in the text is an error of [`ProducerConfig::from_file`](crate::ProducerConfig::from_file), not of this.
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
/// The file cannot be read, or its format is not known.
pub fn host_settings(path: impl AsRef<Path>) -> Result<Vec<HostSetting>, ConfigError> {
    let members = members(path.as_ref())?;
    let setting = |Pair { line, name, value }| {
        let value = value.map_err(str::to_owned).and_then(|value| Ok(placeholder::expand(value.expose())?.unwrap_or(value)));
        HostSetting { line, name, value }
    };
    Ok(table::others(members).into_iter().map(setting).collect())
}

/// Which of the tables `producer` and `consumer` a file has; none if its settings stand at the top.
///
/// # Errors
/// The file cannot be read, or its format is not known.
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

/// Shows the name only: the value may be a secret.
impl std::fmt::Debug for HostSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostSetting").field("line", &self.line).field("name", &self.name).finish_non_exhaustive()
    }
}
