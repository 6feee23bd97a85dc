//! The producer for threads.

use std::time::Duration;

use crate::{
    Delivery, Error, ErrorKind, ProducerRecord, RecordMetadata,
    block_on::block_on,
    delivery::Report,
    producer::{Producer, Unsent},
};

/// A producer whose calls block. Made by [`Producer::blocking`].
#[derive(Debug)]
pub struct Blocking<'p, K: ?Sized, V: ?Sized>(&'p Producer<K, V>);

/// A record that was accepted: wait for its report, or drop it to forget it.
#[must_use = "the record may still fail: wait for the delivery, or drop it on purpose"]
#[derive(Debug)]
pub struct BlockingDelivery(Delivery, bool);

impl<'p, K: ?Sized + 'static, V: ?Sized + 'static> Blocking<'p, K, V> {
    pub(in crate::producer) fn new(producer: &'p Producer<K, V>) -> Self {
        Self(producer)
    }

    /// Sends a record; blocks while there is no room for it, for `max.block.ms` at most.
    ///
    /// # Errors
    /// As [`Producer::send`]. In a callback it does not wait: [`BufferFull`](ErrorKind::BufferFull) if there is no room.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<BlockingDelivery, Error> {
        let in_callback = self.in_callback();
        let delivery = if in_callback { self.0.try_send(record)? } else { block_on(self.0.send(record))? };
        Ok(BlockingDelivery(delivery, in_callback))
    }

    /// Sends a record without lingering, and blocks until it is reported; before that, as [`send`](Self::send), while there is no room for
    /// it. See [`Producer::send_and_wait`].
    ///
    /// # Errors
    /// Why it was not acknowledged. [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback: the record is not sent.
    pub fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> Result<RecordMetadata, Error> {
        self.refuse_in_callback("wait for a report")?;
        block_on(self.0.send_and_wait(record))
    }

    /// Sends a record and calls `callback` with its report, on the delivery thread; blocks as [`send`](Self::send).
    ///
    /// # Errors
    /// As [`send`](Self::send); the callback is not called then.
    pub fn send_with(
        &self,
        record: ProducerRecord<'_, K, V>,
        callback: impl FnOnce(Report) + Send + 'static,
    ) -> Result<(), Error> {
        if self.in_callback() {
            return self.0.send_with(record, callback).map_err(Error::from);
        }
        block_on(self.0.send_reporting(record, callback)).map(drop)
    }

    /// Blocks until every record accepted before this call has been reported.
    ///
    /// # Errors
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback: no report is served while it runs.
    pub fn flush(&self) -> Result<(), Error> {
        self.refuse_in_callback("flush")?;
        block_on(self.0.flush())
    }

    /// Closes the producer for all of its handles, as [`Producer::close`].
    ///
    /// # Errors
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback: no report is served while it runs.
    pub fn close(&self, timeout: Duration) -> Result<Vec<Unsent>, Error> {
        self.refuse_in_callback("close")?;
        block_on(self.0.clone().close(timeout))
    }

    pub(in crate::producer) fn producer(&self) -> &'p Producer<K, V> {
        self.0
    }

    fn in_callback(&self) -> bool {
        self.0.0.core.shared.on_delivery_thread()
    }

    pub(in crate::producer) fn refuse_in_callback(&self, what: &str) -> Result<(), Error> {
        if self.in_callback() { Err(would_deadlock(what)) } else { Ok(()) }
    }
}

impl BlockingDelivery {
    /// Blocks until the record is reported. It may linger before it is sent, for `linger.ms`, as in Java: for a record that is waited for
    /// alone there is [`Blocking::send_and_wait`].
    ///
    /// # Errors
    /// Why it was not acknowledged; [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback.
    pub fn wait(self) -> Result<RecordMetadata, Error> {
        if self.1 { Err(would_deadlock("wait for a report")) } else { block_on(self.0) }
    }
}

fn would_deadlock(what: &str) -> Error {
    Error::new(
        ErrorKind::WouldDeadlock,
        format!("cannot {what} in a callback: the callback holds up the reports that it would wait for"),
    )
}
