//! The consumer for threads.

use std::{future::Future, time::Duration};

use super::{ConsumeError, Consumer, ConsumerRecord, TopicPartition};
use crate::{
    Error, ErrorKind, Offsets,
    block_on::{block_on, block_on_until},
    deadline::Deadline,
};

/// A consumer whose calls block. Made by [`Consumer::blocking`].
#[derive(Debug)]
pub struct BlockingConsumer<'c, K, V>(&'c Consumer<K, V>);

impl<'c, K: Send + 'static, V: Send + 'static> BlockingConsumer<'c, K, V> {
    pub(super) fn new(consumer: &'c Consumer<K, V>) -> Self {
        Self(consumer)
    }

    /// The records that are ready, `max.poll.records` at most; blocks for the first of them, for `timeout` at most (Java: `poll`). No records
    /// after the timeout, and once the consumer is closed or has failed for good.
    ///
    /// In a rebalance listener it gives nothing, since no record comes while that runs.
    pub fn poll(&self, timeout: Duration) -> Vec<Result<ConsumerRecord<K, V>, ConsumeError>> {
        if self.0.core.shared.wakeup.is_here() {
            return Vec::new();
        }
        let batch = self.0.record_queue.next_batch();
        let batch = block_on_until(batch, Deadline::after(timeout));
        batch.flatten().unwrap_or_default()
    }

    /// As [`Consumer::subscribe`].
    ///
    /// # Errors
    /// As there, and [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a rebalance listener, as of all calls below.
    pub fn subscribe(&self, topics: &[&str]) -> Result<(), Error> {
        self.wait("subscribe", self.0.subscribe(topics))
    }

    /// As [`Consumer::unsubscribe`].
    ///
    /// # Errors
    /// As there.
    pub fn unsubscribe(&self) -> Result<(), Error> {
        self.wait("unsubscribe", self.0.unsubscribe())
    }

    /// As [`Consumer::assign`].
    ///
    /// # Errors
    /// As there.
    pub fn assign<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("assign", self.0.assign(partitions))
    }

    /// As [`Consumer::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn commit(&self) -> Result<(), Error> {
        self.wait("commit", self.0.commit())
    }

    /// As [`Consumer::commit_offsets`].
    ///
    /// # Errors
    /// As there.
    pub fn commit_offsets(&self, offsets: &Offsets) -> Result<(), Error> {
        self.wait("commit", self.0.commit_offsets(offsets))
    }

    /// As [`Consumer::committed`].
    ///
    /// # Errors
    /// As there.
    pub fn committed<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        self.wait("ask for what is committed", self.0.committed(partitions))
    }

    /// As [`Consumer::seek`].
    ///
    /// # Errors
    /// As there.
    pub fn seek(&self, partition: impl Into<TopicPartition>, offset: i64) -> Result<(), Error> {
        self.wait("seek", self.0.seek(partition, offset))
    }

    /// As [`Consumer::pause`].
    ///
    /// # Errors
    /// As there.
    pub fn pause<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("pause", self.0.pause(partitions))
    }

    /// As [`Consumer::resume`].
    ///
    /// # Errors
    /// As there.
    pub fn resume<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<(), Error> {
        self.wait("resume", self.0.resume(partitions))
    }

    /// As [`Consumer::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&self) -> Result<(), Error> {
        self.wait("close", self.0.close())
    }

    fn wait<T>(&self, what: &str, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        if self.0.core.shared.wakeup.is_here() {
            let message = format!("cannot {what} in a rebalance listener: it holds up the thread that would do it");
            return Err(Error::new(ErrorKind::WouldDeadlock, message));
        }
        block_on(future)
    }
}
