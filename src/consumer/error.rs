//! [`ConsumeError`]: what comes in place of a record.

use std::{error::Error as StdError, fmt};

use super::RawRecord;
use crate::{Error, ErrorKind};

/// What a consumer gives in place of a record: a record that could not be deserialized, or what a broker has against this consumer.
///
/// Consuming goes on behind it, unless [`Error::is_fatal`] says that it is the end.
#[derive(Debug)]
pub struct ConsumeError {
    error: Error,
    record: Option<Box<RawRecord>>,
}

impl ConsumeError {
    /// What went wrong. For a record it says where that stands, and its source is the deserializer's own error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What kind of error it is; [`Deserialization`](ErrorKind::Deserialization) for a record.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The record that could not be deserialized, with its key and value as bytes; `None` if the error is not about a record.
    ///
    /// It counts as taken, as other records do. With [`explicit_done`](super::ConsumerBuilder::explicit_done) it must be marked as
    /// [`done`](Self::done), too, once the program has dealt with it.
    pub fn record(&self) -> Option<&RawRecord> {
        self.record.as_deref()
    }

    /// Marks the record as [`done`](super::ConsumerRecord::done), if the error is about one.
    pub fn done(&self) {
        if let Some(record) = &self.record {
            record.done();
        }
    }

    /// The same, for a program that keeps it.
    pub fn into_record(self) -> Option<RawRecord> {
        self.record.map(|record| *record)
    }

    /// The error, and the record that it is about; itself if it is about none.
    pub(super) fn into_parts(self) -> Result<(Error, RawRecord), Self> {
        match self.record {
            Some(record) => Ok((self.error, *record)),
            None => Err(self),
        }
    }

    pub(super) fn of_record(error: Error, record: RawRecord) -> Self {
        Self { error, record: Some(Box::new(record)) }
    }
}

impl From<Error> for ConsumeError {
    fn from(error: Error) -> Self {
        Self { error, record: None }
    }
}

/// Without the record.
impl From<ConsumeError> for Error {
    fn from(error: ConsumeError) -> Self {
        error.error
    }
}

impl fmt::Display for ConsumeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for ConsumeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
