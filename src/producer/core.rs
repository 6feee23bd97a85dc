//! The part of a producer that does not know its types. Dropped with the last handle.

use std::{num::NonZeroI64, sync::Arc, time::Duration};

use super::{
    admission::outstanding::Done,
    delivery::{closing, flush_helper::Hurry},
    metadata::absence::is_absence,
    prepare::record_size,
    shared::{Shared, topic_of},
    transaction::Transactions,
};
use crate::{
    Error, ErrorKind,
    deadline::Deadline,
    lock::lock,
    native::{Client, Draft, PreparedRecord, Topic, code},
    panic::wake,
};

/// The longest topic name that Kafka takes (`org.apache.kafka.common.internals.Topic`).
const MAX_TOPIC_LENGTH: usize = 249;

/// Why a draft was not accepted.
pub(super) enum Rejected {
    /// librdkafka does not know its topic or partition. Its room is still taken.
    Absent(Box<Draft>, i32),
    Failed(Error),
}

pub(super) struct Core {
    pub(super) client: Arc<Client>,
    pub(super) shared: Arc<Shared>,
    /// `sasl.mechanism`, if there is a login.
    pub(super) mechanism: Option<String>,
    pub(super) max_request_size: usize,
    pub(super) drop_timeout: Duration,
}

impl Core {
    /// The producer is of this process, and not of one that this one was forked from.
    pub(super) fn check_process(&self) -> Result<(), Error> {
        if self.client.is_left_behind() { Err(other_process()) } else { Ok(()) }
    }

    /// The producer is of this process, and open.
    pub(super) fn check_open(&self) -> Result<(), Error> {
        self.check_process()?;
        if self.shared.outstanding.is_closed() { Err(self.refusal(code::DESTROY)) } else { Ok(()) }
    }

    /// Sends a draft whose room is taken.
    pub(super) fn accept(&self, draft: Draft) -> Result<(), Rejected> {
        // Dropped last: it wakes those whose flush ends with this record.
        let mut done = Done::default();
        self.shared.accept(&self.client, draft, &mut done).map_err(|(mut draft, code)| {
            if is_absence(&draft, code) {
                return Rejected::Absent(Box::new(draft), code);
            }
            self.shared.release(&self.client, draft.charge());
            let error = self.shared.refusal_of(&self.client, &mut draft, code);
            self.turn_away(&topic_of(draft.record()), draft, &error);
            Rejected::Failed(error)
        })
    }

    /// Ends a draft whose room is taken, which does not wait for its topic or partition. Its record can be sent again, so that it costs no
    /// transaction.
    pub(super) fn turn_absent_away(&self, draft: Draft, code: i32) -> Error {
        self.shared.release(&self.client, draft.charge());
        let error = self.shared.refusal_of_absent(draft.record(), code);
        self.turn_outsider_away(&topic_of(draft.record()), draft, &error);
        error
    }

    /// The error of a record that was not accepted.
    pub(super) fn refusal(&self, code: i32) -> Error {
        self.shared.refusal_by(&self.client, code)
    }

    /// Ends a draft that is not sent, and fails its transaction.
    pub(super) fn turn_away(&self, topic: &str, draft: Draft, error: &Error) {
        self.shared.note_refusal(error);
        self.turn_outsider_away(topic, draft, error);
    }

    /// Ends a draft that is not sent, and that belongs to no transaction.
    pub(super) fn turn_outsider_away(&self, topic: &str, draft: Draft, error: &Error) {
        self.shared.meter.refuse(1);
        if error.kind() == ErrorKind::BufferFull {
            self.shared.meter.exhaust();
        }
        self.shared.tell_refused(topic, draft.record(), error);
        draft.refuse(code::DESTROY).into_iter().for_each(wake);
    }

