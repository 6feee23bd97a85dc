//! The account of a test's records: compares what was sent and reported with the log.
//!
//! A record is identified by its lane, which is its key, and its number in the lane. Only one sender at a time sends the records of a lane, so
//! in each partition they must be in the order of their numbers. Reports are recorded by the test, or by the account itself if it is the
//! producer's interceptor; not by both.

use std::{
    collections::{HashMap, HashSet},
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

/// The identity of a record of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) lane: u32,
    pub(crate) number: u32,
}

/// The header that carries an [`Id`] to the interceptor, which does not see serialized keys and values.
const HEADER: &str = "account";
/// Account, lane and number, four bytes each, at the start of a value.
const PREFIX: usize = 12;

/// The state of a record, as bits.
mod noted {
    pub(super) const ACCEPTED: u8 = 1;
    pub(super) const ACKNOWLEDGED: u8 = 2;
    pub(super) const FAILED: u8 = 4;
    /// It failed, and was certainly not written.
    pub(super) const NOT_PERSISTED: u8 = 8;
    pub(super) const FOUND: u8 = 16;
    /// Its topic was deleted, so the record may be gone.
    pub(super) const WRITTEN_OFF: u8 = 32;
    /// The sender could not tell what happened to it.
    pub(super) const UNHEARD: u8 = 64;
    /// It was found at the offset of its acknowledgement.
    pub(super) const IN_PLACE: u8 = 128;
}

/// The records of a topic and their states.
pub(crate) struct Account {
    topic: String,
    number: u32,
    value_size: usize,
    lanes: Vec<Mutex<Lane>>,
    /// Further reports of a record that was already reported.
    reported_again: AtomicUsize,
    /// Acknowledged records, for tests that wait before they inject a fault.
    acknowledged: AtomicU64,
    kinds: Mutex<HashMap<ErrorKind, Failures>>,
    recovery: Mutex<Recovery>,
}

/// Nine bytes for each record, which is little compared with the log.
#[derive(Default)]
struct Lane {
    states: Vec<u8>,
    /// Partition and offset of the acknowledgement; [`NOWHERE`] without an offset.
    places: Vec<u64>,
}

/// How often a kind of error was reported, and the text of the first one.
#[derive(Debug, Clone)]
pub(crate) struct Failures {
    pub(crate) count: usize,
    pub(crate) first: String,
}

/// How long partitions take to acknowledge records that are sent after the end of a fault.
#[derive(Default)]
struct Recovery {
    begun: Option<Instant>,
    /// The first number of each lane that is sent after the fault.
    since: Vec<u32>,
    partitions: HashSet<i32>,
    last: Duration,
    /// The greatest `last` of earlier faults.
    slowest: Option<Duration>,
}

impl Recovery {
    fn slowest(&self) -> Option<Duration> {
        self.slowest.max((!self.partitions.is_empty()).then_some(self.last))
    }
}

const NOWHERE: u64 = u64::MAX;

