//! How far the inputs of a run were read, kept so that a later run continues there: [`Checkpoints`], in a file or a topic.

mod checkpoints;
mod command;
mod file_position;
mod file_store;
mod followed;
mod rules;
mod segments;
mod settings;
mod topic_store;

pub(crate) use checkpoints::{CheckpointRecord, Checkpoints};
pub(crate) use command::run;
pub(crate) use file_position::{BEGINNING, FilePosition, digest, has_beginning};
pub(crate) use followed::{MovedFile, canonical_of_absent};
pub(crate) use rules::{check, check_files, files};
pub(crate) use segments::{Reached, Segments};
pub(crate) use settings::{CheckpointSettings, NAMES};
pub(crate) use topic_store::PARTITION as CHECKPOINT_PARTITION;
