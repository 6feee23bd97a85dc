//! [`UntypedProducer`]: the part of a producer without type parameters, dropped with the last handle.

use std::{num::NonZeroI64, sync::Arc, time::Duration};

use super::{
    delivery::{
        closing,
        drop_on::{DropOn, Remainder},
        flush_helper::Hurry,
    },
    metadata::absence::is_absence,
    prepare::record_size,
    producer_state::{ProducerState, topic_of},
    transaction::Transactions,
};
use crate::{
    Error, ErrorKind,
    deadline::Deadline,
    lock::lock,
    native::{Client, Draft, PreparedRecord, Topic, TransactionRefused, code},
    panic::wake,
};

/// Kafka's longest topic name (`org.apache.kafka.common.internals.Topic`).
const MAX_TOPIC_LENGTH: usize = 249;

/// Why a draft was not accepted.
pub(super) enum Rejected {
    /// librdkafka does not know its topic or partition, or the partitioner not the leaders. Its memory is still reserved.
    Absent(Draft, i32),
    Failed(Error),
}

pub(super) struct UntypedProducer {
    pub(super) client: Arc<Client>,
    pub(super) state: Arc<ProducerState>,
    /// `sasl.mechanism`, if SASL is used.
    pub(super) mechanism: Option<String>,
    pub(super) max_request_size: usize,
    pub(super) drop_timeout: Duration,
    pub(super) drop_on: DropOn,
}

impl UntypedProducer {
    /// Checks that the producer was created in this process, and not before a fork.
    pub(super) fn check_process(&self) -> Result<(), Error> {
        if self.client.is_left_behind() { Err(other_process()) } else { Ok(()) }
    }

    /// Checks that the producer was created in this process and is open.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.check_process()?;
        if self.state.admission.outstanding.is_closed() { Err(self.refusal(code::DESTROY)) } else { Ok(()) }
    }

    /// Ends a draft that librdkafka did not accept, unless it may wait for its topic or partition.
    pub(super) fn rejected(&self, mut draft: Draft, code: i32) -> Rejected {
        if is_absence(&draft, code) {
            return Rejected::Absent(draft, code);
        }
        self.state.release(&self.client, draft.charge());
        let error = self.state.refusal_of(&self.client, &mut draft, code);
        self.reject(&topic_of(draft.record()), draft, &error);
        Rejected::Failed(error)
    }

    /// Rejects a draft that does not wait for its unknown topic or partition, and releases its memory. The record is returned to the program,
    /// so it does not fail the transaction.
    pub(super) fn turn_absent_away(&self, draft: Draft, code: i32) -> Error {
        self.state.release(&self.client, draft.charge());
        let error = self.state.refusal_of_absent(draft.record(), code);
        self.reject_without_failing_transaction(&topic_of(draft.record()), draft, &error);
        error
    }

    /// The error of a record that was not accepted.
    pub(super) fn refusal(&self, code: i32) -> Error {
        self.state.refusal_by(&self.client, code)
    }

    /// Rejects a draft and fails its transaction.
    pub(super) fn reject(&self, topic: &str, draft: Draft, error: &Error) {
        self.state.note_refusal(error);
        self.reject_without_failing_transaction(topic, draft, error);
    }

    /// Rejects a draft without failing a transaction.
    pub(super) fn reject_without_failing_transaction(&self, topic: &str, draft: Draft, error: &Error) {
        self.state.meter.refuse(1);
        if error.kind() == ErrorKind::BufferFull {
            self.state.meter.exhaust();
        }
        self.state.tell_refused(topic, draft.record(), error);
        draft.refuse(code::DESTROY).into_iter().for_each(wake);
    }

    /// Sets the record's native topic handle. A slot that was used for the same topic already has it.
    pub(super) fn set_topic(&self, record: &mut PreparedRecord, topic: &str) -> Result<(), Error> {
        if record.topic.as_ref().is_none_or(|known| !known.is_named(topic)) {
            let topic = self.topic(topic)?;
            self.state.metadata.producer_id.hasten(&self.client, &topic);
            record.topic = Some(topic);
        }
        Ok(())
    }

    pub(super) fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        check_topic_name(name)?;
        self.client.topic(name).map_err(|code| Error::from_code(code, &format!("topic {name}")))
    }

    /// Checks that a transactional producer has an open transaction.
    pub(super) fn check_transaction(&self) -> Result<(), Error> {
        self.state.transactions.as_ref().map_or(Ok(()), Transactions::admit)
    }

    /// What has ended the producer.
    pub(super) fn fatal_error(&self) -> Option<Error> {
        if let Some(failure) = self.state.transactions.as_ref().and_then(Transactions::broken) {
            return Some(failure.error());
        }
        let (code, text) = self.client.fatal_error()?;
        let cause = TransactionRefused {
            code,
            text: self.state.authentication.broker_errors.redact(&text),
            retriable: false,
            abortable: false,
            fatal: true,
        };
        Some(Error::from_transaction(&cause, "the producer has failed"))
    }

    /// Checks the record against `max.request.size` and `buffer.memory`.
    pub(super) fn check_size(&self, record: &PreparedRecord, cost: usize) -> Result<(), Error> {
        record_size::check(record, cost, self.max_request_size, self.state.admission.buffer_memory.limit())
    }

    /// Suspends `linger.ms` until the guard is dropped.
    pub(super) fn hurry(self: &Arc<Self>) -> Hurry {
        Hurry::new(Arc::clone(self))
    }
}

