//! [`BlockingTransaction`]: a transaction with blocking methods.

use std::time::Duration;

use super::Transaction;
use crate::{
    ConsumerGroupMetadata, Error, Offsets, Producer, ProducerRecord,
    block_on::block_on,
    producer::{BlockingDelivery, send::blocking::Blocking},
};

/// A [`Transaction`] with blocking methods. Created by [`Blocking::begin_transaction`]. Dropping it aborts it without blocking.
///
/// Callbacks may send records. The methods that wait return [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback, since they would
/// wait for reports that the callback itself delays.
///
/// ```
/// # use ottla::{Producer, ProducerConfig, ProducerRecord};
/// # #[cfg(feature = "testing")]
/// # fn main() -> ottla::Result<()> {
/// # let kafka = ottla::testing::EmbeddedKafka::builder().topic("payments", 3).start()?;
/// # let servers = kafka.bootstrap_servers();
/// let config = ProducerConfig::new().set("bootstrap.servers", servers)?.transactional_id("billing-1");
/// let producer: Producer<str, str> = Producer::builder(config).build()?;
/// let producer = producer.blocking();
/// producer.init_transactions()?;
///
/// let transaction = producer.begin_transaction()?;
/// drop(transaction.send(ProducerRecord::to("payments").key("o-1").value("paid"))?);
/// drop(transaction.send(ProducerRecord::to("payments").key("o-2").value("paid"))?);
/// transaction.commit()?; // blocks until both are acknowledged; none failed
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped is aborted"]
pub struct BlockingTransaction<K: ?Sized, V: ?Sized>(Transaction<K, V>);

impl<K: ?Sized + 'static, V: ?Sized + 'static> Blocking<'_, K, V> {
    /// Prepares the producer for transactions, like [`Producer::init_transactions`]. Blocks at most `max.block.ms`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn init_transactions(&self) -> Result<(), Error> {
        self.refuse_in_callback("call init_transactions")?;
        block_on(self.producer().init_transactions())
    }

    /// Prepares the producer for transactions, like [`Producer::init_transactions_timeout`]. Blocks at most for `timeout`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn init_transactions_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.refuse_in_callback("call init_transactions")?;
        block_on(self.producer().init_transactions_timeout(timeout))
    }

    /// Begins a transaction, like [`Producer::begin_transaction`]. Blocks at most `max.block.ms` until the previous transaction has ended.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn begin_transaction(&self) -> Result<BlockingTransaction<K, V>, Error> {
        self.refuse_in_callback("begin a transaction")?;
        block_on(self.producer().begin_transaction()).map(BlockingTransaction)
    }

    /// Begins a transaction, like [`Producer::begin_transaction_timeout`]. Blocks at most for `timeout`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn begin_transaction_timeout(&self, timeout: Duration) -> Result<BlockingTransaction<K, V>, Error> {
        self.refuse_in_callback("begin a transaction")?;
        block_on(self.producer().begin_transaction_timeout(timeout)).map(BlockingTransaction)
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> BlockingTransaction<K, V> {
    /// Sends a record as part of the transaction. Blocks at most `max.block.ms` while `buffer.memory` is full.
    ///
    /// # Errors
    /// The errors of [`Transaction::send`]. In a callback it does not wait and returns [`BufferFull`](crate::ErrorKind::BufferFull) instead.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<BlockingDelivery, Error> {
        self.0.open.admit()?;
        self.0.producer.blocking().send(record)
    }

    /// The producer, for its other methods to send, whose records are part of the transaction while it is open.
    pub fn producer(&self) -> &Producer<K, V> {
        &self.0.producer
    }

    /// Adds a consumer group's offsets to the transaction, like [`Transaction::send_offsets`]. Blocks at most `max.block.ms`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn send_offsets(&self, offsets: &Offsets, group: &ConsumerGroupMetadata) -> Result<(), Error> {
        self.refuse_in_callback("send offsets")?;
        block_on(self.0.send_offsets(offsets, group))
    }

    /// Like [`Transaction::send_offsets_timeout`]. Blocks at most for `timeout`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn send_offsets_timeout(&self, offsets: &Offsets, group: &ConsumerGroupMetadata, timeout: Duration) -> Result<(), Error> {
        self.refuse_in_callback("send offsets")?;
        block_on(self.0.send_offsets_timeout(offsets, group, timeout))
    }

    /// Waits for the delivery of every record and commits, like [`Transaction::commit`]. Blocks at most `max.block.ms`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn commit(&self) -> Result<(), Error> {
        self.refuse_in_callback("commit")?;
        block_on(self.0.commit())
    }

    /// Like [`Transaction::commit_timeout`]. Blocks at most for `timeout`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn commit_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.refuse_in_callback("commit")?;
        block_on(self.0.commit_timeout(timeout))
    }

    /// Aborts the transaction, like [`Transaction::abort`]. Blocks at most `max.block.ms`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn abort(&self) -> Result<(), Error> {
        self.refuse_in_callback("abort")?;
        block_on(self.0.abort())
    }

    /// Like [`Transaction::abort_timeout`]. Blocks at most for `timeout`.
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn abort_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.refuse_in_callback("abort")?;
        block_on(self.0.abort_timeout(timeout))
    }

    fn refuse_in_callback(&self, what: &str) -> Result<(), Error> {
        self.0.producer.blocking().refuse_in_callback(what)
    }
}
