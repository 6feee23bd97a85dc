//! [`Embedded`]: a broker inside the process, and the comparison of the records sent with the records read back.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::Duration,
};

use ottla::{Consumer, ConsumerConfig, consumer::TopicPartition, testing::EmbeddedKafka};

use crate::{
    exit::{Exit, Failure},
    lock::{lock, unpoisoned},
};

const PARTITIONS: i32 = 6;
/// The broker keeps 5 MB per partition. A record's partition is unknown until it is placed, so the sum over all partitions stays
/// below that.
const UNREAD: usize = 2 << 20;
/// Approximate size of a record beside its key and value.
const OVERHEAD: usize = 64;
/// How long the comparison waits without a record before it gives up.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Keys and values as the broker has them.
type Bytes = Option<Vec<u8>>;

/// How long one poll of the reader waits before it checks whether to stop.
const POLL: Duration = Duration::from_millis(50);

/// A broker inside the process with one topic, and the thread that reads records back while they are written.
pub(crate) struct Embedded {
    kafka: EmbeddedKafka,
    topic: String,
    read_back: Arc<ReadBack>,
    reader: JoinHandle<()>,
}

/// The part of a record that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    hash: u128,
    size: usize,
}

/// The records sent and read back so far.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sent: [Multiset; PARTITIONS as usize],
    read: [Multiset; PARTITIONS as usize],
    /// Bytes passed to the producer that are neither read back nor failed.
    unread: usize,
    /// The error that ended the comparison.
    error: Option<String>,
    /// Whether the reader must stop.
    done: bool,
}

/// A set of records without order: their number, and the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Multiset {
    records: u64,
    sum: u128,
}

impl Digest {
    /// The digest of a key and a value; null and empty differ.
    pub(crate) fn of(key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let half = |seed: u8| {
            let mut hasher = DefaultHasher::new();
            (seed, key, value).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + OVERHEAD;
        Self { hash: (half(0) << 64) | half(1), size }
    }
}

impl Multiset {
    fn add(&mut self, digest: Digest) {
        self.records += 1;
        self.sum = self.sum.wrapping_add(digest.hash);
    }
}

impl Embedded {
    /// Starts the broker with a topic of 6 partitions, and the reader.
    pub(crate) fn start(topic: &str) -> Result<Self, Failure> {
        let kafka = EmbeddedKafka::builder().topic(topic, PARTITIONS).start()?;
        let consumer = consumer(kafka.bootstrap_servers(), topic)
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot read from the embedded broker: {error}")))?;
        let read_back = Arc::new(ReadBack::default());
        let shared = Arc::clone(&read_back);
        let reader =
            thread::Builder::new().name("ottla-reader".to_owned()).spawn(move || read(&consumer, &shared)).map_err(|error| {
                Failure::new(Exit::Failed, format!("cannot start the reader thread of the embedded broker: {error}"))
            })?;
        Ok(Self { kafka, topic: topic.to_owned(), read_back, reader })
    }

    /// The broker's address.
    pub(crate) fn bootstrap_servers(&self) -> &str {
        self.kafka.bootstrap_servers()
    }

    /// The record of what was sent and read back.
    pub(crate) fn read_back(&self) -> &Arc<ReadBack> {
        &self.read_back
    }

    /// Waits until all acknowledged records are read back, and compares them. Returns the number of equal records, or the
    /// difference.
    pub(crate) fn compare(self) -> Result<u64, String> {
        let Self { kafka, topic, read_back, reader } = self;
        let waited = read_back.wait_for_all();
        read_back.stop();
        if reader.join().is_err() {
            return Err("the reader of the embedded broker panicked".to_owned());
        }
        waited?;
        let end_offsets = end_offsets(kafka.bootstrap_servers(), &topic)
            .map_err(|error| format!("cannot read the offsets of the embedded broker: {error}"))?;
        // The producer may live until the process ends, and would log errors about a stopped broker.
        std::mem::forget(kafka);
        read_back.lock().compare(&end_offsets)
    }
}

impl ReadBack {
    /// Waits while too much is unread. `flush` sends lingering records, since only sent records can be read.
    pub(crate) fn hold_back(&self, flush: impl FnOnce()) {
        if self.lock().unread < UNREAD {
            return;
        }
        flush();
        let mut state = self.lock();
        while state.unread > UNREAD / 2 && state.error.is_none() {
            let (next, wait) = unpoisoned(self.changed.wait_timeout(state, TIMEOUT));
            state = next;
            if wait.timed_out() {
                state.error.get_or_insert_with(|| format!("nothing was read back for {} s", TIMEOUT.as_secs()));
            }
        }
    }

