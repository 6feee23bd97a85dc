//! Transactions of a [`MockProducer`].

use std::mem;

use futures::future::{BoxFuture, FutureExt, ready};

use super::{
    MockProducer, MockRecord,
    mock_producer::{Mock, State},
};
use crate::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets, Persistence, ProducerRecord,
    native::code,
    produce::{Produce, ProduceTransaction},
    producer::Sending,
};

/// The transactions so far.
#[derive(Default)]
pub(super) struct Transactions {
    phase: Phase,
    /// The last one's, counted from 1.
    number: u64,
    uncommitted: Vec<MockRecord>,
    uncommitted_offsets: Vec<(ConsumerGroupMetadata, Offsets)>,
    committed_offsets: Vec<(ConsumerGroupMetadata, Offsets)>,
    /// The first record that failed in the one that is open.
    failure: Option<String>,
    commits: usize,
    aborts: usize,
    fenced: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// `init_transactions` was not called: records are sent without.
    #[default]
    None,
    Ready,
    Open,
}

impl Transactions {
    /// Whether a record may be sent now.
    pub(super) fn admit(&self) -> Result<(), Error> {
        self.check_fence()?;
        match (self.phase, &self.failure) {
            (Phase::Ready, _) => Err(state("a transactional producer sends in a transaction: begin one")),
            (Phase::Open, Some(failure)) => Err(failed(failure)),
            _ => Ok(()),
        }
    }

    /// Where an accepted record stands: among the uncommitted, if there is a transaction.
    pub(super) fn records<'a>(&'a mut self, history: &'a mut Vec<MockRecord>) -> &'a mut Vec<MockRecord> {
        if self.phase == Phase::Open { &mut self.uncommitted } else { history }
    }

    /// Takes note that a record has failed.
    pub(super) fn fail(&mut self, why: String) {
        if self.phase == Phase::Open {
            self.failure.get_or_insert(why);
        }
    }

    pub(super) fn forget(&mut self) {
        self.uncommitted.clear();
        self.uncommitted_offsets.clear();
        self.committed_offsets.clear();
    }

    fn check_fence(&self) -> Result<(), Error> {
        let message = "another producer has taken the transactional.id over; build a new producer";
        if self.fenced { Err(Error::new(ErrorKind::Fenced, message)) } else { Ok(()) }
    }

    fn begin(&mut self) -> Result<u64, Error> {
        self.check_fence()?;
        match self.phase {
            Phase::None => Err(state("call init_transactions before the first transaction")),
            Phase::Open => Err(state("a transaction is open: commit or abort it before the next one")),
            Phase::Ready => {
                (self.phase, self.number) = (Phase::Open, self.number + 1);
                Ok(self.number)
            }
        }
    }

    /// Whether the transaction is the open one.
    fn check_open(&self, number: u64) -> Result<(), Error> {
        self.check_fence()?;
        if self.phase == Phase::Open && self.number == number { Ok(()) } else { Err(state("the transaction has ended")) }
    }

    fn end(&mut self) -> (Vec<MockRecord>, Vec<(ConsumerGroupMetadata, Offsets)>) {
        self.phase = Phase::Ready;
        self.failure = None;
        (mem::take(&mut self.uncommitted), mem::take(&mut self.uncommitted_offsets))
    }
}

fn state(message: &str) -> Error {
    Error::new(ErrorKind::TransactionState, message)
}

fn failed(failure: &str) -> Error {
    Error::new(ErrorKind::TransactionFailed, "a record of the transaction failed: abort it").with_source(failure.to_owned())
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> MockProducer<K, V> {
    /// The records of the transaction that is open. They come to the [`history`](Self::history) when it is committed (Java:
    /// `uncommittedRecords`).
    pub fn uncommitted(&self) -> Vec<MockRecord> {
        self.lock().transactions.uncommitted.clone()
    }

    /// The offsets that were committed with transactions, in order (Java: `consumerGroupOffsetsHistory`).
    pub fn committed_offsets(&self) -> Vec<(ConsumerGroupMetadata, Offsets)> {
        self.lock().transactions.committed_offsets.clone()
    }

    /// How many transactions were committed (Java: `commitCount`).
    pub fn commits(&self) -> usize {
        self.lock().transactions.commits
    }

    /// How many transactions were aborted.
    pub fn aborts(&self) -> usize {
        self.lock().transactions.aborts
    }

    /// Whether a transaction is open (Java: `transactionInFlight`).
    pub fn is_in_transaction(&self) -> bool {
        self.lock().transactions.phase == Phase::Open
    }

    /// Makes every call from now on fail as [`Fenced`](ErrorKind::Fenced), as when another producer comes with the same
    /// `transactional.id` (Java: `fenceProducer`).
    pub fn fence(&self) {
        self.lock().transactions.fenced = true;
    }

    pub(super) fn init(&self) -> Result<(), Error> {
        let transactions = &mut self.lock().transactions;
        transactions.check_fence()?;
        if transactions.phase != Phase::None {
            return Err(state("init_transactions was called before"));
        }
        transactions.phase = Phase::Ready;
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<MockTransaction<K, V>, Error> {
        let number = self.lock().transactions.begin()?;
        Ok(MockTransaction { producer: self.clone(), number })
    }

    fn commit(&self, number: u64) -> Result<(), Error> {
        self.lock().transactions.check_open(number)?;
        while self.complete_next() {}
        let State { transactions, history, .. } = &mut *self.lock();
        if let Some(failure) = &transactions.failure {
            return Err(failed(failure));
        }
        let (records, offsets) = transactions.end();
        history.extend(records);
        transactions.committed_offsets.extend(offsets);
        transactions.commits += 1;
        Ok(())
    }

    fn abort(&self, number: u64) -> Result<(), Error> {
        let waiting = {
            let State { transactions, waiting, .. } = &mut *self.lock();
            transactions.check_open(number)?;
            let _ = transactions.end();
            transactions.aborts += 1;
            mem::take(waiting)
        };
        let mock: &Mock<K, V> = &self.0;
        mock.fail_all(waiting, code::PURGE_QUEUE, Persistence::NotPersisted);
        Ok(())
    }
}

/// An open transaction, which is aborted when it is dropped.
pub(super) struct MockTransaction<K: ?Sized + 'static, V: ?Sized + 'static> {
    producer: MockProducer<K, V>,
    number: u64,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> ProduceTransaction<K, V> for MockTransaction<K, V> {
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        let open = self.producer.lock().transactions.check_open(self.number);
        match open {
            Ok(()) => self.producer.send(record),
            Err(error) => Sending::failed(error),
        }
    }

    fn send_offsets<'a>(&'a self, offsets: &'a Offsets, group: &'a ConsumerGroupMetadata) -> BoxFuture<'a, Result<(), Error>> {
        let transactions = &mut self.producer.lock().transactions;
        let sent = transactions.check_open(self.number).map(|()| {
            if !offsets.is_empty() {
                transactions.uncommitted_offsets.push((group.clone(), offsets.clone()));
            }
        });
        ready(sent).boxed()
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        ready(self.producer.commit(self.number)).boxed()
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        ready(self.producer.abort(self.number)).boxed()
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Drop for MockTransaction<K, V> {
    fn drop(&mut self) {
        // It has ended, or the producer is fenced.
        let _ = self.producer.abort(self.number);
    }
}
