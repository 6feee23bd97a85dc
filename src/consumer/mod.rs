//! [`Consumer`]: reads typed records from topics.
//!
//! ```
//! use futures::StreamExt;
//! use ottla::{Consumer, ConsumerConfig};
//! use std::time::Duration;
//!
//! # #[cfg(feature = "testing")]
//! # fn main() -> ottla::Result<()> {
//! # let kafka = ottla::testing::EmbeddedKafka::builder().topic("orders", 3).start()?;
//! # let servers = kafka.bootstrap_servers();
//! # futures::executor::block_on(async {
//! # let producer: ottla::Producer<str, str> =
//! #     ottla::Producer::builder(ottla::ProducerConfig::new().set("bootstrap.servers", servers)?).build()?;
//! # producer.send(ottla::ProducerRecord::to("orders").key("o-1").value("paid")).await?.await?;
//! let config = ConsumerConfig::from_pairs([
//!     ("bootstrap.servers", servers),
//!     ("group.id", "billing"),
//!     ("auto.offset.reset", "earliest"),
//! ])?;
//! let mut consumer: Consumer<String, String> = Consumer::builder(config).build()?;
//! consumer.subscribe(&["orders"]).await?;
//! while let Some(item) = consumer.next().await {
//!     match item {
//!         Ok(record) => println!("{} is {}", record.key(), record.value()),
//!         Err(error) => eprintln!("skipped: {error}"), // the next record follows
//!     }
//!     consumer.commit().await?;
//!     # break;
//! }
//! consumer.close(Duration::from_secs(10)).await?;
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Threads
//! Each consumer has one thread, the *polling thread*. It serves librdkafka, deserializes, calls the [`RebalanceListener`] and wakes waiting
//! tasks. It reads up to five times `max.poll.records` records ahead of the program, or 3 MiB of keys and values if that is less. Fetched
//! records beyond that stay in librdkafka's queue (`librdkafka.queued.max.messages.kbytes`). CallThread that send requests to the brokers run on a
//! second thread, which the first such call starts.
//!
//! # Processed records
//! A record is *taken* when the program receives it. [`commit`](Consumer::commit) commits the taken records. Automatic commits
//! (`enable.auto.commit`) and the commit of a rebalance are one step behind, as in Java: a record counts as processed when the program
//! requests the next one, or closes the consumer. A program that processes records in parallel requests the next record before this one is
//! processed. It uses [`ConsumerBuilder::explicit_done`] and marks each record as [`done`](ConsumerRecord::done); then commits stop before
//! the first record that is not done.
//!
//! # `max.poll.interval.ms`
//! If the program requests no record for that long, it is considered stuck, as in Java: the consumer leaves its group and loses its
//! partitions. It rejoins when the program requests a record. A task that waits for a record is woken once in the interval to show that it is
//! alive; a task that is not polled any more counts as stuck.

mod blocking;
mod builder;
mod call_thread;
mod closing;
mod commit;
mod consumer_state;
mod context;
mod deserializers;
mod done;
mod error;
mod error_policy;
mod lookup;
mod pausing;
mod poll_wakeup;
mod polling;
mod progress;
mod rebalance;
mod record;
mod record_queue;
mod seeking;
mod stalled;
mod starting;
mod topic_partition;
mod untyped_consumer;
mod waiters;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

pub use blocking::BlockingConsumer;
pub use builder::ConsumerBuilder;
pub use error::ConsumeError;
use futures::Stream;
pub use rebalance::{Assigned, RebalanceListener, Revoked};
pub use record::{ConsumerRecord, RawRecord, TimestampType};
pub use topic_partition::TopicPartition;

use self::{
    consumer_state::closed,
    record_queue::{Intake as _, Item, RecordQueue},
    untyped_consumer::UntypedConsumer,
};
use crate::{ConsumerGroupMetadata, Error, ErrorKind, Offsets, native::code};

