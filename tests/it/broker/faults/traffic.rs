//! Sends records while a fault occurs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ottla::{Producer, ProducerConfig};

use super::{scale::Scale, stage::await_watched};
use crate::account::Account;

/// So many that each of twelve partitions gets records.
pub(super) const LANES: u32 = 48;
const SENDERS: u32 = 2;
pub(super) const VALUE_SIZE: usize = 100;

pub(super) struct Traffic {
    account: Arc<Account>,
    producer: Producer<[u8], [u8]>,
    ends: Arc<AtomicBool>,
    senders: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Sends until [`end`](Self::end), at the scale's rate, and at least the scale's number of records.
    fn start(config: ProducerConfig, topic: &str, scale: Scale) -> Self {
        let account = Account::new(topic, LANES, VALUE_SIZE);
        let producer: Producer<[u8], [u8]> = Producer::builder(config).build().unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let sender = |first: u32| {
            let (account, producer, ends) = (Arc::clone(&account), producer.clone(), Arc::clone(&ends));
            thread::spawn(move || send(&account, &producer, first, scale, &ends))
        };
        let senders = (0..SENDERS).map(sender).collect();
        Self { account, producer, ends, senders }
    }

    /// Starts sending, and returns when records are in flight to each of six partitions.
    pub(super) fn flowing(config: ProducerConfig, topic: &str, scale: Scale) -> Self {
        let traffic = Self::start(config, topic, scale);
        traffic.account.watch();
        await_watched(&traffic, 6);
        traffic.account.watch();
        traffic
    }

    pub(super) fn producer(&self) -> &Producer<[u8], [u8]> {
        &self.producer
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Stops the senders, and waits for all reports.
    pub(super) fn end(self) -> Arc<Account> {
        self.ends.store(true, Ordering::Relaxed);
        self.senders.into_iter().for_each(|sender| sender.join().unwrap());
        self.producer.blocking().flush().unwrap();
        self.account
    }
}

/// Sends the records of every second lane, in order.
fn send(account: &Arc<Account>, producer: &Producer<[u8], [u8]>, first: u32, scale: Scale, ends: &AtomicBool) {
    let share = |of_all: usize| of_all / SENDERS as usize;
    let (begun, mut lanes) = (Instant::now(), (first..LANES).step_by(SENDERS as usize).cycle());
    let mut sent = 0;
    while sent < share(scale.records) || !ends.load(Ordering::Relaxed) {
        if (sent as f64) < begun.elapsed().as_secs_f64() * share(scale.rate) as f64 {
            // The account records why a record is not accepted.
            let _ = account.send(producer, lanes.next().unwrap());
            sent += 1;
        } else {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
