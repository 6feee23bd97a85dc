//! [`Consumer`]: records read from topics, typed.
//!
//! ```
//! use futures::StreamExt;
//! use ottla::{Consumer, ConsumerConfig};
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
//! consumer.close().await?;
//! # Ok(())
//! # })
//! # }
//! # #[cfg(not(feature = "testing"))]
//! # fn main() {}
//! ```
//!
//! # Threads
//! Each consumer has one thread of its own, the *polling thread*. It serves librdkafka, deserializes, runs the [`RebalanceListener`] and
//! wakes the tasks that wait. It reads ahead of the program by five times `max.poll.records`, or three mebibytes of keys and values if that is less; beyond that
//! librdkafka's own queue holds what was fetched (`librdkafka.queued.max.messages.kbytes`). Calls that ask the brokers wait on a second thread, which the first of them starts.
//!
//! # What counts as processed
//! A record is *taken* when the program gets it. [`commit`](Consumer::commit) commits what has been taken. Automatic commits
//! (`enable.auto.commit`), and those of a rebalance, are one step behind, as in Java: a record counts when the program asks for the next
//! one, or closes the consumer. A program that processes records in parallel, and so asks on before they are done, marks each of them as
//! [`done`](ConsumerRecord::done) with [`ConsumerBuilder::explicit_done`]; commits then stay before the first one that is not done.
//!
//! # `max.poll.interval.ms`
//! A program that has not asked for a record for that long is taken for stuck, as in Java: the consumer leaves its group, its partitions
//! are lost to it, and it joins again when the program asks. A task that waits for a record is woken once in the interval to show that it is
//! alive; one that is still there but is not polled counts as stuck.

mod blocking;
mod builder;
mod calls;
mod context;
mod deserializers;
mod done;
mod error;
mod error_policy;
mod lookup;
mod poll_wakeup;
mod polling;
mod progress;
mod rebalance;
mod record;
mod record_queue;
mod seeking;
mod shared;
mod stalled;
mod topic_partition;
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
    error_policy::{commit_failed, commit_lost},
    rebalance::native_offsets,
    record_queue::{Intake as _, Item, RecordQueue},
    shared::{Shared, closed},
};
use crate::{ConsumerGroupMetadata, Error, ErrorKind, Offsets, block_on::block_on_until, deadline::Deadline, native::code};

/// Reads records from topics: alone, or as a member of a group that shares them.
///
/// A [`Stream`] of records, and of what comes in their place: a record that cannot be deserialized is an item like the others, with its
/// bytes, and the next one follows. The stream ends when the consumer is closed or has failed for good ([`Error::is_fatal`]). A reference to
/// a consumer is the same stream, so that the other calls can be made while it is read.
///
/// Dropping it leaves the group, which goes on in the background; see [`ConsumerBuilder::drop_timeout`]. The records that the program has
/// then do not count as processed, since a task that panics or is cancelled drops its consumer, too; [`close`](Self::close) says that they are.
///
/// Made by [`Consumer::builder`].
pub struct Consumer<K, V> {
    record_queue: Arc<RecordQueue<K, V>>,
    core: Core,
}

