//! [`Embedded`]: a broker inside the process, and the comparison of what was sent to it with what it gives back.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use ottla::testing::EmbeddedKafka;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};

use crate::exit::{Exit, Failure};

const PARTITIONS: i32 = 6;
/// The broker keeps 5 MB of a partition. Nobody knows a record's partition before it is placed, so all of them together are held below it.
const UNREAD: usize = 2 << 20;
/// What a record takes beside its key and value, roughly.
const OVERHEAD: usize = 64;
/// How long nothing may come back before the comparison gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the reader waits for a record before it looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(50);

/// A broker inside the process with one topic, and the thread that reads everything back while it is written.
pub(crate) struct Embedded {
    kafka: EmbeddedKafka,
    topic: String,
    read_back: Arc<ReadBack>,
    reader: JoinHandle<()>,
}

/// What of a record is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest {
    hash: u128,
    size: usize,
}

/// What was sent and what was read back, so far.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sent: [Multiset; PARTITIONS as usize],
    read: [Multiset; PARTITIONS as usize],
    /// Bytes that were handed to the producer and neither read back nor failed.
    unread: usize,
    /// Why the reader can say no more.
    trouble: Option<String>,
    /// Whether the reader is to stop.
    done: bool,
}

/// Records without their order: how many, and the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Multiset {
    records: u64,
    sum: u128,
}

impl Digest {
    /// Of a key and a value; null and empty are different.
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
            .map_err(|error| Failure::new(Exit::Failed, format!("the embedded broker cannot be read: {error}")))?;
        let read_back = Arc::new(ReadBack::default());
        let shared = Arc::clone(&read_back);
        let reader = thread::Builder::new()
            .name("ottla-reader".to_owned())
            .spawn(move || read(&consumer, &shared))
            .map_err(|error| Failure::new(Exit::Failed, format!("the embedded broker's reader does not start: {error}")))?;
        Ok(Self { kafka, topic: topic.to_owned(), read_back, reader })
    }

    /// The broker's address.
    pub(crate) fn bootstrap_servers(&self) -> &str {
        self.kafka.bootstrap_servers()
    }

    /// Where sent records are noted.
    pub(crate) fn read_back(&self) -> &Arc<ReadBack> {
        &self.read_back
    }

    /// Waits until everything that was acknowledged is read back, and compares: how many records are equal, or what differs.
    pub(crate) fn compare(self) -> Result<u64, String> {
        let Self { kafka, topic, read_back, reader } = self;
        let waited = read_back.wait_for_all();
        read_back.stop();
        if reader.join().is_err() {
            return Err("the reader of the embedded broker panicked".to_owned());
        }
        waited?;
        let watermarks = watermarks(kafka.bootstrap_servers(), &topic).map_err(|error| format!("cannot be compared: {error}"))?;
        // The producer may live on until the process ends, and would complain of a broker that is gone.
        std::mem::forget(kafka);
        read_back.lock().compare(&watermarks)
    }
}

impl ReadBack {
    /// Waits while too much is unread. `flush` makes what lingers go out, since only that can be read.
    pub(crate) fn hold_back(&self, flush: impl FnOnce()) {
        if self.lock().unread < UNREAD {
            return;
        }
        flush();
        let mut state = self.lock();
        while state.unread > UNREAD / 2 && state.trouble.is_none() {
            let (next, wait) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if wait.timed_out() {
                state.trouble.get_or_insert_with(|| format!("nothing was read back for {} s", PATIENCE.as_secs()));
            }
        }
    }

    /// A record is handed to the producer.
    pub(crate) fn sending(&self, digest: Digest) {
        self.lock().unread += digest.size;
    }

    /// A record was acknowledged.
    pub(crate) fn acknowledged(&self, partition: i32, digest: Digest) {
        let mut state = self.lock();
        match usize::try_from(partition).ok().and_then(|partition| state.sent.get_mut(partition)) {
            Some(sent) => sent.add(digest),
            None => drop(state.trouble.get_or_insert_with(|| format!("a record was acknowledged in partition {partition}"))),
        }
    }

    /// A record failed.
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

    fn trouble(&self, text: String) {
        self.lock().trouble.get_or_insert(text);
        self.changed.notify_all();
    }

    fn wait_for_all(&self) -> Result<(), String> {
        let mut state = self.lock();
        loop {
            if let Some(trouble) = &state.trouble {
                return Err(trouble.clone());
            }
            if state.sent.iter().zip(&state.read).all(|(sent, read)| read.records >= sent.records) {
                return Ok(());
            }
            let before: u64 = state.read.iter().map(|read| read.records).sum();
            let (next, wait) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            state = next;
            if wait.timed_out() && state.read.iter().map(|read| read.records).sum::<u64>() == before {
                return Err(state.difference().unwrap_or_else(|| "nothing more was read back".to_owned()));
            }
        }
    }

