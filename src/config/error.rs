//! [`ConfigError`]: all problems of a configuration, each with its origin. [`Warning`]: a setting with a surprising effect.

use std::{error::Error as StdError, fmt};

use super::Origin;

/// All problems of a configuration, or of one source.
///
/// `Display` writes one line per problem: origin, setting, problem and remedy. It never shows the value of a secret setting or of
/// a misspelled one, or the text of a line that could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    subject: String,
    problems: Vec<Problem>,
}

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: Option<Origin>,
    setting: Option<String>,
    message: String,
}

/// A setting that has no effect, or a surprising one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(Problem);

impl ConfigError {
    /// Creates an error about `subject`: a file's path or "the configuration". `problems` must not be empty.
    pub(crate) fn new(subject: impl Into<String>, problems: Vec<Problem>) -> Self {
        Self { subject: subject.into(), problems }
    }

    /// The problems in the order in which they were found; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What was read: a file's path, "the environment", or "the configuration".
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// One line with the number of problems and the subject, for an error that has this one as its source.
    pub fn summary(&self) -> String {
        match self.problems.len() {
            1 => format!("1 problem in {}", self.subject),
            count => format!("{count} problems in {}", self.subject),
        }
    }

    /// The problems, for callers that combine several sources into one error.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

impl FromIterator<Problem> for ConfigError {
    /// Combines problems of several sources into one error about "the configuration".
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self::new("the configuration", problems.into_iter().collect())
    }
}

impl Problem {
    /// What is wrong (`message`, which must not repeat a secret) with which setting, and where its value came from: for a crate with settings of
    /// its own.
    pub fn new(origin: Option<&Origin>, setting: Option<&str>, message: impl Into<String>) -> Self {
        Self { origin: origin.cloned(), setting: setting.map(str::to_owned), message: message.into() }
    }

    /// The origin of the value; `None` if a setting is missing or several settings conflict.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The setting's name; `None` for a syntax error, or if the name does not look like a setting's name.
    pub fn setting(&self) -> Option<&str> {
        self.setting.as_deref()
    }

    /// The problem and the remedy, without origin and name.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Warning {
    pub(crate) fn new(origin: Option<&Origin>, setting: &str, message: impl Into<String>) -> Self {
        Self(Problem::new(origin, Some(setting), message))
    }

    /// The origin of the value.
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
    fn each_problem_is_a_line() {
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
    fn the_crates_error_has_the_count_and_the_source() {
        let error = ConfigError::new("orders.toml", vec![Problem::new(None, None, "one"), Problem::new(None, None, "two")]);
        let outer = crate::Error::from(error.clone());
        assert_eq!(outer.to_string(), "2 problems in orders.toml");
        assert_eq!(outer.source().and_then(|source| source.downcast_ref::<ConfigError>()), Some(&error));
    }
}
