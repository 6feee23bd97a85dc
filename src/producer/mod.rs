//! [`Producer`]: its methods, and the steps of a record from `send` to librdkafka.

mod admission;
mod authentication;
mod builder;
mod delivery;
mod drain;
mod metadata;
mod partitioning;
mod plugins;
mod prepare;
mod producer_state;
mod send;
mod status;
mod transaction;
mod untyped_producer;

use std::{fmt, sync::Arc};

pub use builder::ProducerBuilder;
pub use delivery::closing::Unsent;
pub use delivery::hooks::LogLine;
pub use delivery::throttle::Throttle;
pub use metadata::cluster::{Broker, Cluster};
pub use metadata::new_topic::NewTopic;
pub use metadata::partitions::PartitionInfo;
pub use metadata::topic_config::TopicConfig;
pub use send::batch::{BatchDelivery, BatchError, BatchMetadata, SendAll};
pub use send::blocking::{Blocking, BlockingDelivery};
pub use send::send_and_wait::SendAndWait;
pub use send::sending::Sending;
pub use send::sink::ProducerSink;
pub use send::try_send::TrySendError;
pub use transaction::{BlockingTransaction, ConsumerGroupMetadata, OffsetAndMetadata, Offsets, Transaction};

use self::{
    admission::outstanding::Done,
    metadata::absence::awaits_leaders,
    prepare::pending_serialization::PendingSerialization,
    producer_state::ProducerState,
    untyped_producer::{Rejected, UntypedProducer},
};
pub(crate) use self::{
    delivery::listeners::Listeners, prepare::serializers::Serializers, untyped_producer::set_partition_and_timestamp,
};
#[cfg(feature = "testing")]
pub(crate) use self::{
    plugins::{Installed, Plugins},
    send::try_send::Given,
    transaction::is_loss,
    untyped_producer::check_topic_name,
};
#[cfg(doc)]
use crate::ErrorKind;
use crate::{
    Delivery, Error, ProducerRecord,
    delivery::{Report, report},
    intercept::Chain,
    native::{Callback, Client, Completion, Contained, Draft, Pending, code},
};

/// Sends records to Kafka, each with a future for its delivery report. Created by [`Producer::builder`].
///
/// A handle: clones are cheap and share one native producer with its connections and its `buffer.memory`. Dropping the last handle delivers the
/// accepted records and blocks meanwhile (see [`ProducerBuilder::drop_timeout`]). [`close`](Self::close) does the same without blocking, and
/// returns the undelivered records.
///
/// In asynchronous code, end with `close(..).await`: a drop that waits for brokers blocks the thread, and with it a `current_thread` runtime.
/// With the feature `tokio` a drop inside a tokio runtime waits on one of the runtime's threads for blocking tasks instead; for other
/// runtimes there is [`ProducerBuilder::drop_on`].
///
/// A `static` is never dropped: the records that a producer in one has not delivered are lost, unreported, when `main` returns. Keep the
/// producer in `main` and hand out clones, or close the static one at the end of `main` (clones of the handle share its end):
///
/// ```no_run
/// use std::{sync::OnceLock, time::Duration};
///
/// use ottla::{Producer, ProducerConfig, ProducerRecord};
///
/// static PRODUCER: OnceLock<Producer<str, str>> = OnceLock::new();
///
/// fn main() -> ottla::Result<()> {
///     let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
///     let producer = PRODUCER.get_or_init(|| Producer::builder(config).build().expect("a valid configuration"));
///     producer.try_send(ProducerRecord::to("orders").value("placed")).map(drop)?;
///     // Before `main` returns, also on an error:
///     let unsent = producer.blocking().close(Duration::from_secs(10))?;
///     assert!(unsent.is_empty());
///     Ok(())
/// }
/// ```
///
/// A forked child process has none of the producer's threads. There, a producer created before the fork returns [`Closed`](ErrorKind::Closed)
/// from `send` and other methods, dropping it neither waits nor sends, and a [`Delivery`] that was pending never completes. The parent process
/// sends and reports its records as before. Create another producer in the child.
pub struct Producer<K: ?Sized, V: ?Sized>(Arc<TypedProducer<K, V>>);

