//! [`Counter`]: how many records were sent, acknowledged and failed, by topic.

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

/// Counts records by topic. A handle: clones share their counts, so that a program keeps one and gives one to the builder, or the same
/// one to several producers.
///
/// Records are counted as sent under the topic that they have when this interceptor sees them: give it to the builder behind those that
/// change topics. The producer's own counts are in [`Producer::metrics`](crate::Producer::metrics).
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

/// What a [`Counter`] has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Records that were given to `send`.
    pub sent: u64,
    /// Those of them that the brokers have acknowledged.
    pub acknowledged: u64,
    /// Those of them that failed, be it that they were never accepted.
    pub failed: u64,
}

impl Counts {
    /// Those that are neither acknowledged nor failed yet.
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
        // In this order, so that no record is seen acknowledged and not sent.
        let (acknowledged, failed) = (self.acknowledged.load(Ordering::Acquire), self.failed.load(Ordering::Acquire));
        Counts { sent: self.sent.load(Ordering::Relaxed), acknowledged, failed }
    }
}

impl Counter {
    /// Counts from 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted of a topic; zeros for one that no record was sent to.
    pub fn topic(&self, topic: &str) -> Counts {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(topic).map(Cells::read).unwrap_or_default()
    }

    /// What was counted, by topic.
    pub fn topics(&self) -> BTreeMap<String, Counts> {
        let topics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        topics.iter().map(|(topic, cells)| (topic.clone(), cells.read())).collect()
    }

    /// What was counted of all topics.
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
    fn clones_share_their_counts_and_topics_do_not() {
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
