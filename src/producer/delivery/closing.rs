//! Closing a producer: accepted records are delivered until the timeout, and the others are returned.

use std::{
    fmt,
    io::Write as _,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Error, ErrorKind, ProducerRecord,
    deadline::Deadline,
    lock::lock,
    native::{Asked, ForkGuard, KeyAndValue, Outcome, RecordView},
    panic::emit,
    producer::producer_state::ProducerState,
    record::SerializedRecord,
};

/// The interval at which a closing delivery thread checks for outstanding records.
const LOOK: Duration = Duration::from_millis(50);

/// An accepted record that was not delivered before the producer was closed.
pub struct Unsent {
    record: SerializedRecord,
    error: Error,
}

impl Unsent {
    /// The record with its serialized key and value, ready to be sent by a `Producer<[u8], [u8]>`.
    pub fn record(&self) -> ProducerRecord<'_, [u8], [u8]> {
        self.record.record()
    }

    /// The error of its delivery. [`persistence`](Error::persistence) tells whether it may have been written.
    pub fn error(&self) -> &Error {
        &self.error
    }

    pub(crate) fn new(view: &RecordView<'_>, asked: Asked, bytes: KeyAndValue<'_>, outcome: &Outcome) -> Self {
        Self { record: view.copy(asked, bytes), error: Error::from_report(view.topic_name(), outcome) }
    }
}

/// The state of closing.
#[derive(Debug, Default)]
pub(in crate::producer) struct Closing {
    /// Never: until the records reach `delivery.timeout.ms`.
    deadline: Deadline,
    collect: bool,
    unsent: Vec<Unsent>,
    /// The number of undelivered records that no call of `close` has returned.
    untaken: usize,
    /// The number of calls of `close` that wait for them.
    collectors: usize,
    /// The last handle was dropped, so `close` cannot be called any more.
    is_dropped: bool,
    /// The delivery thread has ended, so no more records will be added.
    has_ended: bool,
}

/// Undelivered records that are not returned.
pub(in crate::producer) struct Losses {
    records: usize,
    was_closed: bool,
}

/// A call of `close` that will return the undelivered records.
pub(in crate::producer) struct Collector {
    state: Arc<ProducerState>,
    fork_guard: ForkGuard,
}

impl Closing {
    /// Starts closing. A second call keeps the earlier deadline.
    pub(in crate::producer) fn begin(&mut self, deadline: Deadline, collect: bool) {
        self.deadline = self.deadline.earlier(deadline);
        self.collect |= collect;
    }

    /// The time until the next check; `None` if the deadline has passed.
    pub(in crate::producer) fn due(&self, now: Instant) -> Option<Duration> {
        (!self.deadline.is_over(now)).then(|| LOOK.min(self.deadline.left(now)))
    }

    pub(in crate::producer) fn give_up(
        &mut self,
        view: &RecordView<'_>,
        asked: Asked,
        bytes: KeyAndValue<'_>,
        outcome: &Outcome,
    ) {
        self.untaken += 1;
        if self.collect {
            self.unsent.push(Unsent::new(view, asked, bytes, outcome));
        }
    }

    pub(in crate::producer) fn untaken(&self) -> usize {
        self.untaken
    }

    /// The delivery thread has ended.
    pub(in crate::producer) fn end(&mut self) -> Option<Losses> {
        self.has_ended = true;
        self.losses()
    }

    /// The last handle was dropped.
    pub(in crate::producer) fn drop_handles(&mut self) -> Option<Losses> {
        self.is_dropped = true;
        self.losses()
    }

    fn take(&mut self) -> Vec<Unsent> {
        let unsent = mem::take(&mut self.unsent);
        self.untaken -= unsent.len();
        unsent
    }

    /// The undelivered records, once it is certain that they are not returned.
    fn losses(&mut self) -> Option<Losses> {
        if !self.has_ended || !self.is_dropped || self.collectors > 0 || self.untaken == 0 {
            return None;
        }
        self.unsent.clear();
        Some(Losses { records: mem::take(&mut self.untaken), was_closed: self.collect })
    }
}

impl Collector {
    pub(in crate::producer) fn new(state: Arc<ProducerState>) -> Self {
        lock(&state.delivery.closing).collectors += 1;
        Self { state, fork_guard: ForkGuard::current() }
    }

    /// Returns the undelivered records. `in_time`: whether the delivery thread has ended.
    pub(in crate::producer) fn take(self, in_time: bool) -> Result<Vec<Unsent>, Error> {
        let state = &self.state;
        let unreported = if in_time { 0 } else { state.admission.outstanding.len() };
        if unreported > 0 {
            let message = format!(
                "the timeout has passed and up to {unreported} records are not reported yet, because a callback or other user code \
                 blocks the delivery thread: they are reported when it returns"
            );
            return Err(Error::new(ErrorKind::CloseTimeout, message));
        }
        let unsent = lock(&state.delivery.closing).take();
        if !unsent.is_empty() {
            emit!(warn, unsent = unsent.len(), "the producer was closed before all of its records were delivered");
        }
        Ok(unsent)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // In a forked child the mutex may be locked forever.
        if self.fork_guard.is_left() {
            return;
        }
        let losses = {
            let mut closing = lock(&self.state.delivery.closing);
            closing.collectors -= 1;
            closing.losses()
        };
        tell(losses);
    }
}

/// Logs the number of undelivered records that are not returned. Must be called without a lock.
pub(in crate::producer) fn tell(losses: Option<Losses>) {
    let Some(Losses { records: given_up, was_closed }) = losses else { return };
    let how = if was_closed { "closed without awaiting `close`" } else { "dropped" };
    tell_anyway(&format!("the producer was {how}, and {given_up} accepted records were not delivered in time"));
}

/// Logs that the last handle was dropped while user code blocks the delivery thread.
pub(in crate::producer) fn tell_unreported(unreported: usize) {
    tell_anyway(&format!(
        "the producer was dropped, and up to {unreported} accepted records are not reported, because a callback or other user code \
         blocks the delivery thread"
    ));
}

/// Writes to the log, or to stderr without a subscriber.
fn tell_anyway(text: &str) {
    emit!(error, "{text}");
    if !tracing::dispatcher::has_been_set() {
        // Ignores a closed stderr.
        let _ = writeln!(std::io::stderr(), "ottla: {text}");
    }
}

/// Shows destination and error, but no key and value.
impl fmt::Debug for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsent").field("record", &self.record()).field("error", &self.error).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undelivered_records_are_logged_unless_close_returns_them() {
        let told = |losses: Option<Losses>| losses.map(|losses| (losses.records, losses.was_closed));
        let given_up =
            |collectors| Closing { untaken: 3, collect: collectors > 0, collectors, is_dropped: true, ..Closing::default() };
        let mut dropped = given_up(0);
        assert_eq!((told(dropped.losses()), told(dropped.end()), told(dropped.losses())), (None, Some((3, false)), None));
        let mut closed = given_up(1);
        assert_eq!(told(closed.end()), None, "close waits for the records");
        closed.collectors = 0;
        assert_eq!(told(closed.losses()), Some((3, true)), "the future of close was dropped");
        let mut closed = given_up(0);
        closed.collect = true;
        assert_eq!(told(closed.end()), Some((3, true)), "the future of close was dropped before the end");
        let mut closed = Closing { collect: true, is_dropped: false, ..given_up(0) };
        assert_eq!(told(closed.end()), None, "another handle may close the producer");
        assert_eq!(told(closed.drop_handles()), Some((3, true)), "the last handle was dropped");
    }
}
