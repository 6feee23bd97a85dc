//! The delivery thread: the only thread that serves librdkafka's event queue.

use std::time::Duration;

use super::{
    callback::Callback,
    client::Client,
    contained::Contained,
    event::Kind,
    in_flight::ReportBatch,
    outcome::Outcome,
    record_view::{Asked, RecordView},
    throttle::Throttled,
};
use crate::panic::survive;

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
    fn next_step(&self, client: &Client) -> NextStep;
}

/// A record's key and value, as sent.
pub(crate) type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// How the delivery thread continues.
pub(crate) enum NextStep {
    /// Waits for events at most this long.
    Wait(Duration),
    /// Waits at most this long, or [`RELEASE`] if there is free memory to release, since no record is outstanding.
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

/// The interval at which an idle thread releases half of the free slots.
const RELEASE: Duration = Duration::from_secs(1);

/// How long the thread waits for events after a bug in ottla.
const AFTER_BUG: Duration = Duration::from_millis(100);

/// Serves events until [`NextStep::Done`].
///
/// A panic does not end it: user code is contained where it is called, and a bug in ottla only affects the event in which it occurs.
pub(crate) fn serve(client: &Client, event_handler: &dyn EventHandler) {
    let mut batch = ReportBatch::default();
    loop {
        let (timeout, idle) = match survive("the timers", || event_handler.next_step(client)) {
            Some(NextStep::Wait(timeout)) => (timeout, false),
            Some(NextStep::Idle(timeout)) if client.pool().kept() == 0 => (timeout, false),
            Some(NextStep::Idle(timeout)) => (timeout.min(RELEASE), true),
            Some(NextStep::Done) => return,
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

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::native::{code, slot::Pending};

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

        fn next_step(&self, client: &Client) -> NextStep {
            self.call();
            if *self.freed.lock().unwrap() == RECORDS {
                return NextStep::Done;
            }
            client.purge();
            NextStep::Wait(Duration::from_millis(10))
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
