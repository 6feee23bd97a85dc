//! The configuration of a producer: Java's names for every setting, read from files, the environment and the program, checked
//! against one table, and turned into properties of librdkafka.
//!
//! [`ProducerConfig`] holds what was set. [`settings`] lists every setting there is. What is wrong comes as a [`ConfigError`] with
//! every [`Problem`] in it; [`ProducerConfig::explain`] shows each setting's value, where it came from and what it becomes.

mod environment;
mod error;
mod explain;
mod jaas;
#[cfg(test)]
mod markdown;
mod native_name;
mod origin;
mod partitioner_name;
mod placeholder;
mod resolution;
mod resolved;
mod rules;
mod sasl;
mod serialize;
mod serializer_name;
mod server;
mod setting;
mod source;
mod stranger;
mod tls;
mod typed;
mod value;

use std::{collections::BTreeMap, fmt, path::Path};

pub use error::{ConfigError, Problem, Warning};
pub use explain::{Explanation, Row};
pub use origin::Origin;
pub use partitioner_name::PartitionerName;
pub(crate) use resolved::Resolved;
pub use setting::{Becomes, Setting, settings};
pub use source::{Format, HostSetting, host_settings};
pub use typed::{Acks, Compression, SaslMechanism, SecurityProtocol};
pub use value::{Range, Type, Unit};

use crate::serialize::SerializerName;

/// What is printed in place of a secret.
pub const HIDDEN: &str = "[hidden]";

/// The settings of a producer, by Java's names.
///
/// A later call overrides what an earlier one set, so that the usual order is file, environment, program. A name, type or range that is
/// wrong is an error of [`set`](Self::set) and of the sources at once; typed setters, which cannot fail, keep it for
/// [`check`](Self::check) and for the producer's start, where the rules between settings are checked too.
///
/// Neither `Debug` nor serde's `Serialize` prints a secret: in its place stands [`HIDDEN`].
///
/// ```
/// use std::time::Duration;
/// use ottla::config::{Acks, Format, ProducerConfig};
///
/// let config = ProducerConfig::from_str("[producer]\nbootstrap.servers = \"localhost:9092\"", Format::Toml)?
///     .set("compression.type", "zstd")?
///     .acks(Acks::All)
///     .linger(Duration::from_millis(20));
/// assert_eq!(config.get("linger.ms"), Some("20"));
/// config.check()?;
///
/// let error = config.set("liger.ms", "5").unwrap_err();
/// assert_eq!(error.to_string(), "liger.ms: unknown setting; did you mean linger.ms?");
/// # Ok::<(), ottla::config::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct ProducerConfig {
    entries: BTreeMap<String, Entry>,
    /// What typed setters were given and could not take.
    deferred: Vec<Problem>,
}

/// A value that was set.
#[derive(Clone)]
struct Entry {
    value: String,
    origin: Origin,
}

