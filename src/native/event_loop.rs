//! The delivery thread: it serves librdkafka's event queue and nothing else does.
//!
//! A batch of reports is completed in this order: all outcomes stored, the event destroyed (only then has librdkafka freed its
//! records), slots back to the pool, room released, waiting drafts admitted, outstanding counts lowered, tasks woken. A task
//! that is woken finds all of it done; one that polls by chance in between may find its report before `buffer_available_bytes`
//! shows the room.

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
    slot::{self, Draft, FreeSlot, Reported},
    throttle::Throttled,
    topic::{self, Topic},
};
use crate::panic::{release, survive, wake};

/// Who hears of a record's report beside its future. None of these may panic or block.
pub(crate) trait Audience: Send + Sync {
    /// A record's report, before its callback or future. Called if [`observes_reports`](Self::observes_reports).
    fn on_report(&self, view: &RecordView<'_>, outcome: &Outcome);
    /// Whether [`on_report`](Self::on_report) is wanted.
    fn observes_reports(&self) -> bool;
    /// Runs a callback of the user.
    fn call_back(&self, callback: Contained<Callback>, view: &RecordView<'_>, outcome: &Outcome);
}

/// What the layer above learns from the delivery thread. None of these may panic or block.
pub(crate) trait EventHandler: Send + Sync {
    /// Who hears of the reports.
    fn audience(&self) -> &dyn Audience;
    /// A record that was given up by a purge.
    fn on_purged(&self, view: &RecordView<'_>, asked: Asked, bytes: KeyAndValue<'_>, outcome: &Outcome);
    /// A record has failed: a chance to say why. `broker` is the one that has answered for it, negative for none.
    fn on_failure(&self, client: &Client, view: &RecordView<'_>, outcome: &mut Outcome, broker: i32);
    /// A batch of records has been reported.
    fn on_freed(&self, client: &Client, freed: Freed);
    /// An error that concerns no single record.
    fn on_error(&self, client: &Client, code: i32, text: &str, fatal: bool);
    /// A log line; `level` is syslog's.
    fn on_log(&self, level: i32, facility: &str, text: &str);
    /// A broker holds the producer back.
    fn on_throttle(&self, throttled: Throttled);
    /// librdkafka's statistics, as JSON.
    fn on_statistics(&self, json: String);
    /// librdkafka wants another token to log in with.
    fn on_token_refresh(&self);
    /// Called between events: keeps the timers. Says how long to wait for the next event at most, or that all is done.
    fn progress(&self, client: &Client) -> Progress;
}

/// A record's key and value as they were sent.
pub(crate) type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// How the delivery thread goes on.
pub(crate) enum Progress {
    /// Waits for events at most this long.
    Wait(Duration),
    /// Waits likewise; nothing is outstanding, so that free memory may be given back.
    Idle(Duration),
    /// Every record is reported and none will come.
    Done,
}

/// What a batch of reports frees.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Freed {
    /// Of `buffer.memory`.
    pub(crate) bytes: usize,
    /// Outstanding records, by generation.
    pub(crate) records: [usize; 2],
}

/// How long the thread waits for events after a bug of this layer.
const AFTER_BUG: Duration = Duration::from_millis(100);

/// Serves events until [`Progress::Done`].
///
/// A panic ends none of it: user code is contained where it is called, and a bug of this layer costs what it happens in.
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

/// Ends a record that was told to be accepted, and that librdkafka refused after all: the code is its report. Gives whom to wake.
pub(crate) fn report_refused(mut draft: Draft, code: i32, audience: &dyn Audience) -> Vec<Waker> {
    let outcome = Outcome { details: draft.take_details(), ..Outcome::unwritten(code) };
    report(draft, outcome, audience)
}

/// Ends a record that librdkafka does not have. Gives whom to wake.
pub(crate) fn report(draft: Draft, outcome: Outcome, audience: &dyn Audience) -> Vec<Waker> {
    let (mut batch, reported) = (ReportBatch::default(), Reported::from(draft));
    if audience.observes_reports() {
        audience.on_report(&reported.view(), &outcome);
    }
    batch.settle(reported, outcome, audience);
    batch.end_run();
    batch.slots.into_iter().for_each(FreeSlot::recycle);
    batch.wakers
}

/// What one event's reports leave to be done once, for all of them, and what is known from those before.
#[derive(Default)]
struct ReportBatch {
    acknowledged_partitions: AcknowledgedPartitions,
    freed: Freed,
    /// How many records the event reports.
    records: usize,
    /// Whether somebody beside its future wants to hear of each report.
    observes: bool,
    wakers: Vec<Waker>,
    slots: Vec<FreeSlot>,
    /// How many bytes may still stay in slots whose reports nobody has read.
    unread: usize,
    /// The batch whose record came last, and how many of its records came in a row: they are counted at once.
    run: Option<(Contained<Arc<dyn Tally>>, usize)>,
    /// The topic whose record came last, and what is to be added to its counts.
    topic: Option<(Arc<Topic>, Counted)>,
}

impl ReportBatch {
    /// Completes every record of the event, then frees the room, then wakes: a task that is woken finds room and all results.
    ///
    /// Each step is taken whatever becomes of the one before: a record that is not completed, or not counted, is waited for for ever.
    fn complete(&mut self, client: &Client, event: Event, event_handler: &dyn EventHandler) {
        let audience = event_handler.audience();
        let unread = client.pool().unread_left();
        (self.unread, self.observes, self.records) = (unread, audience.observes_reports(), event.reports_left());
        let mut messages = Vec::new();
        let mut placed = Placed::default();
        loop {
            messages.clear();
            event.next_reports(&mut messages);
            if messages.is_empty() {
                break;
            }
            for message in &messages {
                slot::prefetch(message.opaque());
            }
            let mut left = messages.iter();
            let mut complete_all =
                || left.by_ref().for_each(|message| self.complete_one(client, event_handler, audience, message, &mut placed));
            // Most often once; after a panic it goes on with the next record.
            while survive("a delivery report", &mut complete_all).is_none() {}
        }
        drop(messages);
        survive("the partitions' queues", || placed.end());
        survive("a batch", || self.end_run());
        survive("a topic's counts", || self.end_topic());
        drop(event);
        survive("the pool", || client.pool().give_all(&mut self.slots, unread - self.unread));
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
        self.acknowledged_partitions.examine(message.topic(), &mut outcome);
        self.count_of_topic(message, &reported, &outcome);
        if reported.is_counted() {
            // SAFETY: the client has the topics of its records for as long as it lives.
            unsafe { placed.add(message, &outcome) };
        }
        if outcome.code() != code::NO_ERROR {
            outcome.details = reported.take_details();
            outcome.attribute(self.records);
            event_handler.on_failure(client, &reported.view(), &mut outcome, message.broker());
        }
        if self.observes {
            audience.on_report(&reported.view(), &outcome);
        }
        if code::PURGES.contains(&outcome.code()) {
            event_handler.on_purged(&reported.view(), reported.asked(), (message.key(), message.value()), &outcome);
        }
        self.settle(reported, outcome, audience);
    }

    /// Tells whoever waits for the report.
    fn settle(&mut self, mut reported: Reported, outcome: Outcome, audience: &dyn Audience) {
        // What a future has not read yet may not keep more than a certain amount.
        let mut unread = None;
        match reported.take_completion() {
            Completion::Future => {
                let kept = reported.kept();
                if kept > 0 {
                    unread = (kept <= self.unread).then_some(kept);
                    reported.keep_bytes(unread.is_some());
                }
            }
            Completion::Callback(callback) => audience.call_back(callback, &reported.view(), &outcome),
            Completion::Member { tally, index } => {
                if outcome.code() != code::NO_ERROR {
                    tally.fail(index, &reported.view(), &outcome);
                }
                self.count(tally);
            }
        }
        match reported.complete(outcome) {
            Err(mut slot) => {
                slot.set_read();
                self.slots.push(slot);
            }
            // One task often waits for many records in a row: one wake is enough.
            Ok(waker) => {
                self.unread -= unread.unwrap_or(0);
                match waker {
                    Some(waker) if self.wakers.last().is_some_and(|last| last.will_wake(&waker)) => release(waker),
                    waker => self.wakers.extend(waker),
                }
            }
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

/// The records of one partition that came in a row and were counted by the topic's partitioner, which is told of them at once.
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

    /// As a layer above that has bugs.
    #[derive(Default)]
    struct Panics {
        calls: AtomicUsize,
        freed: Mutex<usize>,
    }

    impl Panics {
        /// Panics every seventh time.
        fn call(&self) {
            assert!(self.calls.fetch_add(1, Ordering::Relaxed) % 7 != 1, "a bug of ours");
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
            panic!("a bug of ours");
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
    fn whatever_panics_every_record_is_reported_and_counted() {
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
