//! Transactions of a [`MockProducer`].

use std::mem;

use futures::future::{BoxFuture, FutureExt, ready};

use super::{MockCall, MockProducer, MockRecord, mock_producer::Mock, mock_state::State};
use crate::{
    ConsumerGroupMetadata, Error, ErrorKind, Offsets, Persistence, ProducerRecord,
    native::code,
    produce::{Produce, ProduceTransaction},
    producer::{Sending, is_loss},
};

/// The state of transactions.
#[derive(Default)]
pub(super) struct Transactions {
    /// Whether the producer has a `transactional.id`. If `None`, `init_transactions` sets it to true.
    pub(super) has_id: Option<bool>,
    phase: Phase,
    /// The number of the latest transaction, counted from 1.
    number: u64,
    uncommitted: Vec<MockRecord>,
    uncommitted_offsets: Vec<(ConsumerGroupMetadata, Offsets)>,
    committed_offsets: Vec<(ConsumerGroupMetadata, Offsets)>,
    /// The first failed record of the open transaction.
    failure: Option<String>,
    commits: usize,
    aborts: usize,
    fenced: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    /// `init_transactions` was not called. Without a `transactional.id`, records are sent without transactions.
    #[default]
    New,
    Ready,
    Open,
    Committed,
    Aborted,
}

impl Transactions {
    /// Whether a record may be sent now.
    pub(super) fn admit(&self) -> Result<(), Error> {
        self.check_fence()?;
        match (self.phase, &self.failure) {
            (Phase::New, _) if self.has_id != Some(true) => Ok(()),
            (Phase::New, _) => Err(state("the producer is transactional: call init_transactions, then begin_transaction")),
            (Phase::Open, Some(failure)) => Err(failed(failure)),
            (Phase::Open, None) => Ok(()),
            _ => Err(state("no transaction is open: call begin_transaction")),
        }
    }

    /// Records that a `send` failed. As in [`Producer`](crate::Producer), this fails the transaction, unless the record was returned to be sent
    /// again or does not belong to the transaction.
    pub(super) fn note_refusal(&mut self, error: &Error) {
        if is_loss(error) {
            self.fail(error.to_string());
        }
    }

    /// The list for an accepted record: the uncommitted ones in a transaction, the history otherwise.
    pub(super) fn records<'a>(&'a mut self, history: &'a mut Vec<MockRecord>) -> &'a mut Vec<MockRecord> {
        if self.phase == Phase::Open { &mut self.uncommitted } else { history }
    }

