//! [`Outcome`]: the content of a delivery report.

#[cfg(feature = "testing")]
use std::any::Any;
use std::sync::Arc;

use rdkafka_sys as sys;

use super::{auth_failure::AuthFailure, code};
use crate::record::SerializedRecord;

/// Codes of records that were sent, and that librdkafka reports as not written although this is unknown: the response could not be parsed,
/// or the broker itself does not know (`rd_kafka_handle_Produce_error` has no action for these codes).
const UNREAD: [i32; 3] = [code::BAD_MSG, code::UNDERFLOW, code::UNKNOWN];

/// `rd_kafka_msg_status_t`
const NOT_PERSISTED: u8 = 0;
const POSSIBLY_PERSISTED: u8 = 1;
const PERSISTED: u8 = 2;

/// A delivery report as plain numbers.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Negative if the broker did not return it.
    pub(crate) offset: i64,
    /// -1 for none.
    pub(crate) timestamp: i64,
    /// Details besides the code.
    pub(crate) details: Option<Box<ErrorDetails>>,
    pub(crate) partition: i32,
    /// 0, or a code of librdkafka or a broker, which has 16 bits in the protocol.
    pub(crate) code: i16,
    /// `rd_kafka_msg_status_t`: 0 not persisted, 1 possibly, 2 persisted.
    pub(crate) status: u8,
}

#[derive(Debug, Default)]
pub(crate) struct ErrorDetails {
    /// The broker's message (KIP-467).
    pub(crate) broker: Option<Box<str>>,
    /// What the topic's partitioner did instead of choosing a partition of the topic.
    pub(crate) partitioner: Option<Box<str>>,
    /// The reason, as far as ottla knows it.
    pub(crate) cause: Option<Box<str>>,
    /// The failed authentication.
    pub(crate) refusal: Option<Arc<AuthFailure>>,
    /// The record, if the producer returns failed records.
    pub(crate) record: Option<Arc<SerializedRecord>>,
    /// Whether it only fails the transaction, even if the code is fatal elsewhere.
    pub(crate) only_aborts: bool,
    /// The number of records in the rejected batch, if the code is about the batch and maybe not about this record; else 0.
    pub(crate) batch_records: usize,
    /// Whether the broker named other records of the batch as invalid.
    pub(crate) is_bystander: bool,
    /// Whether the producer is fenced because its transaction was open for longer than `transaction.timeout.ms`.
    pub(crate) has_expired: bool,
    /// The error that a test has given, an `Error` of ottla. It replaces the others.
    #[cfg(feature = "testing")]
    pub(crate) given: Option<Arc<dyn Any + Send + Sync>>,
}

impl Outcome {
    pub(crate) fn code(&self) -> i32 {
        self.code.into()
    }

    pub(crate) fn set_code(&mut self, code: i32) {
        self.code = short(code);
    }

    /// Whether no broker has acknowledged the record, and librdkafka reports it as written because later ones were.
    pub(super) fn is_concluded(&self) -> bool {
        self.offset == i64::from(sys::RD_KAFKA_OFFSET_INVALID) && self.status == PERSISTED
    }

    /// Adds the record, which the error returns to the program.
    pub(super) fn return_record(&mut self, record: SerializedRecord) {
        self.details.get_or_insert_default().record = Some(Arc::new(record));
    }

    /// Replaces "not written" by "possibly written" where librdkafka cannot know it.
    pub(super) fn mistrust(&mut self) {
        if self.status == NOT_PERSISTED && UNREAD.contains(&i32::from(self.code)) {
            self.status = POSSIBLY_PERSISTED;
        }
    }

    /// Corrects which record a failure is about. A broker rejects a batch, which had this many `records`, and librdkafka gives each record
    /// the batch's code. The record itself is known to be invalid or valid if it was alone in the batch, or if the broker named it or others
    /// as invalid (KIP-467).
    pub(super) fn attribute(&mut self, records: usize) {
        let code = self.code();
        if self.details.as_ref().is_some_and(|details| details.is_bystander) {
            self.set_code(code::INVALID_DIFFERENT_RECORD);
        } else if records > 1 {
            let is_named = self.details.as_ref().is_some_and(|details| details.broker.is_some());
            if code::BATCH_SIZES.contains(&code) || (code::BATCH_CONTENTS.contains(&code) && !is_named) {
                self.details.get_or_insert_default().batch_records = records;
            }
        }
    }

    /// Turns an acknowledgement that may be wrong into a failure.
    pub(super) fn doubt(&mut self, code: i32) {
        (self.code, self.status) = (short(code), POSSIBLY_PERSISTED);
    }

    /// The outcome of a written record.
    #[cfg(feature = "testing")]
    pub(crate) fn acknowledged(partition: i32, offset: i64, timestamp: i64) -> Self {
        Self { partition, offset, timestamp, status: PERSISTED, ..Self::default() }
    }

    /// The same outcome with an error, and a status of `rd_kafka_msg_status_t`.
    #[cfg(feature = "testing")]
    pub(crate) fn failed(&self, code: i32, status: u8) -> Self {
        Self { code: short(code), partition: self.partition, offset: -1, timestamp: -1, status, details: None }
    }

    /// The same outcome with this error of ottla.
    #[cfg(feature = "testing")]
    pub(crate) fn failed_with(&self, error: Arc<dyn Any + Send + Sync>, status: u8) -> Self {
        let details = ErrorDetails { given: Some(error), ..ErrorDetails::default() };
        Self { details: Some(Box::new(details)), ..self.failed(code::FAIL, status) }
    }

    /// The outcome of a record whose report could not be completed because of a bug in ottla.
    pub(super) fn lost() -> Self {
        Self { status: POSSIBLY_PERSISTED, ..Self::unwritten(code::FAIL) }
    }

    /// The outcome of a record that was never sent.
    pub(crate) fn unwritten(code: i32) -> Self {
        Self { code: short(code), partition: -1, offset: -1, timestamp: -1, ..Self::default() }
    }
}

/// Shortens a code for an [`Outcome`].
pub(super) fn short(code: i32) -> i16 {
    i16::try_from(code).unwrap_or(i16::MAX)
}
