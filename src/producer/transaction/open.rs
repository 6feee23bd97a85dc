//! [`Open`]: the right to end a transaction.

use std::{
    fmt,
    sync::{Arc, Weak, atomic::Ordering},
};

use super::{request::Call, state::Phase};
use crate::{
    Error, ErrorKind,
    native::ForkGuard,
    producer::{core::other_process, shared::Shared},
};

/// The right to end a transaction. Aborts it when it is dropped, if it is open then.
pub(super) struct Open {
    shared: Weak<Shared>,
    number: u64,
    fork_guard: ForkGuard,
}

impl Open {
    pub(super) fn new(shared: &Arc<Shared>, number: u64) -> Self {
        Self { shared: Arc::downgrade(shared), number, fork_guard: ForkGuard::current() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether this transaction takes records.
    pub(super) fn admit(&self) -> Result<(), Error> {
        if self.fork_guard.is_left() {
            return Err(other_process());
        }
        let Some(shared) = self.shared.upgrade() else { return Err(closed()) };
        let Some(transactions) = &shared.transactions else { return Err(closed()) };
        if transactions.taking.load(Ordering::Acquire) == self.number {
            return Ok(());
        }
        let state = transactions.lock();
        let ended = || Error::new(ErrorKind::TransactionState, "this transaction has ended: begin another one");
        let is_last = state.number == self.number && state.phase == Phase::Open;
        Err(if is_last || state.is_closing() || state.is_broken() { state.not_taking() } else { ended() })
    }

    /// Asks for a call that concerns this transaction. But for offsets, it takes no more records from now on.
    pub(super) async fn call(&self, call: Call) -> Result<(), Error> {
        let reply = {
            let Some(shared) = self.shared.upgrade() else { return Err(closed()) };
            let Some(transactions) = &shared.transactions else { return Err(closed()) };
            transactions.ask(call)?
        };
        heard(reply).await.map(drop)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A fork leaves it to the process that it is of: another thread of that one may hold the lock, here for good.
        if self.fork_guard.is_left() {
            return;
        }
        let Some(shared) = self.shared.upgrade() else { return };
        if let Some(transactions) = &shared.transactions {
            transactions.drop_open(self.number);
        }
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.admit().is_ok())
    }
}

/// What the thread answers. One that is gone says that the producer is closed.
pub(super) async fn heard(reply: super::transactions::Receiver) -> Result<Option<Open>, Error> {
    reply.await.unwrap_or_else(|_| Err(closed()))
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the producer is closed")
}
