//! The producers: several at a time, each for a while, in one process.

use std::{
    collections::BTreeMap,
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ottla::Error;

use super::{
    gauge::{self, Held},
    life::Life,
    summary::{Records, Summary},
    transactions,
    ways::Way,
};
use crate::{account::Account, log::Isolation};

/// For small records, large ones, records that may time out, and records in transactions.
pub(super) const TOPICS: [&str; 4] = ["small", "large", IMPATIENT, "transactions"];

/// After records have timed out, others may be written twice: librdkafka gets a new epoch for all its partitions, and resends the records in
/// flight with it (confluentinc/librdkafka#4953).
pub(super) const IMPATIENT: &str = "impatient";

/// librdkafka copies values of this size, and refers to the large ones.
const SMALL: usize = 200;
const LARGE: usize = 8_000;

/// The maximum rate of all producers together in bytes per second: the brokers run on the same machine.
const RATE: f64 = 4_000.0;

/// How much longer than the sending time the producers may take to end.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) struct Load {
    pub(super) servers: String,
    pub(super) begun: Instant,
    pub(super) ends: Instant,
    pub(super) producers: AtomicUsize,
    pub(super) unsent: AtomicUsize,
    pub(super) callbacks_due: AtomicUsize,
    pub(super) callbacks_called: Arc<AtomicUsize>,
    /// Transactions that are committed, aborted, and unknown.
    pub(super) transactions: Mutex<[usize; 3]>,
    pub(super) small: Arc<Account>,
    pub(super) large: Arc<Account>,
    pub(super) impatient: Arc<Account>,
    pub(super) transactional: Arc<Account>,
    lanes: AtomicU32,
    paced: AtomicU64,
    fatal: Mutex<BTreeMap<String, usize>>,
    complaints: Mutex<Vec<String>>,
    /// The current action of each sender.
    doing: Mutex<BTreeMap<String, &'static str>>,
}

impl Load {
    /// Sends for this long, ends everything, and compares the log with the reports.
    pub(super) fn run(servers: &str, seed: u64, length: Duration) -> Summary {
        let lanes = 1_000 + 20 * u32::try_from(length.as_secs()).unwrap();
        let begun = Instant::now();
        let load = Arc::new(Self {
            servers: servers.to_owned(),
            begun,
            ends: begun + length,
            producers: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            callbacks_due: AtomicUsize::new(0),
            callbacks_called: Arc::default(),
            transactions: Mutex::default(),
            small: Account::new(TOPICS[0], lanes, SMALL),
            large: Account::new(TOPICS[1], lanes, LARGE),
            impatient: Account::new(IMPATIENT, lanes, SMALL),
            transactional: Account::new(TOPICS[3], lanes, SMALL),
            lanes: AtomicU32::new(0),
            paced: AtomicU64::new(0),
            fatal: Mutex::default(),
            complaints: Mutex::default(),
            doing: Mutex::default(),
        });
        load.guard(length + PATIENCE);
        let before = Held::now();
        let samples = load.send(seed);
        let after = load.settled(before);
        transactions::clear(&load);
        load.summary(before, after, gauge::quarters(&samples))
    }

    /// Ends the process if it hangs, and prints where.
    fn guard(self: &Arc<Self>, time: Duration) {
        let load = Arc::clone(self);
        thread::spawn(move || {
            thread::sleep(time);
            eprintln!("timeout: the producers do not end: {:?}", load.doing.lock().unwrap());
            process::exit(1);
        });
    }

    fn send(&self, seed: u64) -> Vec<Held> {
        let mut random = fastrand::Rng::with_seed(seed);
        thread::scope(|scope| {
            let gauge = scope.spawn(|| gauge::watch(self.ends, || self.memory()));
            let mut senders = Vec::new();
            for way in Way::ALL {
                let mut random = random.fork();
                senders.push(scope.spawn(move || self.repeat(&format!("{way:?}"), || self.live(way, &mut random))));
            }
            let mut random = random.fork();
            senders.push(scope.spawn(move || {
                self.repeat("Transactions", || {
                    self.doing.lock().unwrap().insert("Transactions".to_owned(), "sends and ends");
                    let life = Life::begin(self, &self.transactional, &transactions::settings(), &mut random);
                    transactions::run(life, &mut random);
                });
            }));
            for sender in senders {
                if sender.join().is_err() {
                    self.complain("a sender has panicked".to_owned());
                }
            }
            gauge.join().unwrap()
        })
    }

