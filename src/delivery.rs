//! [`Delivery`]: the future of a record's delivery report.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::future::FusedFuture;

use crate::{
    Error,
    native::{Outcome, Pending, RecordView},
    yielding::poll_proceed,
};

/// Where a record was written, as acknowledged by the broker: Java's `RecordMetadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordMetadata {
    topic: Arc<str>,
    partition: i32,
    /// -1 for none, as in `timestamp`.
    offset: i64,
    timestamp: i64,
    serialized_key_size: Option<u32>,
    serialized_value_size: Option<u32>,
}

impl RecordMetadata {
    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The record's offset in its partition.
    ///
    /// `None` if the record is written but no broker has reported its offset: with `acks=0`; after a retry of a batch that the broker had
    /// already written (`DUPLICATE_SEQUENCE_NUMBER`); and if the acknowledgement was lost and is implied by a later one (see
    /// [`Unconfirmed`](crate::ErrorKind::Unconfirmed)).
    pub fn offset(&self) -> Option<i64> {
        (self.offset >= 0).then_some(self.offset)
    }

    /// The record's timestamp in milliseconds since the Unix epoch, `None` if there is none.
    pub fn timestamp(&self) -> Option<i64> {
        (self.timestamp >= 0).then_some(self.timestamp)
    }

    /// The serialized key's length in bytes, `None` for a null key.
    pub fn serialized_key_size(&self) -> Option<usize> {
        self.serialized_key_size.map(|size| size as usize)
    }

    /// The serialized value's length in bytes, `None` for a null value.
    pub fn serialized_value_size(&self) -> Option<usize> {
        self.serialized_value_size.map(|size| size as usize)
    }
}

/// In Java's form: `topic-partition@offset`.
impl fmt::Display for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// The result of sending one record: its metadata, or why it was not delivered.
pub type Report = Result<RecordMetadata, Error>;

/// The report for the sender of a record.
#[inline]
pub(crate) fn report(view: &RecordView<'_>, outcome: &Outcome) -> Report {
    let topic = view.topic.map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name()));
    if outcome.code != 0 {
        return Err(Error::from_report(&topic, outcome));
    }
    Ok(RecordMetadata {
        topic,
        partition: outcome.partition,
        offset: outcome.offset.max(-1),
        timestamp: outcome.timestamp.max(-1),
        serialized_key_size: view.key_size,
        serialized_value_size: view.value_size,
    })
}

/// The future of an accepted record. It resolves to the record's metadata once the brokers have acknowledged it, or to an error.
///
/// It needs no runtime: the delivery thread wakes it. Dropping it does not cancel the record.
///
/// One poll in 128 wakes the task and returns `Pending`, even if the report has arrived. So a task that awaits many deliveries in a row
/// lets the other tasks of its thread run.
#[must_use = "the record may still fail: await the delivery, or drop it on purpose"]
pub struct Delivery(Pending);

impl Delivery {
    pub(crate) fn new(pending: Pending) -> Self {
        Self(pending)
    }
}

impl Future for Delivery {
    type Output = Report;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Report> {
        ready!(poll_proceed(context));
        match self.0.poll_report(context, report) {
            Poll::Ready(Some(report)) => Poll::Ready(report),
            // Polled after completion.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl FusedFuture for Delivery {
    fn is_terminated(&self) -> bool {
        self.0.is_taken()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Delivery").field(&self.0).finish()
    }
}
