//! [`Open`]: the guard of an open transaction.

use std::{
    fmt,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use super::{request::Call, state::Phase};
use crate::{
    Error, ErrorKind,
    native::ForkGuard,
    producer::{producer_state::ProducerState, untyped_producer::other_process},
};

/// The guard of an open transaction. Aborts it on drop if it is still open.
pub(super) struct Open {
    producer_state: Weak<ProducerState>,
    number: u64,
    fork_guard: ForkGuard,
}

impl Open {
    pub(super) fn new(producer_state: &Arc<ProducerState>, number: u64) -> Self {
        Self { producer_state: Arc::downgrade(producer_state), number, fork_guard: ForkGuard::current() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Checks that this transaction accepts records.
    pub(super) fn admit(&self) -> Result<(), Error> {
        if self.fork_guard.is_left() {
            return Err(other_process());
        }
        let Some(producer_state) = self.producer_state.upgrade() else { return Err(closed()) };
        let Some(transactions) = &producer_state.transactions else { return Err(closed()) };
        if transactions.taking.load(Ordering::Acquire) == self.number {
            return Ok(());
        }
        let state = transactions.lock();
        let ended = || Error::new(ErrorKind::TransactionState, "this transaction has ended: begin another one");
        let is_last = state.number == self.number && state.phase == Phase::Open;
        Err(if is_last || state.is_closing() || state.is_broken() { state.not_taking() } else { ended() })
    }

    /// Executes a call for this transaction. After a commit or an abort it accepts no more records. Without a timeout it waits for `max.block.ms`.
    pub(super) async fn call(&self, call: Call, timeout: Option<Duration>) -> Result<(), Error> {
        let reply = {
            let Some(producer_state) = self.producer_state.upgrade() else { return Err(closed()) };
            let Some(transactions) = &producer_state.transactions else { return Err(closed()) };
            transactions.ask(call, timeout)?
        };
        reply_of(reply).await.map(drop)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // In a forked child the lock may be held forever, by a thread that exists only in the parent process.
        if self.fork_guard.is_left() {
            return;
        }
        let Some(producer_state) = self.producer_state.upgrade() else { return };
        if let Some(transactions) = &producer_state.transactions {
            transactions.drop_open(self.number);
        }
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.admit().is_ok())
    }
}

/// Waits for the thread's reply. A dropped sender means that the producer is closed.
pub(super) async fn reply_of(reply: super::transactions::Receiver) -> Result<Option<Open>, Error> {
    reply.await.unwrap_or_else(|_| Err(closed()))
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the producer is closed")
}