/// The part that does not know the types.
struct Core {
    shared: Arc<Shared>,
    drop_timeout: Duration,
}

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// Reads these topics as a member of the group, in place of those it read before. A name that begins with `^` is a pattern for topics'
    /// names, as librdkafka understands regular expressions. None at all is [`unsubscribe`](Self::unsubscribe).
    ///
    /// Does not wait for the group.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without a `group.id`; what librdkafka has against a name or a pattern.
    pub async fn subscribe(&self, topics: &[&str]) -> Result<(), Error> {
        if !topics.is_empty() {
            self.group_id("subscribe")?;
        }
        let topics: Vec<_> = topics.iter().map(|&topic| topic.to_owned()).collect();
        self.core.shared.on_polling_thread(|polling| polling.subscribe(topics)).await
    }

    /// Leaves the group, and reads nothing more.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed).
    pub async fn unsubscribe(&self) -> Result<(), Error> {
        self.core.shared.on_polling_thread(|polling| polling.subscribe(Vec::new())).await
    }

    /// Reads these partitions, in place of those before, without sharing them with a group: each from what is committed for the `group.id`,
    /// if there is one, else from where `auto.offset.reset` says.
    ///
    /// # Errors
    /// [`Client`](ErrorKind::Client) while topics are subscribed to: [`unsubscribe`](Self::unsubscribe) first.
    pub async fn assign<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        if self.core.shared.is_closing() {
            return Err(closed());
        }
        if !self.core.shared.subscription().is_empty() {
            return Err(Error::from_code(code::STATE, "assign: topics are subscribed to, unsubscribe first"));
        }
        let partitions = all(partitions);
        self.core.shared.on_polling_thread(move |polling| polling.assign(&partitions)).await
    }

    /// The partitions that the consumer has now, in order.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.core.shared.assignment()
    }

    /// The topics and patterns that it is subscribed to.
    pub fn subscription(&self) -> Vec<String> {
        self.core.shared.subscription()
    }

    /// The next record, or what came in its place; `None` once the consumer is closed or has failed for good.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// A [`ConsumeError`]: [`Deserialization`](ErrorKind::Deserialization) of this record; [`SchemaRegistry`](ErrorKind::SchemaRegistry) while
    /// records wait for a schema registry that cannot be asked, at most every ten seconds: they are not passed over, and come when it answers;
    /// [`Authorization`](ErrorKind::Authorization), [`Authentication`](ErrorKind::Authentication), an invalid topic, an offset that is gone with
    /// `auto.offset.reset=none`, and what else Java throws out of `poll`; a fatal error, which is the last item. What librdkafka
    /// recovers from (brokers that are away, topics that do not exist yet) is logged.
    pub fn recv(&self) -> impl Future<Output = Option<Result<ConsumerRecord<K, V>, ConsumeError>>> + Send + '_ {
        self.record_queue.next()
    }

    /// The records that are ready, `max.poll.records` at most: waits for the first. `None` as [`recv`](Self::recv).
    pub fn recv_batch(&self) -> impl Future<Output = Option<Vec<Result<ConsumerRecord<K, V>, ConsumeError>>>> + Send + '_ {
        self.record_queue.next_batch()
    }

    /// The same for threads: every call blocks instead of returning a future.
    pub fn blocking(&self) -> BlockingConsumer<'_, K, V> {
        BlockingConsumer::new(self)
    }

    /// Commits [`taken`](Self::taken), and waits for the answer (Java: `commitSync`).
    ///
    /// # Errors
    /// [`CommitFailed`](ErrorKind::CommitFailed), once, if partitions were lost with records that were taken since the last commit; nothing
    /// is committed then. Otherwise as [`commit_offsets`](Self::commit_offsets).
    pub async fn commit(&self) -> Result<(), Error> {
        let group = self.group_id("commit")?;
        let (mut taken, mut lost) = (Offsets::new(), Vec::new());
        self.record_queue.progress(&mut |progress| (taken, lost) = (progress.taken(), progress.take_lost()));
        if self.core.shared.is_closing() {
            return Err(closed());
        }
        if !lost.is_empty() {
            return Err(commit_lost(group, &lost));
        }
        self.commit_offsets(&taken).await
    }

    /// Commits these offsets for the group, with what is to be kept with them, and waits for the answer up to `default.api.timeout.ms`. None
    /// at all is no call to the brokers.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without a `group.id`; [`CommitFailed`](ErrorKind::CommitFailed) if the group has given the partitions to
    /// others meanwhile (Java: `CommitFailedException`); [`Closed`](ErrorKind::Closed); what else the group's coordinator answers, for one
    /// of the partitions or for all.
    pub async fn commit_offsets(&self, offsets: &Offsets) -> Result<(), Error> {
        let context = format!("group {}: the commit failed", self.group_id("commit")?);
        let shared = &self.core.shared;
        if shared.is_closing() {
            return Err(closed());
        }
        if offsets.is_empty() {
            return Ok(());
        }
        if shared.signals.is_expelled.load(Ordering::Acquire) {
            return Err(commit_failed(code::ASSIGNMENT_LOST, &context));
        }
        let (native, timeout) = (native_offsets(offsets)?, shared.api_timeout);
        shared.ask(move |client| client.commit(&native, timeout).map_err(|code| commit_failed(code, &context))).await?;
        self.record_queue.progress(&mut |progress| progress.committed(offsets));
        Ok(())
    }

    /// How far the program has come in the partitions that the consumer has: for [`Transaction::send_offsets`](crate::Transaction::send_offsets).
    /// That is behind every record that was taken; with [`explicit_done`](ConsumerBuilder::explicit_done), before the first one that is not done.
    ///
    /// Partitions of which nothing was taken, or nothing is done, are not among them.
    pub fn taken(&self) -> Offsets {
        let mut taken = Offsets::new();
        self.record_queue.progress(&mut |progress| taken = progress.taken());
        taken
    }

    /// The offset of the next record that the program will get of the partition; `None` before it has taken one or sought an offset, and
    /// for partitions that the consumer does not have.
    pub fn position(&self, partition: impl Into<TopicPartition>) -> Option<i64> {
        let (partition, mut position) = (partition.into(), None);
        self.record_queue.progress(&mut |progress| position = progress.position(&partition));
        position
    }

    /// This consumer as a member of its group, now: for [`Transaction::send_offsets`](crate::Transaction::send_offsets). Asked for after the
    /// records were taken: a rebalance changes it.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without a `group.id`.
    pub async fn group_metadata(&self) -> Result<ConsumerGroupMetadata, Error> {
        self.group_id("tell its group")?;
        let none = || Error::new(ErrorKind::Client, "librdkafka tells nothing of the consumer's group");
        self.core.shared.ask(move |client| client.membership().map(Into::into).ok_or_else(none)).await
    }

    /// Takes no more records from these partitions until they are resumed; what was read ahead of the program is kept until then. Says
    /// nothing about the records that the program has: they count as processed when it asks for the next one, as always. A rebalance that
    /// takes a partition away forgets that it was paused.
    ///
    /// # Errors
    /// [`Client`](ErrorKind::Client) (`_STATE`) if the consumer does not have one of them.
    pub async fn pause<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let partitions = all(partitions);
        self.core.shared.on_polling_thread(move |polling| polling.set_paused(&partitions, true)).await
    }

    /// Goes on where [`pause`](Self::pause) stopped.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    pub async fn resume<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let partitions = all(partitions);
        self.core.shared.on_polling_thread(move |polling| polling.set_paused(&partitions, false)).await
    }

    /// The partitions that are paused, in order.
    pub fn paused(&self) -> Vec<TopicPartition> {
        let mut paused = Vec::new();
        self.record_queue.progress(&mut |progress| paused = progress.paused());
        paused
    }

    /// Goes on with this offset of the partition. What is committed next is this offset, unless more is taken.
    ///
    /// # Errors
    /// [`Client`](ErrorKind::Client) (`_STATE`) if the consumer does not have the partition, [`InvalidRecord`](ErrorKind::InvalidRecord) for a
    /// negative offset, [`MetadataTimeout`](ErrorKind::MetadataTimeout) if librdkafka has not started the partition within
    /// `default.api.timeout.ms`. One that it has stopped, since its offset was gone with `auto.offset.reset=none`, it starts only when it is
    /// assigned anew; there Java goes on.
    pub async fn seek(&self, partition: impl Into<TopicPartition>, offset: i64) -> Result<(), Error> {
        let partition = partition.into();
        if offset < 0 {
            return Err(Error::from_code(code::INVALID_ARG, &format!("seek in {partition}: {offset} is no offset")));
        }
        self.seek_all(vec![(partition, offset)]).await
    }

    /// Goes on with the first record that these partitions have.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub async fn seek_to_beginning<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.seek_all(all(partitions).into_iter().map(|partition| (partition, code::OFFSET_BEGINNING)).collect()).await
    }

    /// Goes on behind the last record that these partitions have.
    ///
    /// # Errors
    /// As [`seek`](Self::seek).
    pub async fn seek_to_end<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.seek_all(all(partitions).into_iter().map(|partition| (partition, code::OFFSET_END)).collect()).await
    }

    async fn seek_all(&self, to: Vec<(TopicPartition, i64)>) -> Result<(), Error> {
        if to.is_empty() {
            return if self.core.shared.is_closing() { Err(closed()) } else { Ok(()) };
        }
        self.core.shared.command(|polling, reply| polling.seek(to, reply)).await
    }

    /// Leaves the group and ends the consumer: commits what has been taken, if that is automatic, and tells the rebalance listener. The program
    /// says by it that it is done with the records that it has, unless it says so for each of them. The records that were read ahead are
    /// dropped; the stream ends.
    ///
    /// Ends whether it is awaited or not. Waits for calls that are under way, and for the brokers as long as librdkafka does.
    ///
    /// # Errors
    /// None so far.
    pub async fn close(&self) -> Result<(), Error> {
        self.core.shared.signals.settles.store(true, Ordering::Release);
        // The sender goes unsent only with the polling thread.
        let _ = self.core.shared.close().await;
        Ok(())
    }

    fn group_id(&self, what: &str) -> Result<&str, Error> {
        let none = || Error::new(ErrorKind::Config, format!("the consumer has no group.id: set one to {what}"));
        self.core.shared.group_id.as_deref().ok_or_else(none)
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

impl Drop for Core {
    fn drop(&mut self) {
        let ended = self.shared.close();
        // On the polling thread the listener held the consumer: it goes on by itself.
        if self.drop_timeout.is_zero() || self.shared.wakeup.is_here() {
            return;
        }
        let _ = block_on_until(ended, Deadline::after(self.drop_timeout));
    }
}

impl<K, V> fmt::Debug for Consumer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group_id", &self.core.shared.group_id)
            .field("subscription", &self.core.shared.subscription())
            .field("assignment", &self.core.shared.assignment())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send<T: Send + 'static>() {}
    fn sync<T: Sync>() {}

    #[test]
    fn consumers_and_records_go_between_threads() {
        send::<Consumer<String, Vec<u8>>>();
        sync::<Consumer<String, Vec<u8>>>();
        send::<ConsumerRecord<String, Vec<u8>>>();
        send::<ConsumeError>();
        sync::<ConsumeError>();
    }

    #[cfg(feature = "testing")]
    #[test]
    fn a_polling_thread_that_ends_unexpectedly_ends_every_recv_with_an_error() {
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
        let ended = block_on(consumer.core.shared.on_polling_thread(|_| -> Result<(), Error> { panic!("a bug") }));
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Closed);
        for thread in waiting {
            let error = thread.join().unwrap().unwrap().unwrap_err();
            assert!(error.error().is_fatal() && error.kind() == ErrorKind::Fatal, "{error}");
        }
        block_on(async {
            assert!(consumer.recv().await.is_none());
            assert_eq!(consumer.commit().await.unwrap_err().kind(), ErrorKind::Closed);
            assert_eq!(consumer.committed([("orders", 0)]).await.unwrap_err().kind(), ErrorKind::Closed);
            consumer.close().await.unwrap();
        });
    }
}
