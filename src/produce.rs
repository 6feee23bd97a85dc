//! [`Produce`]: the methods of a producer, as a trait.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::{
    ConsumerGroupMetadata, Delivery, Error, Offsets, Producer, ProducerRecord, Report, Transaction,
    producer::{PartitionInfo, Sending, TrySendError, Unsent},
};

/// The methods of [`Producer`] as a trait, for code that also runs with `testing::MockProducer` (feature `testing`). In Java this is the
/// interface `Producer`, which `KafkaProducer` and `MockProducer` implement.
///
/// It can be used as `&impl Produce<K, V>` and as `&dyn Produce<K, V>`. Each method behaves as the one of the same name of [`Producer`].
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

    /// Sends a record without lingering and waits for its report: see [`Producer::send_and_wait`].
    ///
    /// # Errors
    /// See [`Producer::send_and_wait`].
    fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> BoxFuture<'static, Report> {
        let sending = self.send(record);
        Box::pin(async { sending.await?.await })
    }

    /// Sends a record if the buffer has room for it: see [`Producer::try_send`].
    ///
    /// # Errors
    /// See [`Producer::try_send`].
    fn try_send<'a>(&self, record: ProducerRecord<'a, K, V>) -> Result<Delivery, TrySendError<'a, K, V>>;

    /// Sends a record if the buffer has room for it, and calls `callback` with its report: see [`Producer::send_with`].
    ///
    /// # Errors
    /// See [`Producer::send_with`].
    fn send_with<'a>(
        &self,
        record: ProducerRecord<'a, K, V>,
        callback: Box<dyn FnOnce(Report) + Send>,
    ) -> Result<(), TrySendError<'a, K, V>>;

    /// Waits until all records accepted so far have been reported: see [`Producer::flush`].
    fn flush(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// The partitions of a topic: see [`Producer::partitions_for`].
    fn partitions_for<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Vec<PartitionInfo>, Error>>;

    /// Registers the `transactional.id`; required before the first transaction: see [`Producer::init_transactions`].
    fn init_transactions(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Begins a transaction: see [`Producer::begin_transaction`].
    fn begin_transaction(&self) -> BoxFuture<'_, Result<Box<dyn ProduceTransaction<K, V>>, Error>>;

    /// Closes the producer for all its handles: see [`Producer::close`].
    fn close(&self, timeout: Duration) -> BoxFuture<'_, Result<Vec<Unsent>, Error>>;
}

/// An open transaction of a [`Produce`]: [`Transaction`] as a trait. Dropping it aborts the transaction.
#[must_use = "a transaction that is dropped is aborted"]
pub trait ProduceTransaction<K: ?Sized, V: ?Sized>: Send + Sync {
    /// Sends a record in the transaction: see [`Transaction::send`].
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending;

    /// Adds consumer offsets to the transaction: see [`Transaction::send_offsets`].
    fn send_offsets<'a>(&'a self, offsets: &'a Offsets, group: &'a ConsumerGroupMetadata) -> BoxFuture<'a, Result<(), Error>>;

    /// Commits the transaction: see [`Transaction::commit`].
    fn commit(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Aborts the transaction: see [`Transaction::abort`].
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
