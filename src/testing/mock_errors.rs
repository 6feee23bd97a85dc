//! [`MockErrors`]: the errors that a test has set for the calls of a [`MockProducer`](super::MockProducer).

use std::collections::{HashMap, VecDeque};

use crate::Error;

/// A call of a [`MockProducer`](super::MockProducer) or of its transaction, for
/// [`set_error`](super::MockProducer::set_error) and [`fail_next`](super::MockProducer::fail_next).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MockCall {
    /// Every way to send a record. The error is returned instead of a delivery.
    Send,
    /// [`Produce::flush`](crate::Produce::flush). Unreported records are then not acknowledged.
    Flush,
    /// [`Produce::partitions_for`](crate::Produce::partitions_for).
    PartitionsFor,
    /// [`Produce::close`](crate::Produce::close). The producer then stays open.
    Close,
    /// [`Produce::init_transactions`](crate::Produce::init_transactions).
    InitTransactions,
    /// [`Produce::begin_transaction`](crate::Produce::begin_transaction).
    BeginTransaction,
    /// [`ProduceTransaction::send_offsets`](crate::ProduceTransaction::send_offsets). The offsets are then not part of the transaction.
    SendOffsets,
    /// [`ProduceTransaction::commit`](crate::ProduceTransaction::commit). The transaction then stays open.
    Commit,
    /// [`ProduceTransaction::abort`](crate::ProduceTransaction::abort). The transaction then stays open. Dropping it aborts it without this
    /// error.
    Abort,
}

/// The errors of each call.
#[derive(Default)]
pub(super) struct MockErrors {
    /// Of the next calls, the first one first.
    next: HashMap<MockCall, VecDeque<Error>>,
    /// Of all calls after those.
    always: HashMap<MockCall, Error>,
}

impl MockErrors {
    pub(super) fn set(&mut self, call: MockCall, error: Option<Error>) {
        self.next.remove(&call);
        match error {
            Some(error) => self.always.insert(call, error),
            None => self.always.remove(&call),
        };
    }

    pub(super) fn push(&mut self, call: MockCall, error: Error) {
        self.next.entry(call).or_default().push_back(error);
    }

    /// Fails if the test wants this call to fail. Called once for each call.
    pub(super) fn check(&mut self, call: MockCall) -> Result<(), Error> {
        let next = self.next.get_mut(&call).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(&call).cloned()).map_or(Ok(()), Err)
    }
}
