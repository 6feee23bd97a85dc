//! Closing: a time to deliver what was accepted, then what was not comes back.

use std::{
    fmt,
    io::Write as _,
    mem,
    num::NonZeroI64,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Error, ErrorKind, Headers, ProducerRecord,
    deadline::Deadline,
    lock::lock,
    native::{Asked, ForkGuard, KeyAndValue, Outcome, RecordView},
    panic::emit,
    producer::shared::Shared,
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
        let mut record = ProducerRecord::to(&*self.topic).headers(self.headers.clone()).key(&self.key).value(&self.value);
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

    pub(crate) fn new(view: &RecordView<'_>, asked: Asked, (key, value): KeyAndValue<'_>, outcome: &Outcome) -> Self {
        let topic = view.topic.map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name()));
        Self {
            error: Error::from_report(&topic, outcome),
            topic,
            partition: asked.partition,
            timestamp: asked.timestamp.map(NonZeroI64::get),
            headers: view.headers.clone(),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
        }
    }
}

/// How far closing has come.
#[derive(Debug, Default)]
pub(in crate::producer) struct Closing {
    /// Never: as long as `delivery.timeout.ms` lets the records live.
    deadline: Deadline,
    collect: bool,
    unsent: Vec<Unsent>,
    /// The records that were given up and that nobody was given back.
    untaken: usize,
    /// How many calls of `close` wait for them.
    collectors: usize,
    /// The last handle is gone: nobody will call `close`.
    is_dropped: bool,
    /// No more will be given up.
    has_ended: bool,
}

/// Records that were given up, and that nobody gets back.
pub(in crate::producer) struct Losses {
    records: usize,
    was_closed: bool,
}

/// A call of `close` that will take what was not delivered.
pub(in crate::producer) struct Collector {
    shared: Arc<Shared>,
    fork_guard: ForkGuard,
}

impl Closing {
    /// Closing twice keeps the earlier deadline.
    pub(in crate::producer) fn begin(&mut self, deadline: Deadline, collect: bool) {
        self.deadline = self.deadline.earlier(deadline);
        self.collect |= collect;
    }

    /// How long to wait before looking again; `None` when the time is over.
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

    /// The last handle is gone.
    pub(in crate::producer) fn drop_handles(&mut self) -> Option<Losses> {
        self.is_dropped = true;
        self.losses()
    }

    fn take(&mut self) -> Vec<Unsent> {
        let unsent = mem::take(&mut self.unsent);
        self.untaken -= unsent.len();
        unsent
    }

    /// What nobody will take.
    fn losses(&mut self) -> Option<Losses> {
        if !self.has_ended || !self.is_dropped || self.collectors > 0 || self.untaken == 0 {
            return None;
        }
        self.unsent.clear();
        Some(Losses { records: mem::take(&mut self.untaken), was_closed: self.collect })
    }
}

impl Collector {
    pub(in crate::producer) fn new(shared: Arc<Shared>) -> Self {
        lock(&shared.closing).collectors += 1;
        Self { shared, fork_guard: ForkGuard::current() }
    }

    /// What closing left undelivered. `in_time`: whether the delivery thread has ended.
    pub(in crate::producer) fn take(self, in_time: bool) -> Result<Vec<Unsent>, Error> {
        let shared = &self.shared;
        let unreported = if in_time { 0 } else { shared.outstanding.len() };
        if unreported > 0 {
            let message = format!(
                "the timeout is over, and up to {unreported} records are not reported yet, since a callback or another piece of \
                 user code on the delivery thread does not return: their reports follow when it does"
            );
            return Err(Error::new(ErrorKind::CloseTimeout, message));
        }
        let unsent = lock(&shared.closing).take();
        if !unsent.is_empty() {
            emit!(warn, unsent = unsent.len(), "the producer was closed before all of its records were delivered");
        }
        Ok(unsent)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // In a fork the mutex may be locked for ever.
        if self.fork_guard.is_left() {
            return;
        }
        let losses = {
            let mut closing = lock(&self.shared.closing);
            closing.collectors -= 1;
            closing.losses()
        };
        tell(losses);
    }
}

/// Says how many records were given up, where nobody gets them back. Call it without a lock.
pub(in crate::producer) fn tell(losses: Option<Losses>) {
    let Some(Losses { records: given_up, was_closed }) = losses else { return };
    let how = if was_closed { "closed, no call of `close` has waited for the end" } else { "dropped" };
    tell_anyway(&format!("the producer was {how}, and {given_up} records that it had accepted were not delivered in time"));
}

/// The last handle was dropped, and user code holds up the delivery thread.
pub(in crate::producer) fn tell_unreported(unreported: usize) {
    tell_anyway(&format!(
        "the producer was dropped, and up to {unreported} records that it had accepted are not reported, since a callback or another \
         piece of user code on the delivery thread does not return"
    ));
}

/// To the log, or to stderr where there is none.
fn tell_anyway(text: &str) {
    emit!(error, "{text}");
    if !tracing::dispatcher::has_been_set() {
        // A program that has closed stderr does not want to read it.
        let _ = writeln!(std::io::stderr(), "ottla: {text}");
    }
}

/// Shows where the record was to go and why it did not, never what is in it.
impl fmt::Debug for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsent").field("record", &self.record()).field("error", &self.error).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_told_of_unless_a_call_of_close_takes_it() {
        let told = |losses: Option<Losses>| losses.map(|losses| (losses.records, losses.was_closed));
        let given_up =
            |collectors| Closing { untaken: 3, collect: collectors > 0, collectors, is_dropped: true, ..Closing::default() };
        let mut dropped = given_up(0);
        assert_eq!((told(dropped.losses()), told(dropped.end()), told(dropped.losses())), (None, Some((3, false)), None));
        let mut closed = given_up(1);
        assert_eq!(told(closed.end()), None, "close waits for them");
        closed.collectors = 0;
        assert_eq!(told(closed.losses()), Some((3, true)), "its future was dropped");
        let mut closed = given_up(0);
        closed.collect = true;
        assert_eq!(told(closed.end()), Some((3, true)), "its future was dropped before the end");
        let mut closed = Closing { collect: true, is_dropped: false, ..given_up(0) };
        assert_eq!(told(closed.end()), None, "another handle may take them");
        assert_eq!(told(closed.drop_handles()), Some((3, true)), "the last handle is gone");
    }
}
