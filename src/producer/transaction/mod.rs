//! [`Transaction`]: records and offsets that count together or not at all.

mod blocking;
mod calls;
mod failure;
mod group;
mod offsets;
mod open;
mod records;
mod request;
mod state;
mod thread;
mod timer;
mod transactions;

use std::{fmt, time::Instant};

pub use blocking::BlockingTransaction;
pub use group::ConsumerGroupMetadata;
pub use offsets::{OffsetAndMetadata, Offsets};

pub(super) use self::{
    failure::{Failure, is_fence},
    transactions::Transactions,
};
use self::{open::Open, request::Call};
use super::{Producer, Sending};
use crate::{Error, ErrorKind, ProducerRecord, metrics::Timed};

/// A transaction that is open. What is sent until [`commit`](Self::commit) is read by `read_committed` consumers together or not at
/// all (KIP-98).
///
/// Made by [`Producer::begin_transaction`]. A producer has one at a time, and while it is open every way to send belongs to it, those
/// of the [`Producer`] and its clones too, as in Java.
///
/// Dropping it without a commit aborts: that waits for nothing, and the next `begin_transaction` waits for it.
///
/// A record that is sent in it and ends without an acknowledgement fails it, whether anybody looked at the record's future or not: also one
/// that cannot be serialized (Java's transaction goes on then, since its `send` throws). It does not fail for a record that comes back
/// ([`BufferFull`](ErrorKind::BufferFull), [`SchemaPending`](ErrorKind::SchemaPending)), or that the program withdraws by dropping its
/// [`Sending`] before it is accepted: such a record is no part of the transaction.
///
/// Once something in it has failed, an abort is due: until then records may be held back, and a flush may wait for them for
/// `delivery.timeout.ms`.
///
/// What to do after an error of its calls. The first row that applies counts, and a loop that follows them ends; where they differ from
/// Java's is in `docs/errors.md`.
///
/// | [`Error`] | what to do |
/// |---|---|
/// | [`is_fatal`](Error::is_fatal) | build a new producer. [`Fenced`](ErrorKind::Fenced): another one has its `transactional.id`, so that this program may be the one to end. [`TransactionExpired`](ErrorKind::TransactionExpired): it took longer than `transaction.timeout.ms`, and has to be done again |
/// | [`is_abortable`](Error::is_abortable) | [`abort`](Self::abort), or drop it; then begin another transaction |
/// | [`is_retriable`](Error::is_retriable) | make the same call again, which goes on where this one stopped |
/// | none of them, such as [`TransactionState`](ErrorKind::TransactionState) | fix the program: calls in the wrong order, or arguments that are not valid |
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
    /// Starts two threads: librdkafka's transaction calls block one, the other one answers those whose time is over.
    ///
    /// # Errors
    /// [`TransactionState`](ErrorKind::TransactionState) without a `transactional.id`, or the second time;
    /// [`TransactionTimeout`](ErrorKind::TransactionTimeout) if the brokers did not answer: call it again; fatal ones, such as
    /// [`Authorization`](ErrorKind::Authorization), also where a broker has answered with an error that is not retriable for all of
    /// `max.block.ms`.
    pub async fn init_transactions(&self) -> Result<(), Error> {
        self.timed(Timed::InitTransactions, async { self.transactions()?.init(&self.0.core).await }).await
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
        let open = self.timed(Timed::BeginTransaction, async { self.transactions()?.begin().await }).await?;
        Ok(Transaction { open, producer: self.clone() })
    }

    /// Counts how long a call has waited, if it succeeds: Java does so too.
    async fn timed<T: Send>(&self, call: Timed, result: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
        let begun = Instant::now();
        let result = result.await?;
        self.0.core.shared.meter.took(call, begun.elapsed());
        Ok(result)
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
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for what is no offset, which leaves the transaction as it is;
    /// [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer: it goes on, and the same call again waits for it, as does
    /// [`commit`](Self::commit); [`TransactionFailed`](ErrorKind::TransactionFailed) if the group has given the partitions to another
    /// consumer meanwhile, or its coordinator was not reached for twice `max.block.ms`; fatal ones.
    pub async fn send_offsets(&self, offsets: &Offsets, group: &ConsumerGroupMetadata) -> Result<(), Error> {
        self.producer.0.core.check_process()?;
        self.open.admit()?;
        if offsets.is_empty() {
            return Ok(());
        }
        let call = Call::SendOffsets(self.open.number(), offsets.to_native()?, group.to_native()?);
        self.producer.timed(Timed::SendOffsets, self.open.call(call)).await
    }

    /// Waits for the reports of every record that was sent, and commits. Waits for `max.block.ms` at most.
    ///
    /// It takes no more records from the moment on that this is first polled. Then it goes on whether it is awaited or not: after a
    /// timeout, or when the future was dropped, another call waits for the same commit.
    ///
    /// # Errors
    /// [`TransactionFailed`](ErrorKind::TransactionFailed) if a record or an offset failed, with the first failure as its source: nothing is
    /// committed, and the transaction must be aborted; [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer: call it
    /// again, since it can no longer be aborted; [`TransactionState`](ErrorKind::TransactionState) if the transaction was aborted, or its
    /// abort is under way; fatal ones.
    pub async fn commit(&self) -> Result<(), Error> {
        self.producer.0.core.check_process()?;
        self.producer.timed(Timed::Commit, self.open.call(Call::Commit(self.open.number()))).await
    }

    /// Gives up the records that are not delivered, whose reports say [`GivenUp`](ErrorKind::GivenUp), and aborts. Waits for `max.block.ms`
    /// at most.
    ///
    /// It goes on whether it is awaited or not.
    ///
    /// # Errors
    /// [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer: call it again, or begin the next one, which waits for it;
    /// [`TransactionState`](ErrorKind::TransactionState) if the transaction was committed, or its commit is under way, which cannot be
    /// stopped; fatal ones, also where a broker has refused the abort with an error that is not retriable for all of `max.block.ms`.
    pub async fn abort(&self) -> Result<(), Error> {
        self.producer.0.core.check_process()?;
        self.producer.timed(Timed::Abort, self.open.call(Call::Abort(self.open.number()))).await
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for Transaction<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("open", &self.open).finish_non_exhaustive()
    }
}

