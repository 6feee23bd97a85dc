//! [`MockProducer`]: a producer without brokers, for tests of the code that sends.

use std::{
    collections::VecDeque,
    fmt, mem,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt, ready};

use super::{
    BrokerError, MockRecord,
    mock_errors::MockCall,
    mock_state::{Log, State, Waiting},
};
use crate::{
    Delivery, Error, ErrorKind, Persistence, Produce, ProduceTransaction, ProducerRecord, Report,
    intercept::Chain,
    lock::{lock, unpoisoned},
    native::{self, Completion, Draft, Outcome, Pending, Pool, PreparedRecord, Topic, code},
    panic::{contain, wake},
    partition::{PartitionContext, Partitioner},
    producer::{
        Given, Listeners, PartitionInfo, Sending, Serializers, TrySendError, Unsent, check_topic_name, reporting,
        set_partition_and_timestamp,
    },
};

/// A producer that records what is sent: Java's `MockProducer`.
///
/// It has no brokers and no thread. A record passes the interceptors and serializers of a real producer, gets a partition and an offset, and
/// is added to the [`history`](Self::history). It is reported at once, or, with
/// [`auto_complete(false)`](super::MockProducerBuilder::auto_complete), when the test calls [`complete_next`](Self::complete_next) or
/// [`error_next`](Self::error_next). [`set_error`](Self::set_error) and [`fail_next`](Self::fail_next) make calls fail. Callbacks and interceptors run on the thread of that call. Code under test takes it as a [`Produce`]. To
/// test batches, retries and timing, use [`EmbeddedKafka`](super::EmbeddedKafka).
///
/// After `init_transactions` it accepts records only in transactions, like a producer with a `transactional.id`. They are
/// [`uncommitted`](Self::uncommitted) until the commit. The commit acknowledges the unreported records, and fails if a record has failed.
///
/// It is a handle like [`Producer`](crate::Producer): clones share one history. Dropping the last one fails the unreported records.
///
/// ```
/// use futures::executor::block_on;
/// use ottla::{
///     ErrorKind, Persistence, Produce, ProducerRecord,
///     testing::{BrokerError, MockProducer},
/// };
///
/// async fn place(orders: &impl Produce<str, str>, id: &str) -> ottla::Result<i32> {
///     let delivery = orders.send(ProducerRecord::to("orders").key(id).value("placed")).await?;
///     Ok(delivery.await?.partition())
/// }
///
/// let orders: MockProducer<str, str> = MockProducer::builder().topic("orders", 7).build()?;
/// let partition = block_on(place(&orders, "o-1"))?;
/// assert_eq!((orders.history()[0].key(), orders.history()[0].partition()), (Some(&b"o-1"[..]), partition));
///
/// let orders: MockProducer<str, str> = MockProducer::builder().auto_complete(false).build()?;
/// let delivery = orders.try_send(ProducerRecord::to("orders").value("placed"))?;
/// assert!(orders.error_next(BrokerError::NOT_ENOUGH_REPLICAS, Persistence::NotPersisted));
/// assert_eq!(block_on(delivery).unwrap_err().kind(), ErrorKind::NotEnoughReplicas);
/// # Ok::<(), ottla::Error>(())
/// ```
pub struct MockProducer<K: ?Sized, V: ?Sized>(pub(super) Arc<Mock<K, V>>);

