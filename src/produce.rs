//! [`Produce`]: what a producer does, as a trait.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::{
    ConsumerGroupMetadata, Delivery, Error, Offsets, Producer, ProducerRecord, Report, Transaction,
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

    /// Sends a record without lingering, and waits until it is reported: see [`Producer::send_and_wait`].
    ///
    /// # Errors
    /// As there.
    fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> BoxFuture<'static, Report> {
        let sending = self.send(record);
        Box::pin(async { sending.await?.await })
    }

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

    /// Makes the producer ready for transactions: see [`Producer::init_transactions`].
    fn init_transactions(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Begins a transaction: see [`Producer::begin_transaction`].
    fn begin_transaction(&self) -> BoxFuture<'_, Result<Box<dyn ProduceTransaction<K, V>>, Error>>;

    /// Closes the producer for all of its handles: see [`Producer::close`].
    fn close(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<Unsent>, Error>>;
}

/// An open transaction of a [`Produce`], as [`Transaction`] is one of a [`Producer`]: dropping it aborts.
#[must_use = "a transaction that is dropped is aborted"]
pub trait ProduceTransaction<K: ?Sized, V: ?Sized>: Send + Sync {
    /// Sends a record as part of it: see [`Transaction::send`].
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending;

    /// Makes a consumer's progress part of it: see [`Transaction::send_offsets`].
    fn send_offsets<'a>(&'a self, offsets: &'a Offsets, group: &'a ConsumerGroupMetadata) -> BoxFuture<'a, Result<(), Error>>;

    /// Commits: see [`Transaction::commit`].
    fn commit(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Aborts: see [`Transaction::abort`].
    fn abort(&self) -> BoxFuture<'_, Result<(), Error>>;
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Produce<K, V> for Producer<K, V> {
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        self.send(record)
    }

    fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> BoxFuture<'static, Report> {
        Box::pin(self.send_and_wait(record))
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

    fn init_transactions(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.init_transactions())
    }

    fn begin_transaction(&self) -> BoxFuture<'_, Result<Box<dyn ProduceTransaction<K, V>>, Error>> {
        Box::pin(async {
            let transaction = self.begin_transaction().await?;
            Ok(Box::new(transaction) as Box<dyn ProduceTransaction<K, V>>)
        })
    }

    fn close(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<Unsent>, Error>> {
        Box::pin(self.clone().close(timeout))
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> ProduceTransaction<K, V> for Transaction<K, V> {
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        self.send(record)
    }

    fn send_offsets<'a>(&'a self, offsets: &'a Offsets, group: &'a ConsumerGroupMetadata) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.send_offsets(offsets, group))
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.commit())
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.abort())
    }
}