#[cfg(all(test, unix, feature = "testing"))]
mod tests {
    use std::{env, process::Command, sync::mpsc, thread, time::Duration};

    use futures::executor::block_on;

    use super::*;
    use crate::{ProducerConfig, native, testing::EmbeddedKafka};

    /// A fork makes every producer of its process useless, those of other tests too: hence a process for this test alone.
    #[test]
    fn a_fork_leaves_transactions_and_metrics_to_the_process_that_they_are_of() {
        const MARK: &str = "OTTLA_TEST_SIMULATES_FORK";
        const NAME: &str = "producer::transaction::tests::a_fork_leaves_transactions_and_metrics_to_the_process_that_they_are_of";
        if env::var_os(MARK).is_none() {
            let test =
                Command::new(env::current_exe().unwrap()).args([NAME, "--exact", "--nocapture"]).env(MARK, "1").output().unwrap();
            let text = String::from_utf8_lossy(&test.stdout).into_owned() + &String::from_utf8_lossy(&test.stderr);
            assert!(test.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let kafka = EmbeddedKafka::builder().topic("orders", 1).start().unwrap();
        let config = ProducerConfig::new()
            .bootstrap_servers([kafka.bootstrap_servers()])
            .transactional_id("forked")
            .set("librdkafka.statistics.interval.ms", "10")
            .unwrap();
        let producer: Producer<str, str> = Producer::builder(config).build().unwrap();
        block_on(producer.init_transactions()).unwrap();
        let transaction = block_on(producer.begin_transaction()).unwrap();
        while producer.statistics().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!producer.metrics().is_empty());
        native::simulate_fork();

        assert!(producer.metrics().is_empty());
        assert_eq!(producer.statistics(), None);
        let closed = |result: Result<(), Error>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Closed);
        closed(producer.set_credentials("alice", "secret"));
        closed(block_on(transaction.send(ProducerRecord::to("orders").value("one"))).map(drop));
        closed(block_on(transaction.commit()));

        // A thread of the other process may have held the lock.
        let (sender, receiver) = mpsc::channel();
        let other = producer.clone();
        let transactions = other.0.core.shared.transactions.as_ref().unwrap();
        let held = transactions.lock();
        thread::spawn(move || {
            drop(transaction);
            sender.send(()).unwrap();
        });
        receiver.recv_timeout(Duration::from_secs(60)).expect("the drop waits for the other process");
        drop(held);
    }
}
