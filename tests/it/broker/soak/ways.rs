//! The ways to send.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use futures::{FutureExt, executor::block_on};
use ottla::{Delivery, ErrorKind};

use super::life::Life;

/// A way to use a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A future for each record, awaited in order, with many in flight.
    Futures,
    Callbacks,
    Batches,
    /// Deliveries are dropped.
    Forgotten,
    /// Sends are dropped while they wait for the buffer.
    Cancelled,
    /// `try_send`, with a full buffer.
    Trying,
    Blocking,
    /// One producer, several threads.
    Threads,
}

impl Way {
    pub(super) const ALL: [Self; 8] = [
        Self::Futures,
        Self::Callbacks,
        Self::Batches,
        Self::Forgotten,
        Self::Cancelled,
        Self::Trying,
        Self::Blocking,
        Self::Threads,
    ];

    /// Sends until the end of the producer's life. Returns the deliveries that were not awaited.
    pub(super) fn send(self, life: &Life<'_>, random: &mut fastrand::Rng) -> Vec<Delivery> {
        let lane = life.load.lane();
        match self {
            Self::Futures => futures(life, lane, random),
            Self::Callbacks => callbacks(life, lane, random),
            Self::Batches => batches(life, lane, random),
            Self::Forgotten => forgotten(life, lane, random),
            Self::Cancelled => cancelled(life, lane, random),
            Self::Trying => trying(life, lane, random),
            Self::Blocking => blocking(life, lane, random),
            Self::Threads => threads(life, random),
        }
    }
}

/// Calls `send` with `burst` records at a time, until the end.
fn each_burst(life: &Life<'_>, random: &mut fastrand::Rng, most: usize, mut send: impl FnMut(usize, &mut fastrand::Rng)) {
    while !life.is_over() {
        let records = random.usize(1..=most);
        life.load.pace(records, life.account);
        send(records, random);
    }
}

fn futures(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    let window = random.usize(1..2_000);
    let mut under_way = VecDeque::new();
    each_burst(life, random, 200, |records, _| {
        for _ in 0..records {
            match block_on(life.producer.send(life.next(lane))) {
                Ok(delivery) => under_way.push_back(delivery),
                Err(error) => life.refused(&error),
            }
            if under_way.len() > window {
                let _ = under_way.pop_front().map(block_on);
            }
        }
    });
    under_way.into()
}

fn callbacks(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    each_burst(life, random, 200, |records, random| {
        for _ in 0..records {
            let called = Arc::clone(&life.load.callbacks_called);
            // Some callbacks hold the producer, so that the last handle is dropped where they run.
            let held = (random.u8(0..50) == 0).then(|| life.producer.clone());
            let callback = move |_| {
                called.fetch_add(1, Ordering::Relaxed);
                drop(held);
            };
            let record = life.next(lane);
            let sent = match random.bool() {
                true => life.producer.send_with(record, callback).map_err(ottla::Error::from),
                false => life.producer.blocking().send_with(record, callback),
            };
            match sent {
                Ok(()) => drop(life.load.callbacks_due.fetch_add(1, Ordering::Relaxed)),
                Err(error) => life.refused(&error),
            }
        }
    });
    Vec::new()
}

fn batches(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    each_burst(life, random, 300, |records, random| {
        let batch = match block_on(life.producer.send_all((0..records).map(|_| life.next(lane)))) {
            Ok(batch) => batch,
            Err(error) => return life.refused(&error),
        };
        if random.u8(0..4) == 0 {
            return drop(batch);
        }
        let reported = match block_on(batch) {
            Ok(metadata) => metadata.records(),
            Err(error) => error.acknowledged() + error.failures().len(),
        };
        if reported != records {
            life.load.complain(format!("a batch of {records} records has reported {reported}"));
        }
    });
    Vec::new()
}

fn forgotten(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    each_burst(life, random, 200, |records, random| {
        for _ in 0..records {
            block_on(life.producer.send(life.next(lane))).map_or_else(|error| life.refused(&error), drop);
        }
        if random.u8(0..20) == 0 {
            block_on(life.producer.flush()).unwrap();
        }
    });
    Vec::new()
}

fn cancelled(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    let mut waiting = Vec::new();
    each_burst(life, random, 1_000, |records, random| {
        for _ in 0..records {
            let mut sending = life.producer.send(life.next(lane));
            match (&mut sending).now_or_never() {
                Some(sent) => sent.map_or_else(|error| life.refused(&error), drop),
                None => waiting.push(sending),
            }
            if waiting.len() > 30 {
                let sending = waiting.swap_remove(random.usize(..waiting.len()));
                if random.u8(0..4) == 0 {
                    block_on(sending).map_or_else(|error| life.refused(&error), drop);
                }
            }
        }
    });
    Vec::new()
}

fn trying(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    each_burst(life, random, 1_000, |records, random| {
        for _ in 0..records {
            match life.producer.try_send(life.next(lane)) {
                Ok(delivery) => deliveries.push(delivery),
                Err(refused) if refused.error().kind() == ErrorKind::BufferFull => {
                    thread::sleep(Duration::from_millis(random.u64(0..5)));
                }
                Err(refused) => life.refused(refused.error()),
            }
        }
        let kept = deliveries.len().min(500);
        deliveries.drain(..deliveries.len() - kept).for_each(|delivery| drop(block_on(delivery)));
    });
    deliveries
}

fn blocking(life: &Life<'_>, lane: u32, random: &mut fastrand::Rng) -> Vec<Delivery> {
    each_burst(life, random, 50, |records, _| {
        let send = |_| life.producer.blocking().send(life.next(lane)).inspect_err(|error| life.refused(error)).ok();
        let deliveries: Vec<_> = (0..records).filter_map(send).collect();
        deliveries.into_iter().for_each(|delivery| drop(delivery.wait()));
    });
    Vec::new()
}

fn threads(life: &Life<'_>, random: &mut fastrand::Rng) -> Vec<Delivery> {
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for way in [Way::Futures, Way::Forgotten, Way::Trying] {
            let mut random = random.fork();
            senders.push(scope.spawn(move || way.send(life, &mut random)));
        }
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    })
}
