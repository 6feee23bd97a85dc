//! [`Producer::flush`] and [`Producer::close`]: wait for the accepted records.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

#[cfg(doc)]
use super::{Blocking, Transaction};
use super::{
    Producer,
    admission::outstanding::Abandoned,
    delivery::closing::{Collector, Unsent},
};
use crate::{Error, ErrorKind, deadline::Deadline, metrics::Timed};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Sends the accepted records without `linger.ms`, and waits for the reports of all records accepted before this call.
    ///
    /// Records that other tasks send meanwhile also ignore `linger.ms`; later ones do not.
    ///
    /// As in Java, the result does not include the results of the records; see their deliveries.
    ///
    /// It takes as long as the records may, up to `delivery.timeout.ms`. To wait for less, drop the future, as the timeout of a runtime does:
    /// nothing is lost, and another call waits again. [`Blocking::flush_timeout`] is the same for threads.
    ///
    /// On a closed producer it waits for the records that are not reported yet, as in Java, and is no error.
    ///
    /// A callback must not block on this: no report is served while it runs, so it would wait forever. [`Blocking::flush`] returns an error
    /// instead.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) in a forked child process.
    pub async fn flush(&self) -> Result<(), Error> {
        self.0.untyped.check_process()?;
        let flushed = self.0.untyped.state.admission.outstanding.flush();
        let hurry = (!flushed.is_over()).then(|| self.0.untyped.hurry());
        let begun = Instant::now();
        let result = flushed.await;
        drop(hurry);
        self.0.untyped.state.delivery.flush_helper.lingers().await;
        result.map_err(|Abandoned| {
            Error::new(ErrorKind::Closed, "the delivery thread has ended: outstanding records are not reported")
        })?;
        self.0.untyped.state.meter.took(Timed::Flush, begun.elapsed());
        Ok(())
    }

    /// Closes the producer for all of its handles, and drops this one. Rejects further records, waits at most `timeout` for the delivery of the
    /// accepted ones, and returns the undelivered ones. Their deliveries fail with [`GivenUp`](ErrorKind::GivenUp).
    ///
    /// A `timeout` of zero does not wait. A `timeout` that overflows the clock, such as `Duration::MAX`, is no limit: records then have
    /// `delivery.timeout.ms`.
    ///
    /// A callback or other user code may block the delivery thread, and `close` does not wait for it: some seconds after `timeout` (at most five)
    /// it fails with [`CloseTimeout`](ErrorKind::CloseTimeout). The unreported records are reported as given up when the code returns, and
    /// another handle's `close` then returns them.
    ///
    /// An open [`Transaction`] is aborted, as in Java; a pending commit may complete. The records of an aborted transaction are not returned.
    ///
    /// A callback must not block on this: no report is served while it runs, so it would wait forever. [`Blocking::close`] returns an error
    /// instead.
    ///
    /// # Errors
    /// [`CloseTimeout`](ErrorKind::CloseTimeout) if user code delays reports; [`Closed`](ErrorKind::Closed) in a forked child process.
    pub async fn close(self, timeout: Duration) -> Result<Vec<Unsent>, Error> {
        self.0.untyped.check_process()?;
        let state = &self.0.untyped.state;
        let collector = Collector::new(Arc::clone(state));
        let ended = state.close(&self.0.untyped.client, Deadline::after(timeout), true);
        // If this is the last handle, the delivery thread destroys librdkafka's client, which blocks.
        drop(self);
        // The sender is dropped unsent only if its thread panics.
        let in_time = ended.await.unwrap_or_default();
        collector.take(in_time)
    }
}