    fn stop(&self) {
        self.lock().done = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The first partition that differs.
    fn difference(&self) -> Option<String> {
        self.sent.iter().zip(&self.read).enumerate().find(|(_, (sent, read))| sent != read).map(|(partition, (sent, read))| {
            if sent.records == read.records {
                format!("partition {partition}: {} records were read back, but not those that were sent", read.records)
            } else {
                format!("partition {partition}: {} records acknowledged, {} read back", sent.records, read.records)
            }
        })
    }

    fn compare(&self, watermarks: &[i64]) -> Result<u64, String> {
        if let Some(difference) = self.difference() {
            return Err(difference);
        }
        for (partition, (sent, end)) in self.sent.iter().zip(watermarks).enumerate() {
            if u64::try_from(*end) != Ok(sent.records) {
                return Err(format!("partition {partition}: {} records acknowledged, and it ends at offset {end}", sent.records));
            }
        }
        Ok(self.read.iter().map(|read| read.records).sum())
    }
}

fn consumer(bootstrap_servers: &str, topic: &str) -> Result<BaseConsumer, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        // The comparison joins no group, but librdkafka wants one for offsets, which are not committed.
        .set("group.id", "ottla-read-back")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        // The embedded broker answers a fetch that found nothing only after this time.
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(topic, partition, Offset::Offset(0))?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// Reads until it is told to stop. Offsets must follow each other without a gap.
fn read(consumer: &BaseConsumer, read_back: &ReadBack) {
    let mut next = [0; PARTITIONS as usize];
    while !read_back.lock().done {
        match consumer.poll(LOOK) {
            None => {}
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                if let Some(expected) = usize::try_from(partition).ok().and_then(|partition| next.get_mut(partition)) {
                    if offset != *expected {
                        read_back.trouble(format!("partition {partition}: offset {offset} was read where {expected} was due"));
                        return;
                    }
                    *expected += 1;
                }
                read_back.read(partition, Digest::of(message.key(), message.payload()));
            }
            Some(Err(error @ (KafkaError::MessageConsumptionFatal(_) | KafkaError::PartitionEOF(_)))) => {
                read_back.trouble(format!("the embedded broker cannot be read: {error}"));
                return;
            }
            Some(Err(error)) => {
                use rdkafka::types::RDKafkaErrorCode as Code;
                // Connections come and go; records that are gone do not come back.
                if matches!(error.rdkafka_error_code(), Some(Code::AutoOffsetReset | Code::OffsetOutOfRange)) {
                    read_back.trouble(format!("the embedded broker has dropped records before they were read back: {error}"));
                    return;
                }
                tracing::debug!(%error, "reading back");
            }
        }
    }
}

/// The offset behind the last record of each partition.
fn watermarks(bootstrap_servers: &str, topic: &str) -> Result<Vec<i64>, KafkaError> {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", bootstrap_servers).create()?;
    (0..PARTITIONS).map(|partition| consumer.fetch_watermarks(topic, partition, PATIENCE).map(|(_, high)| high)).collect()
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
    fn null_empty_and_where_the_key_ends_make_a_difference() {
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
    fn order_makes_no_difference_and_everything_else_does() {
        let sent = [(0, "a"), (0, "b"), (5, "c")];
        let compare = |read: &[(i32, &str)], ends: &[i64]| filled(&sent, read).lock().compare(ends);
        assert_eq!(compare(&[(5, "c"), (0, "b"), (0, "a")], &[2, 0, 0, 0, 0, 1]), Ok(3));
        for (read, ends, wanted) in [
            (&[(0, "a"), (5, "c")][..], [2, 0, 0, 0, 0, 1], "partition 0: 2 records acknowledged, 1 read back"),
            (&[(0, "a"), (0, "a"), (5, "c")], [2, 0, 0, 0, 0, 1], "partition 0: 2 records were read back, but not those"),
            (&[(0, "a"), (1, "b"), (5, "c")], [1, 1, 0, 0, 0, 1], "partition 0: 2 records acknowledged, 1 read back"),
            (&[(0, "a"), (0, "b"), (5, "c")], [3, 0, 0, 0, 0, 1], "partition 0: 2 records acknowledged, and it ends at offset 3"),
        ] {
            let difference = compare(read, &ends).unwrap_err();
            assert!(difference.starts_with(wanted), "{difference}");
        }
    }

    #[test]
    fn what_is_read_or_failed_makes_room() {
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
        assert!(flushed <= 1, "with room there is nothing to flush");
    }

    #[test]
    fn what_a_broker_gives_back_is_compared() {
        let embedded = Embedded::start("pages").unwrap();
        assert_eq!(embedded.compare(), Ok(0));
    }
}