    /// Records that a record has failed.
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
        let message = "another producer uses this transactional.id now; build a new producer";
        if self.fenced { Err(Error::new(ErrorKind::Fenced, message)) } else { Ok(()) }
    }

    fn check_id(&self) -> Result<(), Error> {
        let none = || state("the producer has no transactional.id: set one to use transactions");
        if self.has_id == Some(false) { Err(none()) } else { Ok(()) }
    }

    fn check_init(&self) -> Result<(), Error> {
        self.check_fence()?;
        match self.phase {
            Phase::New => Ok(()),
            _ => Err(state("init_transactions has already been called: call it once")),
        }
    }

    fn init(&mut self) {
        self.has_id = Some(true);
        self.phase = Phase::Ready;
    }

    fn check_begin(&self) -> Result<(), Error> {
        self.check_fence()?;
        match self.phase {
            Phase::New => Err(state("call init_transactions first")),
            Phase::Open => Err(state("a transaction is open: commit or abort it first")),
            Phase::Ready | Phase::Committed | Phase::Aborted => Ok(()),
        }
    }

    fn begin(&mut self) -> u64 {
        (self.phase, self.number) = (Phase::Open, self.number + 1);
        self.number
    }

    /// Fails if the transaction with this number accepts no records and offsets.
    fn check_open(&self, number: u64) -> Result<(), Error> {
        self.check_fence()?;
        if !self.is_open(number) {
            return Err(state("the transaction has ended: begin another one"));
        }
        self.failure.as_ref().map_or(Ok(()), |failure| Err(failed(failure)))
    }

    fn is_open(&self, number: u64) -> bool {
        self.phase == Phase::Open && self.number == number
    }

    /// Whether the transaction with this number still has to be ended; false if it has already ended in this way.
    fn check_end(&self, number: u64, end: Phase) -> Result<bool, Error> {
        self.check_fence()?;
        match self.phase {
            Phase::Open if self.number == number => Ok(true),
            phase if phase == end && self.number == number => Ok(false),
            _ if end == Phase::Committed => Err(state("the transaction was aborted")),
            _ => Err(state("the transaction was committed")),
        }
    }

    /// Adds offsets to those of the group, as Java's mock does.
    fn send_offsets(&mut self, offsets: &Offsets, group: &ConsumerGroupMetadata) {
        match self.uncommitted_offsets.iter_mut().find(|(known, _)| known.group_id() == group.group_id()) {
            Some((known, sent)) => {
                known.clone_from(group);
                offsets.entries().for_each(|(topic, partition, next)| sent.set(topic, partition, next.clone()));
            }
            None => self.uncommitted_offsets.push((group.clone(), offsets.clone())),
        }
    }

    fn end(&mut self, end: Phase) -> (Vec<MockRecord>, Vec<(ConsumerGroupMetadata, Offsets)>) {
        self.phase = end;
        self.failure = None;
        (mem::take(&mut self.uncommitted), mem::take(&mut self.uncommitted_offsets))
    }

    /// Ends the open transaction without a commit; false if there is none.
    pub(super) fn abort_open(&mut self) -> bool {
        let is_open = self.phase == Phase::Open;
        if is_open {
            let _ = self.end(Phase::Aborted);
            self.aborts += 1;
        }
        is_open
    }
}

fn state(message: &str) -> Error {
    Error::new(ErrorKind::TransactionState, message)
}

fn failed(failure: &str) -> Error {
    Error::new(ErrorKind::TransactionFailed, "a record of the transaction failed: abort it").with_source(failure.to_owned())
}

