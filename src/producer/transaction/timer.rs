//! The timer thread of a transactional producer: it completes waiters whose deadline has passed.
//!
//! librdkafka's calls may block the transaction thread for longer than `max.block.ms`, and a shorter timeout for them is not safe (see
//! [`thread`](super::thread)). The delivery thread has timers, but a callback may block it.

use std::{
    sync::Arc,
    thread::{self, ThreadId},
};

use super::transactions::Transactions;
use crate::{Error, ErrorKind, producer::producer_state::ProducerState};

/// Starts the thread, which ends after the transaction thread. It is never joined, because it may run a waker, which is user code.
pub(super) fn start(state: Arc<ProducerState>) -> Result<ThreadId, Error> {
    thread::Builder::new()
        .name("ottla-txn-timer".to_owned())
        .spawn(move || {
            if let Some(transactions) = &state.transactions {
                run(transactions);
            }
        })
        .map(|timer| timer.thread().id())
        .map_err(|error| Error::new(ErrorKind::Client, "the transactions' timer thread could not be started").with_source(error))
}

fn run(transactions: &Transactions) {
    while let Some(late) = transactions.await_late() {
        for (waiter, error) in late {
            waiter.answer(Err(error));
        }
    }
}