impl Account {
    /// An account of records with values of this many bytes, at least 12.
    pub(crate) fn new(topic: &str, lanes: u32, value_size: usize) -> Arc<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        Self::numbered(NUMBER.fetch_add(1, Ordering::Relaxed), topic, lanes, value_size)
    }

    /// An account with this number, so that two processes can share an account.
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

    /// The id of the lane's next record. It counts once it is recorded as accepted or reported.
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

    /// Sends the lane's next record and records its report. Blocks while the buffer is full. Returns the error of a record that was not
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

    /// Records why a record was not accepted.
    pub(crate) fn refused(&self, error: &Error) {
        self.count(error);
    }

    /// Records a record's report.
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

    /// Records where a record was acknowledged. Returns its previous state.
    pub(crate) fn heard(&self, id: Id, partition: i32, offset: Option<i64>) -> u8 {
        if let Some(offset) = offset {
            self.lane(id.lane).places[id.number as usize] = place(partition, offset);
        }
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.recovered(id, partition);
        self.note(id, noted::ACKNOWLEDGED)
    }

    /// Records that it is unknown whether the record was accepted or written: it may be in the log once.
    pub(crate) fn unheard(&self, id: Id) {
        self.note(id, noted::UNHEARD);
    }

    /// Records that the record's transaction was aborted: whatever its report, a reader of committed records must not find it.
    pub(crate) fn aborted(&self, id: Id) {
        let state = &mut self.lane(id.lane).states[id.number as usize];
        *state = *state & !noted::ACKNOWLEDGED | noted::FAILED | noted::NOT_PERSISTED;
    }

    /// Records that the result of the record's transaction is unknown: whatever its report, it may be in the log or not.
    pub(crate) fn doubted(&self, id: Id) {
        let state = &mut self.lane(id.lane).states[id.number as usize];
        *state = *state & !(noted::ACKNOWLEDGED | noted::NOT_PERSISTED) | noted::FAILED;
    }

    /// The memory of the account itself, in bytes; it grows with the records.
    pub(crate) fn memory(&self) -> usize {
        let of_lane = |lane: u32| {
            let lane = self.lane(lane);
            lane.states.capacity() + lane.places.capacity() * size_of::<u64>()
        };
        (0..self.lanes()).map(of_lane).sum()
    }

    /// Records that all records acknowledged so far may be gone because their topic was deleted.
    pub(crate) fn write_off(&self) {
        for lane in 0..self.lanes() {
            let acknowledged = |state: &&mut u8| **state & noted::ACKNOWLEDGED != 0;
            self.lane(lane).states.iter_mut().filter(acknowledged).for_each(|state| *state |= noted::WRITTEN_OFF);
        }
    }

    /// Starts measuring how long the partitions take to acknowledge records that are sent from now on. After several faults the slowest
    /// counts.
    pub(crate) fn fault_ended(&self) {
        let slowest = self.recovery.lock().unwrap().slowest();
        self.watch();
        self.recovery.lock().unwrap().slowest = slowest;
    }

    /// Restarts the count of [`watched`](Self::watched).
    pub(crate) fn watch(&self) {
        let since = (0..self.lanes()).map(|lane| u32::try_from(self.lane(lane).states.len()).unwrap()).collect();
        *self.recovery.lock().unwrap() = Recovery { begun: Some(Instant::now()), since, ..Recovery::default() };
    }

    /// The number of partitions that have acknowledged a record which was sent after the last fault or call of [`watch`](Self::watch).
    pub(crate) fn watched(&self) -> HashSet<i32> {
        self.recovery.lock().unwrap().partitions.clone()
    }

    /// The partitions of the lanes' keys, for a topic with this many partitions.
    pub(crate) fn partitions(&self, count: u32) -> HashSet<i32> {
        let count = NonZeroU32::new(count).unwrap();
        (0..self.lanes()).map(|lane| partition_for(&lane.to_be_bytes(), count)).collect()
    }

    /// The number of records acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// The errors so far by kind, including those of records that were not accepted.
    pub(crate) fn failures(&self) -> HashMap<ErrorKind, Failures> {
        self.kinds.lock().unwrap().clone()
    }

    fn lane(&self, lane: u32) -> MutexGuard<'_, Lane> {
        self.lanes[lane as usize].lock().unwrap()
    }

    /// Sets these bits. Returns the previous state.
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

    /// Reads the topic and compares it with the recorded states. All records must have been reported.
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
            row.present_despite_report += usize::from(state & noted::NOT_PERSISTED != 0 || is_refused);
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

    /// The id of the record of this account with this value, if there is one.
    fn own(&self, value: &[u8]) -> Option<Id> {
        let id = read_id(self.number, value)?;
        let known = self.lanes.get(id.lane as usize)?.lock().unwrap().states.len();
        ((id.number as usize) < known).then_some(id)
    }
}

/// As an interceptor the account gets every report, including those of dropped deliveries. A send that is dropped while it waits is reported,
/// too. The sender cannot know whether its record was accepted; it counts once it is acknowledged.
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

/// Partition and offset in one integer.
fn place(partition: i32, offset: i64) -> u64 {
    u64::try_from(offset).unwrap() << 16 | u64::from(u16::try_from(partition).unwrap())
}

