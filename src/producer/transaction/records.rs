//! Records of a transaction: whether they may be sent, and that a lost record fails the transaction.

use std::{sync::atomic::Ordering, time::Instant};

use super::{failure::Failure, state::Phase, transactions::Transactions};
use crate::{Error, ErrorKind};

impl Transactions {
    /// Checks that a record may be sent.
    pub(in crate::producer) fn admit(&self) -> Result<(), Error> {
        let number = self.taking.load(Ordering::Acquire);
        if number == 0 {
            return Err(self.lock().not_taking());
        }
        if self.started.load(Ordering::Relaxed) != number {
            self.start_clock(number);
        }
        Ok(())
    }

    /// Stores the time of the transaction's first record or offset.
    pub(super) fn start_clock(&self, number: u64) {
        let mut state = self.lock();
        if state.number == number {
            state.started.get_or_insert_with(Instant::now);
            self.started.store(number, Ordering::Relaxed);
        }
    }

    /// Fails the transaction because of a record that was not accepted. Java's transaction continues after a `SerializationException`, because
    /// `send` throws it. Here it is the result of a future, which may be dropped, so the commit would silently miss a record.
    pub(in crate::producer) fn note_refusal(&self, error: &Error) {
        if is_loss(error) {
            self.fail(|| Failure::new(error.to_string()));
        }
    }

    /// Announces that records are about to leave the queues and fail. Until the guard is dropped, a commit must not rely on empty queues,
    /// since it would miss these failures.
    pub(in crate::producer) fn ending_records(&self) -> impl Drop + '_ {
        self.ending_records.fetch_add(1, Ordering::SeqCst);
        EndingRecords(self)
    }

    /// Whether a guard of [`ending_records`](Self::ending_records) exists. Must be read after the queues.
    pub(super) fn is_ending_records(&self) -> bool {
        self.ending_records.load(Ordering::SeqCst) > 0
    }

    /// Fails the transaction, which can then only be aborted. Returns whether this is the first failure.
    pub(in crate::producer) fn fail(&self, why: impl FnOnce() -> Failure) -> bool {
        let mut state = self.lock();
        let is_first = state.phase == Phase::Open && state.failure.is_none();
        if is_first {
            state.failure = Some(why());
            self.taking.store(0, Ordering::Release);
        }
        is_first
    }
}

/// Whether a record that was not accepted is missing in its transaction. It is not if it was returned to the program, or cancelled by it, or if
/// the transaction is being aborted.
pub(crate) fn is_loss(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::BufferFull
            | ErrorKind::SchemaPending
            | ErrorKind::GivenUp
            | ErrorKind::TransactionState
            | ErrorKind::TransactionFailed
    )
}

struct EndingRecords<'a>(&'a Transactions);

impl Drop for EndingRecords<'_> {
    fn drop(&mut self) {
        self.0.ending_records.fetch_sub(1, Ordering::SeqCst);
    }
}
