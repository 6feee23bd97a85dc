//! [`Settings`]: what a configuration file, the environment and the flags say together.

use std::path::Path;

use ottla::{
    ProducerConfig,
    config::{ConfigError, Origin},
};

use crate::{args::SettingsArguments, exit::Failure, job::Job, message};

/// The producer's settings from all sources, and what the command itself takes from the file.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The producer's: file, environment and `--set`, one over the other.
    pub(crate) producer: ProducerConfig,
    /// The command's own.
    pub(crate) job: Job,
}

impl Settings {
    /// Reads all sources.
    ///
    /// # Errors
    /// All that is wrong in any of them. What is wrong between settings is for [`check`](Self::check).
    pub(crate) fn load(arguments: &SettingsArguments) -> Result<Self, Failure> {
        Self::read(&arguments.config, &arguments.set)
    }

    /// [`load`](Self::load), with the sources one by one.
    pub(crate) fn read(file: &Path, set: &[String]) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut keep = |result: Result<ProducerConfig, ConfigError>| match result {
            Ok(config) => config,
            Err(error) => {
                problems.extend(error.problems().iter().map(ToString::to_string));
                ProducerConfig::new()
            }
        };
        let in_file = keep(ProducerConfig::from_file(file));
        let in_environment = keep(ProducerConfig::new().with_environment());
        let mut in_flags = ProducerConfig::new();
        let mut without_value = Vec::new();
        for (index, flag) in set.iter().enumerate() {
            match flag.split_once('=') {
                Some((name, value)) => {
                    in_flags = in_flags.merge(keep(ProducerConfig::new().set_with_origin(name.trim(), value, Origin::Flag)));
                }
                // Not shown: it may be a secret.
                None => without_value.push(format!("--set: number {} has no =: give NAME=VALUE", index + 1)),
            }
        }
        problems.extend(without_value);
        let job = Job::from_file(file, &mut problems);
        problems.dedup();
        if !problems.is_empty() {
            return Err(Failure::problems(problems));
        }
        Ok(Self { producer: in_file.merge(in_environment).merge(in_flags), job })
    }

    /// Sets what a flag other than `--set` decides.
    pub(crate) fn decide(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let producer = std::mem::take(&mut self.producer);
        self.producer = producer.set_with_origin(name, value, Origin::Flag)?;
        Ok(())
    }

    /// Checks the settings against each other, and says what works otherwise than may be thought.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.producer.check()?;
        for warning in self.producer.warnings() {
            message::tell(format_args!("warning: {warning}"));
        }
        Ok(())
    }

    /// A setting that is a whole number, if it is set.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.producer.get(name).and_then(|value| value.parse().ok())
    }
}
