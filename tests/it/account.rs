//! What became of every record of a test: what was sent and how it was reported, held against what stands in the log.
//!
//! A record's identity is its lane, which is its key, and its number in the lane. One sender at a time sends the records of a lane, so
//! that they stand in the order of their numbers in whichever partition they are. Reports are noted by whoever hears of them, or by
//! the account itself where it is the producer's interceptor; not by both.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ottla::{
    Acknowledgement, Error, ErrorKind, Header, Interceptor, Persistence, Producer, ProducerRecord, RecordMetadata, Report,
    partition::partition_for,
};
use rdkafka::Message;

use crate::log::{self, Isolation};

/// Which record of an account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) lane: u32,
    pub(crate) number: u32,
}

/// The name of the header that carries an [`Id`] to the interceptor, which is not shown keys and values.
const HEADER: &str = "account";
/// Account, lane and number, four bytes each, at the beginning of a value.
const PREFIX: usize = 12;

/// What is noted of a record, as bits.
mod noted {
    pub(super) const ACCEPTED: u8 = 1;
    pub(super) const ACKNOWLEDGED: u8 = 2;
    pub(super) const FAILED: u8 = 4;
    /// It failed, and was certainly not written.
    pub(super) const NOT_PERSISTED: u8 = 8;
    pub(super) const FOUND: u8 = 16;
    /// Where it stood is gone, and it may be gone with it.
    pub(super) const WRITTEN_OFF: u8 = 32;
    /// Who sent it could not tell what became of it.
    pub(super) const UNHEARD: u8 = 64;
    /// It was found where it was acknowledged.
    pub(super) const IN_PLACE: u8 = 128;
}

/// Records of a topic, and what became of them.
pub(crate) struct Account {
    topic: String,
    number: u32,
    value_size: usize,
    lanes: Vec<Mutex<Lane>>,
    /// Reports of a record that had one.
    reported_again: AtomicUsize,
    /// Acknowledged, for those who wait for a fault's time to come.
    acknowledged: AtomicU64,
    kinds: Mutex<BTreeMap<ErrorKind, Failures>>,
    recovery: Mutex<Recovery>,
}

/// Nine bytes a record: as many as there are, they are few beside what the log has of them.
#[derive(Default)]
struct Lane {
    states: Vec<u8>,
    /// Partition and offset as the brokers acknowledged them; [`NOWHERE`] without an offset.
    places: Vec<u64>,
}

/// How often a kind of error was reported, and what its first one said.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pub(crate) count: usize,
    pub(crate) first: String,
}

/// How long partitions have taken to acknowledge what was sent after a fault's end.
#[derive(Default)]
struct Recovery {
    begun: Option<Instant>,
    /// The first number of each lane that is sent after it.
    since: Vec<u32>,
    partitions: HashSet<i32>,
    last: Duration,
    /// The greatest `last` of the faults before.
    slowest: Option<Duration>,
}

impl Recovery {
    fn slowest(&self) -> Option<Duration> {
        self.slowest.max((!self.partitions.is_empty()).then_some(self.last))
    }
}

const NOWHERE: u64 = u64::MAX;