/// The error of a call in a forked child process.
pub(super) fn other_process() -> Error {
    let message = "the producer was created before fork(), in another process: create one in this process";
    Error::new(ErrorKind::Closed, message)
}

impl Drop for UntypedProducer {
    fn drop(&mut self) {
        // In a forked child, the producer belongs to the parent process.
        if self.client.is_left_behind() {
            return;
        }
        let losses = lock(&self.state.delivery.closing).drop_handles();
        closing::tell(losses);
        if self.state.admission.outstanding.is_closed() {
            return;
        }
        let state = &self.state;
        // Checked before closing starts: the delivery thread takes the handles of the other threads when it joins them.
        let on_own_thread = state.on_delivery_thread()
            || state.delivery.flush_helper.on_its_thread()
            || state.transactions.as_ref().is_some_and(Transactions::on_its_thread);
        let deadline = Deadline::after(self.drop_timeout);
        state.begin_to_close(&self.client, deadline, false);
        if on_own_thread {
            // A callback or a waker had the last handle. The delivery thread continues by itself until every record is reported, and joins the
            // other threads at its end.
            return;
        }
        self.drop_on.wait(Remainder::new(Arc::clone(&self.state), deadline));
    }
}

/// Sets partition and timestamp, with the checks of Java's `ProducerRecord` and one of librdkafka.
pub(crate) fn set_partition_and_timestamp(
    record: &mut PreparedRecord,
    partition: Option<i32>,
    timestamp: Option<i64>,
) -> Result<(), Error> {
    let invalid = |record: &PreparedRecord, what: String| {
        let topic = record.topic.as_ref().map_or("", |topic| topic.name());
        Err(Error::new(ErrorKind::InvalidRecord, format!("topic {topic}: {what}")))
    };
    record.partition = partition;
    if let Some(partition) = partition.filter(|&partition| partition < 0) {
        return invalid(record, format!("partition {partition}: must be 0 or more, or unset to use the partitioner"));
    }
    if let Some(timestamp) = timestamp.filter(|&timestamp| timestamp <= 0) {
        return invalid(
            record,
            format!(
                "timestamp {timestamp}: must be at least 1 millisecond since the epoch (librdkafka treats 0 as unset), or unset"
            ),
        );
    }
    record.timestamp = timestamp.and_then(NonZeroI64::new);
    Ok(())
}

/// Kafka's rule for topic names (`Topic.validate` of the Java client).
pub(crate) fn check_topic_name(topic: &str) -> Result<(), Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let reason = if topic.is_empty() {
        "the topic name must not be empty"
    } else if topic == "." || topic == ".." {
        "the topic name must not be \".\" or \"..\""
    } else if topic.len() > MAX_TOPIC_LENGTH {
        "the topic name must have at most 249 characters"
    } else if !topic.bytes().all(legal) {
        "the topic name must contain only ASCII letters, digits, \".\", \"_\" and \"-\""
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidRecord, format!("topic {topic:?}: {reason}")))
}
