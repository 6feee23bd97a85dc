//! [`State`]: which transaction is open, how far it has come, and what has been asked for.

use std::{
    thread::{JoinHandle, ThreadId},
    time::Instant,
};

use super::{calls::Calls, failure::Failure, open::closed, request::Call};
use crate::{Error, ErrorKind, deadline::Deadline};

/// The state of a transactional producer, behind the lock of its [`Transactions`](super::Transactions).
#[derive(Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// The last transaction's, counted from 1.
    pub(super) number: u64,
    /// When it had its first record or offset: its coordinator's clock starts then.
    pub(super) started: Option<Instant>,
    /// The first thing that failed in it.
    pub(super) failure: Option<Failure>,
    /// What has ended the producer. Every call fails with it from then on.
    pub(super) broken: Option<Failure>,
    /// Its commit's failure that nobody has heard of.
    pub(super) unheard: Option<Error>,
    pub(super) calls: Calls,
    pub(super) threads: Option<Threads>,
    /// Set by closing: until when the thread may go on.
    pub(super) closing: Option<Deadline>,
    pub(super) ended: bool,
}

pub(super) struct Threads {
    pub(super) calls: JoinHandle<()>,
    pub(super) timer: ThreadId,
}

/// How far the last transaction has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// `init_transactions` has not succeeded yet.
    #[default]
    New,
    /// There was none.
    Ready,
    Open,
    /// Its guard is gone, and its abort has failed.
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

    /// Whether the call's transaction has ended as it asks for.
    pub(super) fn is_done(&self, call: &Call) -> bool {
        match call {
            Call::Commit(number) => (self.phase, self.number) == (Phase::Committed, *number),
            Call::Abort(number) => (self.phase, self.number) == (Phase::Aborted, *number),
            _ => false,
        }
    }

    /// Why no record is taken.
    pub(super) fn not_taking(&self) -> Error {
        let out_of_order = |message: &str| Error::new(ErrorKind::TransactionState, message);
        match (self.phase, &self.failure) {
            _ if self.is_broken() => self.broken.as_ref().map_or_else(closed, Failure::error),
            _ if self.is_closing() => closed(),
            (Phase::New, _) => out_of_order("the producer is transactional: call init_transactions, then begin_transaction"),
            (Phase::Open, Some(failure)) => failure.error(),
            (Phase::Open, None) => out_of_order("the transaction is being ended: begin another one"),
            _ => out_of_order("no transaction is open: call begin_transaction"),
        }
    }
}