pub(super) struct Mock<K: ?Sized, V: ?Sized> {
    pub(super) serializers: Serializers<K, V>,
    pub(super) interceptors: Option<Arc<Chain<K, V>>>,
    pub(super) listeners: Listeners,
    pub(super) partitioner: Option<Box<dyn Partitioner>>,
    pub(super) auto_complete: bool,
    pub(super) pool: Arc<Pool>,
    pub(super) state: Mutex<State>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> MockProducer<K, V> {
    /// All accepted records, in order, reported or not; of transactions, the committed ones (Java: `history`).
    pub fn history(&self) -> Vec<MockRecord> {
        self.lock().history.clone()
    }

    /// The number of records that are sent and not reported.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Acknowledges the oldest unreported record. Returns false if there is none (Java: `completeNext`).
    pub fn complete_next(&self) -> bool {
        self.next(|_| {})
    }

    /// Fails the oldest unreported record with a code of a broker or of librdkafka (negative). Returns false if there is none (Java:
    /// `errorNext`). The record stays in the history.
    pub fn error_next(&self, error: BrokerError, persistence: Persistence) -> bool {
        self.next(|outcome| *outcome = outcome.failed(error.code().into(), persistence.status()))
    }

    /// Fails the oldest unreported record with this error. Returns false if there is none (Java: `errorNext`). The record stays in the
    /// history.
    pub fn error_next_with(&self, error: Error) -> bool {
        self.next(|outcome| {
            let status = error.persistence().status();
            *outcome = outcome.failed_with(Arc::new(error), status);
        })
    }

    /// Makes this call fail with this error each time, and have no other effect; with `None` it succeeds again (Java: `sendException`,
    /// `commitTransactionException` and so on). Errors of [`fail_next`](Self::fail_next) for this call are removed.
    ///
    /// A call that would fail without this error, since the producer is closed for example, fails as before. An
    /// [abortable](Error::is_abortable) error of `send_offsets` or `commit` also fails the transaction, as that of a real producer.
    ///
    /// ```
    /// use futures::executor::block_on;
    /// use ottla::{
    ///     ErrorKind, Produce, ProducerRecord,
    ///     testing::{ErrorBuilder, MockCall, MockProducer},
    /// };
    ///
    /// let orders: MockProducer<str, str> = MockProducer::builder().build()?;
    /// orders.set_error(MockCall::Send, ErrorBuilder::new(ErrorKind::BufferTimeout).build());
    /// let error = block_on(orders.send(ProducerRecord::to("orders").value("placed"))).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::BufferTimeout);
    ///
    /// orders.set_error(MockCall::Send, None);
    /// block_on(orders.send_and_wait(ProducerRecord::to("orders").value("placed")))?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    pub fn set_error(&self, call: MockCall, error: impl Into<Option<Error>>) {
        self.lock().errors.set(call, error.into());
    }

    /// Makes the next call of this kind fail with this error, like [`set_error`](Self::set_error), but once. Several errors are returned in
    /// the order in which they were added.
    pub fn fail_next(&self, call: MockCall, error: Error) {
        self.lock().errors.push(call, error);
    }

    /// Clears the history and fails all unreported records with [`Closed`](ErrorKind::Closed). Offsets continue (Java: `clear`).
    pub fn clear(&self) {
        let forgotten = {
            let mut state = self.lock();
            state.history.clear();
            state.transactions.forget();
            mem::take(&mut state.waiting)
        };
        self.0.fail_all(forgotten, code::DESTROY, Persistence::NotPersisted);
    }