fn read_id(account: u32, value: &[u8]) -> Option<Id> {
    let part = |index: usize| Some(u32::from_be_bytes(value.get(4 * index..4 * index + 4)?.try_into().unwrap()));
    (part(0)? == account).then_some(Id { lane: part(1)?, number: part(2)? })
}

/// An error and its sources, as a program would print them.
pub(crate) fn told(error: &Error) -> String {
    let sources = std::iter::successors(std::error::Error::source(error), |source| source.source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}

/// The result for one fault: a row of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) accepted: usize,
    pub(crate) acknowledged: usize,
    /// Accepted, and reported as failed.
    pub(crate) failed: usize,
    /// Accepted, and never reported.
    pub(crate) unreported: usize,
    pub(crate) found: usize,
    /// Acknowledged, but not in the log.
    pub(crate) lost: usize,
    /// In the log more than once.
    pub(crate) duplicated: usize,
    /// In the log after a later record of the same lane and partition.
    pub(crate) reordered: usize,
    /// In the log, but reported as not written, or never accepted.
    pub(crate) present_despite_report: usize,
    /// In the log at another offset than acknowledged.
    pub(crate) misplaced: usize,
    /// In the log with another value.
    pub(crate) damaged: usize,
    pub(crate) reported_again: usize,
    /// From the end of the fault until the last partition has acknowledged a record that was sent after it.
    pub(crate) recovered: Option<Duration>,
    pub(crate) failures: HashMap<ErrorKind, Failures>,
    first_lost: Option<String>,
}

impl Row {
    /// The head of the table of [`Row`]s.
    pub(crate) const HEAD: &str = "\
| fault                            | accepted | acknowledged |  failed | unreported |   found | lost | duplicated | reordered | present, reported absent | recovered in s |
| -------------------------------- | -------- | ------------ | ------- | ---------- | ------- | ---- | ---------- | --------- | ------------------------ | -------------- |";

    /// Prints the errors by kind.
    pub(crate) fn tell(&self) {
        for (kind, Failures { count, first }) in &self.failures {
            println!("{}: {count} times {kind}, first: {first}", self.fault);
        }
    }

    /// Panics unless each record is in the log once, as reported.
    pub(crate) fn assert_sound(&self) {
        self.assert_sound_but_for_duplicates();
        assert_eq!(self.duplicated, 0, "in the log more than once\n{}\n{self}", Self::HEAD);
    }

    /// Allows duplicates. They occur after records have timed out: librdkafka then gives new sequence numbers to the records in flight, and a
    /// broker that has already written these cannot detect the duplicate. They have also been observed once after replicas failed while a
    /// batch was written.
    pub(crate) fn assert_sound_but_for_duplicates(&self) {
        let wrong = [
            ("accepted but not reported", self.unreported),
            ("reported more than once", self.reported_again),
            ("acknowledged but not in the log", self.lost),
            ("out of order", self.reordered),
            ("in the log but reported as not written", self.present_despite_report),
            ("at another offset than acknowledged", self.misplaced),
            ("with another value than sent", self.damaged),
        ];
        let wrong: Vec<_> = wrong.into_iter().filter(|(_, count)| *count > 0).collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}; first lost: {:?}\n{}\n{self}", self.fault, self.first_lost, Self::HEAD);
        assert_eq!(self.accepted, self.acknowledged + self.failed, "{}\n{self}", Self::HEAD);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, accepted, acknowledged, failed, unreported, found, .. } = self;
        let Self { lost, duplicated, reordered, present_despite_report: present, .. } = self;
        let recovered = self.recovered.map_or_else(|| "-".to_owned(), |time| format!("{:.1}", time.as_secs_f64()));
        write!(f, "| {fault:32} | {accepted:8} | {acknowledged:12} | {failed:7} | {unreported:10} | {found:7} ")?;
        write!(f, "| {lost:4} | {duplicated:10} | {reordered:9} | {present:24} | {recovered:>14} |")
    }
}