/// Reads records from topics, alone or as a member of a consumer group.
///
/// It is a [`Stream`] of records and errors. A record that cannot be deserialized is an item with its bytes; the next record follows. The
/// stream ends when the consumer is closed, or after a fatal error ([`Error::is_fatal`]). A reference to a consumer is the same stream, so
/// other methods can be called while it is read.
///
/// Dropping the consumer leaves the group, in the background if it takes longer than [`ConsumerBuilder::drop_timeout`]. The records that the
/// program has at that time do not count as processed, because a task that panics or is cancelled drops its consumer, too. With
/// [`close`](Self::close) they do.
///
/// [`Consumer::builder`] creates one.
pub struct Consumer<K, V> {
    record_queue: Arc<RecordQueue<K, V>>,
    untyped: UntypedConsumer,
}

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// Subscribes to topics as a member of the group, and replaces the previous subscription. The names may come from an array, a `Vec` or any
    /// other iterator. A name that begins with `^` is a pattern for topic
    /// names, a regular expression as librdkafka defines it. An empty list is [`unsubscribe`](Self::unsubscribe).
    ///
    /// It does not wait for the group.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without a `group.id`; librdkafka's error for an invalid name or pattern.
    pub async fn subscribe<T: AsRef<str>>(&self, topics: impl IntoIterator<Item = T>) -> Result<(), Error> {
        let topics: Vec<_> = topics.into_iter().map(|topic| topic.as_ref().to_owned()).collect();
        if !topics.is_empty() {
            self.group_id("subscribe")?;
        }
        self.untyped.state.on_polling_thread(|polling| polling.subscribe(topics)).await
    }

    /// Leaves the group and stops reading.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed).
    pub async fn unsubscribe(&self) -> Result<(), Error> {
        self.untyped.state.on_polling_thread(|polling| polling.subscribe(Vec::new())).await
    }

    /// Assigns these partitions without a group, and replaces the previous assignment. Each starts at the offset that is committed for the
    /// `group.id`, if there is one, or else as `auto.offset.reset` says.
    ///
    /// # Errors
    /// [`Client`](ErrorKind::Client) with a subscription: call [`unsubscribe`](Self::unsubscribe) first.
    pub async fn assign<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        if self.untyped.state.is_closing() {
            return Err(closed());
        }
        if !self.untyped.state.subscription().is_empty() {
            return Err(Error::from_code(code::STATE, "assign: the consumer has a subscription; call unsubscribe first"));
        }
        let partitions = all(partitions);
        self.untyped.state.on_polling_thread(move |polling| polling.assign(&partitions)).await
    }

    /// The partitions that are assigned to the consumer, in order.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.untyped.state.assignment()
    }

    /// The topics and patterns of the subscription.
    pub fn subscription(&self) -> Vec<String> {
        self.untyped.state.subscription()
    }

    /// Returns the next record or error; `None` once the consumer is closed or after a fatal error.
    ///
    /// Dropping the future loses no record.
    ///
    /// # Errors
    /// A [`ConsumeError`]:
    /// - [`Deserialization`](ErrorKind::Deserialization) of this record.
    /// - [`SchemaRegistry`](ErrorKind::SchemaRegistry), at most every ten seconds, while records wait for a schema registry that is
    ///   unavailable. They are not skipped: they follow when it answers.
    /// - [`Authorization`](ErrorKind::Authorization), [`Authentication`](ErrorKind::Authentication), an invalid topic, an offset that is out of
    ///   range with `auto.offset.reset=none`, and the other errors that Java throws in `poll`.
    /// - A fatal error, which is the last item.
    ///
    /// Errors that librdkafka recovers from (unreachable brokers, topics that do not exist yet) are logged.
    pub fn recv(&self) -> impl Future<Output = Option<Result<ConsumerRecord<K, V>, ConsumeError>>> + Send + '_ {
        self.record_queue.next()
    }

    /// Waits for a record and returns all records that are ready, at most `max.poll.records`. `None` as for [`recv`](Self::recv).
    pub fn recv_batch(&self) -> impl Future<Output = Option<Vec<Result<ConsumerRecord<K, V>, ConsumeError>>>> + Send + '_ {
        self.record_queue.next_batch()
    }

    /// The same consumer for threads: its methods block instead of returning futures.
    pub fn blocking(&self) -> BlockingConsumer<'_, K, V> {
        BlockingConsumer::new(self)
    }

    /// The next offsets of the assigned partitions, for [`Transaction::send_offsets`](crate::Transaction::send_offsets): those after the last
    /// record that was taken, or, with [`explicit_done`](ConsumerBuilder::explicit_done), of the first record that is not done.
    ///
    /// Partitions without a taken (or done) record are not included.
    pub fn taken(&self) -> Offsets {
        let mut taken = Offsets::new();
        self.record_queue.progress(&mut |progress| taken = progress.taken());
        taken
    }

    /// The offset of the next record of the partition that the program will receive. `None` before it has received one or called `seek`, and
    /// for partitions that are not assigned.
    pub fn position(&self, partition: impl Into<TopicPartition>) -> Option<i64> {
        let (partition, mut position) = (partition.into(), None);
        self.record_queue.progress(&mut |progress| position = progress.position(&partition));
        position
    }

    /// The current group membership, for [`Transaction::send_offsets`](crate::Transaction::send_offsets). Call it after the records were taken,
    /// because a rebalance changes it.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without a `group.id`.
    pub async fn group_metadata(&self) -> Result<ConsumerGroupMetadata, Error> {
        self.group_id("get its group metadata")?;
        let none = || Error::new(ErrorKind::Client, "librdkafka has no group metadata for this consumer");
        self.untyped.state.ask(move |client| client.membership().map(Into::into).ok_or_else(none)).await
    }

    /// Stops returning records of these partitions until they are resumed. Records that were read ahead are kept until then. Records that the
    /// program already has count as processed when it requests the next one, as usual. If a rebalance revokes a partition, it is no longer
    /// paused.
    ///
    /// # Errors
    /// [`Client`](ErrorKind::Client) (`_STATE`) if one of the partitions is not assigned.
    pub async fn pause<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let partitions = all(partitions);
        self.untyped.state.on_polling_thread(move |polling| polling.set_paused(&partitions, true)).await
    }

    /// Resumes partitions that were [paused](Self::pause).
    ///
    /// # Errors
    /// See [`pause`](Self::pause).
    pub async fn resume<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let partitions = all(partitions);
        self.untyped.state.on_polling_thread(move |polling| polling.set_paused(&partitions, false)).await
    }

    /// The paused partitions, in order.
    pub fn paused(&self) -> Vec<TopicPartition> {
        let mut paused = Vec::new();
        self.record_queue.progress(&mut |progress| paused = progress.paused());
        paused
    }

    /// Continues at this offset of the partition. The next commit is at this offset, unless more records are taken.
    ///
    /// # Errors
    /// [`Client`](ErrorKind::Client) (`_STATE`) if the partition is not assigned, [`InvalidRecord`](ErrorKind::InvalidRecord) for a negative
    /// offset, [`MetadataTimeout`](ErrorKind::MetadataTimeout) if librdkafka has not started the partition within `default.api.timeout.ms`.
    /// librdkafka stops a partition whose offset is out of range with `auto.offset.reset=none`, and restarts it only with a new assignment.
    /// (In Java `seek` works there.)
    pub async fn seek(&self, partition: impl Into<TopicPartition>, offset: i64) -> Result<(), Error> {
        let partition = partition.into();
        if offset < 0 {
            return Err(Error::from_code(
                code::INVALID_ARG,
                &format!("seek in {partition}: the offset {offset} must not be negative"),
            ));
        }
        self.seek_all(vec![(partition, offset)]).await
    }

    /// Continues at the first record of these partitions.
    ///
    /// # Errors
    /// See [`seek`](Self::seek).
    pub async fn seek_to_beginning<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.seek_all(all(partitions).into_iter().map(|partition| (partition, code::OFFSET_BEGINNING)).collect()).await
    }

    /// Continues after the last record of these partitions.
    ///
    /// # Errors
    /// See [`seek`](Self::seek).
    pub async fn seek_to_end<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.seek_all(all(partitions).into_iter().map(|partition| (partition, code::OFFSET_END)).collect()).await
    }

    async fn seek_all(&self, to: Vec<(TopicPartition, i64)>) -> Result<(), Error> {
        if to.is_empty() {
            return if self.untyped.state.is_closing() { Err(closed()) } else { Ok(()) };
        }
        self.untyped.state.command(|polling, reply| polling.seek(to, reply)).await
    }

    /// Leaves the group and closes the consumer. It commits the taken records, if automatic commits are on, and calls the rebalance listener.
    /// Closing means that the program has processed the records that it has, unless [`explicit_done`](ConsumerBuilder::explicit_done) is set.
    /// Records that were read ahead are dropped, and the stream ends.
    ///
    /// Waits at most `timeout` for pending calls, the rebalance listener and the brokers; with [`Duration::MAX`] as long as librdkafka does. Once
    /// the future has been polled, the consumer closes even if it is not awaited, and after the timeout: another call waits for the same end.
    ///
    /// # Errors
    /// [`CloseTimeout`](crate::ErrorKind::CloseTimeout) if it takes longer.
    pub async fn close(&self, timeout: Duration) -> Result<(), Error> {
        self.untyped.state.signals.all_processed.store(true, Ordering::Release);
        closing::wait(self.untyped.state.close(), timeout).await
    }

    fn group_id(&self, what: &str) -> Result<&str, Error> {
        let none = || Error::new(ErrorKind::Config, format!("the consumer has no group.id: set one to {what}"));
        self.untyped.state.group_id.as_deref().ok_or_else(none)
    }
}