    /// Notes that a record was passed to the producer.
    pub(crate) fn sending(&self, digest: Digest) {
        self.lock().unread += digest.size;
    }

    /// Notes that a record was acknowledged.
    pub(crate) fn acknowledged(&self, partition: i32, digest: Digest) {
        let mut state = self.lock();
        match usize::try_from(partition).ok().and_then(|partition| state.sent.get_mut(partition)) {
            Some(sent) => sent.add(digest),
            None => drop(state.error.get_or_insert_with(|| format!("acknowledged in unknown partition {partition}"))),
        }
    }

    /// Notes that a record failed.
    pub(crate) fn failed(&self, digest: Digest) {
        let mut state = self.lock();
        state.unread = state.unread.saturating_sub(digest.size);
        self.changed.notify_all();
    }

    fn read(&self, partition: i32, digest: Digest) {
        let mut state = self.lock();
        if let Some(read) = usize::try_from(partition).ok().and_then(|partition| state.read.get_mut(partition)) {
            read.add(digest);
        }
        state.unread = state.unread.saturating_sub(digest.size);
        self.changed.notify_all();
    }

    fn fail(&self, error: String) {
        self.lock().error.get_or_insert(error);
        self.changed.notify_all();
    }

    fn wait_for_all(&self) -> Result<(), String> {
        let mut state = self.lock();
        loop {
            if let Some(error) = &state.error {
                return Err(error.clone());
            }
            if state.sent.iter().zip(&state.read).all(|(sent, read)| read.records >= sent.records) {
                return Ok(());
            }
            let before: u64 = state.read.iter().map(|read| read.records).sum();
            let (next, wait) = unpoisoned(self.changed.wait_timeout(state, TIMEOUT));
            state = next;
            if wait.timed_out() && state.read.iter().map(|read| read.records).sum::<u64>() == before {
                return Err(state.difference().unwrap_or_else(|| "no further record was read back".to_owned()));
            }
        }
    }

