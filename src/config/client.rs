//! [`ClientConfig`]: the settings of a client of any kind.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{
    Becomes, ClientKind, ConfigError, HIDDEN, Origin, Problem, Range, Type, Unit, is_secret, librdkafka_property, redacted,
    unknown_setting, value,
};
use crate::secret::Secret;

/// The settings of a client of one kind. The public configurations wrap it.
#[derive(Clone)]
pub(crate) struct ClientConfig {
    pub(super) kind: ClientKind,
    pub(super) entries: BTreeMap<String, Entry>,
    /// Errors of typed setters, which cannot return them.
    pub(super) deferred: Vec<Problem>,
    /// Whether the program supplies tokens itself.
    pub(super) has_token_provider: bool,
}

/// A value and its origin.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Secret,
    pub(super) origin: Origin,
}

impl ClientConfig {
    pub(super) fn new(kind: ClientKind) -> Self {
        Self { kind, entries: BTreeMap::new(), deferred: Vec::new(), has_token_provider: false }
    }

    pub(super) fn merge(&mut self, higher: Self) {
        self.deferred.retain(|problem| !higher.entries.keys().any(|name| problem.setting() == Some(name)));
        self.entries.extend(higher.entries);
        self.deferred.extend(higher.deferred);
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(|entry| entry.value.expose())
    }

    pub(super) fn origin(&self, name: &str) -> Option<&Origin> {
        self.entries.get(name).map(|entry| &entry.origin)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let problems = self.resolution().problems;
        if problems.is_empty() { Ok(()) } else { Err(problems.into_iter().collect()) }
    }

    /// Sets a value. Errors show `shown` in place of a value that came from a placeholder.
    pub(super) fn put(&mut self, name: &str, value: &str, shown: Option<&str>, origin: Origin) -> Result<(), Problem> {
        let (known, unknown) = self.recognise(name);
        let fail = |message: String| Err(Problem::new(Some(&origin), known.as_deref(), message));
        if let Some(message) = unknown {
            return fail(message);
        }
        if value.trim() == HIDDEN && is_secret(name) {
            return fail(format!("{HIDDEN} is the placeholder for a hidden secret; set the secret itself"));
        }
        let checked = match self.kind.setting(name) {
            Some(setting) => setting.check(value).map_err(|message| match setting.becomes() {
                Becomes::Refused { .. } => message,
                _ => with_value(name, shown.unwrap_or(value), &message),
            }),
            None => value::check(value, Type::String, Range::Any, Unit::None),
        };
        match checked {
            Ok(value) => {
                self.deferred.retain(|problem| problem.setting() != Some(name));
                self.entries.insert(name.to_owned(), Entry { value: value.into(), origin });
                Ok(())
            }
            Err(message) => fail(message),
        }
    }

    /// Returns the name if it may be shown, and an error if it is not a valid setting.
    pub(super) fn recognise(&self, name: &str) -> (Option<String>, Option<String>) {
        if self.kind.setting(name).is_some() {
            return (Some(name.to_owned()), None);
        }
        let property = name.strip_prefix("librdkafka.").filter(|property| {
            !property.is_empty() && property.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        });
        match property {
            Some(property) => {
                let forbidden = librdkafka_property::forbidden(self.kind, property);
                (Some(name.to_owned()), forbidden.map(|reason| format!("cannot be set: {reason}")))
            }
            None => {
                let (shown, message) = unknown_setting::explain(self.kind, name);
                (shown.then(|| name.to_owned()), Some(message))
            }
        }
    }

    /// Sets the value of a typed setter; an error is stored.
    pub(super) fn keep(&mut self, name: &'static str, value: &str) {
        if let Err(problem) = self.put(name, value, None, Origin::Code) {
            self.defer(name, problem.message().to_owned());
        }
    }

    /// [`keep`](Self::keep) for a duration in milliseconds.
    pub(super) fn keep_duration(&mut self, name: &'static str, duration: Duration) {
        if duration.subsec_nanos() % 1_000_000 != 0 {
            self.defer(name, format!("{duration:?} is not a whole number of milliseconds"));
        } else {
            self.keep(name, &duration.as_millis().to_string());
        }
    }

    /// Stores an error and removes the previous value, which is no longer in force.
    fn defer(&mut self, name: &'static str, message: String) {
        self.entries.remove(name);
        self.deferred.retain(|problem| problem.setting() != Some(name));
        self.deferred.push(Problem::new(Some(&Origin::Code), Some(name), message));
    }
}

/// Prefixes a message with the value, unless the value may hold a secret: in security settings, or if it has an `@`.
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

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries.iter().map(|(name, entry)| (name, redacted(name, &entry.value)))).finish()
    }
}
