//! [`BlockingConsumer`]: a consumer for threads.

use std::{future::Future, time::Duration};

use super::{ConsumeError, Consumer, ConsumerRecord, TopicPartition};
use crate::{
    Error, ErrorKind, Offsets,
    block_on::{block_on, block_on_until},
    deadline::Deadline,
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
        if self.0.core.shared.wakeup.is_polling_thread() {
            return Vec::new();
        }
        let batch = self.0.record_queue.next_batch();
        let batch = block_on_until(batch, Deadline::after(timeout));
        batch.flatten().unwrap_or_default()
    }

    /// See [`Consumer::subscribe`].
    ///
    /// # Errors
    /// See [`Consumer::subscribe`]; [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a rebalance listener, also from the methods below.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), Error> {
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

    /// See [`Consumer::seek`].
    ///
    /// # Errors
    /// See [`Consumer::seek`].
    pub fn seek(&self, partition: impl Into<TopicPartition>, offset: i64) -> Result<(), Error> {
        self.wait("seek", self.0.seek(partition, offset))
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
    pub fn close(&self) -> Result<(), Error> {
        self.wait("close", self.0.close())
    }

    fn wait<T>(&self, what: &str, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.0.core.shared.wakeup.is_polling_thread() {
            let message = format!("cannot {what} in a rebalance listener: it would wait for its own thread");
            return Err(Error::new(ErrorKind::WouldDeadlock, message));
        }
        block_on(future)
    }
}