impl Account {
    /// Of records with values of so many bytes, 12 at least.
    pub(crate) fn new(topic: &str, lanes: u32, value_size: usize) -> Arc<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        Self::numbered(NUMBER.fetch_add(1, Ordering::Relaxed), topic, lanes, value_size)
    }

    /// With a number of its own, by which two processes know the same records.
    pub(crate) fn numbered(number: u32, topic: &str, lanes: u32, value_size: usize) -> Arc<Self> {
        assert!(value_size >= PREFIX);
        Arc::new(Self {
            topic: topic.to_owned(),
            number,
            value_size,
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            reported_again: AtomicUsize::new(0),
            acknowledged: AtomicU64::new(0),
            kinds: Mutex::default(),
            recovery: Mutex::default(),
        })
    }

    pub(crate) fn lanes(&self) -> u32 {
        u32::try_from(self.lanes.len()).unwrap()
    }

    /// The lane's next record. It counts as soon as it is noted to be accepted or reported.
    pub(crate) fn next(&self, lane: u32) -> Id {
        let mut book = self.lane(lane);
        book.states.push(0);
        book.places.push(NOWHERE);
        Id { lane, number: u32::try_from(book.states.len() - 1).unwrap() }
    }

    pub(crate) fn record(&self, id: Id) -> ProducerRecord<'static, [u8], [u8]> {
        ProducerRecord::to(self.topic.clone()).key(id.lane.to_be_bytes().to_vec()).value(self.value(id))
    }

    fn value(&self, id: Id) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.value_size);
        for part in [self.number, id.lane, id.number] {
            value.extend(part.to_be_bytes());
        }
        let mut random = id.number;
        while value.len() < self.value_size {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            value.push((random >> 24) as u8);
        }
        value
    }

    /// Sends the lane's next record and notes its report; blocks while there is no room. An error is that of a record that was not
    /// accepted.
    pub(crate) fn send(self: &Arc<Self>, producer: &Producer<[u8], [u8]>, lane: u32) -> Result<(), Error> {
        let id = self.next(lane);
        let account = Arc::clone(self);
        let report = move |report: Report| account.reported(id, report.as_ref());
        let sent = producer.blocking().send_with(self.record(id), report);
        match &sent {
            Ok(()) => self.accepted(id),
            Err(error) => self.refused(error),
        }
        sent
    }

    pub(crate) fn accepted(&self, id: Id) {
        self.note(id, noted::ACCEPTED);
    }

    /// Takes note of why a record was not accepted.
    pub(crate) fn refused(&self, error: &Error) {
        self.count(error);
    }

    /// Takes note of a record's report.
    pub(crate) fn reported(&self, id: Id, report: Result<&RecordMetadata, &Error>) {
        let before = match report {
            Ok(metadata) => self.heard(id, metadata.partition(), metadata.offset()),
            Err(error) => {
                self.count(error);
                let absent = error.persistence() == Persistence::NotPersisted;
                self.note(id, if absent { noted::FAILED | noted::NOT_PERSISTED } else { noted::FAILED })
            }
        };
        if before & (noted::ACKNOWLEDGED | noted::FAILED) != 0 {
            self.reported_again.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes note of where a record was acknowledged; gives what was noted before.
    pub(crate) fn heard(&self, id: Id, partition: i32, offset: Option<i64>) -> u8 {
        if let Some(offset) = offset {
            self.lane(id.lane).places[id.number as usize] = place(partition, offset);
        }
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.recovered(id, partition);
        self.note(id, noted::ACKNOWLEDGED)
    }

    /// Takes note that nobody can say whether the record was accepted or is there: it may be, once.
    pub(crate) fn unheard(&self, id: Id) {
        self.note(id, noted::UNHEARD);
    }

    /// Takes note that the record's transaction was aborted: however it was reported, no reader of what is committed may find it.
    pub(crate) fn aborted(&self, id: Id) {
        let state = &mut self.lane(id.lane).states[id.number as usize];
        *state = *state & !noted::ACKNOWLEDGED | noted::FAILED | noted::NOT_PERSISTED;
    }

    /// Takes note that nobody knows what became of the record's transaction: however it was reported, it may be there or not.
    pub(crate) fn doubted(&self, id: Id) {
        let state = &mut self.lane(id.lane).states[id.number as usize];
        *state = *state & !(noted::ACKNOWLEDGED | noted::NOT_PERSISTED) | noted::FAILED;
    }

    /// The bytes that the account itself keeps: they grow with the records.
    pub(crate) fn memory(&self) -> usize {
        let of_lane = |lane: u32| {
            let lane = self.lane(lane);
            lane.states.capacity() + lane.places.capacity() * size_of::<u64>()
        };
        (0..self.lanes()).map(of_lane).sum()
    }

    /// Takes note that what is acknowledged so far may be gone: its topic was deleted.
    pub(crate) fn write_off(&self) {
        for lane in 0..self.lanes() {
            let acknowledged = |state: &&mut u8| **state & noted::ACKNOWLEDGED != 0;
            self.lane(lane).states.iter_mut().filter(acknowledged).for_each(|state| *state |= noted::WRITTEN_OFF);
        }
    }

    /// From now on it is measured how long the partitions take to acknowledge what is sent from now on. After several faults the
    /// slowest counts.
    pub(crate) fn fault_ended(&self) {
        let slowest = self.recovery.lock().unwrap().slowest();
        self.watch();
        self.recovery.lock().unwrap().slowest = slowest;
    }

    /// From now on [`watched`](Self::watched) counts; what was measured before is forgotten.
    pub(crate) fn watch(&self) {
        let since = (0..self.lanes()).map(|lane| u32::try_from(self.lane(lane).states.len()).unwrap()).collect();
        *self.recovery.lock().unwrap() = Recovery { begun: Some(Instant::now()), since, ..Recovery::default() };
    }

    /// The partitions that have acknowledged a record which was sent since the fault's end or since [`watch`](Self::watch).
    pub(crate) fn watched(&self) -> HashSet<i32> {
        self.recovery.lock().unwrap().partitions.clone()
    }

    /// The partitions that the lanes' keys go to, if there are so many.
    pub(crate) fn partitions(&self, count: u32) -> HashSet<i32> {
        let count = NonZeroU32::new(count).unwrap();
        (0..self.lanes()).map(|lane| partition_for(&lane.to_be_bytes(), count)).collect()
    }

    /// How many records were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// What failed, be it before it was accepted, by the kind of error.
    pub(crate) fn failures(&self) -> BTreeMap<ErrorKind, Failures> {
        self.kinds.lock().unwrap().clone()
    }

    fn lane(&self, lane: u32) -> MutexGuard<'_, Lane> {
        self.lanes[lane as usize].lock().unwrap()
    }

    /// Adds these bits; gives what was noted before.
    fn note(&self, id: Id, bits: u8) -> u8 {
        let state = &mut self.lane(id.lane).states[id.number as usize];
        std::mem::replace(state, *state | bits)
    }

    fn count(&self, error: &Error) {
        let mut kinds = self.kinds.lock().unwrap();
        kinds.entry(error.kind()).or_insert_with(|| Failures { count: 0, first: told(error) }).count += 1;
    }

    fn recovered(&self, id: Id, partition: i32) {
        let mut recovery = self.recovery.lock().unwrap();
        let Some(begun) = recovery.begun else { return };
        let is_new = recovery.since.get(id.lane as usize).is_some_and(|since| id.number >= *since);
        if is_new && recovery.partitions.insert(partition) {
            recovery.last = begun.elapsed();
        }
    }

    /// Reads the topic and holds it against what was noted. Nothing may be under way any more.
    pub(crate) fn settle(&self, fault: &str, bootstrap_servers: &str, isolation: Isolation) -> Row {
        let mut row = Row { fault: fault.to_owned(), ..Row::default() };
        for lane in 0..self.lanes() {
            self.lane(lane).states.iter_mut().for_each(|state| *state &= !(noted::FOUND | noted::IN_PLACE));
        }
        let mut greatest: HashMap<(i32, u32), u32> = HashMap::new();
        log::each(bootstrap_servers, &self.topic, isolation, |message| {
            let Some(id) = message.payload().and_then(|value| self.own(value)) else { return };
            if message.payload() != Some(&self.value(id)) {
                row.damaged += 1;
            }
            let mut lane = self.lane(id.lane);
            let (state, acknowledged_at) = (lane.states[id.number as usize], lane.places[id.number as usize]);
            let in_place = acknowledged_at == NOWHERE || acknowledged_at == place(message.partition(), message.offset());
            lane.states[id.number as usize] |= if in_place { noted::FOUND | noted::IN_PLACE } else { noted::FOUND };
            if state & noted::FOUND != 0 {
                row.duplicated += 1;
                return;
            }
            row.found += 1;
            let is_refused = state & (noted::ACCEPTED | noted::ACKNOWLEDGED | noted::FAILED | noted::UNHEARD) == 0;
            row.present_all_the_same += usize::from(state & noted::NOT_PERSISTED != 0 || is_refused);
            let greatest = greatest.entry((message.partition(), id.lane)).or_insert(id.number);
            row.reordered += usize::from(id.number < *greatest);
            *greatest = id.number.max(*greatest);
        });
        for lane in 0..self.lanes() {
            for (number, &state) in self.lane(lane).states.iter().enumerate() {
                self.add(&mut row, state, || format!("lane {lane}, number {number}"));
            }
        }
        row.reported_again = self.reported_again.load(Ordering::Relaxed);
        row.failures = self.failures();
        row.recovered = self.recovery.lock().unwrap().slowest();
        row
    }

    fn add(&self, row: &mut Row, state: u8, which: impl FnOnce() -> String) {
        let is = |bits: u8| state & bits != 0;
        let reported = is(noted::ACKNOWLEDGED | noted::FAILED);
        row.accepted += usize::from(is(noted::ACCEPTED) || is(noted::UNHEARD) && is(noted::ACKNOWLEDGED));
        row.acknowledged += usize::from(is(noted::ACKNOWLEDGED));
        row.failed += usize::from(is(noted::ACCEPTED) && is(noted::FAILED));
        row.unreported += usize::from(is(noted::ACCEPTED) && !reported);
        row.misplaced += usize::from(is(noted::ACKNOWLEDGED) && is(noted::FOUND) && !is(noted::IN_PLACE));
        if is(noted::ACKNOWLEDGED) && !is(noted::FOUND) && !is(noted::WRITTEN_OFF) {
            row.lost += 1;
            row.first_lost.get_or_insert_with(which);
        }
    }

    /// Which record of this account a value is of, if it is of one.
    fn own(&self, value: &[u8]) -> Option<Id> {
        let id = read_id(self.number, value)?;
        let known = self.lanes.get(id.lane as usize)?.lock().unwrap().states.len();
        ((id.number as usize) < known).then_some(id)
    }
}

