//! [`ConfigError`]: every problem of a configuration at once, each with its place; and [`Warning`].

use std::{error::Error as StdError, fmt};

use super::Origin;

/// All that is wrong with a configuration, or with one source of it.
///
/// `Display` gives each problem a line: where it stands, the setting, what is wrong and what to do. No value of a secret setting,
/// of a misspelt one or of a line that could not be parsed is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    subject: String,
    problems: Vec<Problem>,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: Option<Origin>,
    setting: Option<String>,
    message: String,
}

/// Something of a configuration that works, but not as its author may think.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(Problem);

impl ConfigError {
    /// Wraps what was found in `subject`, a file's path or "the configuration". `problems` must not be empty.
    pub(crate) fn new(subject: impl Into<String>, problems: Vec<Problem>) -> Self {
        Self { subject: subject.into(), problems }
    }

    /// The problems, in the order in which they were found; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What was read: a file's path, "the environment", or "the configuration".
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// One line that says how many problems there are and where, for an error that has this one as its source.
    pub fn summary(&self) -> String {
        match self.problems.len() {
            1 => format!("1 problem in {}", self.subject),
            count => format!("{count} problems in {}", self.subject),
        }
    }

    /// The same problems as a source under another name sees them, for callers that join several sources into one error.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl FromIterator<Problem> for ConfigError {
    /// Joins problems of several sources into one error about "the configuration".
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self::new("the configuration", problems.into_iter().collect())
    }
}

impl Problem {
    pub(crate) fn new(origin: Option<&Origin>, setting: Option<&str>, message: impl Into<String>) -> Self {
        Self { origin: origin.cloned(), setting: setting.map(str::to_owned), message: message.into() }
    }

    /// Where the wrong value came from; `None` where it is about a setting that is missing or about several at once.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The setting's name; `None` for broken syntax, or where what stands in a name's place does not look like one.
    pub fn setting(&self) -> Option<&str> {
        self.setting.as_deref()
    }

    /// What is wrong and what to do, without place and name.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Warning {
    pub(crate) fn new(origin: Option<&Origin>, setting: &str, message: impl Into<String>) -> Self {
        Self(Problem::new(origin, Some(setting), message))
    }

    /// Where the value came from.
    pub fn origin(&self) -> Option<&Origin> {
        self.0.origin()
    }

    /// The setting's name.
    pub fn setting(&self) -> &str {
        self.0.setting().unwrap_or_default()
    }

    /// What happens instead of what might be expected.
    pub fn message(&self) -> &str {
        self.0.message()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            None | Some(Origin::Code) => {}
            Some(origin) => write!(f, "{origin}: ")?,
        }
        if let Some(setting) = &self.setting {
            write!(f, "{setting}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl StdError for ConfigError {}

impl From<ConfigError> for crate::Error {
    fn from(error: ConfigError) -> Self {
        Self::new(crate::ErrorKind::Config, error.summary()).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_its_line() {
        let origin = Origin::File { path: "orders.toml".into(), line: 7 };
        let error = ConfigError::new(
            "orders.toml",
            vec![
                Problem::new(Some(&origin), Some("liger.ms"), "unknown setting; did you mean linger.ms?"),
                Problem::new(None, Some("bootstrap.servers"), "is not set"),
                Problem::new(Some(&Origin::Code), Some("acks"), "is wrong"),
            ],
        );
        assert_eq!(
            error.to_string(),
            "orders.toml:7: liger.ms: unknown setting; did you mean linger.ms?\nbootstrap.servers: is not set\nacks: is wrong"
        );
    }

    #[test]
    fn the_crates_error_counts_them_and_has_them_as_its_source() {
        let error = ConfigError::new("orders.toml", vec![Problem::new(None, None, "one"), Problem::new(None, None, "two")]);
        let outer = crate::Error::from(error.clone());
        assert_eq!(outer.to_string(), "2 problems in orders.toml");
        assert_eq!(outer.source().and_then(|source| source.downcast_ref::<ConfigError>()), Some(&error));
    }
}