impl State {
    /// Fails if the test wants this call to fail. An abortable error fails the transaction.
    fn fail_transaction_call(&mut self, call: MockCall) -> Result<(), Error> {
        self.errors.check(call).inspect_err(|error| {
            if error.is_abortable() {
                self.transactions.fail(error.to_string());
            }
        })
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> MockProducer<K, V> {
    /// The records of the open transaction. The commit moves them to the [`history`](Self::history) (Java: `uncommittedRecords`).
    pub fn uncommitted(&self) -> Vec<MockRecord> {
        self.lock().transactions.uncommitted.clone()
    }

    /// The offsets committed in transactions, in order (Java: `consumerGroupOffsetsHistory`).
    pub fn committed_offsets(&self) -> Vec<(ConsumerGroupMetadata, Offsets)> {
        self.lock().transactions.committed_offsets.clone()
    }

    /// The offsets sent in the open transaction. The commit moves them to [`committed_offsets`](Self::committed_offsets) (Java:
    /// `uncommittedOffsets`).
    pub fn uncommitted_offsets(&self) -> Vec<(ConsumerGroupMetadata, Offsets)> {
        self.lock().transactions.uncommitted_offsets.clone()
    }

    /// Whether offsets were sent in the open transaction (Java: `sentOffsets`).
    pub fn has_sent_offsets(&self) -> bool {
        !self.lock().transactions.uncommitted_offsets.is_empty()
    }

    /// The number of committed transactions (Java: `commitCount`).
    pub fn commits(&self) -> usize {
        self.lock().transactions.commits
    }

    /// The number of aborted transactions.
    pub fn aborts(&self) -> usize {
        self.lock().transactions.aborts
    }

    /// Whether a transaction is open (Java: `transactionInFlight`).
    pub fn is_in_transaction(&self) -> bool {
        self.lock().transactions.phase == Phase::Open
    }

    /// Makes all further calls fail as [`Fenced`](ErrorKind::Fenced), as if another producer used the same `transactional.id` (Java:
    /// `fenceProducer`).
    pub fn fence(&self) {
        self.lock().transactions.fenced = true;
    }

    pub(super) fn init(&self) -> Result<(), Error> {
        let mut state = self.lock();
        state.transactions.check_id()?;
        state.check_closed()?;
        state.transactions.check_init()?;
        state.errors.check(MockCall::InitTransactions)?;
        state.transactions.init();
        Ok(())
    }

    pub(super) fn begin(&self) -> Result<MockTransaction<K, V>, Error> {
        let number = {
            let mut state = self.lock();
            state.transactions.check_id()?;
            state.check_closed()?;
            state.transactions.check_begin()?;
            state.errors.check(MockCall::BeginTransaction)?;
            state.transactions.begin()
        };
        Ok(MockTransaction { producer: self.clone(), number })
    }

    fn send_offsets(&self, number: u64, offsets: &Offsets, group: &ConsumerGroupMetadata) -> Result<(), Error> {
        let mut state = self.lock();
        state.check_closed()?;
        state.transactions.check_open(number)?;
        state.fail_transaction_call(MockCall::SendOffsets)?;
        if !offsets.is_empty() {
            offsets.to_native()?;
            group.to_native()?;
            state.transactions.send_offsets(offsets, group);
        }
        Ok(())
    }

    fn commit(&self, number: u64) -> Result<(), Error> {
        {
            let mut state = self.lock();
            state.check_closed()?;
            if !state.transactions.check_end(number, Phase::Committed)? {
                return Ok(());
            }
            // The failure of one record is kept, although others are acknowledged now.
            if let Some(failure) = &state.transactions.failure {
                return Err(failed(failure));
            }
            state.fail_transaction_call(MockCall::Commit)?;
        }
        while self.complete_next() {}
        let State { transactions, history, .. } = &mut *self.lock();
        if let Some(failure) = &transactions.failure {
            return Err(failed(failure));
        }
        // A callback may have ended the transaction.
        if !transactions.check_end(number, Phase::Committed)? {
            return Ok(());
        }
        let (records, offsets) = transactions.end(Phase::Committed);
        history.extend(records);
        transactions.committed_offsets.extend(offsets);
        transactions.commits += 1;
        Ok(())
    }

    fn abort(&self, number: u64, is_drop: bool) -> Result<(), Error> {
        let waiting = {
            let mut state = self.lock();
            state.check_closed()?;
            let State { transactions, waiting, errors, .. } = &mut *state;
            if !transactions.check_end(number, Phase::Aborted)? {
                return Ok(());
            }
            if !is_drop {
                errors.check(MockCall::Abort)?;
            }
            transactions.abort_open();
            mem::take(waiting)
        };
        let mock: &Mock<K, V> = &self.0;
        mock.fail_all(waiting, code::PURGE_QUEUE, Persistence::NotPersisted);
        Ok(())
    }
}

/// An open transaction, which is aborted on drop.
pub(super) struct MockTransaction<K: ?Sized + 'static, V: ?Sized + 'static> {
    producer: MockProducer<K, V>,
    number: u64,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> ProduceTransaction<K, V> for MockTransaction<K, V> {
    fn send(&self, record: ProducerRecord<'_, K, V>) -> Sending {
        let open = {
            let state = self.producer.lock();
            state.check_closed().and_then(|()| state.transactions.check_open(self.number))
        };
        match open {
            Ok(()) => self.producer.send(record),
            Err(error) => Sending::failed(error),
        }
    }

    fn send_offsets<'a>(&'a self, offsets: &'a Offsets, group: &'a ConsumerGroupMetadata) -> BoxFuture<'a, Result<(), Error>> {
        ready(self.producer.send_offsets(self.number, offsets, group)).boxed()
    }

    fn commit(&self) -> BoxFuture<'_, Result<(), Error>> {
        ready(self.producer.commit(self.number)).boxed()
    }

    fn abort(&self) -> BoxFuture<'_, Result<(), Error>> {
        ready(self.producer.abort(self.number, false)).boxed()
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Drop for MockTransaction<K, V> {
    fn drop(&mut self) {
        // The transaction has already ended, or the producer is fenced.
        let _ = self.producer.abort(self.number, true);
    }
}