/// With this the account hears of every report, that of a delivery that was dropped as well. A send that was given up while it waited
/// is reported, too; whether it was accepted its sender cannot know, and it counts once it is acknowledged.
impl Interceptor<[u8], [u8]> for Account {
    fn on_send(&self, record: &mut ProducerRecord<'_, [u8], [u8]>) {
        let prefix = record.value_ref().and_then(|value| value.get(..PREFIX)).map(<[u8]>::to_vec);
        if let Some(prefix) = prefix.filter(|prefix| self.own(prefix).is_some()) {
            record.headers_mut().push(HEADER, Some(&prefix));
        }
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let prefix = acknowledgement.headers.last(HEADER).and_then(Header::value);
        if let Some(id) = prefix.and_then(|prefix| self.own(prefix)) {
            self.reported(id, acknowledgement.result);
        }
    }
}

/// Where a record stands, in a word.
fn place(partition: i32, offset: i64) -> u64 {
    u64::try_from(offset).unwrap() << 16 | u64::from(u16::try_from(partition).unwrap())
}

fn read_id(account: u32, value: &[u8]) -> Option<Id> {
    let part = |index: usize| Some(u32::from_be_bytes(value.get(4 * index..4 * index + 4)?.try_into().unwrap()));
    (part(0)? == account).then_some(Id { lane: part(1)?, number: part(2)? })
}

