//! [`Produce`]: what a producer does, as a trait.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::{
    Delivery, Error, Producer, ProducerRecord, Report,
    producer::{PartitionInfo, Sending, TrySendError, Unsent},
};

/// What a [`Producer`] does, for code that also takes a producer without brokers, `testing::MockProducer` (feature `testing`): what
/// Java's interface `Producer` is to `KafkaProducer` and `MockProducer`.
///
/// It can be used as `&impl Produce<K, V>` and as `&dyn Produce<K, V>`. Every function does what the one of the same name does for
/// [`Producer`].
///
/// ```
/// use ottla::{Produce, ProducerRecord};
///
/// async fn place(orders: &impl Produce<str, str>, id: &str) -> ottla::Result<i32> {
///     let delivery = orders.send(ProducerRecord::to("orders").key(id).value("placed")).await?;
///     Ok(delivery.await?.partition())
/// }
/// ```
pub trait Produce<K: ?Sized, V: ?Sized>: Send + Sync {
    /// Sends a record: see [`Producer::send`].
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending;

    /// Sends a record if there is room for it now: see [`Producer::try_send`].
    ///
    /// # Errors
    /// As there.
    fn try_send<'a>(&self, record: ProducerRecord<'a, K, V>) -> Result<Delivery, TrySendError<'a, K, V>>;

    /// Sends a record if there is room for it now, and calls back with its report: see [`Producer::send_with`].
    ///
    /// # Errors
    /// As there.
    fn send_with<'a>(
        &self,
        record: ProducerRecord<'a, K, V>,
        callback: Box<dyn FnOnce(Report) + Send>,
    ) -> Result<(), TrySendError<'a, K, V>>;

    /// Waits until every record accepted before has been reported: see [`Producer::flush`].
    fn flush(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// The topic's partitions: see [`Producer::partitions_for`].
    fn partitions_for<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Vec<PartitionInfo>, Error>>;

    /// Closes the producer for all of its handles: see [`Producer::close`].
    fn close(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<Unsent>, Error>>;
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Produce<K, V> for Producer<K, V> {
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        self.send(record)
    }

    fn try_send<'a>(&self, record: ProducerRecord<'a, K, V>) -> Result<Delivery, TrySendError<'a, K, V>> {
        self.try_send(record)
    }

    fn send_with<'a>(
        &self,
        record: ProducerRecord<'a, K, V>,
        callback: Box<dyn FnOnce(Report) + Send>,
    ) -> Result<(), TrySendError<'a, K, V>> {
        self.send_with(record, callback)
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.flush())
    }

    fn partitions_for<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Vec<PartitionInfo>, Error>> {
        Box::pin(self.partitions_for(topic))
    }

    fn close(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<Unsent>, Error>> {
        Box::pin(self.clone().close(timeout))
    }
}
