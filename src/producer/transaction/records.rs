//! What the records of a transaction have to do with it: whether they may be sent, and that each one that is lost fails it.

use std::{sync::atomic::Ordering, time::Instant};

use super::{failure::Failure, state::Phase, transactions::Transactions};
use crate::{Error, ErrorKind};

impl Transactions {
    /// Whether a record may be sent now.
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

    /// Notes that the transaction of this number gets its first record or offset, if it is that.
    pub(super) fn start_clock(&self, number: u64) {
        let mut state = self.lock();
        if state.number == number {
            state.started.get_or_insert_with(Instant::now);
            self.started.store(number, Ordering::Relaxed);
        }
    }

    /// Takes note that a record of the transaction was refused. Java's transaction goes on after a `SerializationException`, which its
    /// `send` throws; a future that brings one may be dropped unread, so that the commit would silently miss a record.
    pub(in crate::producer) fn note_refusal(&self, error: &Error) {
        // The record came back to be sent again, or was withdrawn by the program; or the transaction is being aborted.
        let is_no_loss = matches!(
            error.kind(),
            ErrorKind::BufferFull
                | ErrorKind::SchemaPending
                | ErrorKind::GivenUp
                | ErrorKind::TransactionState
                | ErrorKind::TransactionFailed
        );
        if !is_no_loss {
            self.fail(|| Failure::new(error.to_string()));
        }
    }

    /// Says that records are about to leave the queues of those that wait. Until this is dropped no commit takes empty queues for an
    /// answer: it would miss that these have failed.
    pub(in crate::producer) fn ending_records(&self) -> impl Drop + '_ {
        self.ending_records.fetch_add(1, Ordering::SeqCst);
        EndingRecords(self)
    }

    /// Whether [`ending_records`](Self::ending_records) holds commits up. Looked at after the queues.
    pub(super) fn is_ending_records(&self) -> bool {
        self.ending_records.load(Ordering::SeqCst) > 0
    }

    /// Takes note that a part of the transaction has failed: it can only be aborted. Whether it is the first part.
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

struct EndingRecords<'a>(&'a Transactions);

impl Drop for EndingRecords<'_> {
    fn drop(&mut self) {
        self.0.ending_records.fetch_sub(1, Ordering::SeqCst);
    }
}
