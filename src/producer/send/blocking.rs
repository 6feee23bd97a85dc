//! [`Blocking`]: the producer's blocking methods.

use std::time::Duration;

use crate::{
    Delivery, Error, ErrorKind, ProducerRecord, RecordMetadata,
    block_on::{block_on, block_on_until},
    deadline::Deadline,
    delivery::Report,
    producer::{Producer, Sending, Unsent},
};

/// A producer with blocking methods. Created by [`Producer::blocking`].
#[derive(Debug)]
pub struct Blocking<'p, K: ?Sized, V: ?Sized>(&'p Producer<K, V>);

/// An accepted record. Wait for its report, or drop it to ignore the report.
#[must_use = "the record may still fail: wait for the delivery, or drop it on purpose"]
#[derive(Debug)]
pub struct BlockingDelivery(Delivery, bool);

impl<'p, K: ?Sized + 'static, V: ?Sized + 'static> Blocking<'p, K, V> {
    pub(in crate::producer) fn new(producer: &'p Producer<K, V>) -> Self {
        Self(producer)
    }

    /// Sends a record. Blocks at most `max.block.ms` while `buffer.memory` is full.
    ///
    /// # Errors
    /// The errors of [`Producer::send`]. In a callback it does not wait and returns [`BufferFull`](ErrorKind::BufferFull) instead.
    pub fn send(&self, record: ProducerRecord<'_, K, V>) -> Result<BlockingDelivery, Error> {
        let in_callback = self.in_callback();
        let delivery = if in_callback { self.0.try_send(record)? } else { wait(self.0.send(record))? };
        Ok(BlockingDelivery(delivery, in_callback))
    }

    /// Sends a record without `linger.ms` and blocks until its report, like [`Producer::send_and_wait`].
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback, where the record is not sent.
    pub fn send_and_wait(&self, record: ProducerRecord<'_, K, V>) -> Result<RecordMetadata, Error> {
        self.refuse_in_callback("wait for a report")?;
        block_on(self.0.send_and_wait(record))
    }

    /// Sends a record and calls `callback` with its report on the delivery thread. Blocks like [`send`](Self::send).
    ///
    /// # Errors
    /// The errors of [`send`](Self::send); the callback is then not called.
    pub fn send_with(
        &self,
        record: ProducerRecord<'_, K, V>,
        callback: impl FnOnce(Report) + Send + 'static,
    ) -> Result<(), Error> {
        if self.in_callback() {
            return self.0.send_with(record, callback).map_err(Error::from);
        }
        wait(self.0.send_reporting(record, callback)).map(drop)
    }

    /// Blocks until all records accepted before this call have been reported, like [`Producer::flush`].
    ///
    /// # Errors
    /// [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback, since no report is served while it runs.
    pub fn flush(&self) -> Result<(), Error> {
        self.refuse_in_callback("flush")?;
        block_on(self.0.flush())
    }

    /// Blocks as [`flush`](Self::flush), for `timeout` at most.
    ///
    /// # Errors
    /// As [`flush`](Self::flush); [`FlushTimeout`](ErrorKind::FlushTimeout) if records are not reported in time: they are still outstanding, and
    /// another call waits for them again.
    pub fn flush_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.refuse_in_callback("flush")?;
        block_on_until(self.0.flush(), Deadline::after(timeout)).unwrap_or_else(|| {
            let message =
                format!("up to {} records are not reported within {timeout:?}: they are still outstanding", self.0.outstanding());
            Err(Error::new(ErrorKind::FlushTimeout, message))
        })
    }

    /// Closes the producer for all of its handles, like [`Producer::close`].
    ///
    /// # Errors
    /// The errors of that method; [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback, since no report is served while it runs.
    pub fn close(&self, timeout: Duration) -> Result<Vec<Unsent>, Error> {
        self.refuse_in_callback("close")?;
        block_on(self.0.clone().close(timeout))
    }

    pub(in crate::producer) fn producer(&self) -> &'p Producer<K, V> {
        self.0
    }

    fn in_callback(&self) -> bool {
        self.0.0.untyped.state.on_delivery_thread()
    }

    pub(in crate::producer) fn refuse_in_callback(&self, what: &str) -> Result<(), Error> {
        if self.in_callback() { Err(would_deadlock(what)) } else { Ok(()) }
    }
}

impl BlockingDelivery {
    /// Blocks until the record is reported. As in Java, `linger.ms` may delay the record; [`Blocking::send_and_wait`] avoids that for a single
    /// record.
    ///
    /// # Errors
    /// The error of its delivery; [`WouldDeadlock`](ErrorKind::WouldDeadlock) in a callback.
    pub fn wait(self) -> Result<RecordMetadata, Error> {
        if self.1 { Err(would_deadlock("wait for a report")) } else { block_on(self.0) }
    }
}

/// Blocks until the record is accepted, which it most often is already.
fn wait(sending: Sending) -> Result<Delivery, Error> {
    sending.now_or_later().unwrap_or_else(block_on)
}

fn would_deadlock(what: &str) -> Error {
    Error::new(
        ErrorKind::WouldDeadlock,
        format!("cannot {what} in a callback: it would wait for reports that the callback itself delays"),
    )
}
