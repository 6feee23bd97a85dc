//! [`Transaction`]: records and offsets that count together or not at all.

mod group;
mod offsets;
mod request;
mod thread;
mod transactions;

use std::fmt;

pub use group::ConsumerGroupMetadata;
pub use offsets::Offsets;

pub(super) use self::transactions::{Failure, Transactions};
use self::{request::Call, transactions::Open};
use super::{Producer, Sending};
use crate::{Error, ErrorKind, ProducerRecord};

/// A transaction that is open. What is sent until [`commit`](Self::commit) is read by `read_committed` consumers together or not at
/// all (KIP-98).
///
/// Made by [`Producer::begin_transaction`]. A producer has one at a time, and while it is open every way to send belongs to it, those
/// of the [`Producer`] and its clones too, as in Java.
///
/// Dropping it without a commit aborts: that waits for nothing, and the next `begin_transaction` waits for it.
///
/// Once something in it has failed, an abort is due: until then records may be held back, and a flush may wait for them for
/// `delivery.timeout.ms`.
///
/// What an error of its calls asks for, as in Java:
///
/// | [`Error`] | the way on |
/// |---|---|
/// | [`is_retriable`](Error::is_retriable) | the same call again, which goes on where this one stopped |
/// | [`is_abortable`](Error::is_abortable) | [`abort`](Self::abort), or drop it; then another transaction |
/// | [`is_fatal`](Error::is_fatal), [`Fenced`](ErrorKind::Fenced) among them | a new producer |
/// | [`TransactionState`](ErrorKind::TransactionState) | a mistake in the program: calls in the wrong order |
///
/// ```
/// # use ottla::{Producer, ProducerConfig, ProducerRecord};
/// # #[cfg(feature = "testing")]
/// # futures::executor::block_on(async {
/// # let kafka = ottla::testing::EmbeddedKafka::builder().topic("payments", 3).start()?;
/// # let servers = kafka.bootstrap_servers();
/// let config = ProducerConfig::new().set("bootstrap.servers", servers)?.transactional_id("billing-1");
/// let producer: Producer<str, str> = Producer::builder(config).build()?;
/// producer.init_transactions().await?;
///
/// let transaction = producer.begin_transaction().await?;
/// drop(transaction.send(ProducerRecord::to("payments").key("o-1").value("paid")).await?);
/// drop(transaction.send(ProducerRecord::to("payments").key("o-2").value("paid")).await?);
/// transaction.commit().await?; // waits for both records; none of them failed
/// # Ok::<(), ottla::Error>(())
/// # })?;
/// # Ok::<(), ottla::Error>(())
/// ```
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction<K: ?Sized, V: ?Sized> {
    open: Open,
    producer: Producer<K, V>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Makes the producer ready for transactions, once: takes the `transactional.id` over from the producer that had it before, which is
    /// fenced, and ends what that one left open. Waits for `max.block.ms` at most.
    ///
    /// Starts the thread on which librdkafka's transaction calls block.
    ///
    /// # Errors
    /// [`TransactionState`](ErrorKind::TransactionState) without a `transactional.id`, or the second time;
    /// [`TransactionTimeout`](ErrorKind::TransactionTimeout) if the brokers did not answer: call it again; fatal ones, such as
    /// [`Authorization`](ErrorKind::Authorization).
    pub async fn init_transactions(&self) -> Result<(), Error> {
        self.transactions()?.init(&self.0.core).await
    }

    /// Begins a transaction. Waits until the one before has ended, if its abort or its commit is under way, for `max.block.ms` at most.
    ///
    /// # Errors
    /// [`TransactionState`](ErrorKind::TransactionState) without a `transactional.id`, before
    /// [`init_transactions`](Self::init_transactions), or while a transaction is open;
    /// [`TransactionTimeout`](ErrorKind::TransactionTimeout) if the one before has not ended in time;
    /// [`TransactionFailed`](ErrorKind::TransactionFailed), once, if the one before was to be committed, its future was dropped, and the
    /// commit failed; fatal ones.
    pub async fn begin_transaction(&self) -> Result<Transaction<K, V>, Error> {
        let open = self.transactions()?.begin().await?;
        Ok(Transaction { open, producer: self.clone() })
    }

    fn transactions(&self) -> Result<&Transactions, Error> {
        self.0.core.check_process()?;
        let none =
            || Error::new(ErrorKind::TransactionState, "the producer has no transactional.id: set one to use transactions");
        self.0.core.shared.transactions.as_ref().ok_or_else(none)
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Transaction<K, V> {
    /// Sends a record as part of the transaction; otherwise as [`Producer::send`].
    ///
    /// Its delivery need not be awaited: [`commit`](Self::commit) waits for all of them, and fails if one of them did.
    ///
    /// # Errors
    /// As [`Producer::send`]. [`TransactionState`](ErrorKind::TransactionState) once the transaction is to end, and
    /// [`TransactionFailed`](ErrorKind::TransactionFailed) once something in it has failed.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        match self.open.admit() {
            Ok(()) => self.producer.send(record),
            Err(error) => Sending::failed(error),
        }
    }

    /// Its producer, for the other ways to send: they belong to the transaction while it is open.
    pub fn producer(&self) -> &Producer<K, V> {
        &self.producer
    }

    /// Makes a consumer's progress part of the transaction: the offsets are committed for the group if the transaction is. Waits for
    /// `max.block.ms` at most.
    ///
    /// The consumer itself must not commit (`enable.auto.commit=false`). Without offsets this does nothing.
    ///
    /// # Errors
    /// [`InvalidRecord`](ErrorKind::InvalidRecord) for what is no offset; [`TransactionFailed`](ErrorKind::TransactionFailed) if the group
    /// has given the partitions to another consumer meanwhile, or its coordinator was not reached in time; fatal ones.
    pub async fn send_offsets(&self, offsets: &Offsets, group: &ConsumerGroupMetadata) -> Result<(), Error> {
        self.producer.0.core.check_process()?;
        self.open.admit()?;
        if offsets.is_empty() {
            return Ok(());
        }
        self.open.end(Call::SendOffsets(self.open.number(), offsets.to_native()?, group.to_native()?)).await
    }

    /// Waits for the reports of every record that was sent, and commits. Waits for `max.block.ms` at most.
    ///
    /// It takes no more records from the moment on that this is first polled. Then it goes on whether it is awaited or not: after a
    /// timeout, or when the future was dropped, another call waits for the same commit.
    ///
    /// # Errors
    /// [`TransactionFailed`](ErrorKind::TransactionFailed) if a record or an offset failed, with the first failure as its source: nothing is
    /// committed, and the transaction must be aborted; [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer: call it
    /// again, since it can no longer be aborted; [`TransactionState`](ErrorKind::TransactionState) if the transaction was aborted; fatal ones.
    pub async fn commit(&self) -> Result<(), Error> {
        self.producer.0.core.check_process()?;
        self.open.end(Call::Commit(self.open.number())).await
    }

    /// Gives up the records that are not delivered, whose reports say [`GivenUp`](ErrorKind::GivenUp), and aborts. Waits for `max.block.ms`
    /// at most.
    ///
    /// It goes on whether it is awaited or not.
    ///
    /// # Errors
    /// [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer: call it again, or begin the next one, which waits for it;
    /// [`TransactionState`](ErrorKind::TransactionState) if the transaction was committed; fatal ones.
    pub async fn abort(&self) -> Result<(), Error> {
        self.producer.0.core.check_process()?;
        self.open.end(Call::Abort(self.open.number())).await
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for Transaction<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("open", &self.open).finish_non_exhaustive()
    }
}
