//! The consumer's queue, read as events: an event has the topic of an error, and another thread can end a poll.

use std::{ptr::NonNull, time::Duration};

use rdkafka_sys as sys;

use super::{
    consumed::Consumed,
    event::Event,
    offsets::{self, ListedOffset},
    queue::Queue,
};

/// The result of a poll.
pub(crate) enum Polled<'event> {
    Record(Consumed<'event>),
    Error(QueueError),
    Log {
        level: i32,
        facility: String,
        text: String,
    },
    /// The partitions that the group assigns or revokes.
    Rebalance {
        gives: bool,
        partitions: Vec<(String, i32)>,
    },
    /// A commit has ended. The code is an error only if all partitions failed; each partition has its own.
    Committed {
        code: i32,
        partitions: Vec<ListedOffset>,
    },
    Other,
}

/// An error from the queue.
#[derive(Debug)]
pub(crate) struct QueueError {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) fatal: bool,
    /// The partition of the error, if there is one.
    pub(crate) partition: Option<(String, i32)>,
}

impl Queue {
    /// The queue of a consumer's records and events; `None` without a `group.id`.
    ///
    /// # Safety
    /// The client is alive, and outlives the queue.
    pub(super) unsafe fn of_consumer(client: NonNull<sys::rd_kafka_t>) -> Option<Self> {
        // SAFETY: the caller guarantees the client; the reference that the call returns is ours.
        unsafe { Self::from_reference(sys::rd_kafka_queue_get_consumer(client.as_ptr())) }
    }

    /// Passes the next event to `handle`, after waiting for it for `timeout` at most, or until a [`wake`](Self::wake); `None` if there is none.
    pub(super) fn poll_with<R>(&self, timeout: Duration, handle: impl FnOnce(Polled<'_>) -> R) -> Option<R> {
        self.poll(timeout).map(|event| handle(event.read()))
    }
}

impl Event {
    fn read(&self) -> Polled<'_> {
        match self.type_code() {
            sys::RD_KAFKA_EVENT_FETCH => {
                // SAFETY: the event is alive until `drop`; its one message is null or lives as long, and the result borrows the event.
                let message = unsafe { Consumed::new(sys::rd_kafka_event_message_next(self.as_ptr())) };
                match message {
                    Some(message) if message.code() == 0 => Polled::Record(message),
                    Some(message) => Polled::Error(message.error()),
                    None => Polled::Other,
                }
            }
            sys::RD_KAFKA_EVENT_ERROR => Polled::Error(self.queue_error()),
            sys::RD_KAFKA_EVENT_LOG => {
                let (level, facility, text) = self.log_line();
                Polled::Log { level, facility, text }
            }
            sys::RD_KAFKA_EVENT_REBALANCE => Polled::Rebalance {
                gives: self.code() == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS as i32,
                partitions: self.elements().into_iter().map(|element| (element.topic, element.partition)).collect(),
            },
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => Polled::Committed { code: self.code(), partitions: self.elements() },
            _ => Polled::Other,
        }
    }

    fn queue_error(&self) -> QueueError {
        // SAFETY: the event is alive until `drop`; a partition that the call returns is ours.
        let partition = NonNull::new(unsafe { sys::rd_kafka_event_topic_partition(self.as_ptr()) }).map(|partition| {
            // SAFETY: the partition is ours, and copied before its one destruction.
            let read = unsafe { offsets::element(partition.as_ptr()) };
            // SAFETY: the partition is ours, and not used again.
            unsafe { sys::rd_kafka_topic_partition_destroy(partition.as_ptr()) };
            (read.topic, read.partition)
        });
        QueueError { code: self.code(), text: self.error_text(), fatal: self.is_fatal(), partition }
    }

    fn elements(&self) -> Vec<ListedOffset> {
        // SAFETY: the event is alive until `drop`. Its list is null or lives as long, and nobody writes to it.
        unsafe { offsets::elements(sys::rd_kafka_event_topic_partition_list(self.as_ptr())) }
    }
}
