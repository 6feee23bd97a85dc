//! Closing: a time to deliver what was accepted, then what was not comes back.

use std::{
    fmt, mem,
    num::NonZeroI64,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Error, Headers, ProducerRecord,
    deadline::Deadline,
    native::{Asked, KeyAndValue, Outcome, Sent},
    panic::emit,
};

/// How often the delivery thread looks whether everything is reported, while it closes.
const LOOK: Duration = Duration::from_millis(50);

/// A record that was accepted, and given up when the producer was closed.
pub struct Unsent {
    topic: Arc<str>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    headers: Headers,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    error: Error,
}

impl Unsent {
    /// The record, with its key and value as they were serialized: ready to be sent by a `Producer<[u8], [u8]>`.
    pub fn record(&self) -> ProducerRecord<'_, [u8], [u8]> {
        let mut record = ProducerRecord::to(&*self.topic).headers(self.headers.clone());
        if let Some(key) = &self.key {
            record = record.key(&**key);
        }
        if let Some(value) = &self.value {
            record = record.value(&**value);
        }
        if let Some(partition) = self.partition {
            record = record.partition(partition);
        }
        if let Some(timestamp) = self.timestamp {
            record = record.timestamp(timestamp);
        }
        record
    }

    /// The error that its delivery got; its [`persistence`](Error::persistence) says whether it may have been written.
    pub fn error(&self) -> &Error {
        &self.error
    }

    pub(crate) fn new(sent: &Sent<'_>, asked: Asked, (key, value): KeyAndValue<'_>, outcome: &Outcome) -> Self {
        let topic = sent.topic.map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name()));
        Self {
            error: Error::from_report(&topic, outcome),
            topic,
            partition: asked.partition,
            timestamp: asked.timestamp.map(NonZeroI64::get),
            headers: sent.headers.clone(),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
        }
    }
}

/// How far closing has come.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Never: as long as `delivery.timeout.ms` lets the records live.
    deadline: Deadline,
    collect: bool,
    unsent: Vec<Unsent>,
    given_up: usize,
}

impl Closing {
    /// Closing twice keeps the earlier deadline.
    pub(super) fn begin(&mut self, deadline: Deadline, collect: bool) {
        self.deadline = self.deadline.earlier(deadline);
        self.collect |= collect;
    }

    /// How long to wait before looking again; `None` when the time is over.
    pub(super) fn due(&self, now: Instant) -> Option<Duration> {
        (!self.deadline.is_over(now)).then(|| LOOK.min(self.deadline.left(now)))
    }

    pub(super) fn give_up(&mut self, sent: &Sent<'_>, asked: Asked, bytes: KeyAndValue<'_>, outcome: &Outcome) {
        self.given_up += 1;
        if self.collect {
            self.unsent.push(Unsent::new(sent, asked, bytes, outcome));
        }
    }

    pub(super) fn take(&mut self) -> Vec<Unsent> {
        mem::take(&mut self.unsent)
    }

    /// Says how many records were given up, where nobody gets them back: the producer was dropped, not closed.
    pub(super) fn tell_silent_losses(&self) {
        let given_up = self.given_up;
        if self.collect || given_up == 0 {
            return;
        }
        emit!(error, given_up, "the producer was dropped, and records that it had accepted were not delivered in time");
        if !tracing::dispatcher::has_been_set() {
            eprintln!("ottla: the producer was dropped, and {given_up} records that it had accepted were not delivered in time");
        }
    }
}

/// Shows where the record was to go and why it did not, never what is in it.
impl fmt::Debug for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsent").field("record", &self.record()).field("error", &self.error).finish()
    }
}
