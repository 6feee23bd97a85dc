//! [`Origin`]: the origin of a value.

use std::{fmt, path::PathBuf};

/// The origin of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A line of a configuration file.
    File {
        /// The path as given.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A line of a text passed to [`ProducerConfig::from_str`](super::ProducerConfig::from_str).
    Text {
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// The command line option `--set`.
    Flag,
    /// The program: [`ProducerConfig::set`](super::ProducerConfig::set) or a typed setter.
    Code,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Text { line } => write!(f, "line {line}"),
            Self::Environment { variable } => f.write_str(variable),
            Self::Flag => f.write_str("--set"),
            Self::Code => f.write_str("code"),
        }
    }
}
