//! [`Producer`]: the way of a record from `send` to librdkafka, and the ways to send.

mod admission;
mod authentication;
mod builder;
mod core;
mod delivery;
mod metadata;
mod metering;
mod partitioning;
mod plugins;
mod prepare;
mod send;
mod shared;
mod transaction;

use std::{
    fmt, mem,
    sync::Arc,
    time::{Duration, Instant},
};

pub use builder::ProducerBuilder;
pub use delivery::closing::Unsent;
pub use delivery::throttle::Throttle;
pub use metadata::cluster::{Broker, Cluster};
pub use metadata::partitions::PartitionInfo;
pub use send::batch::{BatchDelivery, BatchError, BatchMetadata, SendAll};
pub use send::blocking::{Blocking, BlockingDelivery};
pub use send::send_and_wait::SendAndWait;
pub use send::sending::{Sending, TrySendError};
pub use send::sink::ProducerSink;
pub use transaction::{BlockingTransaction, ConsumerGroupMetadata, OffsetAndMetadata, Offsets, Transaction};

use self::{
    admission::outstanding::Abandoned,
    core::{Core, Rejected},
    delivery::closing::Collector,
    prepare::pending_serialization::PendingSerialization,
    shared::topic_of,
};
#[cfg(feature = "testing")]
pub(crate) use self::{
    core::check_topic_name,
    plugins::{Installed, Plugins},
};
pub(crate) use self::{core::place, delivery::listeners::Listeners, prepare::serializers::Serializers};
use crate::{
    Delivery, Error, ErrorKind, ProducerRecord,
    deadline::Deadline,
    delivery::{Report, report},
    intercept::Chain,
    metrics::Timed,
    native::{Completion, Contained, Draft, PreparedRecord, code},
};

/// Sends records to Kafka, each with a future for its delivery report.
///
/// A handle: clones are cheap and share one native producer with its connections and its `buffer.memory`. Dropping the last
/// one delivers what was accepted, and blocks for that (see [`ProducerBuilder::drop_timeout`]); [`close`](Self::close) does
/// the same without blocking, and gives back what could not be delivered.
///
/// A process that is forked has the producer's memory and none of its threads. There a producer of before the fork does nothing any more: sends
/// and other calls fail with [`Closed`](ErrorKind::Closed), dropping it neither waits nor sends, and a [`Delivery`] that was not reported
/// before the fork never is. Its records are the parent's, which sends and reports them as ever. Build another producer in the child.
///
/// Made by [`Producer::builder`].
pub struct Producer<K: ?Sized, V: ?Sized>(Arc<Typed<K, V>>);

