//! [`Counter`]: counts the records sent, acknowledged and failed, by topic.

use std::{
    collections::{BTreeMap, HashMap},
    ops::AddAssign,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Acknowledgement, Interceptor};
use crate::ProducerRecord;

/// Counts records by topic. It is a handle: clones share their counts. Keep one clone and pass another one to the builder, or to several
/// producers.
///
/// A record is counted under the topic that it has when this interceptor sees it, so add it after interceptors that change topics.
/// The producer's own counts are in [`Producer::metrics`](crate::Producer::metrics).
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> ottla::Result<()> {
/// use futures::executor::block_on;
/// use ottla::{Producer, ProducerConfig, ProducerRecord, intercept::Counter, testing::EmbeddedKafka};
///
/// let kafka = EmbeddedKafka::builder().topic("orders", 3).start()?;
/// let config = ProducerConfig::new().set("bootstrap.servers", kafka.bootstrap_servers())?;
/// let counter = Counter::new();
/// let producer: Producer<str, str> = Producer::builder(config).interceptor(counter.clone()).build()?;
/// block_on(async { producer.send(ProducerRecord::to("orders").value("paid")).await?.await })?;
/// assert_eq!(counter.topic("orders").acknowledged, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<RwLock<HashMap<String, Cells>>>);

/// The counts of a [`Counter`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records passed to `send`.
    pub sent: u64,
    /// Records acknowledged by the brokers.
    pub acknowledged: u64,
    /// Records that failed, including those that were never accepted.
    pub failed: u64,
}

impl Counts {
    /// Records that are neither acknowledged nor failed yet.
    pub fn outstanding(&self) -> u64 {
        self.sent.saturating_sub(self.acknowledged + self.failed)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.failed += other.failed;
    }
}

#[derive(Debug, Default)]
struct Cells {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl Cells {
    fn read(&self) -> Counts {
        // In this order, so that `sent` is never less than the others.
        let (acknowledged, failed) = (self.acknowledged.load(Ordering::Acquire), self.failed.load(Ordering::Acquire));
        Counts { sent: self.sent.load(Ordering::Relaxed), acknowledged, failed }
    }
}

impl Counter {
    /// A counter with all counts at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counts of a topic; all 0 if no record was sent to it.
    pub fn topic(&self, topic: &str) -> Counts {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(topic).map(Cells::read).unwrap_or_default()
    }

    /// The counts by topic.
    pub fn topics(&self) -> BTreeMap<String, Counts> {
        let topics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        topics.iter().map(|(topic, cells)| (topic.clone(), cells.read())).collect()
    }

    /// The sum over all topics.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.topics().into_values().for_each(|counts| total += counts);
        total
    }

    fn count(&self, topic: &str, count: impl Fn(&Cells)) {
        if let Some(cells) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(topic) {
            return count(cells);
        }
        count(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(topic.to_owned()).or_default());
    }
}

impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for Counter {
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        self.count(record.topic(), |cells| {
            cells.sent.fetch_add(1, Ordering::Relaxed);
        });
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        self.count(acknowledgement.topic, |cells| {
            let cell = if acknowledgement.result.is_ok() { &cells.acknowledged } else { &cells.failed };
            cell.fetch_add(1, Ordering::Release);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind, Headers};

    #[test]
    fn clones_share_counts_and_topics_are_separate() {
        let counter = Counter::new();
        let given = counter.clone();
        let send = |topic: &str| {
            let mut record: ProducerRecord<'_, str, str> = ProducerRecord::to(topic);
            given.on_send(&mut record);
        };
        let fail = |topic: &str| {
            let error = Error::new(ErrorKind::Closed, "closed");
            let acknowledgement = Acknowledgement { topic, partition: None, headers: &Headers::new(), result: Err(&error) };
            Interceptor::<str, str>::on_acknowledgement(&given, &acknowledgement);
        };
        send("a");
        send("a");
        send("b");
        fail("a");
        assert_eq!(counter.topic("a"), Counts { sent: 2, acknowledged: 0, failed: 1 });
        assert_eq!(counter.topic("a").outstanding(), 1);
        assert_eq!(counter.topic("c"), Counts::default());
        assert_eq!(counter.topics().keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(counter.total(), Counts { sent: 3, acknowledged: 0, failed: 1 });
    }
}