    /// Gives the record its topic's native handle. A slot that was used for the same topic has it already.
    pub(super) fn address(&self, record: &mut PreparedRecord, topic: &str) -> Result<(), Error> {
        if record.topic.as_ref().is_none_or(|known| **known.name() != *topic) {
            let topic = self.topic(topic)?;
            self.shared.producer_id.hasten(&self.client, &topic);
            record.topic = Some(topic);
        }
        Ok(())
    }

    pub(super) fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        check_topic_name(name)?;
        self.client.topic(name).map_err(|code| Error::from_code(code, &format!("topic {name}")))
    }

    /// A transactional producer sends in a transaction only.
    pub(super) fn check_transaction(&self) -> Result<(), Error> {
        self.shared.transactions.as_ref().map_or(Ok(()), Transactions::admit)
    }

    /// Holds the record against `max.request.size` and `buffer.memory`.
    pub(super) fn check_size(&self, record: &PreparedRecord, cost: usize) -> Result<(), Error> {
        record_size::check(record, cost, self.max_request_size, self.shared.buffer_memory.limit())
    }

    /// Has librdkafka send without lingering until the guard is dropped.
    pub(super) fn hurry(self: &Arc<Self>) -> Hurry {
        Hurry::new(Arc::clone(self))
    }
}

/// The error of a call in a fork of the producer's process.
pub(super) fn other_process() -> Error {
    let message = "the producer was created before fork(), in another process: create one in this process";
    Error::new(ErrorKind::Closed, message)
}

impl Drop for Core {
    fn drop(&mut self) {
        // A fork leaves the producer to the process that it is of.
        if self.client.is_left_behind() {
            return;
        }
        let losses = lock(&self.shared.closing).drop_handles();
        closing::tell(losses);
        if self.shared.outstanding.is_closed() {
            return;
        }
        let shared = &self.shared;
        // Asked before the end begins: the delivery thread takes the others' handles when it joins them, and they are unknown from then on.
        let on_own_thread = shared.on_delivery_thread()
            || shared.flush_helper.on_its_thread()
            || shared.transactions.as_ref().is_some_and(Transactions::on_its_thread);
        let deadline = Deadline::after(self.drop_timeout);
        shared.begin_to_close(&self.client, deadline, false);
        if on_own_thread {
            // A callback or a waker held the last handle. The delivery thread, which waits for the two others at its end, goes on by itself
            // until everything is reported.
            return;
        }
        let unreported = if self.shared.wait_for_end(deadline) { 0 } else { self.shared.outstanding.len() };
        if unreported > 0 {
            closing::tell_unreported(unreported);
        }
    }
}

/// Sets partition and timestamp, after Java's checks of a `ProducerRecord` and librdkafka's one more.
pub(crate) fn place(record: &mut PreparedRecord, partition: Option<i32>, timestamp: Option<i64>) -> Result<(), Error> {
    let invalid = |record: &PreparedRecord, what: String| {
        let topic = record.topic.as_ref().map_or("", |topic| topic.name());
        Err(Error::new(ErrorKind::InvalidRecord, format!("topic {topic}: {what}")))
    };
    record.partition = partition;
    if let Some(partition) = partition.filter(|&partition| partition < 0) {
        return invalid(record, format!("partition {partition}: a partition is 0 or more, or left to the partitioner"));
    }
    if let Some(timestamp) = timestamp.filter(|&timestamp| timestamp <= 0) {
        return invalid(
            record,
            format!(
                "timestamp {timestamp}: a timestamp is more than 0 milliseconds since the epoch (librdkafka takes 0 for now), or left out"
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
        "a topic's name is not empty"
    } else if topic == "." || topic == ".." {
        "a topic's name is not \".\" or \"..\""
    } else if topic.len() > MAX_TOPIC_LENGTH {
        "a topic's name has at most 249 characters"
    } else if !topic.bytes().all(legal) {
        "a topic's name has only ASCII letters, digits, \".\", \"_\" and \"-\""
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidRecord, format!("topic {topic:?}: {reason}")))
}