fn all<P: Into<TopicPartition>>(partitions: impl IntoIterator<Item = P>) -> Vec<TopicPartition> {
    partitions.into_iter().map(Into::into).collect()
}

impl<K, V> Stream for Consumer<K, V> {
    type Item = Item<K, V>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.record_queue.poll_next(context)
    }
}

impl<K, V> Stream for &Consumer<K, V> {
    type Item = Item<K, V>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.record_queue.poll_next(context)
    }
}

impl<K, V> fmt::Debug for Consumer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group_id", &self.untyped.state.group_id)
            .field("subscription", &self.untyped.state.subscription())
            .field("assignment", &self.untyped.state.assignment())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send<T: Send + 'static>() {}
    fn sync<T: Sync>() {}

    #[test]
    fn consumers_and_records_are_send_and_sync() {
        send::<Consumer<String, Vec<u8>>>();
        sync::<Consumer<String, Vec<u8>>>();
        send::<ConsumerRecord<String, Vec<u8>>>();
        send::<ConsumeError>();
        sync::<ConsumeError>();
    }

    #[cfg(feature = "testing")]
    #[test]
    fn recv_fails_after_the_polling_thread_ends_unexpectedly() {
        use futures::executor::block_on;

        let kafka = crate::testing::EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
        let config =
            crate::ConsumerConfig::from_pairs([("bootstrap.servers", kafka.bootstrap_servers()), ("group.id", "g")]).unwrap();
        let consumer = Arc::new(Consumer::<(), ()>::builder(config).build().unwrap());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let consumer = Arc::clone(&consumer);
                std::thread::spawn(move || block_on(consumer.recv()))
            })
            .collect();
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while consumer.record_queue.waiting() < 3 {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        let ended = block_on(consumer.untyped.state.on_polling_thread(|_| -> Result<(), Error> { panic!("a bug") }));
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Closed);
        for thread in waiting {
            let error = thread.join().unwrap().unwrap().unwrap_err();
            assert!(error.error().is_fatal() && error.kind() == ErrorKind::Fatal, "{error}");
        }
        block_on(async {
            assert!(consumer.recv().await.is_none());
            assert_eq!(consumer.commit().await.unwrap_err().kind(), ErrorKind::Closed);
            assert_eq!(consumer.committed([("orders", 0)]).await.unwrap_err().kind(), ErrorKind::Closed);
            consumer.close(Duration::from_secs(60)).await.unwrap();
        });
    }
}
