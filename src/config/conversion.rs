//! [`Conversion`]: the librdkafka properties that the settings become, with the errors and warnings found.

use std::path::Path;

use super::{ClientConfig, Problem, Warning, file, is_secret, librdkafka_property, redacted};
use crate::secret::Secret;

/// The result of converting settings to properties.
pub(crate) struct Conversion {
    pub(crate) properties: Vec<Property>,
    pub(crate) notes: Vec<(&'static str, &'static str)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
    /// By name, the values of settings that depend on other settings too.
    pub(crate) derived: Vec<(&'static str, String)>,
}

/// A librdkafka property and the setting it comes from.
pub(crate) struct Property {
    pub(crate) setting: String,
    pub(crate) name: String,
    pub(crate) value: Secret,
    /// Whether this is librdkafka's default, so that it need not be set.
    pub(crate) is_default: bool,
}

impl Conversion {
    pub(crate) fn fail(&mut self, config: &ClientConfig, name: &str, message: impl Into<String>) {
        let problem = Problem::new(config.origin(name), Some(name), message);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(crate) fn warn(&mut self, config: &ClientConfig, name: &str, message: impl Into<String>) {
        self.warnings.push(Warning::new(config.origin(name), name, message));
    }

    pub(crate) fn note(&mut self, name: &'static str, note: &'static str) {
        self.notes.push((name, note));
    }

    pub(crate) fn add(&mut self, setting: &str, name: &str, value: impl Into<Secret>) {
        self.properties.push(Property {
            setting: setting.to_owned(),
            name: name.to_owned(),
            value: value.into(),
            is_default: false,
        });
    }

    /// Adds a property that has librdkafka's default.
    pub(crate) fn add_default(&mut self, setting: &str, name: &str, value: &str) {
        self.add(setting, name, value);
        if let Some(property) = self.properties.last_mut() {
            property.is_default = true;
        }
    }

    /// Checks the files that librdkafka will open. Their content is left to OpenSSL, but opening a pipe or a device would block
    /// the call that starts the client.
    pub(crate) fn check_files(&mut self, config: &ClientConfig) {
        let is_path = |name: &str| [".location", ".file", ".keytab"].iter().any(|end| name.ends_with(end));
        let special: Vec<_> = self
            .properties
            .iter()
            .filter(|property| is_path(&property.name) && file::is_pipe_or_device(Path::new(property.value.expose())))
            .map(|property| property.setting.clone())
            .collect();
        for setting in special {
            self.fail(config, &setting, file::NOT_A_FILE);
        }
    }

    /// The properties to set in librdkafka: all but librdkafka's defaults.
    pub(crate) fn into_properties(self) -> Vec<(String, Secret)> {
        let set = self.properties.into_iter().filter(|property| !property.is_default);
        set.map(|property| (property.name, property.value)).collect()
    }

    /// The derived value of a setting that depends on other settings too.
    pub(crate) fn derived(&self, name: &str) -> Option<&str> {
        self.derived.iter().find(|(derived, _)| *derived == name).map(|(_, value)| value.as_str())
    }

    /// The value of a property, under any of its names.
    pub(crate) fn becomes(&self, name: &str) -> Option<&str> {
        let name = librdkafka_property::canonical(name);
        self.properties
            .iter()
            .find(|property| librdkafka_property::canonical(&property.name) == name)
            .map(|property| property.value.expose())
    }
}

impl Property {
    /// The value for printing.
    pub(crate) fn shown(&self) -> &str {
        if is_secret(&self.setting) && !self.setting.is_empty() {
            return super::HIDDEN;
        }
        redacted(&format!("librdkafka.{}", self.name), &self.value)
    }
}
