//! [`Outcome`]: what a delivery report says.

use std::{num::NonZeroI64, sync::Arc};

use rdkafka_sys as sys;

use super::{auth_failure::AuthFailure, code, record_view::Asked};

/// The codes of records that were sent, and of which librdkafka all the same says that they were not written: nobody could read what
/// the broker answered, or the broker itself does not know (`rd_kafka_handle_Produce_error` has no action for them).
const UNREAD: [i32; 3] = [code::BAD_MSG, code::UNDERFLOW, code::UNKNOWN];

/// `rd_kafka_msg_status_t`
const NOT_PERSISTED: u8 = 0;
const POSSIBLY_PERSISTED: u8 = 1;
const PERSISTED: u8 = 2;

/// A delivery report in plain numbers.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Below 0 when the broker did not say.
    pub(crate) offset: i64,
    /// -1 when there is none.
    pub(crate) timestamp: i64,
    /// What is known beside the code.
    pub(crate) details: Option<Box<ErrorDetails>>,
    pub(crate) partition: i32,
    /// 0, or the code of librdkafka or of the broker, which is 16 bits on the wire.
    pub(crate) code: i16,
    /// `rd_kafka_msg_status_t`: 0 not persisted, 1 possibly, 2 persisted.
    pub(crate) status: u8,
}

/// What a slot keeps of an [`Outcome`]: all but the words, which few have.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct RawReport {
    offset: i64,
    timestamp: i64,
    partition: i32,
    code: i16,
    status: u8,
}

#[derive(Debug, Default)]
pub(crate) struct ErrorDetails {
    /// The broker's own (KIP-467).
    pub(crate) broker: Option<Box<str>>,
    /// What the topic's partitioner did instead of choosing one of its partitions.
    pub(crate) partitioner: Option<Box<str>>,
    /// What the layer knows of the reason.
    pub(crate) cause: Option<Box<str>>,
    /// The broker that does not let this client in.
    pub(crate) refusal: Option<Arc<AuthFailure>>,
    /// Whether it fails a transaction and no more, whatever the code means elsewhere.
    pub(crate) only_aborts: bool,
    /// How many records the refused batch had, if the code is about the batch and not known to be about this record; else 0.
    pub(crate) batch_records: usize,
    /// Whether the broker has named other records of the batch as the invalid ones.
    pub(crate) is_bystander: bool,
    /// Whether the producer is fenced because its transaction was open for longer than `transaction.timeout.ms`.
    pub(crate) has_expired: bool,
}

impl Outcome {
    pub(crate) fn code(&self) -> i32 {
        self.code.into()
    }

    pub(crate) fn set_code(&mut self, code: i32) {
        self.code = short(code);
    }

    /// Whether no broker has acknowledged the record, and librdkafka reports it as written for what became of later ones.
    pub(super) fn is_concluded(&self) -> bool {
        self.offset == i64::from(sys::RD_KAFKA_OFFSET_INVALID) && self.status == PERSISTED
    }

    /// Takes back that the record was not written, where librdkafka says so and cannot know.
    pub(super) fn mistrust(&mut self) {
        if self.status == NOT_PERSISTED && UNREAD.contains(&i32::from(self.code)) {
            self.status = POSSIBLY_PERSISTED;
        }
    }

    /// Corrects which record a failure is about. A broker answers for a batch, which had so many `records`, and librdkafka gives each of
    /// them the batch's code. What is known of the single record: it was alone in the batch, or the broker has named it or others as the
    /// invalid ones (KIP-467).
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

    /// Makes a failure of an acknowledgement that may be wrong.
    pub(super) fn doubt(&mut self, code: i32) {
        (self.code, self.status) = (short(code), POSSIBLY_PERSISTED);
    }

    /// Of a record that stands in its partition.
    #[cfg(feature = "testing")]
    pub(crate) fn acknowledged(partition: i32, offset: i64, timestamp: i64) -> Self {
        Self { partition, offset, timestamp, status: PERSISTED, ..Self::default() }
    }

    /// The same record's outcome if it fails, with a status of `rd_kafka_msg_status_t`.
    #[cfg(feature = "testing")]
    pub(crate) fn failed(&self, code: i32, status: u8) -> Self {
        Self { code: short(code), partition: self.partition, offset: -1, timestamp: -1, status, details: None }
    }

    /// Of a record whose report could not be completed, through a bug of this layer.
    pub(super) fn lost() -> Self {
        Self { status: POSSIBLY_PERSISTED, ..Self::unwritten(code::FAIL) }
    }

    /// Of a record that never left.
    pub(crate) fn unwritten(code: i32) -> Self {
        Self { code: short(code), partition: -1, offset: -1, timestamp: -1, ..Self::default() }
    }
}

impl RawReport {
    /// In the place of an outcome that is not known yet: what the sender asks for.
    pub(super) fn asked(asked: Asked) -> Self {
        let (partition, timestamp) = (asked.partition.unwrap_or(-1), asked.timestamp.map_or(0, NonZeroI64::get));
        Self { partition, timestamp, ..Self::default() }
    }

    /// The other way round.
    pub(super) fn as_asked(self) -> Asked {
        let partition = (self.partition >= 0).then_some(self.partition);
        Asked { partition, timestamp: NonZeroI64::new(self.timestamp) }
    }

    pub(super) fn code(self) -> i32 {
        self.code.into()
    }

    pub(super) fn with_details(self, details: Option<Box<ErrorDetails>>) -> Outcome {
        let Self { offset, timestamp, partition, code, status } = self;
        Outcome { offset, timestamp, details, partition, code, status }
    }
}

impl From<&Outcome> for RawReport {
    fn from(outcome: &Outcome) -> Self {
        let Outcome { offset, timestamp, partition, code, status, .. } = *outcome;
        Self { offset, timestamp, partition, code, status }
    }
}

/// A code for an [`Outcome`].
pub(super) fn short(code: i32) -> i16 {
    i16::try_from(code).unwrap_or(i16::MAX)
}
