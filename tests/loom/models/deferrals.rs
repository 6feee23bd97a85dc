//! Checks that the delivery thread never sleeps while a deferred record can make progress, that a record ends once, and, together with the
//! buffer and the outstanding records, that no record of an aborted transaction is sent in the next one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use loom::{
    sync::{
        Mutex, Notify,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::model;
use crate::{
    buffer_memory::{BufferMemory, Claim},
    deferrals::{Deferrals, Deferred, Exit, Turn},
    outstanding::{Done, Outstanding},
    place::Place,
};

struct Record(Arc<Place>);

impl Deferred for Record {
    fn place(&self) -> &Place {
        &self.0
    }
}

/// How a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Sent,
    Cleared,
    Withdrawn,
}

struct Model {
    deferrals: Deferrals<Record>,
    buffer_memory: BufferMemory<Record>,
    outstanding: Outstanding,
    notify: Arc<Notify>,
    /// How each record ended.
    ended: Mutex<Vec<End>>,
    /// The transaction that is open in librdkafka.
    transaction: AtomicUsize,
}

impl Model {
    fn new() -> Arc<Self> {
        let model = Self {
            deferrals: Deferrals::new(Duration::MAX),
            buffer_memory: BufferMemory::new(1, Duration::MAX),
            outstanding: Outstanding::default(),
            notify: Arc::new(Notify::new()),
            ended: Mutex::new(Vec::new()),
            transaction: AtomicUsize::new(1),
        };
        let notify = Arc::clone(&model.notify);
        model.deferrals.connect(Box::new(move || notify.notify()));
        Arc::new(model)
    }

    /// A record that is deferred.
    fn record(&self) -> (Record, Arc<Place>) {
        assert!(self.deferrals.engage());
        let place = Arc::new(Place::new(Arc::from("topic")));
        (Record(Arc::clone(&place)), place)
    }

    fn end(&self, end: End) {
        self.ended.lock().unwrap().push(end);
    }

    fn refuse(&self, exit: Exit) {
        self.end(if exit == Exit::Cleared { End::Cleared } else { End::Withdrawn });
    }

    fn push(&self, record: Record) {
        if let Err((_, exit)) = self.deferrals.push(record) {
            self.refuse(exit);
            self.deferrals.disengage();
        }
    }

    /// Sends a record of the first transaction.
    fn send(&self) {
        let mut done = Done::default();
        let generation = self.outstanding.enter(&mut done).unwrap();
        assert_eq!(self.transaction.load(Ordering::SeqCst), 1, "the record is sent in the next transaction");
        self.end(End::Sent);
        self.outstanding.leave_one(generation, &mut done);
    }

    fn is_due(&self) -> bool {
        self.deferrals.is_due(Instant::now(), || false)
    }

    /// The delivery thread, until all records have ended. A record is ready when its serializer was polled `asked` times.
    fn serve_until_nothing_waits(&self, asked: usize) {
        let mut times = 0;
        while self.deferrals.is_engaged() {
            if !self.is_due() {
                self.notify.wait();
                continue;
            }
            let serve = |record, _: Turn<'_>| {
                times += 1;
                if times < asked {
                    return Some(record);
                }
                self.send();
                None
            };
            self.deferrals.serve(serve, |_, exit| self.refuse(exit));
        }
    }

    fn withdraw(&self, place: &Place) {
        assert_eq!(place.withdraw(), None);
        if self.deferrals.withdraw(place).is_some() {
            self.end(End::Withdrawn);
            self.deferrals.disengage();
            self.deferrals.ring();
        }
    }

    /// The first part of an abort, before the call of librdkafka.
    fn clear(&self) {
        for _ in self.buffer_memory.clear(false) {
            self.end(End::Cleared);
            self.deferrals.disengage();
        }
        for _ in self.deferrals.clear(false) {
            self.end(End::Cleared);
            self.deferrals.disengage();
        }
        self.deferrals.ring();
    }

    fn anything_waits(&self) -> bool {
        self.deferrals.is_engaged() || self.buffer_memory.is_waited_for()
    }

    fn ended(&self) -> Vec<End> {
        assert!(!self.deferrals.is_engaged());
        self.ended.lock().unwrap().clone()
    }
}

#[test]
fn deferred_record_wakes_the_delivery_thread_after_other_wake_ups() {
    model(3, || {
        let model = Model::new();
        // A waker of an earlier wait is called late.
        let late = model.deferrals.waker();
        let registry = thread::spawn(move || late.wake());
        assert!(model.is_due() || !model.deferrals.is_engaged());
        let (record, _) = model.record();
        let sender = Arc::clone(&model);
        let sender = thread::spawn(move || sender.push(record));
        model.serve_until_nothing_waits(1);
        registry.join().unwrap();
        sender.join().unwrap();
        assert_eq!(model.ended(), [End::Sent]);
    });
}

#[test]
fn serializer_is_polled_again_after_it_wakes_the_delivery_thread() {
    model(3, || {
        let model = Model::new();
        let (record, _) = model.record();
        model.push(record);
        let waker = model.deferrals.waker();
        let registry = thread::spawn(move || waker.wake());
        model.serve_until_nothing_waits(1);
        registry.join().unwrap();
        assert_eq!(model.ended(), [End::Sent]);
    });
}

#[test]
fn record_withdrawn_while_it_is_polled_ends_once() {
    model(3, || {
        let model = Model::new();
        let (record, place) = model.record();
        model.push(record);
        let program = Arc::clone(&model);
        let program = thread::spawn(move || program.withdraw(&place));
        // Its serializer never ends.
        model.serve_until_nothing_waits(usize::MAX);
        program.join().unwrap();
        assert_eq!(model.ended(), [End::Withdrawn]);
    });
}

#[test]
fn record_cleared_while_it_is_polled_ends_once() {
    model(3, || {
        let model = Model::new();
        let (record, _) = model.record();
        model.push(record);
        let transaction = Arc::clone(&model);
        let transaction = thread::spawn(move || transaction.clear());
        model.serve_until_nothing_waits(usize::MAX);
        transaction.join().unwrap();
        assert_eq!(model.ended(), [End::Cleared]);
    });
}

#[test]
fn record_of_an_aborted_transaction_is_not_sent_in_the_next() {
    model(2, || {
        let model = Model::new();
        assert!(model.buffer_memory.try_take(1));
        let (record, _) = model.record();
        assert!(matches!(model.buffer_memory.take_or_wait(1, record), Claim::Waiting { .. }));
        let aborts = Arc::clone(&model);
        let aborts = thread::spawn(move || {
            aborts.clear();
            while aborts.anything_waits() || !aborts.outstanding.is_empty() {
                thread::yield_now();
                aborts.clear();
            }
            aborts.transaction.store(2, Ordering::SeqCst);
        });
        // The delivery thread: memory is freed, then the serializer is ready.
        model.buffer_memory.release(1, |record| {
            model.push(record);
            Ok(())
        });
        model.serve_until_nothing_waits(1);
        aborts.join().unwrap();
        assert_eq!(model.ended().len(), 1);
    });
}