struct TypedProducer<K: ?Sized, V: ?Sized> {
    untyped: Arc<UntypedProducer>,
    serializers: Serializers<K, V>,
    interceptors: Option<Arc<Chain<K, V>>>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Sends a record. The future is ready at once if `buffer.memory` has space. Otherwise the record waits at most `max.block.ms`, in the order
    /// of the calls of `send`.
    ///
    /// `send` is eager: a record for which there is space has been accepted when it returns, and is delivered whether the future is awaited or
    /// dropped. So a branch of `select!` that sends and loses has sent. Dropping the future withdraws a record only while it waits.
    ///
    /// The record is serialized before this returns, so the future does not borrow it. A serializer may have to wait, usually for its schema
    /// ([`Serializer::defer`](crate::Serializer::defer)). Once memory is available, the record then waits for at most another `max.block.ms`, and
    /// later records of the topic wait behind it.
    ///
    /// For a missing topic, or an explicit partition that does not exist, the metadata are refreshed and the record waits for at most another
    /// `max.block.ms`, as in Java. Later records of the partition wait behind it. For a topic that no broker has reported yet, this error may
    /// occur after the record was accepted, and is then in its report.
    ///
    /// While a record waits for memory, the records in `buffer.memory` are sent without `linger.ms`.
    ///
    /// # Errors
    /// From the future, for a record that was not accepted: [`Serialization`](ErrorKind::Serialization),
    /// [`InvalidRecord`](ErrorKind::InvalidRecord), [`RecordTooLarge`](ErrorKind::RecordTooLarge),
    /// [`BufferTimeout`](ErrorKind::BufferTimeout), [`SchemaTimeout`](ErrorKind::SchemaTimeout),
    /// [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition), [`Closed`](ErrorKind::Closed), and records that librdkafka rejects at once. With a
    /// `transactional.id` also [`TransactionState`](ErrorKind::TransactionState) without an open [`Transaction`], and
    /// [`TransactionFailed`](ErrorKind::TransactionFailed) after a failure in it.
    ///
    /// From the [`Delivery`], for a record that was accepted and not acknowledged.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        self.start(record, Completion::Future)
    }

    /// Sends a record without `linger.ms` and waits for its report: for a single record, which `linger.ms` would only delay (franz-go:
    /// `ProduceSync`; aiokafka: `send_and_wait`).
    ///
    /// Until the report, all records of this producer are sent without `linger.ms`. For many records, [`send`](Self::send) and
    /// [`send_all`](Self::send_all) create larger batches.
    ///
    /// ```
    /// # use ottla::{Producer, ProducerConfig, ProducerRecord};
    /// # #[cfg(feature = "testing")]
    /// # futures::executor::block_on(async {
    /// # let kafka = ottla::testing::EmbeddedKafka::builder().topic("orders", 1).start()?;
    /// let config = ProducerConfig::new().set("linger.ms", "60000")?;
    /// # let config = config.set("bootstrap.servers", kafka.bootstrap_servers())?;
    /// let producer: Producer<str, str> = Producer::builder(config).build()?;
    /// let metadata = producer.send_and_wait(ProducerRecord::to("orders").key("o-1").value("placed")).await?;
    /// assert_eq!(metadata.offset(), Some(0));
    /// # Ok::<(), ottla::Error>(())
    /// # })?;
    /// # Ok::<(), ottla::Error>(())
    /// ```
    ///
    /// # Errors
    /// The errors of both futures of [`send`](Self::send).
    pub fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> SendAndWait {
        SendAndWait::new(&self.0.untyped, self.send(record))
    }

    /// Sends a record if `buffer.memory` has space; never waits.
    ///
    /// # Errors
    /// The errors of [`send`](Self::send), and instead of waiting [`BufferFull`](ErrorKind::BufferFull),
    /// [`SchemaPending`](ErrorKind::SchemaPending) or [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) (the metadata are being
    /// refreshed). These three are retriable and do not fail a transaction. The error contains the record.
    pub fn try_send<'a>(&self, record: ProducerRecord<'a, K, V>) -> Result<Delivery, TrySendError<'a, K, V>> {
        self.try_start(record, Completion::Future, |draft| Delivery::new(draft.pending()))
    }

    /// Sends a record if `buffer.memory` has space, and calls `callback` with its report on the delivery thread.
    ///
    /// A callback should be quick, since no other report is served meanwhile. It must not wait for another report. A panic in it is logged and
    /// has no other effect. One that captures at most two words, such as an [`Arc`] and a number, needs no allocation.
    ///
    /// # Errors
    /// The errors of [`try_send`](Self::try_send); the callback is then not called.
    pub fn send_with<'a>(
        &self,
        record: ProducerRecord<'a, K, V>,
        callback: impl FnOnce(Report) + Send + 'static,
    ) -> Result<(), TrySendError<'a, K, V>> {
        self.try_start(record, reporting(callback), |_| ())
    }

    /// Sends many records, with one future for all of their reports.
    ///
    /// `send_all` is lazy, unlike [`send`](Self::send): nothing is taken from `records`, and nothing is sent, until the future is polled. When
    /// it is dropped, the records that it has accepted are delivered, and the others are not sent.
    ///
    /// # Errors
    /// From the first future: [`Closed`](ErrorKind::Closed) before the first record, or a fatal error. All other failures are
    /// those of single records, in the [`BatchDelivery`].
    pub fn send_all<'a, I>(&self, records: I) -> SendAll<'a, I::IntoIter, K, V>
    where
        I: IntoIterator<Item = ProducerRecord<'a, K, V>>,
    {
        SendAll::new(self.clone(), records.into_iter())
    }

    /// A [`Sink`](futures::Sink) of records: `stream.forward(producer.sink())`.
    #[must_use = "a sink sends nothing by itself"]
    pub fn sink(&self) -> ProducerSink<K, V> {
        ProducerSink::new(self.clone())
    }

    /// A producer with blocking methods.
    pub fn blocking(&self) -> Blocking<'_, K, V> {
        Blocking::new(self)
    }

    fn send_reporting(&self, record: ProducerRecord<'_, K, V>, callback: impl FnOnce(Report) + Send + 'static) -> Sending {
        self.start(record, reporting(callback))
    }

    /// Takes the steps of a record from here to librdkafka, in the Java producer's order: interceptors, serializers, size, `buffer.memory`.
    fn start(&self, mut record: ProducerRecord<'_, K, V>, completion: Completion) -> Sending {
        match self.prepare(&mut record, completion) {
            Ok((draft, None)) => self.0.untyped.send(draft),
            Ok((draft, Some(pending_serialization))) => {
                Sending::wait_for_serializer(&self.0.untyped, draft, *pending_serialization)
            }
            Err(error) => Sending::failed(error),
        }
    }

    /// Creates the draft of a record. Also returns the serialization that has to wait.
    fn prepare(
        &self,
        record: &mut ProducerRecord<'_, K, V>,
        completion: Completion,
    ) -> Result<(Draft, Option<Box<PendingSerialization>>), Error> {
        let untyped = &self.0.untyped;
        untyped.check_process()?;
        if let Some(chain) = &self.0.interceptors {
            chain.send(record);
        }
        let mut draft = untyped.client.pool().take();
        draft.record_mut().completion = completion;
        if let Err(error) = untyped.check_transaction() {
            // The interceptors may identify the record by its headers.
            draft.record_mut().headers = record.take_headers();
            untyped.reject_without_failing_transaction(record.topic(), draft, &error);
            return Err(error);
        }
        match self.serialize(&mut draft, record) {
            Ok(pending_serialization) => Ok((draft, pending_serialization)),
            Err(error) => {
                untyped.reject(record.topic(), draft, &error);
                Err(error)
            }
        }
    }

    /// Serializes a record into its draft and charges its size. Returns the serialization that has to wait.
    fn serialize(
        &self,
        draft: &mut Draft,
        record: &mut ProducerRecord<'_, K, V>,
    ) -> Result<Option<Box<PendingSerialization>>, Error> {
        let (untyped, prepared) = (&self.0.untyped, draft.record_mut());
        prepared.headers = record.take_headers();
        untyped.set_topic(prepared, record.topic())?;
        set_partition_and_timestamp(prepared, record.explicit_partition(), record.explicit_timestamp())?;
        if self.0.serializers.may_defer() {
            if let Some(pending_serialization) = self.0.serializers.serialize_or_defer(prepared, record)? {
                return Ok(Some(pending_serialization));
            }
        } else {
            self.0.serializers.serialize(prepared, record)?;
        }
        if prepared.is_kept() {
            prepared.trim();
        }
        let cost = prepared.cost();
        untyped.check_size(prepared, cost)?;
        draft.set_charge(cost);
        Ok(None)
    }
}

