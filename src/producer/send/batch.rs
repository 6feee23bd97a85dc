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

/// Sends records one after the other as there is room, and brings the [`BatchDelivery`] once the last is accepted.
///
/// A record that is refused does not stop the others: it is among the batch's failures.
///
/// After every 128 records it lets the other tasks of its thread run, also if there is room for more.
#[must_use = "no record is sent unless this is awaited"]
pub struct SendAll<'a, I, K: ?Sized, V: ?Sized> {
    producer: Producer<K, V>,
    records: I,
    sending: Option<Sending>,
    batch: Arc<BatchProgress>,
    sent: u32,
    record: PhantomData<fn() -> ProducerRecord<'a, K, V>>,
}

/// The future of a batch: ready when every record of it has been reported.
#[must_use = "records may still fail: await the delivery, or drop it on purpose"]
#[derive(Debug)]
pub struct BatchDelivery(Arc<BatchProgress>);

/// A batch whose records were all acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchMetadata {
    records: usize,
}

impl BatchMetadata {
    /// How many records it had.
    pub fn records(&self) -> usize {
        self.records
    }
}

/// A batch of which some records failed.
#[derive(Debug, Clone)]
pub struct BatchError {
    acknowledged: usize,
    failures: Vec<(usize, Error)>,
}

/// The counter that the records of a batch share.
#[derive(Debug, Default)]
struct BatchProgress {
    /// The records that are not reported, and one for the sender while it sends.
    open: AtomicUsize,
    /// How many there are, once the last is sent.
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
                    // The delivery is the batch's business.
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
    /// How many records of the batch were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged
    }

    /// The records that failed: their places in the batch, counted from 0 and ascending, and their errors.
    pub fn failures(&self) -> &[(usize, Error)] {
        &self.failures
    }

    /// The same, owned.
    pub fn into_failures(self) -> Vec<(usize, Error)> {
        self.failures
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures.len();
        write!(f, "{failed} of {} records failed", failed + self.acknowledged)?;
        match self.failures.first() {
            Some((index, _)) => write!(f, ", the first of them record {index} of the batch"),
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

/// An error of the first failure's kind, with the batch as its source.
impl From<BatchError> for Error {
    fn from(batch: BatchError) -> Self {
        let kind = batch.failures.first().map_or(ErrorKind::Client, |(_, error)| error.kind());
        Self::new(kind, "a batch was not delivered whole").with_source(batch)
    }
}
