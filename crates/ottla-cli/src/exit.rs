//! [`Exit`]: the exit codes. [`Failure`]: an error that ends the command.

use std::{error::Error as StdError, fmt::Display, io, process::ExitCode};

use ottla::{Error, ErrorKind, config::ConfigError};

use crate::message;

/// The outcome of the command. The values are its exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Every record was acknowledged.
    Done = 0,
    /// Some records were not acknowledged.
    Failed = 1,
    /// The usage, the configuration or the input file is wrong.
    Usage = 2,
    /// No broker is reachable, or authentication or authorization failed.
    Unreachable = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The exit code for `main`.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }

    /// The exit for an error that ends the command.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            // The topic is named in the configuration.
            ErrorKind::Config | ErrorKind::InvalidRecord | ErrorKind::InvalidArgument | ErrorKind::UnknownTopicOrPartition => {
                Self::Usage
            }
            ErrorKind::MetadataTimeout
            | ErrorKind::TransactionTimeout
            | ErrorKind::Network
            | ErrorKind::Authentication
            | ErrorKind::Authorization => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// An error that ends the command: its messages, one per line, and the exit.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    lines: Vec<String>,
}

impl Failure {
    /// The usage, the configuration or an input file is wrong.
    pub(crate) fn usage(line: impl Display) -> Self {
        Self::new(Exit::Usage, line)
    }

    pub(crate) fn new(exit: Exit, line: impl Display) -> Self {
        Self { exit, lines: vec![line.to_string()] }
    }

    /// All errors of a configuration.
    pub(crate) fn problems(lines: Vec<String>) -> Self {
        Self { exit: Exit::Usage, lines }
    }

    /// All lines as one text.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Prints the lines to stderr and returns the exit.
    pub(crate) fn tell(self) -> Exit {
        for line in self.lines {
            message::tell(line);
        }
        self.exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = Exit::of(error.kind());
        match error.source().and_then(|source| source.downcast_ref::<ConfigError>()) {
            Some(problems) => problems.clone().into(),
            None => Self::new(exit, chain(&error)),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::problems(error.problems().iter().map(ToString::to_string).collect())
    }
}

/// An error with its sources, outermost first.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Converts the result of writing to stdout. A closed pipe is no error: a reader such as `head` stops early.
pub(crate) fn written(result: io::Result<()>) -> Result<Exit, Failure> {
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::new(Exit::Failed, format!("cannot write to stdout: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use ottla::ProducerConfig;

    use super::*;

    #[test]
    fn each_configuration_error_is_a_line() {
        let error = ProducerConfig::from_pairs([("liger.ms", "1"), ("acks", "two")]).unwrap_err();
        let failure = Failure::from(Error::from(error));
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.lines.len(), 2, "{:?}", failure.lines);
        assert!(failure.lines.iter().any(|line| line.contains("linger.ms")), "{:?}", failure.lines);
    }

    #[test]
    fn the_chain_has_each_cause_once() {
        let cause = io::Error::new(io::ErrorKind::NotFound, "inner");
        let outer = io::Error::other(Outer(cause));
        assert_eq!(chain(&outer), "outer: inner");
    }

    #[derive(Debug)]
    struct Outer(io::Error);

    impl Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("outer")
        }
    }

    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
}