impl UntypedProducer {
    /// Passes a draft to librdkafka if `buffer.memory` has space for it and no earlier record waits. Otherwise the draft waits.
    fn send(self: &Arc<Self>, draft: Draft) -> Sending {
        let admission = &self.state.admission;
        if admission.deferrals.is_engaged() {
            // It may be behind a record that waits for its serializer, or will once it has memory.
            return Sending::wait_for_serializer(self, draft, PendingSerialization::nothing());
        }
        if !admission.buffer_memory.try_take(draft.charge()) {
            return Sending::wait_for_memory(self, draft);
        }
        let pending = draft.pending_report();
        self.send_reserved(draft, pending)
    }

    /// Passes a draft whose memory is reserved to librdkafka. `pending` receives its report.
    fn send_reserved(self: &Arc<Self>, draft: Draft, pending: Pending) -> Sending {
        match self.accept(draft) {
            Ok(()) => Sending::accepted(Delivery::new(pending)),
            Err(Rejected::Absent(draft, _)) => Sending::wait_for_metadata(self, draft, pending),
            Err(Rejected::Failed(error)) => Sending::failed(error),
        }
    }

    /// [`send_reserved`](Self::send_reserved) for calls that never wait.
    fn accept(&self, draft: Draft) -> Result<(), Rejected> {
        if awaits_leaders(draft.record()) {
            return Err(Rejected::Absent(draft, code::UNKNOWN_TOPIC));
        }
        // Dropped last, since it wakes the tasks of flushes that end with this record.
        let mut done = Done::default();
        self.state.produce(&self.client, draft, &mut done).map_err(|(draft, code)| self.rejected(draft, code))
    }
}