/// An error as a program prints it: its own words, then its sources'.
pub(crate) fn told(error: &Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |source| source.source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}

/// What came out for one fault: a row of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) accepted: usize,
    pub(crate) acknowledged: usize,
    /// Accepted, and reported to have failed.
    pub(crate) failed: usize,
    /// Accepted, and never reported.
    pub(crate) unreported: usize,
    pub(crate) found: usize,
    /// Acknowledged, and not in the log.
    pub(crate) lost: usize,
    /// Found more than once.
    pub(crate) duplicated: usize,
    /// Found behind a later one of their lane in the same partition.
    pub(crate) reordered: usize,
    /// Found, though they were reported not to be written, or never accepted.
    pub(crate) present_all_the_same: usize,
    /// Found elsewhere than where they were acknowledged.
    pub(crate) misplaced: usize,
    /// Found with another value.
    pub(crate) damaged: usize,
    pub(crate) reported_again: usize,
    /// From the fault's end until the last partition has acknowledged a record that was sent after it.
    pub(crate) recovered: Option<Duration>,
    pub(crate) failures: BTreeMap<ErrorKind, Failures>,
    first_lost: Option<String>,
}

impl Row {
    /// The head of the table whose rows [`Row`]s print.
    pub(crate) const HEAD: &str = "\
| fault                            | accepted | acknowledged |  failed | unreported |   found | lost | duplicated | reordered | present, reported absent | recovered in s |
| -------------------------------- | -------- | ------------ | ------- | ---------- | ------- | ---- | ---------- | --------- | ------------------------ | -------------- |";

    /// Prints how often which kind of error was reported.
    pub(crate) fn tell(&self) {
        for (kind, Failures { count, first }) in &self.failures {
            println!("{}: {count} times {kind}, first: {first}", self.fault);
        }
    }

    /// Panics unless everything was reported as it came to be, and stands in the log once.
    pub(crate) fn assert_sound(&self) {
        self.assert_sound_but_for_duplicates();
        assert_eq!(self.duplicated, 0, "there more than once\n{}\n{self}", Self::HEAD);
    }

    /// For when records have timed out: librdkafka numbers those anew that are under way then, to whichever partition, and a broker that
    /// has them already takes them for new ones. For when replicas have left while a batch was written, too: it was seen there once.
    pub(crate) fn assert_sound_but_for_duplicates(&self) {
        let wrong = [
            ("accepted and not reported", self.unreported),
            ("reported more than once", self.reported_again),
            ("acknowledged and not there", self.lost),
            ("out of order", self.reordered),
            ("there, and reported not to be", self.present_all_the_same),
            ("elsewhere than acknowledged", self.misplaced),
            ("not as they were sent", self.damaged),
        ];
        let wrong: Vec<_> = wrong.into_iter().filter(|(_, count)| *count > 0).collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}; first lost: {:?}\n{}\n{self}", self.fault, self.first_lost, Self::HEAD);
        assert_eq!(self.accepted, self.acknowledged + self.failed, "{}\n{self}", Self::HEAD);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, accepted, acknowledged, failed, unreported, found, .. } = self;
        let Self { lost, duplicated, reordered, present_all_the_same: present, .. } = self;
        let recovered = self.recovered.map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
        write!(f, "| {fault:32} | {accepted:8} | {acknowledged:12} | {failed:7} | {unreported:10} | {found:7} ")?;
        write!(f, "| {lost:4} | {duplicated:10} | {reordered:9} | {present:24} | {recovered:>14} |")
    }
}
