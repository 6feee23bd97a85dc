//! The life of one producer, with random settings and a random end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use ottla::{Delivery, Error, ErrorKind, Producer, ProducerConfig, ProducerRecord};

use super::load::Load;
use crate::account::Account;

pub(super) struct Life<'a> {
    pub(super) load: &'a Load,
    pub(super) producer: Producer<[u8], [u8]>,
    pub(super) account: &'a Arc<Account>,
    until: Instant,
    /// A fatal error has occurred.
    failed: AtomicBool,
}

impl<'a> Life<'a> {
    /// Starts a producer that sends this account's records, with these settings and random ones.
    pub(super) fn begin(
        load: &'a Load,
        account: &'a Arc<Account>,
        settings: &[(&str, String)],
        random: &mut fastrand::Rng,
    ) -> Self {
        let one_of = |random: &mut fastrand::Rng, values: &[&str]| values[random.usize(..values.len())].to_owned();
        let mut config = ProducerConfig::new().set("bootstrap.servers", load.servers.clone()).unwrap();
        for (name, value) in [
            ("linger.ms", one_of(random, &["0", "5", "50"])),
            ("batch.size", one_of(random, &["16384", "200000", "1000000"])),
            ("compression.type", one_of(random, &["none", "gzip", "lz4", "snappy", "zstd"])),
            ("buffer.memory", one_of(random, &["100000", "500000", "2000000"])),
            ("max.block.ms", one_of(random, &["300", "3000", "15000"])),
            ("request.timeout.ms", "3000".to_owned()),
            ("reconnect.backoff.max.ms", "500".to_owned()),
            ("librdkafka.statistics.interval.ms", one_of(random, &["0", "500"])),
        ] {
            config = config.set(name, value).unwrap();
        }
        for (name, value) in settings {
            config = config.set(name, value.clone()).unwrap();
        }
        let builder = Producer::builder(config).drop_timeout(Duration::from_secs(10));
        let producer = builder.interceptor(Arc::clone(account)).build().unwrap();
        load.producers.fetch_add(1, Ordering::Relaxed);
        let until = load.ends.min(Instant::now() + Duration::from_millis(random.u64(500..8_000)));
        Self { load, producer, account, until, failed: AtomicBool::new(false) }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.failed.load(Ordering::Relaxed)
    }

    /// The lane's next record. It must be reported, accepted or not.
    pub(super) fn next(&self, lane: u32) -> ProducerRecord<'static, [u8], [u8]> {
        let id = self.account.next(lane);
        self.account.accepted(id);
        self.account.record(id)
    }

    /// Checks why a record was not accepted; the account has already counted it.
    pub(super) fn refused(&self, error: &Error) {
        let foreseen = match error.kind() {
            ErrorKind::BufferFull | ErrorKind::BufferTimeout | ErrorKind::TransactionFailed | ErrorKind::TransactionState => true,
            ErrorKind::Fatal | ErrorKind::Fenced => {
                self.fail(error);
                true
            }
            _ => false,
        };
        if !foreseen {
            self.load.complain(format!("a record was refused: {error:?}"));
        }
    }

    pub(super) fn fail(&self, error: &Error) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            self.load.fatal(error);
        }
    }

    /// Ends the producer in one of the possible ways, and reads the remaining deliveries.
    pub(super) fn end(self, left: Vec<Delivery>, random: &mut fastrand::Rng) {
        let close = |producer: Producer<[u8], [u8]>, timeout| {
            let unsent = block_on(producer.close(timeout)).unwrap();
            self.load.unsent.fetch_add(unsent.len(), Ordering::Relaxed);
        };
        match random.u8(0..6) {
            0 => close(self.producer, Duration::ZERO),
            1 => close(self.producer, Duration::from_secs(1)),
            2 => close(self.producer, Duration::from_secs(120)),
            3 => {
                block_on(self.producer.flush()).unwrap();
                drop(self.producer);
            }
            // From two threads at the same time.
            4 => thread::scope(|scope| {
                let clone = self.producer.clone();
                scope.spawn(move || close(clone, Duration::from_secs(20)));
                close(self.producer, Duration::from_secs(10));
            }),
            _ => drop(self.producer),
        }
        for delivery in left {
            // The account got the same report.
            let _ = block_on(delivery);
        }
    }
}
