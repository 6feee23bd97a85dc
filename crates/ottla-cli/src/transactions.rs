//! [`Transactions`]: the input as one transaction, or as a sequence of transactions.

use std::sync::Arc;

use futures::executor::block_on;
use indicatif::HumanCount;
use ottla::{ErrorKind, Producer, Transaction};

use crate::{
    exit::{Failure, chain},
    interrupt::Interrupt,
    run_totals::{ABORTED, RunTotals},
};

/// The transactions of a run: one is open from the first record to the last.
pub(crate) struct Transactions<'a> {
    producer: &'a Producer<[u8], [u8]>,
    totals: &'a RunTotals,
    interrupt: &'a Interrupt,
    /// The number of records per transaction; `None` for a single transaction.
    every: Option<u64>,
    open: Transaction<[u8], [u8]>,
    records: u64,
    committed: u64,
    aborted: bool,
}

impl<'a> Transactions<'a> {
    /// Begins the first transaction.
    pub(crate) fn begin(
        producer: &'a Producer<[u8], [u8]>,
        totals: &'a Arc<RunTotals>,
        interrupt: &'a Interrupt,
        every: Option<u64>,
    ) -> Result<Self, Failure> {
        let open = block_on(producer.begin_transaction())?;
        Ok(Self { producer, totals, interrupt, every, open, records: 0, committed: 0, aborted: false })
    }

    /// Counts a record. Commits and begins the next transaction after `every` records.
    ///
    /// # Errors
    /// Why the transaction was not committed; it is aborted.
    pub(crate) fn count(&mut self) -> Result<(), String> {
        self.records += 1;
        if self.every.is_none_or(|every| self.records < every) {
            return Ok(());
        }
        self.records = 0;
        self.commit()?;
        self.open = block_on(self.producer.begin_transaction()).map_err(|error| chain(&error))?;
        Ok(())
    }

    /// Commits, unless a record has failed.
    ///
    /// # Errors
    /// Why the transaction was not committed; it is aborted.
    pub(crate) fn commit(&mut self) -> Result<(), String> {
        if let Some(reason) = self.totals.ended() {
            self.abort();
            return Err(reason);
        }
        let mut reported = false;
        loop {
            let Err(error) = block_on(self.open.commit()) else {
                self.committed = self.totals.commit();
                return Ok(());
            };
            if error.is_retriable() && !self.interrupt.is_pressed() {
                if !reported {
                    self.totals.tell(&format!("{}; retrying the commit", chain(&error)));
                    reported = true;
                }
                continue;
            }
            match error.kind() {
                ErrorKind::TransactionFailed => self.abort(),
                // Ctrl-C closed the producer, which aborts the transaction.
                ErrorKind::Closed => self.totals.write_off(ABORTED),
                kind => self.totals.write_off(kind.name()),
            }
            // The totals have the record that caused it.
            return Err(self.totals.ended().unwrap_or_else(|| format!("not committed: {}", chain(&error))));
        }
    }

    /// Aborts the open transaction, and reports how many records are committed.
    pub(crate) fn abort(&mut self) {
        if std::mem::replace(&mut self.aborted, true) {
            return;
        }
        let aborted = block_on(self.open.abort());
        // After Ctrl-C the producer is closing, which aborts the transaction.
        let closing = self.interrupt.is_pressed() && matches!(&aborted, Err(error) if error.kind() == ErrorKind::Closed);
        let _ = self.producer.blocking().flush();
        self.totals.write_off(ABORTED);
        match aborted {
            Err(error) if !closing => {
                self.totals
                    .tell(&format!("the abort failed; the brokers abort the transaction when it times out: {}", chain(&error)));
            }
            _ => self.totals.tell(&format!(
                "the transaction is aborted; {} record{} committed before it",
                HumanCount(self.committed),
                if self.committed == 1 { "" } else { "s" }
            )),
        }
    }
}
