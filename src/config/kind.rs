//! [`ClientKind`]: the kind of client, which determines the available settings.

use super::setting::{self, Setting};

/// A kind of client, with its own table of settings and its own rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Producer,
    Consumer,
}

impl ClientKind {
    pub(super) const ALL: [Self; 2] = [Self::Producer, Self::Consumer];

    /// The settings: Java's by name, then librdkafka's, then ottla's.
    pub(super) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        setting::of(self).iter().copied()
    }

    /// The setting with exactly this name. Schema registry settings are valid for every kind.
    pub(super) fn setting(self, name: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.name() == name).or_else(|| setting::schema_registry_setting(name))
    }

    /// The setting with this name of any kind; a secret is secret for all kinds.
    pub(super) fn setting_of_any(name: &str) -> Option<&'static Setting> {
        Self::ALL.into_iter().find_map(|kind| kind.setting(name))
    }

    /// The noun for messages, and the name of the table in files.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }

    pub(super) fn other(self) -> Self {
        match self {
            Self::Producer => Self::Consumer,
            Self::Consumer => Self::Producer,
        }
    }
}
