//! [`BlockingTransaction`]: a transaction for threads.

use super::Transaction;
use crate::{
    ConsumerGroupMetadata, Error, Offsets, Producer, ProducerRecord,
    block_on::block_on,
    producer::{BlockingDelivery, send::blocking::Blocking},
};

/// A [`Transaction`] whose calls block. Made by [`Blocking::begin_transaction`]; dropping it aborts, and blocks for nothing.
///
/// Callbacks may send in it; the calls that wait are refused there as [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock), since they would wait for the
/// reports that the callback holds up.
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
/// transaction.commit()?; // blocks until both are written; neither failed
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped is aborted"]
pub struct BlockingTransaction<K: ?Sized, V: ?Sized>(Transaction<K, V>);

impl<K: ?Sized + 'static, V: ?Sized + 'static> Blocking<'_, K, V> {
    /// Makes the producer ready for transactions, as [`Producer::init_transactions`]; blocks for `max.block.ms` at most.
    ///
    /// # Errors
    /// As there; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn init_transactions(&self) -> Result<(), Error> {
        self.refuse_in_callback("call init_transactions")?;
        block_on(self.producer().init_transactions())
    }

    /// Begins a transaction, as [`Producer::begin_transaction`]; blocks until the one before has ended, for `max.block.ms` at most.
    ///
    /// # Errors
    /// As there; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn begin_transaction(&self) -> Result<BlockingTransaction<K, V>, Error> {
        self.refuse_in_callback("begin a transaction")?;
        block_on(self.producer().begin_transaction()).map(BlockingTransaction)
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> BlockingTransaction<K, V> {
    /// Sends a record as part of the transaction; blocks while there is no room for it, for `max.block.ms` at most.
    ///
    /// # Errors
    /// As [`Transaction::send`]. In a callback it does not wait: [`BufferFull`](crate::ErrorKind::BufferFull) if there is no room.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<BlockingDelivery, Error> {
        self.0.open.admit()?;
        self.0.producer.blocking().send(record)
    }

    /// Its producer, for the other ways to send: they belong to the transaction while it is open.
    pub fn producer(&self) -> &Producer<K, V> {
        &self.0.producer
    }

    /// Makes a consumer's progress part of the transaction, as [`Transaction::send_offsets`]; blocks for `max.block.ms` at most.
    ///
    /// # Errors
    /// As there; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn send_offsets(&self, offsets: &Offsets, group: &ConsumerGroupMetadata) -> Result<(), Error> {
        self.refuse_in_callback("send offsets")?;
        block_on(self.0.send_offsets(offsets, group))
    }

    /// Blocks until every record is reported and the transaction is committed, as [`Transaction::commit`], for `max.block.ms` at most.
    ///
    /// # Errors
    /// As there; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn commit(&self) -> Result<(), Error> {
        self.refuse_in_callback("commit")?;
        block_on(self.0.commit())
    }

    /// Blocks until the transaction is aborted, as [`Transaction::abort`], for `max.block.ms` at most.
    ///
    /// # Errors
    /// As there; [`WouldDeadlock`](crate::ErrorKind::WouldDeadlock) in a callback.
    pub fn abort(&self) -> Result<(), Error> {
        self.refuse_in_callback("abort")?;
        block_on(self.0.abort())
    }

    fn refuse_in_callback(&self, what: &str) -> Result<(), Error> {
        self.0.producer.blocking().refuse_in_callback(what)
    }
}
