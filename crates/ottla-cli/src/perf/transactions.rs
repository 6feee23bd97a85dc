//! [`TimedTransactions`]: transactions that are committed after a time, as in Java's tool.

use std::time::{Duration, Instant};

use futures::executor::block_on;
use ottla::{Producer, Transaction};

use crate::{
    exit::{Failure, chain},
    interrupt::Interrupt,
};

/// A sequence of transactions: one is open from the first record to the last.
pub(super) struct TimedTransactions<'a> {
    producer: &'a Producer<[u8], [u8]>,
    /// How long a transaction is open before it is committed.
    every: Duration,
    open: Transaction<[u8], [u8]>,
    begun: Instant,
}

impl<'a> TimedTransactions<'a> {
    /// Begins the first transaction.
    ///
    /// # Errors
    /// The transaction cannot begin.
    pub(super) fn begin(producer: &'a Producer<[u8], [u8]>, every: Duration) -> Result<Self, Failure> {
        let open = block_on(producer.begin_transaction())?;
        Ok(Self { producer, every, open, begun: Instant::now() })
    }

    /// Commits the open transaction if its time is over, and begins the next one.
    ///
    /// # Errors
    /// Why it was not committed.
    pub(super) fn renew(&mut self, interrupt: &Interrupt) -> Result<(), String> {
        if self.begun.elapsed() < self.every {
            return Ok(());
        }
        commit(&self.open, interrupt)?;
        self.open = block_on(self.producer.begin_transaction()).map_err(|error| chain(&error))?;
        self.begun = Instant::now();
        Ok(())
    }

    /// Commits the last transaction, or aborts it if the run has failed or was interrupted.
    ///
    /// # Errors
    /// Why it was not committed or aborted.
    pub(super) fn end(self, interrupt: &Interrupt, has_failed: bool) -> Result<(), String> {
        if has_failed || interrupt.is_pressed() {
            // After Ctrl-C the producer is closing, which aborts the transaction.
            return block_on(self.open.abort()).or_else(|error| {
                if interrupt.is_pressed() { Ok(()) } else { Err(format!("the abort failed: {}", chain(&error))) }
            });
        }
        commit(&self.open, interrupt)
    }
}

fn commit(open: &Transaction<[u8], [u8]>, interrupt: &Interrupt) -> Result<(), String> {
    loop {
        let Err(error) = block_on(open.commit()) else { return Ok(()) };
        if !error.is_retriable() || interrupt.is_pressed() {
            if error.is_abortable() {
                // The reason is that of the commit.
                let _ = block_on(open.abort());
            }
            return Err(format!("not committed: {}", chain(&error)));
        }
    }
}
