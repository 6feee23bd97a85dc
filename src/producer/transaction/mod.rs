//! [`Transaction`]: records and offsets that are committed atomically.

mod blocking;
mod call_failure;
mod call_queue;
mod failure;
mod group;
mod last_commit;
mod offsets;
mod open;
mod records;
mod request;
mod state;
mod thread;
mod timeout;
mod timer;
mod transactions;

use std::{
    fmt,
    time::{Duration, Instant},
};

pub use blocking::BlockingTransaction;
pub use group::ConsumerGroupMetadata;
pub use offsets::{OffsetAndMetadata, Offsets};

#[cfg(feature = "testing")]
pub(crate) use self::records::is_loss;
pub(super) use self::{
    failure::{Failure, is_fence},
    transactions::Transactions,
};
use self::{open::Open, request::Call};
use super::{Producer, Sending};
use crate::{Error, ErrorKind, ProducerRecord, metrics::Timed};

/// An open transaction. Consumers with `read_committed` read either all of its records or none (KIP-98).
///
/// Created by [`Producer::begin_transaction`]. A producer has one transaction at a time. While it is open, every record of the [`Producer`] and
/// its clones is part of it, whichever method sends the record, as in Java.
///
/// Dropping an uncommitted transaction aborts it. The drop does not block; the next `begin_transaction` waits for the abort.
///
/// A record without an acknowledgement fails the transaction, even if its future was dropped. So does a record that cannot be serialized; in
/// Java it does not, since `send` throws. Records that are returned to the program ([`BufferFull`](ErrorKind::BufferFull),
/// [`SchemaPending`](ErrorKind::SchemaPending)) or cancelled by dropping their [`Sending`] before they are accepted are not part of the
/// transaction and do not fail it.
///
/// The methods wait at most `max.block.ms`. Each has a variant with a timeout of its own, such as [`commit_timeout`](Self::commit_timeout).
///
/// A failed transaction must be aborted. Until then librdkafka may hold records back, and a flush may wait for them for
/// `delivery.timeout.ms`.
///
/// How to handle an error of these methods: the first matching row applies. A loop that follows the table terminates. `docs/errors.md` lists
/// the differences from Java.
///
/// | [`Error`] | what to do |
/// |---|---|
/// | [`is_fatal`](Error::is_fatal) | build a new producer. [`Fenced`](ErrorKind::Fenced): another producer uses the `transactional.id`, so perhaps this program should exit. [`TransactionExpired`](ErrorKind::TransactionExpired): the transaction took longer than `transaction.timeout.ms`; repeat it |
/// | [`is_abortable`](Error::is_abortable) | [`abort`](Self::abort) or drop the transaction, then begin another one |
/// | [`is_retriable`](Error::is_retriable) | repeat the call, which continues where this one stopped |
/// | none of them, such as [`TransactionState`](ErrorKind::TransactionState) | fix the program: calls in the wrong order or invalid arguments |
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
/// transaction.commit().await?; // waits for both records; none failed
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
    /// Prepares the producer for transactions; call it once. Fences an earlier producer with the same `transactional.id` and completes that
    /// producer's open transaction. Waits at most `max.block.ms`.
    ///
    /// Starts two threads: one for librdkafka's transaction calls, which block, and one for their timeouts.
    ///
    /// # Errors
    /// - [`TransactionState`](ErrorKind::TransactionState) without a `transactional.id`, or if it was already called
    /// - [`TransactionTimeout`](ErrorKind::TransactionTimeout) if the brokers did not respond in time; call it again
    /// - fatal errors, such as [`Authorization`](ErrorKind::Authorization), also if a broker responded with a non-retriable error for all of
    ///   `max.block.ms`
    pub async fn init_transactions(&self) -> Result<(), Error> {
        self.init_transactions_within(None).await
    }

    async fn init_transactions_within(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.timed(Timed::InitTransactions, async { self.transactions()?.init(&self.0.untyped, timeout).await }).await
    }

    /// Begins a transaction. Waits at most `max.block.ms` for a pending abort or commit of the previous transaction.
    ///
    /// # Errors
    /// - [`TransactionState`](ErrorKind::TransactionState) without a `transactional.id`, before
    ///   [`init_transactions`](Self::init_transactions), or while a transaction is open
    /// - [`TransactionTimeout`](ErrorKind::TransactionTimeout) if the previous transaction did not end in time
    /// - [`TransactionFailed`](ErrorKind::TransactionFailed), once, if the future of the previous commit was dropped and the commit failed
    /// - fatal errors
    pub async fn begin_transaction(&self) -> Result<Transaction<K, V>, Error> {
        self.begin_transaction_within(None).await
    }

    async fn begin_transaction_within(&self, timeout: Option<Duration>) -> Result<Transaction<K, V>, Error> {
        let open = self.timed(Timed::BeginTransaction, async { self.transactions()?.begin(timeout).await }).await?;
        Ok(Transaction { open, producer: self.clone() })
    }

    /// Measures the duration of a successful call, as Java does.
    async fn timed<T: Send>(&self, call: Timed, result: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
        let begun = Instant::now();
        let result = result.await?;
        self.0.untyped.state.meter.took(call, begun.elapsed());
        Ok(result)
    }

    fn transactions(&self) -> Result<&Transactions, Error> {
        self.0.untyped.check_process()?;
        let none =
            || Error::new(ErrorKind::TransactionState, "the producer has no transactional.id: set one to use transactions");
        self.0.untyped.state.transactions.as_ref().ok_or_else(none)
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Transaction<K, V> {
    /// Sends a record as part of the transaction, like [`Producer::send`].
    ///
    /// The delivery need not be awaited: [`commit`](Self::commit) waits for all deliveries and fails if one of them failed.
    ///
    /// # Errors
    /// The errors of [`Producer::send`]; [`TransactionState`](ErrorKind::TransactionState) after a call of `commit` or `abort`;
    /// [`TransactionFailed`](ErrorKind::TransactionFailed) after a failure in the transaction.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        match self.open.admit() {
            Ok(()) => self.producer.send(record),
            Err(error) => Sending::failed(error),
        }
    }

    /// The producer, for its other methods to send, whose records are part of the transaction while it is open.
    pub fn producer(&self) -> &Producer<K, V> {
        &self.producer
    }

    /// Adds a consumer group's offsets to the transaction: they are committed if the transaction is. Waits at most `max.block.ms`.
    ///
    /// The consumer itself must not commit (`enable.auto.commit=false`). Without offsets this does nothing.
    ///
    /// # Errors
    /// - [`InvalidArgument`](ErrorKind::InvalidArgument) for an invalid offset, which does not fail the transaction
    /// - [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer. It continues, and repeating the call waits for it, as does
    ///   [`commit`](Self::commit)
    /// - [`TransactionFailed`](ErrorKind::TransactionFailed) if the partitions were assigned to another consumer meanwhile, or the group
    ///   coordinator was unreachable for twice `max.block.ms`, or twice a longer timeout of
    ///   [`send_offsets_timeout`](Self::send_offsets_timeout)
    /// - fatal errors
    pub async fn send_offsets(&self, offsets: &Offsets, group: &ConsumerGroupMetadata) -> Result<(), Error> {
        self.send_offsets_within(offsets, group, None).await
    }

    async fn send_offsets_within(
        &self,
        offsets: &Offsets,
        group: &ConsumerGroupMetadata,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        self.producer.0.untyped.check_process()?;
        self.open.admit()?;
        if offsets.is_empty() {
            return Ok(());
        }
        let call = Call::SendOffsets(self.open.number(), offsets.to_native()?, group.to_native()?);
        self.producer.timed(Timed::SendOffsets, self.open.call(call, timeout)).await
    }

    /// Waits for the delivery of every record and commits. Waits at most `max.block.ms`.
    ///
    /// The transaction accepts no more records once the future has been polled. From then on the commit continues even if it is not awaited:
    /// after a timeout or a dropped future, another call waits for the same commit.
    ///
    /// # Errors
    /// - [`TransactionFailed`](ErrorKind::TransactionFailed) if a record or an offset failed, with the first failure as the source. Nothing is
    ///   committed, and the transaction must be aborted
    /// - [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer. Call it again; the transaction can no longer be aborted
    /// - [`TransactionState`](ErrorKind::TransactionState) if the transaction was aborted, or its abort is pending
    /// - fatal errors
    pub async fn commit(&self) -> Result<(), Error> {
        self.commit_within(None).await
    }

    async fn commit_within(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.producer.0.untyped.check_process()?;
        self.producer.timed(Timed::Commit, self.open.call(Call::Commit(self.open.number()), timeout)).await
    }

    /// Aborts the transaction. Undelivered records fail with [`GivenUp`](ErrorKind::GivenUp). Waits at most `max.block.ms`.
    ///
    /// Within ten seconds after a commit, records of the transaction are first sent until one of them is acknowledged: an abort that reaches
    /// a coordinator that is still completing the commit would be fatal for the producer (librdkafka's issue 4849).
    ///
    /// Once polled, the abort continues even if it is not awaited.
    ///
    /// # Errors
    /// - [`TransactionTimeout`](ErrorKind::TransactionTimeout) if it takes longer. Call it again, or begin the next transaction, which waits
    ///   for the abort
    /// - [`TransactionState`](ErrorKind::TransactionState) if the transaction was committed, or its commit is pending, which cannot be
    ///   stopped
    /// - fatal errors, also if a broker responded with a non-retriable error for all of `max.block.ms`
    pub async fn abort(&self) -> Result<(), Error> {
        self.abort_within(None).await
    }

    async fn abort_within(&self, timeout: Option<Duration>) -> Result<(), Error> {
        self.producer.0.untyped.check_process()?;
        self.producer.timed(Timed::Abort, self.open.call(Call::Abort(self.open.number()), timeout)).await
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

    /// Runs in a process of its own, because the simulated fork would close the producers of other tests.
    #[test]
    fn transactions_and_metrics_are_closed_after_a_fork() {
        const MARK: &str = "OTTLA_TEST_SIMULATES_FORK";
        const NAME: &str = "producer::transaction::tests::transactions_and_metrics_are_closed_after_a_fork";
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

        // A thread of the parent process may have held the lock during the fork.
        let (sender, receiver) = mpsc::channel();
        let other = producer.clone();
        let transactions = other.0.untyped.state.transactions.as_ref().unwrap();
        let held = transactions.lock();
        thread::spawn(move || {
            drop(transaction);
            sender.send(()).unwrap();
        });
        receiver.recv_timeout(Duration::from_secs(60)).expect("the drop must not wait for the lock");
        drop(held);
    }
}