impl ProducerConfig {
    /// A configuration in which nothing is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file; its extension tells the format: `.toml`, `.yaml`, `.yml`, `.json` or `.properties`.
    ///
    /// In TOML, YAML and JSON the settings stand in the table `producer` if there is one, else at the top; nested tables and dotted
    /// names are the same, numbers, booleans and lists of texts are taken as well as texts. `${NAME}` stands for an environment
    /// variable, `${file:PATH}` for a file's text without its last line end, `$${` for a plain `${`. A `.properties` file is read
    /// as Java does, as UTF-8 if it is that, else as ISO-8859-1.
    ///
    /// # Errors
    /// All that is wrong in the file, each with its line: what cannot be read or parsed, unknown names, wrong types, values out of
    /// range, names that stand twice, placeholders that stand for nothing.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        source::from_file(path.as_ref())
    }

    /// Reads a text of the given format, as [`from_file`](Self::from_file) does.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file).
    pub fn from_str(text: &str, format: Format) -> Result<Self, ConfigError> {
        source::from_str(text, format)
    }

    /// Takes names and values from a map or a list; values stand as they are, without placeholders.
    ///
    /// # Errors
    /// All that is wrong with any of them.
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError> {
        let mut config = Self::new();
        let mut problems = Vec::new();
        for (name, value) in pairs {
            problems.extend(config.put(name.as_ref(), value.as_ref(), None, Origin::Code).err());
        }
        if problems.is_empty() { Ok(config) } else { Err(problems.into_iter().collect()) }
    }

    /// Sets one setting; a value that was set before is replaced.
    ///
    /// # Errors
    /// If there is no such setting, if it has no equal here, or if the value is of the wrong type or out of range.
    pub fn set(self, name: &str, value: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.set_with_origin(name, value, Origin::Code)
    }

    /// [`set`](Self::set), saying where the value comes from; for programs with sources of their own.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_with_origin(mut self, name: &str, value: impl AsRef<str>, origin: Origin) -> Result<Self, ConfigError> {
        match self.put(name, value.as_ref(), None, origin) {
            Ok(()) => Ok(self),
            Err(problem) => Err([problem].into_iter().collect()),
        }
    }

    /// Everything that is set here, and over it everything that is set in `higher`.
    #[must_use]
    pub fn merge(mut self, higher: Self) -> Self {
        self.deferred.retain(|problem| !higher.entries.keys().any(|name| problem.setting() == Some(name)));
        self.entries.extend(higher.entries);
        self.deferred.extend(higher.deferred);
        self
    }

    /// The value that was set, in its canonical spelling; `None` if it was not set, whatever the default is. Secrets are not hidden.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|entry| entry.value.as_str())
    }

    /// Where the value that was set came from.
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.entries.get(name).map(|entry| &entry.origin)
    }

    /// The serializer that `key.serializer` names.
    pub fn key_serializer_name(&self) -> Option<SerializerName> {
        self.get("key.serializer").and_then(|name| name.parse().ok())
    }

    /// The serializer that `value.serializer` names.
    pub fn value_serializer_name(&self) -> Option<SerializerName> {
        self.get("value.serializer").and_then(|name| name.parse().ok())
    }

    /// Checks everything, also the rules between settings, without starting a producer.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let problems = self.resolution().problems;
        if problems.is_empty() { Ok(()) } else { Err(problems.into_iter().collect()) }
    }

    /// What works, but not as the author of the configuration may think.
    pub fn warnings(&self) -> Vec<Warning> {
        self.resolution().warnings
    }

    /// What each setting is, where it came from and what it becomes.
    pub fn explain(&self) -> Explanation {
        explain::explain(self)
    }

    /// The properties of librdkafka that the settings become, for a client of another kind with the same connection, such as a
    /// consumer. **The secrets among them are in plain text**, and properties of producers are among them.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn native_properties(&self) -> Result<Vec<(String, String)>, ConfigError> {
        self.resolve().map(|resolved| resolved.native)
    }

    /// Turns the settings into librdkafka's properties and what the producer itself needs.
    ///
    /// Makes up a `client.id` if there is none, another each time.
    pub(crate) fn resolve(&self) -> Result<Resolved, ConfigError> {
        resolved::resolve(self)
    }

    /// Sets a value. `shown` is what an error shows in its place, since it came from a placeholder.
    fn put(&mut self, name: &str, value: &str, shown: Option<&str>, origin: Origin) -> Result<(), Problem> {
        let (known, unknown) = self.recognise(name);
        let fail = |message: String| Err(Problem::new(Some(&origin), known.as_deref(), message));
        if let Some(message) = unknown {
            return fail(message);
        }
        if value.trim() == HIDDEN && is_secret(name) {
            return fail(format!("{HIDDEN} stands where a secret was left out; give the secret"));
        }
        let checked = match setting::find(name) {
            Some(setting) => setting.check(value).map_err(|message| match setting.becomes() {
                Becomes::Refused { .. } => message,
                _ => with_value(name, shown.unwrap_or(value), &message),
            }),
            None => value::check(value, Type::String, Range::Any, Unit::None),
        };
        match checked {
            Ok(value) => {
                self.deferred.retain(|problem| problem.setting() != Some(name));
                self.entries.insert(name.to_owned(), Entry { value, origin });
                Ok(())
            }
            Err(message) => fail(message),
        }
    }

    /// The name if it may be shown, and what is wrong with it if it is no setting.
    fn recognise(&self, name: &str) -> (Option<String>, Option<String>) {
        if setting::find(name).is_some() {
            return (Some(name.to_owned()), None);
        }
        let property = name.strip_prefix("librdkafka.").filter(|property| {
            !property.is_empty() && property.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        });
        match property {
            Some(property) => {
                (Some(name.to_owned()), native_name::forbidden(property).map(|reason| format!("cannot be set: {reason}")))
            }
            None => {
                let (shown, message) = stranger::explain(name);
                (shown.then(|| name.to_owned()), Some(message))
            }
        }
    }
}

/// Whether the value of a setting is a secret.
fn is_secret(name: &str) -> bool {
    match (setting::find(name), name.strip_prefix("librdkafka.")) {
        (Some(setting), _) => setting.is_secret(),
        (None, Some(property)) => native_name::is_secret(property),
        (None, None) => true,
    }
}

/// A value as it may be printed.
fn redacted<'a>(name: &str, value: &'a str) -> &'a str {
    if is_secret(name) { HIDDEN } else { value }
}

/// A message with the value that it is about, unless that may hold a secret: in a setting of who the client is, or before an `@`.
fn with_value(name: &str, value: &str, message: &str) -> String {
    let property = name.strip_prefix("librdkafka.").unwrap_or(name);
    if is_secret(name) || value.contains('@') || ["sasl.", "ssl."].iter().any(|prefix| property.starts_with(prefix)) {
        return message.to_owned();
    }
    let value = value.trim();
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}.. {message}", &value[..end]),
        None => format!("{value:?} {message}"),
    }
}

impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(name, entry)| (name, redacted(name, &entry.value)))).finish()
    }
}

#[cfg(test)]
mod tests;