    fn repeat(&self, name: &str, mut live: impl FnMut()) {
        while Instant::now() < self.ends {
            live();
        }
        self.doing.lock().unwrap().remove(name);
    }

    fn live(&self, way: Way, random: &mut fastrand::Rng) {
        // A pause or restart is longer than the shorter timeout, and shorter than the longer one.
        let (account, time) = match random.u8(0..6) {
            0 => (&self.large, "120000"),
            1 => (&self.impatient, "4000"),
            _ => (&self.small, "120000"),
        };
        let life = Life::begin(self, account, &[("delivery.timeout.ms", time.to_owned())], random);
        self.doing.lock().unwrap().insert(format!("{way:?}"), "sends");
        let left = way.send(&life, random);
        self.doing.lock().unwrap().insert(format!("{way:?}"), "ends");
        life.end(left, random);
    }

    /// A new lane.
    pub(super) fn lane(&self) -> u32 {
        self.lanes.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until this many more records are due.
    pub(super) fn pace(&self, records: usize, account: &Arc<Account>) {
        let weight = if Arc::ptr_eq(account, &self.large) { 10 } else { 1 };
        let paced = self.paced.fetch_add(weight * records as u64, Ordering::Relaxed);
        let due = self.begun + Duration::from_secs_f64(paced as f64 / RATE);
        thread::sleep(due.saturating_duration_since(Instant::now()).min(Duration::from_secs(1)));
    }

    pub(super) fn complain(&self, what: String) {
        self.complaints.lock().unwrap().push(what);
    }

    pub(super) fn fatal(&self, error: &Error) {
        *self.fatal.lock().unwrap().entry(crate::account::told(error)).or_default() += 1;
    }

    /// The memory of the accounts, which grows with the records.
    fn memory(&self) -> usize {
        [&self.small, &self.large, &self.impatient, &self.transactional].map(|account| account.memory()).iter().sum()
    }

    /// The resources after the threads of the last producers have ended.
    fn settled(&self, before: Held) -> Held {
        let same = |held: &Held| (held.files, held.threads) == (before.files, before.threads);
        let looks = (0..600).map(|_| {
            thread::sleep(Duration::from_millis(100));
            Held::now()
        });
        let mut last = Held::default();
        let _ = looks.inspect(|held| last = *held).any(|held| same(&held));
        last.resident = last.resident.saturating_sub(self.memory());
        last
    }

    fn summary(&self, before: Held, after: Held, quarters: [Held; 2]) -> Summary {
        let mut failures = BTreeMap::new();
        let mut settle = |account: &Account, isolation| {
            for (kind, seen) in account.failures() {
                *failures.entry(kind.name().to_owned()).or_default() += seen.count;
            }
            Records::from(account.settle("soak", &self.servers, isolation))
        };
        let records = [
            settle(&self.small, Isolation::Uncommitted),
            settle(&self.large, Isolation::Uncommitted),
            settle(&self.impatient, Isolation::Uncommitted),
            settle(&self.transactional, Isolation::Committed),
        ];
        Summary {
            seconds: self.begun.elapsed().as_secs(),
            producers: self.producers.load(Ordering::Relaxed),
            records: records.into(),
            unsent: self.unsent.load(Ordering::Relaxed),
            callbacks_due: self.callbacks_due.load(Ordering::Relaxed),
            callbacks_called: self.callbacks_called.load(Ordering::Relaxed),
            transactions: *self.transactions.lock().unwrap(),
            failures,
            fatal: self.fatal.lock().unwrap().clone(),
            complaints: self.complaints.lock().unwrap().clone(),
            before,
            quarters,
            after,
        }
    }
}
