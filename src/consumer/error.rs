//! [`ConsumeError`]: an item of a consumer that is not a record.

use std::{error::Error as StdError, fmt};

use super::RawRecord;
use crate::{Error, ErrorKind};

/// An item of a consumer that is not a record: a record that could not be deserialized, or an error of the consumer.
///
/// The consumer continues after it, unless [`Error::is_fatal`] is true.
#[derive(Debug)]
pub struct ConsumeError {
    error: Error,
    record: Option<Box<RawRecord>>,
}

impl ConsumeError {
    /// The error. For a record it contains the record's position, and its source is the deserializer's error.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The kind of the error; [`Deserialization`](ErrorKind::Deserialization) for a record.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The record that could not be deserialized, with its key and value as bytes. `None` if the error is not about a record.
    ///
    /// It counts as taken, like other records. With [`explicit_done`](super::ConsumerBuilder::explicit_done) it must be marked as
    /// [`done`](Self::done) as well.
    pub fn record(&self) -> Option<&RawRecord> {
        self.record.as_deref()
    }

    /// Marks the record as [`done`](super::ConsumerRecord::done), if the error is about one.
    pub fn done(&self) {
        if let Some(record) = &self.record {
            record.done();
        }
    }

    /// Returns the record by value, see [`record`](Self::record).
    pub fn into_record(self) -> Option<RawRecord> {
        self.record.map(|record| *record)
    }

    /// The error and its record, or `self` if the error is not about a record.
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

/// Drops the record.
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
