//! [`BatchDelivery`]: one future for the reports of many records.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use crate::{
    Error, ErrorKind, ProducerRecord,
    lock::lock,
    native::{Completion, Contained, Outcome, RecordView, Tally},
    panic::TaskWaker,
    producer::{Producer, Sending},
    yielding::poll_proceed,
};

/// The future of [`Producer::send_all`]. Sends the records one after the other and returns the [`BatchDelivery`] once the last is accepted.
///
/// A rejected record does not stop the others; it is one of the batch's failures.
///
/// Yields to the other tasks of the thread after every 128 records, even if more could be sent.
#[must_use = "no record is sent unless this is awaited"]
pub struct SendAll<'a, I, K: ?Sized, V: ?Sized> {
    producer: Producer<K, V>,
    records: I,
    sending: Option<Sending>,
    batch: Arc<BatchProgress>,
    sent: u32,
    record: PhantomData<fn() -> ProducerRecord<'a, K, V>>,
}

/// The future of a batch: completes when all of its records have been reported.
#[must_use = "records may still fail: await the delivery, or drop it on purpose"]
#[derive(Debug)]
pub struct BatchDelivery(Arc<BatchProgress>);

/// A batch whose records were all acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMetadata {
    records: usize,
}

impl BatchMetadata {
    /// The number of records.
    pub fn records(&self) -> usize {
        self.records
    }
}

/// The error of a batch with failed records.
#[derive(Debug, Clone)]
pub struct BatchError {
    acknowledged: usize,
    failures: Vec<(usize, Error)>,
}

/// The counter that the records of a batch share.
#[derive(Debug, Default)]
struct BatchProgress {
    /// The number of unreported records, plus one while [`SendAll`] is sending.
    open: AtomicUsize,
    /// The number of records, once the last is sent.
    records: AtomicUsize,
    failures: Mutex<Vec<(usize, Error)>>,
    waker: TaskWaker,
}

impl BatchProgress {
    fn fail(&self, index: u32, error: Error) {
        lock(&self.failures).push((index as usize, error));
    }
}

impl Tally for BatchProgress {
    fn fail(&self, index: u32, view: &RecordView<'_>, outcome: &Outcome) {
        self.fail(index, Error::from_report(view.topic_name(), outcome));
    }

    fn close(&self, records: usize) -> Option<Waker> {
        if self.open.fetch_sub(records, Ordering::AcqRel) == records { self.waker.take() } else { None }
    }
}

impl<'a, I, K: ?Sized + 'static, V: ?Sized + 'static> SendAll<'a, I, K, V>
where
    I: Iterator<Item = ProducerRecord<'a, K, V>>,
{
    pub(in crate::producer) fn new(producer: Producer<K, V>, records: I) -> Self {
        let batch = Arc::new(BatchProgress { open: AtomicUsize::new(1), ..BatchProgress::default() });
        Self { producer, records, sending: None, batch, sent: 0, record: PhantomData }
    }

    fn send(&mut self, record: ProducerRecord<'a, K, V>) {
        let index = self.sent;
        self.sent = self.sent.saturating_add(1);
        self.batch.open.fetch_add(1, Ordering::Relaxed);
        let tally = Contained::new(Arc::clone(&self.batch) as Arc<dyn Tally>);
        self.sending = Some(self.producer.start(record, Completion::Member { tally, index }));
    }
}

impl<'a, I, K: ?Sized + 'static, V: ?Sized + 'static> Future for SendAll<'a, I, K, V>
where
    I: Iterator<Item = ProducerRecord<'a, K, V>> + Unpin,
{
    type Output = Result<BatchDelivery, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            if let Some(sending) = &mut this.sending {
                match Pin::new(sending).poll(context) {
                    Poll::Pending => return Poll::Pending,
                    // The batch gets the report, so the delivery is dropped.
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(error)) => {
                        if this.sent == 1 && matches!(error.kind(), ErrorKind::Closed) || error.is_fatal() {
                            return Poll::Ready(Err(error));
                        }
                        this.batch.fail(this.sent - 1, error);
                        this.batch.close(1);
                    }
                }
                this.sending = None;
            }
            match this.records.next() {
                Some(record) => this.send(record),
                None => {
                    this.batch.records.store(this.sent as usize, Ordering::Relaxed);
                    this.batch.close(1);
                    return Poll::Ready(Ok(BatchDelivery(Arc::clone(&this.batch))));
                }
            }
        }
    }
}

impl Future for BatchDelivery {
    type Output = Result<BatchMetadata, BatchError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let batch = &self.0;
        batch.waker.register(context.waker());
        if batch.open.load(Ordering::Acquire) > 0 {
            return Poll::Pending;
        }
        ready!(poll_proceed(context));
        let records = batch.records.load(Ordering::Relaxed);
        let mut failures = mem::take(&mut *lock(&batch.failures));
        if failures.is_empty() {
            return Poll::Ready(Ok(BatchMetadata { records }));
        }
        let acknowledged = records - failures.len();
        failures.sort_by_key(|(index, _)| *index);
        Poll::Ready(Err(BatchError { acknowledged, failures }))
    }
}

impl BatchError {
    /// The number of acknowledged records.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// The failed records: their index in the batch, ascending, and their errors.
    pub fn failures(&self) -> &[(usize, Error)] {
        &self.failures
    }

    /// The failed records, owned.
    pub fn into_failures(self) -> Vec<(usize, Error)> {
        self.failures
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures.len();
        write!(f, "{failed} of {} records failed", failed + self.acknowledged)?;
        match self.failures.first() {
            Some((index, _)) => write!(f, ", first record {index} of the batch"),
            None => Ok(()),
        }
    }
}

impl StdError for BatchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.failures.first().map(|(_, error)| error as &(dyn StdError + 'static))
    }
}

impl<I, K: ?Sized, V: ?Sized> fmt::Debug for SendAll<'_, I, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAll").field("sent", &self.sent).finish_non_exhaustive()
    }
}

/// An error with the kind of the first failure and the batch as its source.
impl From<BatchError> for Error {
    fn from(batch: BatchError) -> Self {
        let kind = batch.failures.first().map_or(ErrorKind::Client, |(_, error)| error.kind());
        Self::new(kind, "some records of the batch failed").with_source(batch)
    }
}
