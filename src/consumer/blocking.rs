//! [`BlockingConsumer`]: a consumer for threads.

use std::{future::Future, time::Duration};

use super::{ConsumeError, Consumer, ConsumerRecord, TopicPartition};
use crate::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets,
    block_on::{block_on, block_on_until},
    deadline::Deadline,
    producer::PartitionInfo,
};

/// A consumer whose methods block. [`Consumer::blocking`] returns it.
#[derive(Debug)]
pub struct BlockingConsumer<'c, K, V>(&'c Consumer<K, V>);

impl<'c, K: Send + 'static, V: Send + 'static> BlockingConsumer<'c, K, V> {
    pub(super) fn new(consumer: &'c Consumer<K, V>) -> Self {
        Self(consumer)
    }

    /// Blocks for the first record, for `timeout` at most, and returns all records that are ready, at most `max.poll.records` (Java: `poll`).
    /// Returns no records after the timeout, when the consumer is closed, and after a fatal error.
    ///
    /// In a rebalance listener it returns nothing, because records arrive only after the listener returns.
    pub fn poll(&self, timeout: Duration) -> Vec<Result<ConsumerRecord<K, V>, ConsumeError>> {
        if self.0.untyped.state.wakeup.is_polling_thread() {
            return Vec::new();
        }
        let batch = self.0.record_queue.next_batch();
        let batch = block_on_until(batch, Deadline::after(timeout));
        batch.flatten().unwrap_or_default()
    }

    /// Blocks for the next record, as [`Consumer::recv`]. `None` as there, and in a rebalance listener.
    pub fn recv(&self) -> Option<Result<ConsumerRecord<K, V>, ConsumeError>> {
        if self.0.untyped.state.wakeup.is_polling_thread() { None } else { block_on(self.0.recv()) }
    }

    /// Blocks for the next records, as [`Consumer::recv_batch`]. `None` as there, and in a rebalance listener.
    pub fn recv_batch(&self) -> Option<Vec<Result<ConsumerRecord<K, V>, ConsumeError>>> {
        if self.0.untyped.state.wakeup.is_polling_thread() { None } else { block_on(self.0.recv_batch()) }
    }

    /// See [`Consumer::subscribe`].
    ///
    /// # Errors
    /// See [`Consumer::subscribe`]; [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a rebalance listener, also from the methods below.
    pub fn subscribe<T: AsRef<str>>(&self, topics: impl IntoIterator<Item = T>) -> Result<(), Error> {
        self.wait("subscribe", self.0.subscribe(topics))
    }

    /// See [`Consumer::unsubscribe`].
    ///
    /// # Errors
    /// See [`Consumer::unsubscribe`].
    pub fn unsubscribe(&self) -> Result<(), Error> {
        self.wait("unsubscribe", self.0.unsubscribe())
    }