struct Typed<K: ?Sized, V: ?Sized> {
    core: Arc<Core>,
    serializers: Serializers<K, V>,
    interceptors: Option<Arc<Chain<K, V>>>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Sends a record: ready at once if there is room for it in `buffer.memory`; otherwise it waits its turn, in the order in
    /// which `send` was called, for `max.block.ms` at most.
    ///
    /// The record is serialized before this returns, so that the future borrows nothing of it. A serializer may have to wait, for
    /// its schema most often ([`Serializer::defer`](crate::Serializer::defer)): then the record, once there is room for what is kept of it, waits for
    /// another `max.block.ms` at most, and the topic's later records behind it.
    ///
    /// If the record names a partition that the topic does not have, or the topic does not exist, the brokers are asked again, and the
    /// record waits for it to be added, for another `max.block.ms` at most, as in Java. The partition's later records wait behind it. For a topic
    /// that no broker has reported yet this is found out after the record is accepted, and is in its report.
    ///
    /// While a record waits for room, what `buffer.memory` is full of does not linger.
    ///
    /// # Errors
    /// From the future, for a record that was not accepted: [`Serialization`](ErrorKind::Serialization),
    /// [`InvalidRecord`](ErrorKind::InvalidRecord), [`RecordTooLarge`](ErrorKind::RecordTooLarge),
    /// [`BufferTimeout`](ErrorKind::BufferTimeout), [`SchemaTimeout`](ErrorKind::SchemaTimeout),
    /// [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition), [`Closed`](ErrorKind::Closed), and what librdkafka refuses at once; with a
    /// `transactional.id` also [`TransactionState`](ErrorKind::TransactionState) while no [`Transaction`] is open, and
    /// [`TransactionFailed`](ErrorKind::TransactionFailed) once something in it has failed.
    /// From the [`Delivery`], for a record that was accepted and not acknowledged.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        self.start(record, Completion::Future)
    }

    /// Sends a record without lingering, and waits until it is reported: for a record that is waited for alone, where `linger.ms` would only
    /// be a delay (franz-go: `ProduceSync`; aiokafka: `send_and_wait`).
    ///
    /// Until it is reported nothing that this producer sends lingers. Where many records are sent at once,
    /// [`send`](Self::send) and [`send_all`](Self::send_all) make larger batches.
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
    /// As [`send`](Self::send), from both of its futures.
    pub fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> SendAndWait {
        SendAndWait::new(&self.0.core, self.send(record))
    }

    /// Sends a record if there is room for it now; never waits.
    ///
    /// # Errors
    /// As [`send`](Self::send), with [`BufferFull`](ErrorKind::BufferFull), [`SchemaPending`](ErrorKind::SchemaPending) or
    /// [`UnknownTopicOrPartition`](ErrorKind::UnknownTopicOrPartition) in place of a wait: the last means that the brokers are being asked for the
    /// topic or partition. All three are retriable, and cost no transaction. The record comes back.
    pub fn try_send<'a>(&self, record: ProducerRecord<'a, K, V>) -> Result<Delivery, TrySendError<'a, K, V>> {
        let draft = match self.prepare_now(record.clone(), Completion::Future) {
            Ok(draft) => draft,
            Err(error) => return Err(TrySendError::new(error, record)),
        };
        let pending = draft.pending();
        match self.accept_now(draft) {
            Ok(()) => Ok(Delivery::new(pending)),
            Err(error) => Err(TrySendError::new(error, record)),
        }
    }

    /// Sends a record if there is room for it now, and calls `callback` with its report, on the delivery thread.
    ///
    /// A callback should be quick: while it runs no other report is served. It must not wait for another report. A panic in it
    /// is logged, and costs nothing else.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send); the callback is not called then.
    pub fn send_with<'a>(
        &self,
        record: ProducerRecord<'a, K, V>,
        callback: impl FnOnce(Report) + Send + 'static,
    ) -> Result<(), TrySendError<'a, K, V>> {
        self.prepare_now(record.clone(), reporting(callback))
            .and_then(|draft| self.accept_now(draft))
            .map_err(|error| TrySendError::new(error, record))
    }

    /// Sends many records, with one future for all of their reports.
    ///
    /// # Errors
    /// From the first future: [`Closed`](ErrorKind::Closed) or a fatal error before the first record. Every other failure
    /// is one of its record, and among those of the [`BatchDelivery`].
    pub fn send_all<'a, I>(&self, records: I) -> SendAll<'a, I::IntoIter, K, V>
    where
        I: IntoIterator<Item = ProducerRecord<'a, K, V>>,
    {
        SendAll::new(self.clone(), records.into_iter())
    }

    /// A [`Sink`](futures::Sink) that sends what it is given: `stream.forward(producer.sink())`.
    pub fn sink(&self) -> ProducerSink<K, V> {
        ProducerSink::new(self.clone())
    }

    /// The same for threads: every call blocks instead of returning a future.
    pub fn blocking(&self) -> Blocking<'_, K, V> {
        Blocking::new(self)
    }

    /// Sends what is accepted without lingering, and waits until every record accepted before this call has been reported.
    ///
    /// What other tasks send meanwhile does not linger either; what is sent after it does.
    ///
    /// As in Java this says nothing of how they were: that is in the deliveries.
    ///
    /// A callback must not block on this: no report is served while it runs, so that it would wait for ever.
    /// [`Blocking::flush`] refuses that.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) in a fork of the process that the producer is of.
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.core.check_process()?;
        let flushed = self.0.core.shared.outstanding.flush();
        let hurry = (!flushed.is_over()).then(|| self.0.core.hurry());
        let begun = Instant::now();
        let result = flushed.await;
        drop(hurry);
        self.0.core.shared.flush_helper.lingers().await;
        result.map_err(|Abandoned| {
            Error::new(ErrorKind::Closed, "the producer's delivery thread has ended: what is outstanding is not reported")
        })?;
        self.0.core.shared.meter.took(Timed::Flush, begun.elapsed());
        Ok(())
    }

    /// Closes the producer for all of its handles: lets no more records in, gives those accepted `timeout` to be delivered,
    /// and gives back those that were not. Their deliveries fail with [`GivenUp`](ErrorKind::GivenUp).
    ///
    /// A `timeout` of zero waits for nothing. One that no clock can hold, such as `Duration::MAX`, is no limit: then records have
    /// `delivery.timeout.ms`.
    ///
    /// A callback, or other user code on the delivery thread, may block and so hold up the reports. `close` does not wait for it: some
    /// seconds after `timeout` (five at most) it fails with [`CloseTimeout`](ErrorKind::CloseTimeout). The records that are not reported
    /// then are given up, and their reports follow when the code returns; another handle's `close` gives them back then.
    ///
    /// A [`Transaction`] that is open is aborted, as in Java, and one that is being committed is given the time to end. The records of
    /// an aborted one are not given back.
    ///
    /// A callback must not block on this: no report is served while it runs, so that it would wait for ever.
    /// [`Blocking::close`] refuses that.
    ///
    /// # Errors
    /// [`CloseTimeout`](ErrorKind::CloseTimeout) if user code holds up the reports of some records;
    /// [`Closed`](ErrorKind::Closed) in a fork of the process that the producer is of.
    pub async fn close(self, timeout: Duration) -> Result<Vec<Unsent>, Error> {
        self.0.core.check_process()?;
        let shared = &self.0.core.shared;
        let collector = Collector::new(Arc::clone(shared));
        let ended = shared.close(&self.0.core.client, Deadline::after(timeout), true);
        // If this was the last handle, the delivery thread ends librdkafka, which blocks.
        drop(self);
        // The sender goes unsent only with the thread that has it.
        let in_time = ended.await.unwrap_or_default();
        collector.take(in_time)
    }

    /// The bytes of `buffer.memory` that no record takes.
    pub fn buffer_available_bytes(&self) -> usize {
        self.0.core.shared.buffer_memory.available()
    }

    /// librdkafka's statistics as JSON, if `librdkafka.statistics.interval.ms` is set and they have been made once
    /// (librdkafka: `STATISTICS.md`). `None` in a fork of the process that the producer is of.
    pub fn statistics(&self) -> Option<String> {
        self.0.core.check_process().ok()?;
        self.0.core.shared.meter.last_statistics()
    }

    fn send_reporting(&self, record: ProducerRecord<'_, K, V>, callback: impl FnOnce(Report) + Send + 'static) -> Sending {
        self.start(record, reporting(callback))
    }

    fn start(&self, record: ProducerRecord<'_, K, V>, completion: Completion) -> Sending {
        match self.prepare(record, completion) {
            Ok((draft, None)) => Sending::start(&self.0.core, draft),
            Ok((draft, Some(pending_serialization))) => Sending::defer(&self.0.core, draft, *pending_serialization),
            Err(error) => Sending::failed(error),
        }
    }

    fn accept_now(&self, draft: Draft) -> Result<(), Error> {
        let core = &self.0.core;
        if core.shared.buffer_memory.try_take(draft.charge()) {
            // Looked at once the record cannot be behind others that wait for room.
            if core.shared.deferrals.is_engaged() && core.shared.deferrals.holds(&topic_of(draft.record())) {
                core.shared.release(&core.client, draft.charge());
                return Err(self.refuse_pending(draft, "the schema of a record before it"));
            }
            if core.shared.is_behind_absent(draft.record()) {
                return Err(core.turn_absent_away(draft, code::UNKNOWN_PARTITION));
            }
            return core.accept(draft).map_err(|rejected| match rejected {
                Rejected::Absent(draft, code) => core.turn_absent_away(*draft, code),
                Rejected::Failed(error) => error,
            });
        }
        let error = Error::new(
            ErrorKind::BufferFull,
            format!("no room in buffer.memory ({} bytes); await `send`, or try again later", core.shared.buffer_memory.limit()),
        );
        core.turn_away(&topic_of(draft.record()), draft, &error);
        Err(error)
    }

    /// [`prepare`](Self::prepare) for those who do not wait.
    fn prepare_now(&self, record: ProducerRecord<'_, K, V>, completion: Completion) -> Result<Draft, Error> {
        let (draft, pending_serialization) = self.prepare(record, completion)?;
        let Some(pending_serialization) = pending_serialization else { return Ok(draft) };
        Err(self.refuse_pending(draft, pending_serialization.what()))
    }

    /// Turns a record away that would have to wait for a serializer.
    fn refuse_pending(&self, draft: Draft, what: &str) -> Error {
        let topic = topic_of(draft.record());
        let message = format!("topic {topic}: {what} is not there yet, and is being asked for; await `send`, or try again later");
        let error = Error::new(ErrorKind::SchemaPending, message);
        self.0.core.turn_away(&topic, draft, &error);
        error
    }

    /// The steps before a record is accepted, in the Java producer's order: interceptors, serializers, size. What has to wait is left
    /// to do.
    fn prepare(&self, mut record: ProducerRecord<'_, K, V>, completion: Completion) -> Result<Prepared, Error> {
        self.0.core.check_process()?;
        if let Some(chain) = &self.0.interceptors {
            record = chain.send(record);
        }
        let mut draft = self.0.core.client.pool().take();
        draft.record_mut().completion = completion;
        if let Err(error) = self.0.core.check_transaction() {
            // The interceptors know the record by them.
            draft.record_mut().headers = mem::take(record.headers_mut());
            self.0.core.turn_outsider_away(record.topic(), draft, &error);
            return Err(error);
        }
        match self.fill(draft.record_mut(), &mut record) {
            Ok(Filled::Whole(cost)) => {
                draft.set_charge(cost);
                Ok((draft, None))
            }
            Ok(Filled::InPart(pending_serialization)) => Ok((draft, Some(pending_serialization))),
            Err(error) => {
                self.0.core.turn_away(record.topic(), draft, &error);
                Err(error)
            }
        }
    }

    fn fill(&self, prepared: &mut PreparedRecord, record: &mut ProducerRecord<'_, K, V>) -> Result<Filled, Error> {
        let core = &self.0.core;
        prepared.headers = mem::take(record.headers_mut());
        core.address(prepared, record.topic())?;
        place(prepared, record.explicit_partition(), record.explicit_timestamp())?;
        if self.0.serializers.may_defer() {
            if let Some(pending_serialization) = self.0.serializers.fill_or_defer(prepared, record)? {
                return Ok(Filled::InPart(pending_serialization));
            }
        } else {
            self.0.serializers.fill(prepared, record)?;
        }
        if prepared.is_kept() {
            prepared.trim();
        }
        let cost = prepared.cost();
        core.check_size(prepared, cost)?;
        Ok(Filled::Whole(cost))
    }
}

/// A record that is ready to be accepted, or that waits for what is left to do of it.
type Prepared = (Draft, Option<Box<PendingSerialization>>);

/// What became of a record's key and value.
enum Filled {
    /// They are in its buffer, and take so much of `buffer.memory`.
    Whole(usize),
    InPart(Box<PendingSerialization>),
}

pub(crate) fn reporting(callback: impl FnOnce(Report) + Send + 'static) -> Completion {
    Completion::Callback(Contained::new(Box::new(move |view, outcome| callback(report(view, outcome)))))
}

impl<K: ?Sized, V: ?Sized> Clone for Producer<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for Producer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("buffer_available_bytes", &self.0.core.shared.buffer_memory.available())
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
    fn handles_and_futures_go_between_threads() {
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
    fn the_futures_that_there_are_many_of_are_small() {
        assert!(size_of::<Delivery>() <= size_of::<usize>());
        assert!(size_of::<Sending>() <= 4 * size_of::<usize>());
    }
}