    fn stop(&self) {
        self.lock().done = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// The first partition that differs.
    fn difference(&self) -> Option<String> {
        self.sent.iter().zip(&self.read).enumerate().find(|(_, (sent, read))| sent != read).map(|(partition, (sent, read))| {
            if sent.records == read.records {
                format!("partition {partition}: {} records read back, but they differ from those sent", read.records)
            } else {
                format!("partition {partition}: {} records acknowledged, {} read back", sent.records, read.records)
            }
        })
    }

    fn compare(&self, end_offsets: &[i64]) -> Result<u64, String> {
        if let Some(difference) = self.difference() {
            return Err(difference);
        }
        for (partition, (sent, end)) in self.sent.iter().zip(end_offsets).enumerate() {
            if u64::try_from(*end) != Ok(sent.records) {
                return Err(format!("partition {partition}: {} records acknowledged, but the end offset is {end}", sent.records));
            }
        }
        Ok(self.read.iter().map(|read| read.records).sum())
    }
}

/// A consumer of all partitions, from their first record.
fn consumer(bootstrap_servers: &str, topic: &str) -> Result<Consumer<Bytes, Bytes>, ottla::Error> {
    let config = ConsumerConfig::from_pairs([
        ("bootstrap.servers", bootstrap_servers),
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "earliest"),
        // The embedded broker answers an empty fetch only after this time.
        ("fetch.max.wait.ms", "10"),
    ])?;
    let consumer = Consumer::builder(config).build()?;
    consumer.blocking().assign(partitions(topic))?;
    Ok(consumer)
}

fn partitions(topic: &str) -> impl Iterator<Item = TopicPartition> {
    (0..PARTITIONS).map(move |partition| TopicPartition::new(topic, partition))
}

/// Reads until `stop`. Offsets must follow each other without a gap: the broker drops its oldest records when it has too many.
fn read(consumer: &Consumer<Bytes, Bytes>, read_back: &ReadBack) {
    let mut next = [0; PARTITIONS as usize];
    while !read_back.lock().done {
        for record in consumer.blocking().poll(POLL) {
            let record = match record {
                Ok(record) => record,
                Err(error) if error.error().is_fatal() => {
                    read_back.fail(format!("cannot read from the embedded broker: {error}"));
                    return;
                }
                // librdkafka recovers from lost connections.
                Err(error) => {
                    tracing::debug!(%error, "reading back");
                    continue;
                }
            };
            let (partition, offset) = (record.partition(), record.offset());
            if let Some(expected) = usize::try_from(partition).ok().and_then(|partition| next.get_mut(partition)) {
                if offset != *expected {
                    read_back.fail(format!("partition {partition}: read offset {offset}, expected {expected}"));
                    return;
                }
                *expected += 1;
            }
            read_back.read(partition, Digest::of(record.key().as_deref(), record.value().as_deref()));
        }
    }
}

/// The offset after the last record of each partition.
fn end_offsets(bootstrap_servers: &str, topic: &str) -> Result<Vec<i64>, ottla::Error> {
    let consumer = consumer(bootstrap_servers, topic)?;
    let offsets = consumer.blocking().end_offsets(partitions(topic))?;
    Ok((0..PARTITIONS).map(|partition| offsets.next(topic, partition).unwrap_or_default()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(None, Some(text.as_bytes()))
    }

    fn filled(sent: &[(i32, &str)], read: &[(i32, &str)]) -> ReadBack {
        let read_back = ReadBack::default();
        for (partition, text) in sent {
            read_back.sending(digest(text));
            read_back.acknowledged(*partition, digest(text));
        }
        for (partition, text) in read {
            read_back.read(*partition, digest(text));
        }
        read_back
    }

    #[test]
    fn digests_distinguish_null_empty_and_the_end_of_the_key() {
        let digests = [
            Digest::of(None, None),
            Digest::of(Some(b""), None),
            Digest::of(None, Some(b"")),
            Digest::of(Some(b"a"), Some(b"b")),
            Digest::of(Some(b"ab"), Some(b"")),
        ];
        for (index, one) in digests.iter().enumerate() {
            assert_eq!(digests.iter().position(|other| other.hash == one.hash), Some(index));
        }
    }

    #[test]
    fn the_comparison_ignores_only_the_order() {
        let sent = [(0, "a"), (0, "b"), (5, "c")];
        let compare = |read: &[(i32, &str)], ends: &[i64]| filled(&sent, read).lock().compare(ends);
        assert_eq!(compare(&[(5, "c"), (0, "b"), (0, "a")], &[2, 0, 0, 0, 0, 1]), Ok(3));
        for (read, ends, wanted) in [
            (&[(0, "a"), (5, "c")][..], [2, 0, 0, 0, 0, 1], "partition 0: 2 records acknowledged, 1 read back"),
            (&[(0, "a"), (0, "a"), (5, "c")], [2, 0, 0, 0, 0, 1], "partition 0: 2 records read back, but they differ"),
            (&[(0, "a"), (1, "b"), (5, "c")], [1, 1, 0, 0, 0, 1], "partition 0: 2 records acknowledged, 1 read back"),
            (&[(0, "a"), (0, "b"), (5, "c")], [3, 0, 0, 0, 0, 1], "partition 0: 2 records acknowledged, but the end offset is 3"),
        ] {
            let difference = compare(read, &ends).unwrap_err();
            assert!(difference.starts_with(wanted), "{difference}");
        }
    }

    #[test]
    fn read_and_failed_records_are_no_longer_unread() {
        let read_back = ReadBack::default();
        let large = Digest { hash: 1, size: UNREAD };
        read_back.sending(large);
        read_back.sending(large);
        let mut flushed = 0;
        thread::scope(|threads| {
            threads.spawn(|| {
                read_back.read(0, large);
                read_back.failed(large);
            });
            read_back.hold_back(|| flushed += 1);
        });
        assert!(read_back.lock().unread <= UNREAD / 2);
        read_back.hold_back(|| flushed += 10);
        assert!(flushed <= 1, "flushed below the limit");
    }

    #[test]
    fn an_unused_embedded_broker_compares_equal() {
        let embedded = Embedded::start("pages").unwrap();
        assert_eq!(embedded.compare(), Ok(0));
    }
}
