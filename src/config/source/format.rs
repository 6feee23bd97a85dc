//! [`Format`]: the format of a configuration text.

use std::{fmt, path::Path, str::FromStr};

/// The format of a configuration text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// TOML 1.0.
    Toml,
    /// YAML 1.2.
    Yaml,
    /// JSON.
    Json,
    /// Java's `.properties`.
    Properties,
}

impl Format {
    /// The format for a file's extension: `.toml`, `.yaml` or `.yml`, `.json`, `.properties`.
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "properties" => Some(Self::Properties),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Parses a format's name: `toml`, `yaml`, `json` or `properties`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_path(Path::new(&format!("x.{name}"))).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// The error for an unknown name of a configuration format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} must be one of toml, yaml, json, properties", self.0)
    }
}

impl std::error::Error for UnknownFormat {}