    /// Whether the producer is closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Whether all records are reported (Java: `flushed`).
    pub fn is_flushed(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    /// The number of calls of `flush`.
    pub fn flushes(&self) -> usize {
        self.lock().flushes
    }

    fn next(&self, change: impl FnOnce(&mut Outcome)) -> bool {
        // The lock is released before the report, because callbacks may send.
        let mut state = self.lock();
        let Some(mut next) = state.waiting.pop_front() else { return false };
        change(&mut next.outcome);
        if next.outcome.code() != code::NO_ERROR {
            let topic = next.draft.record().topic.as_ref().map_or("", |topic| topic.name());
            let failure = Error::from_report(topic, &next.outcome).to_string();
            state.transactions.fail(failure);
        }
        drop(state);
        self.0.report(next);
        true
    }

    fn accept(&self, record: &mut ProducerRecord<'_, K, V>, completion: Completion) -> Result<Pending, Error> {
        if let Some(chain) = &self.0.interceptors {
            chain.send(record);
        }
        let mut draft = self.0.pool.take();
        draft.record_mut().completion = completion;
        let open = {
            let state = self.lock();
            state.check_closed().and_then(|()| state.transactions.admit())
        };
        if let Err(error) = open {
            draft.record_mut().headers = record.take_headers();
            self.0.listeners.tell_refused(record.topic(), draft.record(), &error);
            return Err(error);
        }
        let accepted = match self.fill(&mut draft, record) {
            Ok(()) => self.append(draft),
            Err(error) => Err((error, draft)),
        };
        let pending = accepted.map_err(|(error, draft)| {
            self.lock().transactions.note_refusal(&error);
            self.0.listeners.tell_refused(record.topic(), draft.record(), &error);
            error
        })?;
        if self.0.auto_complete {
            self.complete_next();
        }
        Ok(pending)
    }

    /// Gives back a record that is refused.
    fn try_accept<'a>(
        &self,
        mut record: ProducerRecord<'a, K, V>,
        completion: Completion,
    ) -> Result<Pending, TrySendError<'a, K, V>> {
        let given = Given::new(&record, self.0.interceptors.is_some());
        self.accept(&mut record, completion).map_err(|error| TrySendError::new(error, given.restore(record)))
    }

    fn fill(&self, draft: &mut Draft, record: &mut ProducerRecord<'_, K, V>) -> Result<(), Error> {
        check_topic_name(record.topic())?;
        let prepared = draft.record_mut();
        prepared.topic = Some(self.topic(record.topic()));
        prepared.headers = record.take_headers();
        set_partition_and_timestamp(prepared, record.explicit_partition(), record.explicit_timestamp())?;
        self.0.serializers.serialize(prepared, record)?;
        self.choose(prepared)
    }

    /// Calls the partitioner, if there is one and the record has no partition. No lock is held, because the partitioner is the test's code.
    fn choose(&self, prepared: &mut PreparedRecord) -> Result<(), Error> {
        let (Some(partitioner), None, Some(topic)) = (&self.0.partitioner, prepared.partition, &prepared.topic) else {
            return Ok(());
        };
        let topic = Arc::clone(topic.name());
        let partitions = self.lock().topics.get(&*topic).map_or(NonZeroU32::MIN, Log::partitions);
        let mut context = PartitionContext::new(&topic, partitions).with_headers(&prepared.headers);
        if let Some(key) = prepared.key() {
            context = context.with_key(key);
        }
        if let Some(value) = prepared.value() {
            context = context.with_value(value);
        }
        let failed = |what: &str| Error::new(ErrorKind::Partitioner, format!("topic {topic}: the partitioner {what}"));
        let partition = contain(|| partitioner.partition(&context)).map_err(|panic| failed("panicked").with_source(panic))?;
        if !u32::try_from(partition).is_ok_and(|partition| partition < partitions.get()) {
            return Err(failed(&format!("returned {partition}: must be 0 to {}", partitions.get() - 1)));
        }
        prepared.partition = Some(partition);
        Ok(())
    }

    fn topic(&self, name: &str) -> Arc<Topic> {
        let mut state = self.lock();
        if let Some(log) = state.topics.get(name) {
            return Arc::clone(&log.topic);
        }
        let log = Log::new(name, NonZeroU32::MIN, &self.0.pool);
        let topic = Arc::clone(&log.topic);
        state.topics.insert(name.to_owned(), log);
        topic
    }

    /// Accepts the record, which then waits for its report.
    fn append(&self, draft: Draft) -> Result<Pending, (Error, Draft)> {
        let mut state = self.lock();
        match state.log(draft.record()) {
            Ok(record) => {
                let outcome = Outcome::acknowledged(record.partition, record.offset, record.timestamp.unwrap_or(-1));
                let pending = draft.pending_report();
                let State { transactions, history, .. } = &mut *state;
                transactions.records(history).push(record);
                state.waiting.push_back(Waiting { draft, outcome });
                Ok(pending)
            }
            Err(error) => Err((error, draft)),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl<K: ?Sized, V: ?Sized> Mock<K, V> {
    fn report(&self, mut waiting: Waiting) {
        // The history has its own copy.
        waiting.draft.record_mut().buffer = Vec::new();
        native::report(waiting.draft, waiting.outcome, &self.listeners).into_iter().for_each(wake);
    }

    pub(super) fn fail_all(&self, records: VecDeque<Waiting>, code: i32, persistence: Persistence) {
        for waiting in records {
            let outcome = waiting.outcome.failed(code, persistence.status());
            self.report(Waiting { outcome, ..waiting });
        }
    }
}

impl<K: ?Sized, V: ?Sized> Drop for Mock<K, V> {
    fn drop(&mut self) {
        let waiting = mem::take(&mut unpoisoned(self.state.get_mut()).waiting);
        self.fail_all(waiting, code::DESTROY, Persistence::NotPersisted);
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Produce<K, V> for MockProducer<K, V> {
    fn send(&self, mut record: ProducerRecord<'_, K, V>) -> Sending {
        match self.accept(&mut record, Completion::Future) {
            Ok(pending) => Sending::accepted(Delivery::new(pending)),
            Err(error) => Sending::failed(error),
        }
    }

    fn try_send<'a>(&self, record: ProducerRecord<'a, K, V>) -> Result<Delivery, TrySendError<'a, K, V>> {
        self.try_accept(record, Completion::Future).map(Delivery::new)
    }

    fn send_with<'a>(
        &self,
        record: ProducerRecord<'a, K, V>,
        callback: Box<dyn FnOnce(Report) + Send>,
    ) -> Result<(), TrySendError<'a, K, V>> {
        self.try_accept(record, reporting(callback)).map(drop)
    }

    /// Acknowledges all unreported records.
    fn flush(&self) -> BoxFuture<'_, Result<(), Error>> {
        let failure = {
            let mut state = self.lock();
            state.flushes += 1;
            state.errors.check(MockCall::Flush)
        };
        if failure.is_err() {
            return ready(failure).boxed();
        }
        while self.complete_next() {}
        ready(Ok(())).boxed()
    }

    /// The partitions of a topic that was added to the builder or has a record. Broker 0 is the leader of all.
    fn partitions_for<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Vec<PartitionInfo>, Error>> {
        let known = {
            let mut state = self.lock();
            let open = state.check_closed().and_then(|()| state.errors.check(MockCall::PartitionsFor));
            open.map(|()| state.topics.get(topic).map(|log| log.ends.len()))
        };
        let partitions = match known {
            Err(error) => Err(error),
            Ok(Some(count)) => Ok((0..count).filter_map(|id| i32::try_from(id).ok()).map(PartitionInfo::of_one_broker).collect()),
            Ok(None) => Err(Error::from_code(code::UNKNOWN_TOPIC_OR_PARTITION, &format!("topic {topic}"))),
        };
        ready(partitions).boxed()
    }

    fn init_transactions(&self) -> BoxFuture<'_, Result<(), Error>> {
        ready(self.init()).boxed()
    }

    fn begin_transaction(&self) -> BoxFuture<'_, Result<Box<dyn ProduceTransaction<K, V>>, Error>> {
        ready(self.begin().map(|transaction| Box::new(transaction) as Box<dyn ProduceTransaction<K, V>>)).boxed()
    }

    /// Returns the unreported records, ignoring the timeout. Aborts an open transaction, whose records are not returned.
    fn close(&self, _: Duration) -> BoxFuture<'_, Result<Vec<Unsent>, Error>> {
        let (waiting, aborted) = {
            let mut state = self.lock();
            if let Err(error) = state.errors.check(MockCall::Close) {
                return ready(Err(error)).boxed();
            }
            state.closed = true;
            let aborted = state.transactions.abort_open();
            (mem::take(&mut state.waiting), aborted)
        };
        if aborted {
            self.0.fail_all(waiting, code::PURGE_QUEUE, Persistence::NotPersisted);
            return ready(Ok(Vec::new())).boxed();
        }
        let given_up = |waiting: Waiting| {
            let outcome = waiting.outcome.failed(code::PURGE_QUEUE, Persistence::NotPersisted.status());
            let prepared = waiting.draft.record();
            let unsent = Unsent::new(&prepared.view(), prepared.asked(), (prepared.key(), prepared.value()), &outcome);
            self.0.report(Waiting { outcome, ..waiting });
            unsent
        };
        let unsent = waiting.into_iter().map(given_up).collect();
        ready(Ok(unsent)).boxed()
    }
}

impl<K: ?Sized, V: ?Sized> Clone for MockProducer<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for MockProducer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0.state);
        f.debug_struct("MockProducer")
            .field("auto_complete", &self.0.auto_complete)
            .field("history", &state.history.len())
            .field("waiting", &state.waiting.len())
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
}
