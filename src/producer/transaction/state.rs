//! [`State`]: the phase of the current transaction, its failure, and the queued calls.

use std::{
    thread::{JoinHandle, ThreadId},
    time::Instant,
};

use super::{call_queue::CallQueue, failure::Failure, last_commit::LastCommit, open::closed, request::Call};
use crate::{Error, ErrorKind, deadline::Deadline};

/// The state of a transactional producer, behind the lock of its [`Transactions`](super::Transactions).
#[derive(Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// The number of the last transaction, counted from 1.
    pub(super) number: u64,
    /// The time of its first record or offset, when the coordinator's timeout starts.
    pub(super) started: Option<Instant>,
    /// The first failure in it.
    pub(super) failure: Option<Failure>,
    /// The fatal failure of the producer. Every later call fails with it.
    pub(super) broken: Option<Failure>,
    pub(super) last_commit: Option<LastCommit>,
    /// The failure of its commit, if no caller received it.
    pub(super) unheard: Option<Error>,
    pub(super) calls: CallQueue,
    /// When the timer thread wakes up.
    pub(super) timer_wakes: Deadline,
    pub(super) threads: Option<Threads>,
    /// Set by `close`: the deadline of the thread.
    pub(super) closing: Option<Deadline>,
    pub(super) ended: bool,
}

pub(super) struct Threads {
    pub(super) calls: JoinHandle<()>,
    pub(super) timer: ThreadId,
}

/// The phase of the last transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// `init_transactions` has not succeeded yet.
    #[default]
    New,
    /// There was no transaction yet.
    Ready,
    Open,
    /// Its guard was dropped, and its abort failed.
    Adrift,
    Committed,
    Aborted,
}

impl State {
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        self.closing.is_some_and(|deadline| deadline.is_over(Instant::now()))
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Whether the call's transaction has already ended in this way.
    pub(super) fn is_done(&self, call: &Call) -> bool {
        match call {
            Call::Commit(number) => (self.phase, self.number) == (Phase::Committed, *number),
            Call::Abort(number) => (self.phase, self.number) == (Phase::Aborted, *number),
            _ => false,
        }
    }

    /// The error for a record that cannot be accepted.
    pub(super) fn not_taking(&self) -> Error {
        let out_of_order = |message: &str| Error::new(ErrorKind::TransactionState, message);
        match (self.phase, &self.failure) {
            _ if self.is_broken() => self.broken.as_ref().map_or_else(closed, Failure::error),
            _ if self.is_closing() => closed(),
            (Phase::New, _) => out_of_order("the producer is transactional: call init_transactions, then begin_transaction"),
            (Phase::Open, Some(failure)) => failure.error(),
            (Phase::Open, None) => out_of_order("the transaction is being committed or aborted: begin another one"),
            _ => out_of_order("no transaction is open: call begin_transaction"),
        }
    }
}
