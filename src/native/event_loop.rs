//! The delivery thread: the only thread that serves librdkafka's event queue.
//!
//! A batch of reports is completed in this order: store all outcomes, destroy the event (only then has librdkafka freed its records), return
//! slots to the pool, free buffer memory, admit waiting drafts, lower the outstanding counts, wake tasks. A task that is woken finds all of
//! it done. A task that happens to poll in between may find its report before `buffer_available_bytes` shows the freed memory.

use std::{mem, sync::Arc, task::Waker, time::Duration};

use rdkafka_sys as sys;

use super::{
    client::Client,
    code,
    contained::Contained,
    counts::Counted,
    event::{Event, Kind, Message},
    implicit_ack::AcknowledgedPartitions,
    outcome::Outcome,
    prepared_record::{Callback, Completion, Tally},
    record_view::{Asked, RecordView},
    slot::{Draft, FreeSlot, Reported},
    throttle::Throttled,
    topic::{self, Topic},
};
use crate::panic::{survive, wake};

/// The receivers of a record's report besides its future. The methods must not panic or block.
pub(crate) trait Audience: Send + Sync {
    /// The report of a record, before its callback or future. Called if [`observes_reports`](Self::observes_reports).
    fn on_report(&self, view: &RecordView<'_>, outcome: &Outcome);
    /// Whether [`on_report`](Self::on_report) should be called.
    fn observes_reports(&self) -> bool;
    /// Whether the error of a record that was accepted and not delivered contains the record.
    fn returns_records(&self) -> bool {
        false
    }
    /// Runs a user's callback.
    fn call_back(&self, callback: Contained<Callback>, view: &RecordView<'_>, outcome: &Outcome);
}

/// The receiver of the delivery thread's events. The methods must not panic or block.
pub(crate) trait EventHandler: Send + Sync {
    /// The receivers of reports.
    fn audience(&self) -> &dyn Audience;
    /// A record was purged.
    fn on_purged(&self, view: &RecordView<'_>, asked: Asked, bytes: KeyAndValue<'_>, outcome: &Outcome);
    /// A record has failed; the handler may add a reason. `broker` is the broker that returned the error, negative for none.
    fn on_failure(&self, client: &Client, view: &RecordView<'_>, outcome: &mut Outcome, broker: i32);
    /// A batch of records has been reported.
    fn on_freed(&self, client: &Client, freed: Freed);
    /// An error that is not about a single record.
    fn on_error(&self, client: &Client, code: i32, text: &str, fatal: bool);
    /// A log line. `level` is a syslog level.
    fn on_log(&self, level: i32, facility: &str, text: &str);
    /// A broker throttles the producer.
    fn on_throttle(&self, throttled: Throttled);
    /// librdkafka's statistics, as JSON.
    fn on_statistics(&self, json: String);
    /// librdkafka needs a new token.
    fn on_token_refresh(&self);
    /// Called between events, for timers. Returns how long to wait for the next event at most, or that the producer is done.
    fn progress(&self, client: &Client) -> Progress;
}

/// A record's key and value, as sent.
pub(crate) type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// How the delivery thread continues.
pub(crate) enum Progress {
    /// Waits for events at most this long.
    Wait(Duration),
    /// Waits at most this long. No record is outstanding, so free memory may be released.
    Idle(Duration),
    /// All records are reported and no more will follow.
    Done,
}

/// What a batch of reports frees.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Freed {
    /// Bytes of `buffer.memory`.
    pub(crate) bytes: usize,
    /// Outstanding records, by generation.
    pub(crate) records: [usize; 2],
}

/// How long the thread waits for events after a bug in ottla.
const AFTER_BUG: Duration = Duration::from_millis(100);

/// Serves events until [`Progress::Done`].
///
/// A panic does not end it: user code is contained where it is called, and a bug in ottla only affects the event in which it occurs.
pub(crate) fn serve(client: &Client, event_handler: &dyn EventHandler) {
    let mut batch = ReportBatch::default();
    loop {
        let (timeout, idle) = match survive("the timers", || event_handler.progress(client)) {
            Some(Progress::Wait(timeout)) => (timeout, false),
            Some(Progress::Idle(timeout)) => (timeout, true),
            Some(Progress::Done) => return,
            None => (AFTER_BUG, false),
        };
        let event = client.poll(timeout);
        for throttled in client.throttled() {
            survive("throttling", || event_handler.on_throttle(throttled));
        }
        let Some(event) = event else {
            if idle {
                client.pool().shrink();
            }
            continue;
        };
        match event.kind() {
            Kind::Reports => batch.complete(client, event, event_handler),
            kind => drop(survive("an event", || tell(client, kind, event_handler))),
        }
    }
}

fn tell(client: &Client, kind: Kind, event_handler: &dyn EventHandler) {
    match kind {
        Kind::Error { code, text, fatal } => event_handler.on_error(client, code, &text, fatal),
        Kind::Log { level, facility, text } => event_handler.on_log(level, &facility, &text),
        Kind::Statistics(json) => event_handler.on_statistics(json),
        Kind::TokenRefresh => event_handler.on_token_refresh(),
        Kind::Reports | Kind::Other => {}
    }
}

/// Ends a record that counted as accepted but was rejected by librdkafka: the code is its report. Returns the wakers to call.
pub(crate) fn report_refused(mut draft: Draft, code: i32, audience: &dyn Audience) -> Vec<Waker> {
    let outcome = Outcome { details: draft.take_details(), ..Outcome::unwritten(code) };
    report(draft, outcome, audience)
}

/// Ends a record that is not in librdkafka. Returns the wakers to call.
pub(crate) fn report(draft: Draft, mut outcome: Outcome, audience: &dyn Audience) -> Vec<Waker> {
    if outcome.code() != code::NO_ERROR && audience.returns_records() {
        let prepared = draft.record();
        outcome.return_record(prepared.view().copy(prepared.asked(), (prepared.key(), prepared.value())));
    }
    let (mut batch, reported) = (ReportBatch::default(), Reported::from(draft));
    if audience.observes_reports() {
        audience.on_report(&reported.view(), &outcome);
    }
    batch.settle(reported, outcome, audience);
    batch.end_run();
    batch.slots.into_iter().for_each(FreeSlot::recycle);
    batch.wakers
}

/// The work that is left after the reports of an event and is done once for all of them, and the state of earlier reports.
#[derive(Default)]
struct ReportBatch {
    acknowledged_partitions: AcknowledgedPartitions,
    freed: Freed,
    /// The number of records that the event reports.
    records: usize,
    /// Whether the broker has returned the offset of the event's first record; unset before that record.
    has_offsets: Option<bool>,
    /// Whether the audience observes each report.
    observes: bool,
    wakers: Vec<Waker>,
    slots: Vec<FreeSlot>,
    /// The batch of the last record, and how many of its records came in a row: they are counted together.
    run: Option<(Contained<Arc<dyn Tally>>, usize)>,
    /// The topic of the last record, and the sum to be added to its counts.
    topic: Option<(Arc<Topic>, Counted)>,
}

impl ReportBatch {
    /// Completes all records of the event, then frees buffer memory, then wakes tasks: a woken task finds memory and all results.
    ///
    /// Each step runs even if the previous one panics: a task would wait forever for a record that is not completed or not counted.
    fn complete(&mut self, client: &Client, event: Event, event_handler: &dyn EventHandler) {
        let audience = event_handler.audience();
        self.has_offsets = None;
        (self.observes, self.records) = (audience.observes_reports(), event.reports_left());
        let mut placed = Placed::default();
        let mut complete_all = || {
            while let Some(message) = event.next_report() {
                self.complete_one(client, event_handler, audience, &message, &mut placed);
            }
        };
        // Usually once; after a panic it continues with the next record.
        while survive("a delivery report", &mut complete_all).is_none() {}
        survive("the partitions' queues", || placed.end());
        survive("a batch", || self.end_run());
        survive("a topic's counts", || self.end_topic());
        drop(event);
        survive("the pool", || client.pool().give_all(&mut self.slots));
        let freed = mem::take(&mut self.freed);
        survive("the end of a batch", || event_handler.on_freed(client, freed));
        self.wakers.drain(..).for_each(wake);
    }

    fn complete_one(
        &mut self,
        client: &Client,
        event_handler: &dyn EventHandler,
        audience: &dyn Audience,
        message: &Message<'_>,
        placed: &mut Placed,
    ) {
        // SAFETY: `Client::produce` made every message with a slot as its opaque, and librdkafka reports each one once.
        let mut reported = unsafe { Reported::from_opaque(message.opaque()) };
        self.freed.bytes += reported.charge();
        if let Some(records) = self.freed.records.get_mut(reported.generation()) {
            *records += 1;
        }
        let mut outcome = message.outcome();
        let has_offsets = *self.has_offsets.get_or_insert(outcome.offset >= 0);
        self.acknowledged_partitions.examine(message.topic(), &mut outcome);
        if !has_offsets {
            // librdkafka counts from the offset of the first record, even if that is the number for "none".
            outcome.offset = -1;
        }
        self.count_of_topic(message, &reported, &outcome);
        if reported.is_counted() {
            // SAFETY: the message's topic is one of the client's, which keeps it until it is dropped; the delivery thread holds the client.
            unsafe { placed.add(message, &outcome) };
        }
        if outcome.code() != code::NO_ERROR {
            outcome.details = reported.take_details();
            outcome.attribute(self.records);
            event_handler.on_failure(client, &reported.view(), &mut outcome, message.broker());
            if audience.returns_records() {
                outcome.return_record(reported.view().copy(reported.asked(), (message.key(), message.value())));
            }
        }
        if self.observes {
            audience.on_report(&reported.view(), &outcome);
        }
        if code::PURGES.contains(&outcome.code()) {
            event_handler.on_purged(&reported.view(), reported.asked(), (message.key(), message.value()), &outcome);
        }
        self.settle(reported, outcome, audience);
    }

    /// Passes the report to its receiver.
    fn settle(&mut self, mut reported: Reported, outcome: Outcome, audience: &dyn Audience) {
        match reported.take_completion() {
            Completion::Future => {}
            Completion::Callback(callback) => audience.call_back(callback, &reported.view(), &outcome),
            Completion::Member { tally, index } => {
                if outcome.code() != code::NO_ERROR {
                    tally.fail(index, &reported.view(), &outcome);
                }
                self.count(tally);
            }
        }
        match reported.complete(outcome) {
            Err(slot) => self.slots.push(slot),
            Ok(waker) => self.wakers.extend(waker),
        }
    }

    fn count_of_topic(&mut self, message: &Message<'_>, reported: &Reported, outcome: &Outcome) {
        if self.topic.as_ref().is_none_or(|(topic, _)| topic.handle().cast_const() != message.topic()) {
            self.end_topic();
            self.topic = reported.view().topic.map(|topic| (Arc::clone(topic), Counted::default()));
        }
        if let Some((topic, counted)) = &mut self.topic {
            counted.add(outcome.code() == code::NO_ERROR, message.size());
            if outcome.code() == code::NO_ERROR {
                topic.note_partition(outcome.partition);
            }
        }
    }

    fn end_topic(&mut self) {
        if let Some((topic, counted)) = self.topic.take() {
            topic.counts().add(counted);
        }
    }

    fn count(&mut self, tally: Contained<Arc<dyn Tally>>) {
        match &mut self.run {
            Some((known, records)) if Arc::ptr_eq(known, &tally) => *records += 1,
            _ => {
                self.end_run();
                self.run = Some((tally, 1));
            }
        }
    }

    fn end_run(&mut self) {
        if let Some((tally, records)) = self.run.take() {
            self.wakers.extend(tally.close(records));
        }
    }
}

/// Consecutive records of one partition that the topic's partitioner has counted. The partitioner is called once for all.
#[derive(Default)]
struct Placed(Option<(*const sys::rd_kafka_topic_t, topic::PartitionReport)>);

impl Placed {
    /// # Safety
    /// The message's topic lives until [`end`](Self::end).
    unsafe fn add(&mut self, message: &Message<'_>, outcome: &Outcome) {
        let (partition, bytes, any_written) = (outcome.partition, message.queued_size(), outcome.code() == code::NO_ERROR);
        match &mut self.0 {
            Some((topic, run)) if *topic == message.topic() && run.partition == partition => {
                run.bytes += bytes;
                run.any_written |= any_written;
            }
            _ => {
                self.end();
                self.0 = Some((message.topic(), topic::PartitionReport { partition, bytes, any_written }));
            }
        }
    }

    fn end(&mut self) {
        if let Some((topic, reported)) = self.0.take() {
            // SAFETY: the caller of `add` guarantees that the topic lives until this.
            unsafe { topic::tell_reported(topic, reported) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll},
    };

    use super::*;
    use crate::native::slot::Pending;

    const RECORDS: usize = 100;

    /// An event handler with bugs.
    #[derive(Default)]
    struct Panics {
        calls: AtomicUsize,
        freed: Mutex<usize>,
    }

    impl Panics {
        /// Panics every seventh time.
        fn call(&self) {
            assert!(self.calls.fetch_add(1, Ordering::Relaxed) % 7 != 1, "a bug in ottla");
        }
    }

    impl Audience for Panics {
        fn on_report(&self, _: &RecordView<'_>, _: &Outcome) {
            self.call();
        }

        fn observes_reports(&self) -> bool {
            true
        }

        fn call_back(&self, _: Contained<Callback>, _: &RecordView<'_>, _: &Outcome) {}
    }

    impl EventHandler for Panics {
        fn audience(&self) -> &dyn Audience {
            self
        }

        fn on_purged(&self, _: &RecordView<'_>, _: Asked, _: KeyAndValue<'_>, _: &Outcome) {
            self.call();
        }

        fn on_failure(&self, _: &Client, _: &RecordView<'_>, _: &mut Outcome, _: i32) {
            self.call();
        }

        fn on_freed(&self, _: &Client, freed: Freed) {
            *self.freed.lock().unwrap() += freed.records.iter().sum::<usize>();
            panic!("a bug in ottla");
        }

        fn on_error(&self, _: &Client, _: i32, _: &str, _: bool) {
            self.call();
        }

        fn on_log(&self, _: i32, _: &str, _: &str) {
            self.call();
        }

        fn on_throttle(&self, _: Throttled) {}

        fn on_statistics(&self, _: String) {}

        fn on_token_refresh(&self) {}

        fn progress(&self, client: &Client) -> Progress {
            self.call();
            if *self.freed.lock().unwrap() == RECORDS {
                return Progress::Done;
            }
            client.purge();
            Progress::Wait(Duration::from_millis(10))
        }
    }

    fn send(client: &Client) -> Pending {
        let mut draft = client.pool().take();
        draft.record_mut().topic = Some(client.topic("orders").unwrap());
        draft.record_mut().value_size = Some(0);
        let pending = draft.pending();
        assert!(client.produce(draft).is_ok());
        pending
    }

    #[test]
    fn every_record_is_reported_and_counted_despite_panics() {
        let properties = [("bootstrap.servers".to_owned(), "localhost:1".into())];
        let client = Client::new(&properties, Box::new(|| None)).unwrap_or_else(|refused| panic!("{refused:?}"));
        let pending: Vec<_> = (0..RECORDS).map(|_| send(&client)).collect();
        let event_handler = Panics::default();
        serve(&client, &event_handler);
        assert_eq!(*event_handler.freed.lock().unwrap(), RECORDS);
        let (mut purged, mut lost) = (0, 0);
        for mut pending in pending {
            match pending.poll_report(&Context::from_waker(Waker::noop()), |_, outcome| outcome.code()) {
                Poll::Ready(Some(code::FAIL)) => lost += 1,
                Poll::Ready(Some(_)) => purged += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(purged > 0 && lost > 0, "{purged} purged, {lost} lost");
    }
}