    /// See [`Consumer::assign`].
    ///
    /// # Errors
    /// See [`Consumer::assign`].
    pub fn assign<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("assign", self.0.assign(partitions))
    }

    /// See [`Consumer::commit`].
    ///
    /// # Errors
    /// See [`Consumer::commit`].
    pub fn commit(&self) -> Result<(), Error> {
        self.wait("commit", self.0.commit())
    }

    /// See [`Consumer::commit_offsets`].
    ///
    /// # Errors
    /// See [`Consumer::commit_offsets`].
    pub fn commit_offsets(&self, offsets: &Offsets) -> Result<(), Error> {
        self.wait("commit", self.0.commit_offsets(offsets))
    }

    /// See [`Consumer::committed`].
    ///
    /// # Errors
    /// See [`Consumer::committed`].
    pub fn committed<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        self.wait("fetch committed offsets", self.0.committed(partitions))
    }

    /// See [`Consumer::offsets_for_times`].
    ///
    /// # Errors
    /// See [`Consumer::offsets_for_times`].
    pub fn offsets_for_times<P: Into<TopicPartition>>(
        &self,
        times: impl IntoIterator<Item = (P, i64)>,
    ) -> Result<Offsets, Error> {
        self.wait("fetch the offsets of times", self.0.offsets_for_times(times))
    }

    /// See [`Consumer::beginning_offsets`].
    ///
    /// # Errors
    /// See [`Consumer::beginning_offsets`].
    pub fn beginning_offsets<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        self.wait("fetch the first offsets", self.0.beginning_offsets(partitions))
    }

    /// See [`Consumer::end_offsets`].
    ///
    /// # Errors
    /// See [`Consumer::end_offsets`].
    pub fn end_offsets<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        self.wait("fetch the end offsets", self.0.end_offsets(partitions))
    }

    /// See [`Consumer::partitions_for`].
    ///
    /// # Errors
    /// See [`Consumer::partitions_for`].
    pub fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        self.wait("fetch a topic's partitions", self.0.partitions_for(topic))
    }

    /// See [`Consumer::group_metadata`].
    ///
    /// # Errors
    /// See [`Consumer::group_metadata`].
    pub fn group_metadata(&self) -> Result<ConsumerGroupMetadata, Error> {
        self.wait("fetch the group's metadata", self.0.group_metadata())
    }

    /// See [`Consumer::assignment`]; does not block.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.0.assignment()
    }

    /// See [`Consumer::subscription`]; does not block.
    pub fn subscription(&self) -> Vec<String> {
        self.0.subscription()
    }

    /// See [`Consumer::taken`]; does not block.
    pub fn taken(&self) -> Offsets {
        self.0.taken()
    }

    /// See [`Consumer::position`]; does not block.
    pub fn position(&self, partition: impl Into<TopicPartition>) -> Option<i64> {
        self.0.position(partition)
    }

    /// See [`Consumer::paused`]; does not block.
    pub fn paused(&self) -> Vec<TopicPartition> {
        self.0.paused()
    }

    /// See [`Consumer::seek`].
    ///
    /// # Errors
    /// See [`Consumer::seek`].
    pub fn seek(&self, partition: impl Into<TopicPartition>, offset: i64) -> Result<(), Error> {
        self.wait("seek", self.0.seek(partition, offset))
    }

    /// See [`Consumer::seek_to_beginning`].
    ///
    /// # Errors
    /// See [`Consumer::seek_to_beginning`].
    pub fn seek_to_beginning<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("seek", self.0.seek_to_beginning(partitions))
    }

    /// See [`Consumer::seek_to_end`].
    ///
    /// # Errors
    /// See [`Consumer::seek_to_end`].
    pub fn seek_to_end<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("seek", self.0.seek_to_end(partitions))
    }

    /// See [`Consumer::pause`].
    ///
    /// # Errors
    /// See [`Consumer::pause`].
    pub fn pause<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("pause", self.0.pause(partitions))
    }

    /// See [`Consumer::resume`].
    ///
    /// # Errors
    /// See [`Consumer::resume`].
    pub fn resume<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("resume", self.0.resume(partitions))
    }

    /// See [`Consumer::close`].
    ///
    /// # Errors
    /// See [`Consumer::close`].
    pub fn close(&self, timeout: Duration) -> Result<(), Error> {
        self.wait("close", self.0.close(timeout))
    }

    fn wait<T>(&self, what: &str, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.0.untyped.state.wakeup.is_polling_thread() {
            let message = format!("cannot {what} in a rebalance listener: it would wait for its own thread");
            return Err(Error::new(ErrorKind::WouldDeadlock, message));
        }
        block_on(future)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// The names of the public functions of a source.
    fn functions(source: &str) -> BTreeSet<&str> {
        source
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("pub "))
            .filter_map(|line| line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn "))
            .filter_map(|line| line.split(['<', '(']).next())
            .collect()
    }

    #[test]
    fn every_method_of_the_consumer_has_a_blocking_one() {
        let blocking = functions(include_str!("blocking.rs"));
        let mut missing = functions(include_str!("mod.rs"));
        missing.extend(functions(include_str!("commit.rs")));
        missing.extend(functions(include_str!("lookup.rs")));
        missing.retain(|name| !blocking.contains(name));
        assert_eq!(missing, BTreeSet::from(["blocking"]));
        assert!(blocking.len() > 20, "{blocking:?}");
    }
}
