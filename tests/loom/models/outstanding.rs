//! Checks that a flush waits for all earlier records, that it always ends, and that a record is either counted or rejected.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use loom::{
    sync::{
        Notify,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::model;
use crate::outstanding::{Abandoned, Done, Outstanding};

struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Waits for a future. A lost wake-up is a deadlock, which loom reports.
fn block_on<F: Future>(future: F) -> F::Output {
    let woken = Arc::new(Woken(Notify::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => woken.0.wait(),
        }
    }
}

fn enter(outstanding: &Outstanding) -> Option<u8> {
    outstanding.enter(&mut Done::default())
}

fn leave(outstanding: &Outstanding, generation: u8) {
    outstanding.leave_one(generation, &mut Done::default());
}

#[test]
fn flush_ends_when_earlier_records_are_reported() {
    model(3, || {
        let (outstanding, reported) = (Arc::new(Outstanding::default()), Arc::new(AtomicBool::new(false)));
        let generation = enter(&outstanding).unwrap();
        let thread = {
            let (outstanding, reported) = (Arc::clone(&outstanding), Arc::clone(&reported));
            thread::spawn(move || {
                reported.store(true, Ordering::SeqCst);
                leave(&outstanding, generation);
            })
        };
        assert_eq!(block_on(outstanding.flush()), Ok(()));
        assert!(reported.load(Ordering::SeqCst), "a flush has missed a record");
        thread.join().unwrap();
        assert!(outstanding.is_empty());
    });
}

#[test]
fn concurrent_flushes_and_records_end() {
    model(2, || {
        let outstanding = Arc::new(Outstanding::default());
        let threads = [(); 2].map(|()| {
            let outstanding = Arc::clone(&outstanding);
            thread::spawn(move || {
                let generation = enter(&outstanding).unwrap();
                leave(&outstanding, generation);
                assert_eq!(block_on(outstanding.flush()), Ok(()));
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(outstanding.is_empty());
    });
}

#[test]
fn record_is_counted_before_close_or_rejected() {
    model(3, || {
        let outstanding = Arc::new(Outstanding::default());
        let sender = Arc::clone(&outstanding);
        let sender = thread::spawn(move || enter(&sender).is_some());
        outstanding.close();
        let was_empty = outstanding.is_empty();
        // Closing ends when no record is outstanding. A record that is counted after that would never be reported.
        assert!(!(sender.join().unwrap() && was_empty) || !outstanding.is_empty());
        assert!(enter(&outstanding).is_none());
    });
}

#[test]
fn flush_ends_with_the_delivery_thread() {
    model(3, || {
        let outstanding = Arc::new(Outstanding::default());
        enter(&outstanding).unwrap();
        let thread = Arc::clone(&outstanding);
        let thread = thread::spawn(move || {
            thread.close();
            thread.abandon(&mut Done::default());
        });
        assert_eq!(block_on(outstanding.flush()), Err(Abandoned));
        thread.join().unwrap();
    });
}
