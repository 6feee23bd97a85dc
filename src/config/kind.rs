//! [`ClientKind`]: which settings there are depends on what kind of client they are for.

use super::setting::{self, Setting};

/// A kind of client, with a table of settings and rules of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Producer,
    Consumer,
}

impl ClientKind {
    pub(super) const ALL: [Self; 2] = [Self::Producer, Self::Consumer];

    /// Its settings: Java's by name, then librdkafka's own, then ottla's.
    pub(super) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        setting::of(self).iter().copied()
    }

    /// The row of a name; exact spelling. The settings of a schema registry may stand among any client's.
    pub(super) fn setting(self, name: &str) -> Option<&'static Setting> {
        self.settings().find(|setting| setting.name() == name).or_else(|| setting::schema_registry_setting(name))
    }

    /// The row of a name, of whichever kind has it; what is secret is so for all.
    pub(super) fn setting_of_any(name: &str) -> Option<&'static Setting> {
        Self::ALL.into_iter().find_map(|kind| kind.setting(name))
    }

    /// What it is called, and the table of a file in which its settings stand.
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
