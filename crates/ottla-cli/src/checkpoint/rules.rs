//! What a run with checkpoints requires of its settings, its inputs and the checkpoint file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ottla::ProducerConfig;

use super::{
    file_store,
    settings::{CheckpointPlace, CheckpointSettings},
};
use crate::{exit::Failure, file_identity::FileIdentity, input::InputOptions, record::TopicRule};

/// Checks the settings, which the producer's must fit. `topic` is that of the records, and `rule` has those that data may address.
///
/// # Errors
/// A setting of the producer is missing or does not fit.
pub(crate) fn check(
    settings: &CheckpointSettings,
    producer: &ProducerConfig,
    topic: &str,
    rule: Option<&TopicRule>,
) -> Result<(), Failure> {
    let is_transactional = producer.get("transactional.id").is_some();
    match settings.place() {
        None => return Ok(()),
        Some(CheckpointPlace::Topic(_)) if !is_transactional => {
            return Err(settings.failure(
                "requires transactional.id, because the position is written in the transaction of the records; set it in [producer], or \
                 set `file` instead of `topic`",
            ));
        }
        Some(CheckpointPlace::Topic(name)) if name == topic => {
            return Err(settings.failure("is the topic of the records; give another topic"));
        }
        Some(CheckpointPlace::Topic(name)) if rule.is_some_and(|rule| rule.allows(&name)) => {
            return Err(settings.failure("is one of the topics that record.topics allows for records; give another topic"));
        }
        Some(CheckpointPlace::File(_)) if producer.get("acks") == Some("0") => {
            return Err(settings.failure("requires acknowledgements, but acks is 0; set acks to all or 1"));
        }
        Some(CheckpointPlace::Topic(_) | CheckpointPlace::File(_)) => {}
    }
    // A transaction lasts for an interval and its commit.
    let timeout = producer.get("transaction.timeout.ms").and_then(|timeout| timeout.parse::<u64>().ok()).unwrap_or(60_000);
    let interval = settings.interval();
    if is_transactional && interval > Duration::from_millis(timeout) / 2 {
        return Err(settings.interval_failure(&format!(
            "must be at most half of transaction.timeout.ms, which is {timeout}, but is {}",
            interval.as_millis()
        )));
    }
    Ok(())
}

/// The files of the checkpoints, which are not inputs; none with a checkpoint topic.
pub(crate) fn files(settings: &CheckpointSettings) -> Vec<PathBuf> {
    match settings.place() {
        Some(CheckpointPlace::File(path)) => file_store::files(&path).into(),
        Some(CheckpointPlace::Topic(_)) | None => Vec::new(),
    }
}

/// Checks that each input is a regular file, and that the checkpoint file is not used for something else.
///
/// # Errors
/// An input cannot have a checkpoint, or the checkpoint file is used for something else.
pub(crate) fn check_files(settings: &CheckpointSettings, inputs: &[PathBuf], dead_letters: Option<&Path>) -> Result<(), Failure> {
    let Some(place) = settings.place() else { return Ok(()) };
    for input in inputs {
        let is_other = std::fs::metadata(input).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        if input == Path::new("-") || is_other {
            return Err(settings.failure(&not_seekable(&InputOptions::name_of(input))));
        }
    }
    let CheckpointPlace::File(file) = place else { return Ok(()) };
    let [_, temporary] = file_store::files(&file);
    let inputs = inputs.iter().map(|input| ("an input", &**input));
    let others =
        [("the configuration", settings.config())].into_iter().chain(dead_letters.map(|path| ("the dead-letter file", path)));
    let same = |one: &Path, other: &Path| {
        std::path::absolute(one).ok() == std::path::absolute(other).ok()
            || FileIdentity::of_path(one).is_some_and(|one| FileIdentity::of_path(other) == Some(one))
    };
    for (what, other) in inputs.chain(others) {
        if same(&file, other) {
            return Err(settings.failure(&format!("{} is {what}; give another file", file.display())));
        }
        if same(&temporary, other) {
            return Err(settings.failure(&format!(
                "{} is {what}, and would be replaced when the checkpoint is written; give another file",
                temporary.display()
            )));
        }
    }
    Ok(())
}

/// Why an input without positions cannot have a checkpoint.
pub(crate) fn not_seekable(name: &str) -> String {
    format!("{name}: a pipe or device cannot be read again from a checkpoint; give a file, or remove [checkpoint]")
}