impl ProducerState {
    /// Counts a draft as outstanding and passes it to librdkafka. Its memory is already reserved; on failure the caller releases it.
    fn produce(&self, client: &Client, mut draft: Draft, done: &mut Done) -> Result<(), (Draft, i32)> {
        let Some(generation) = self.admission.outstanding.enter(done) else {
            self.fail_transaction(client, &draft, code::DESTROY);
            return Err((draft, code::DESTROY));
        };
        draft.set_generation(generation);
        client.produce(draft).inspect_err(|(draft, code)| {
            // Before the record stops being outstanding, so that a commit that finds none sees the failure.
            self.note_rejected(client, draft, *code);
            self.admission.outstanding.leave_one(generation, done);
        })
    }
}

pub(crate) fn reporting(callback: impl FnOnce(Report) + Send + 'static) -> Completion {
    Completion::Callback(Contained::new(Callback::new(move |view, outcome| callback(report(view, outcome)))))
}

impl<K: ?Sized, V: ?Sized> Clone for Producer<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for Producer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("buffer_available_bytes", &self.0.untyped.state.admission.buffer_memory.available())
            .field("interceptors", &self.0.interceptors)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send<T: Send + 'static>() {}
    fn sync<T: Sync>() {}

    #[test]
    fn handles_and_futures_are_send() {
        send::<Producer<str, [u8]>>();
        sync::<Producer<str, [u8]>>();
        send::<Sending>();
        send::<Delivery>();
        send::<BatchDelivery>();
        send::<ProducerSink<str, [u8]>>();
        send::<Transaction<str, [u8]>>();
        sync::<Transaction<str, [u8]>>();
        send::<SendAll<'static, std::vec::IntoIter<ProducerRecord<'static, str, str>>, str, str>>();
    }

    #[test]
    fn frequent_futures_are_small() {
        assert!(size_of::<Delivery>() <= size_of::<usize>());
        assert!(size_of::<Sending>() <= 4 * size_of::<usize>());
    }
}
