//! [`Exit`]: how the command ends, and [`Failure`], why it could not go on.

use std::{error::Error as StdError, fmt::Display, io, process::ExitCode};

use ottla::{Error, ErrorKind, config::ConfigError};

use crate::message;

/// How the command ends. The numbers are its exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Every record was acknowledged.
    Done = 0,
    /// Some records were not.
    Failed = 1,
    /// The usage, the configuration or the input file is wrong.
    Usage = 2,
    /// There is no broker, or it does not let this client in.
    Unreachable = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// For `main`.
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }

    /// What an error that ends the command means for how it ends.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            // The topic stands in the configuration.
            ErrorKind::Config | ErrorKind::InvalidRecord | ErrorKind::UnknownTopicOrPartition => Self::Usage,
            ErrorKind::MetadataTimeout
            | ErrorKind::TransactionTimeout
            | ErrorKind::Network
            | ErrorKind::Authentication
            | ErrorKind::Authorization => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// Why the command could not go on: what to say, a line each, and how it ends.
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

    /// All that is wrong with a configuration.
    pub(crate) fn problems(lines: Vec<String>) -> Self {
        Self { exit: Exit::Usage, lines }
    }

    /// All of it in one text.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// Says it on stderr, and gives how the command ends.
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

/// An error with its sources, from the outermost in.
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

/// What became of writing to stdout. Whoever closed it, such as `head`, has what it wanted.
pub(crate) fn written(result: io::Result<()>) -> Result<Exit, Failure> {
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::new(Exit::Failed, format!("stdout cannot be written: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use ottla::ProducerConfig;

    use super::*;

    #[test]
    fn every_problem_of_a_configuration_is_a_line() {
        let error = ProducerConfig::from_pairs([("liger.ms", "1"), ("acks", "two")]).unwrap_err();
        let failure = Failure::from(Error::from(error));
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.lines.len(), 2, "{:?}", failure.lines);
        assert!(failure.lines.iter().any(|line| line.contains("linger.ms")), "{:?}", failure.lines);
    }

    #[test]
    fn the_chain_has_every_cause_once() {
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
