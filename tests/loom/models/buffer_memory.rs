//! Checks that no record waits although there is room, that none is lost or admitted twice, and that none overtakes another.

use std::{sync::Arc, time::Duration};

use loom::{sync::Mutex, thread};

use super::model;
use crate::buffer_memory::{BufferMemory, Claim, Refused};

/// A buffer, and a log of the records: the number of each when it is admitted, and the number minus 100 when its memory is freed.
struct Model {
    buffer_memory: BufferMemory<i32>,
    log: Mutex<Vec<i32>>,
}

impl Model {
    fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { buffer_memory: BufferMemory::new(limit, Duration::MAX), log: Mutex::new(Vec::new()) })
    }

    fn note(&self, record: i32) {
        self.log.lock().unwrap().push(record);
    }

    fn admit(&self) -> impl FnMut(i32) -> Result<(), Refused> + '_ {
        |record| {
            self.note(record);
            Ok(())
        }
    }

    /// Sends a record. Returns its number if it waits.
    fn send(&self, record: i32, bytes: usize) -> Option<u64> {
        match self.buffer_memory.take_or_wait(bytes, record) {
            Claim::Granted(record) => {
                self.note(record);
                None
            }
            Claim::Waiting { id, .. } => Some(id),
            Claim::Closed(_) => panic!("the buffer is not closed"),
        }
    }

    fn release(&self, bytes: usize) {
        self.buffer_memory.release(bytes, self.admit());
    }

    fn withdraw(&self, id: u64) {
        if let Some(record) = self.buffer_memory.withdraw(id, self.admit()) {
            self.note(record - 100);
        }
    }

    /// The log, when no record waits any more.
    fn log(&self) -> Vec<i32> {
        assert_eq!(self.buffer_memory.waiting(), 0, "a record waits although there is room");
        self.log.lock().unwrap().clone()
    }
}

#[test]
fn waiting_record_is_admitted_when_memory_is_freed_and_not_overtaken() {
    model(3, || {
        let model = Model::new(2);
        assert_eq!(model.send(0, 2), None);
        let sender = Arc::clone(&model);
        let sender = thread::spawn(move || {
            sender.send(1, 1);
            sender.send(2, 1);
        });
        model.release(2);
        sender.join().unwrap();
        assert_eq!(model.log(), [0, 1, 2]);
    });
}

#[test]
fn two_threads_that_free_memory_admit_each_record_once() {
    model(2, || {
        let model = Model::new(2);
        assert_eq!(model.send(0, 2), None);
        model.send(1, 1);
        model.send(2, 1);
        let other = Arc::clone(&model);
        let other = thread::spawn(move || other.release(1));
        model.release(1);
        other.join().unwrap();
        assert_eq!(model.log(), [0, 1, 2]);
    });
}

#[test]
fn withdrawing_a_large_record_admits_the_small_one_behind_it() {
    model(3, || {
        let model = Model::new(2);
        assert_eq!(model.send(0, 1), None);
        let large = model.send(1, 2).unwrap();
        let sender = Arc::clone(&model);
        let sender = thread::spawn(move || sender.send(2, 1));
        model.withdraw(large);
        sender.join().unwrap();
        assert_eq!(model.log().iter().filter(|&&record| record == 2).count(), 1);
    });
}

#[test]
fn record_withdrawn_while_memory_is_freed_is_either_admitted_or_withdrawn() {
    model(3, || {
        let model = Model::new(1);
        assert_eq!(model.send(0, 1), None);
        let id = model.send(1, 1).unwrap();
        let other = Arc::clone(&model);
        let other = thread::spawn(move || other.release(1));
        model.withdraw(id);
        other.join().unwrap();
        assert!(matches!(*model.log(), [0, 1] | [0, -99]), "{:?}", model.log());
    });
}

#[test]
fn record_rejected_at_admission_frees_its_memory_for_the_next() {
    model(2, || {
        let model = Model::new(1);
        assert_eq!(model.send(0, 1), None);
        model.send(1, 1);
        let sender = Arc::clone(&model);
        let sender = thread::spawn(move || sender.send(2, 1));
        let refuses_first = |record| {
            model.note(record);
            if record == 1 { Err(1) } else { Ok(()) }
        };
        model.buffer_memory.release(1, refuses_first);
        sender.join().unwrap();
        assert_eq!(model.log(), [0, 1, 2]);
    });
}

#[test]
fn clearing_removes_waiting_records_but_not_those_being_admitted() {
    model(2, || {
        let model = Model::new(1);
        assert_eq!(model.send(0, 1), None);
        model.send(1, 1);
        let other = Arc::clone(&model);
        let other = thread::spawn(move || other.release(1));
        for record in model.buffer_memory.clear(true) {
            model.note(record - 100);
        }
        other.join().unwrap();
        assert!(matches!(*model.log(), [0, 1] | [0, -99]), "{:?}", model.log());
    });
}
