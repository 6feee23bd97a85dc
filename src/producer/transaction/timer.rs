//! The timer thread of a transactional producer: it answers those whose time is over.
//!
//! librdkafka's calls block the transaction thread for longer than some who wait have time, and a shorter time-out is not safe to give
//! them (see [`thread`](super::thread)). The delivery thread has timers, but a callback may hold it up.

use std::{
    sync::Arc,
    thread::{self, ThreadId},
};

use super::transactions::Transactions;
use crate::{Error, ErrorKind, producer::shared::Shared};

/// Starts it. It ends by itself when the transaction thread has ended. Nobody waits for that: it may be in a waker, which is user code.
pub(super) fn start(shared: Arc<Shared>) -> Result<ThreadId, Error> {
    thread::Builder::new()
        .name("ottla-txn-timer".to_owned())
        .spawn(move || {
            if let Some(transactions) = &shared.transactions {
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
