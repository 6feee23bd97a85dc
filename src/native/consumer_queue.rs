//! The queue of a consumer, polled as events: they name the topic of an error, and a poll can be woken.

use std::{
    fmt,
    ptr::{self, NonNull},
    time::Duration,
};

use rdkafka_sys as sys;

use super::{
    consumed::Consumed,
    ffi,
    offsets::{self, ListedOffset},
    settings::milliseconds,
};

/// A consumer's queue. It must be dropped before its consumer is.
pub(crate) struct ConsumerQueue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues may be used from any thread.
unsafe impl Send for ConsumerQueue {}
// SAFETY: as above.
unsafe impl Sync for ConsumerQueue {}

/// What a poll brought.
pub(crate) enum Polled<'event> {
    Record(Consumed<'event>),
    Error(QueueError),
    Log {
        level: i32,
        facility: String,
        text: String,
    },
    /// The partitions that the group gives, or takes away.
    Rebalance {
        gives: bool,
        partitions: Vec<(String, i32)>,
    },
    /// A commit has ended. The code is an error only if all of its partitions failed; each partition has its own.
    Committed {
        code: i32,
        partitions: Vec<ListedOffset>,
    },
    Other,
}

/// An error that was put into the queue.
#[derive(Debug)]
pub(crate) struct QueueError {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) fatal: bool,
    /// The partition that it is about, if it is about one.
    pub(crate) partition: Option<(String, i32)>,
}

impl ConsumerQueue {
    /// The queue that has a consumer's records and events; `None` if it has no `group.id`.
    ///
    /// # Safety
    /// The client is alive, and outlives the queue.
    pub(super) unsafe fn of(client: NonNull<sys::rd_kafka_t>) -> Option<Self> {
        // SAFETY: the caller guarantees the client; the reference is given back in `drop`.
        NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(client.as_ptr()) }).map(Self)
    }

    /// A queue of its own, for the answer of a call.
    ///
    /// # Safety
    /// As [`of`](Self::of).
    pub(super) unsafe fn new(client: NonNull<sys::rd_kafka_t>) -> Option<Self> {
        // SAFETY: the caller guarantees the client; the queue is destroyed in `drop`.
        NonNull::new(unsafe { sys::rd_kafka_queue_new(client.as_ptr()) }).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }

    /// Gives the next event to `handle`, waiting for it up to `timeout` or until a [`wake`](Self::wake); `None` if there is none.
    pub(crate) fn poll<R>(&self, timeout: Duration, handle: impl FnOnce(Polled<'_>) -> R) -> Option<R> {
        // SAFETY: the queue is alive as long as `self`.
        let event = NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.0.as_ptr(), milliseconds(timeout)) })?;
        let event = Event(event);
        Some(handle(event.read()))
    }

    /// Lets a [`poll`](Self::poll) that waits look up.
    pub(crate) fn wake(&self) {
        // SAFETY: the queue is alive as long as `self`.
        unsafe { sys::rd_kafka_queue_yield(self.0.as_ptr()) };
    }
}

impl Drop for ConsumerQueue {
    fn drop(&mut self) {
        // SAFETY: the reference that `of` took, or the queue that `new` made.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) };
    }
}

impl fmt::Debug for ConsumerQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerQueue").finish_non_exhaustive()
    }
}

/// An owned `rd_kafka_event_t`.
struct Event(NonNull<sys::rd_kafka_event_t>);

impl Event {
    fn read(&self) -> Polled<'_> {
        let event = self.0.as_ptr();
        // SAFETY: the event is ours.
        match unsafe { sys::rd_kafka_event_type(event) } {
            sys::RD_KAFKA_EVENT_FETCH => {
                // SAFETY: the event is ours; its one message lives as long as it does.
                let message = unsafe { sys::rd_kafka_event_message_next(event) };
                // SAFETY: null, or a message that lives as long as the event, which the result borrows.
                match unsafe { Consumed::new(message) } {
                    Some(message) if message.code() == 0 => Polled::Record(message),
                    Some(message) => Polled::Error(message.error()),
                    None => Polled::Other,
                }
            }
            sys::RD_KAFKA_EVENT_ERROR => Polled::Error(self.error()),
            sys::RD_KAFKA_EVENT_LOG => self.log(),
            sys::RD_KAFKA_EVENT_REBALANCE => {
                let code = self.code();
                Polled::Rebalance {
                    gives: code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS as i32,
                    partitions: self.elements().into_iter().map(|element| (element.topic, element.partition)).collect(),
                }
            }
            sys::RD_KAFKA_EVENT_OFFSET_COMMIT => Polled::Committed { code: self.code(), partitions: self.elements() },
            _ => Polled::Other,
        }
    }

    fn code(&self) -> i32 {
        // SAFETY: the event is ours.
        unsafe { ffi::rd_kafka_event_error(self.0.as_ptr()) }
    }

    fn error(&self) -> QueueError {
        let event = self.0.as_ptr();
        // SAFETY: the event is ours.
        let fatal = unsafe { sys::rd_kafka_event_error_is_fatal(event) } != 0;
        // SAFETY: as above.
        let text = unsafe { sys::rd_kafka_event_error_string(event) };
        // SAFETY: a text that lives as long as the event.
        let text = unsafe { ffi::text(text) };
        // SAFETY: as above; what is returned is ours, or null.
        let partition = NonNull::new(unsafe { sys::rd_kafka_event_topic_partition(event) }).map(|partition| {
            // SAFETY: alive, and read before it is destroyed.
            let read = unsafe { offsets::element(partition.as_ptr()) };
            // SAFETY: ours, and destroyed once.
            unsafe { sys::rd_kafka_topic_partition_destroy(partition.as_ptr()) };
            (read.topic, read.partition)
        });
        QueueError { code: self.code(), text, fatal, partition }
    }

    fn log(&self) -> Polled<'_> {
        let (mut facility, mut text) = (ptr::null(), ptr::null());
        let mut level = 0;
        // SAFETY: the event is ours; the three are written, or left as they are.
        unsafe { sys::rd_kafka_event_log(self.0.as_ptr(), &raw mut facility, &raw mut text, &raw mut level) };
        // SAFETY: null, or a text that lives as long as the event.
        let facility = unsafe { ffi::text(facility) };
        // SAFETY: as above.
        let text = unsafe { ffi::text(text) };
        Polled::Log { level, facility, text }
    }

    fn elements(&self) -> Vec<ListedOffset> {
        // SAFETY: the event is ours; the list, if there is one, lives as long.
        let list = unsafe { sys::rd_kafka_event_topic_partition_list(self.0.as_ptr()) };
        // SAFETY: null or alive, and nobody writes to it.
        unsafe { offsets::elements(list) }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}
