//! [`Transactions`]: the input as one transaction, or as one after the other.

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
    /// After how many records to commit; `None` for at the end only.
    every: Option<u64>,
    open: Transaction<[u8], [u8]>,
    records: u64,
    committed: u64,
    aborted: bool,
}

impl<'a> Transactions<'a> {
    /// Begins the first one.
    pub(crate) fn begin(
        producer: &'a Producer<[u8], [u8]>,
        totals: &'a Arc<RunTotals>,
        interrupt: &'a Interrupt,
        every: Option<u64>,
    ) -> Result<Self, Failure> {
        let open = block_on(producer.begin_transaction())?;
        Ok(Self { producer, totals, interrupt, every, open, records: 0, committed: 0, aborted: false })
    }

    /// A record more is sent. Commits and begins the next one when it is time.
    ///
    /// # Errors
    /// Why it was not committed; it is aborted then.
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
    /// Why it was not committed; it is aborted then.
    pub(crate) fn commit(&mut self) -> Result<(), String> {
        if let Some(reason) = self.totals.ended() {
            self.abort();
            return Err(reason);
        }
        let mut told = false;
        loop {
            let Err(error) = block_on(self.open.commit()) else {
                self.committed = self.totals.commit();
                return Ok(());
            };
            if error.is_retriable() && !self.interrupt.is_pressed() {
                if !told {
                    self.totals.tell(&format!("{}: still trying", chain(&error)));
                    told = true;
                }
                continue;
            }
            match error.kind() {
                ErrorKind::TransactionFailed => self.abort(),
                // Ctrl-C came first, and so does the abort.
                ErrorKind::Closed => self.totals.write_off(ABORTED),
                kind => self.totals.write_off(kind.name()),
            }
            // Which record it was, the ledger says.
            return Err(self.totals.ended().unwrap_or_else(|| format!("not committed: {}", chain(&error))));
        }
    }

    /// Aborts what is open, and says what is committed all the same.
    pub(crate) fn abort(&mut self) {
        if std::mem::replace(&mut self.aborted, true) {
            return;
        }
        let aborted = block_on(self.open.abort());
        // With Ctrl-C the producer is being closed, which aborts.
        let closing = self.interrupt.is_pressed() && matches!(&aborted, Err(error) if error.kind() == ErrorKind::Closed);
        let _ = self.producer.blocking().flush();
        self.totals.write_off(ABORTED);
        match aborted {
            Err(error) if !closing => {
                self.totals.tell(&format!("the abort failed, and the brokers will abort: {}", chain(&error)));
            }
            _ => self.totals.tell(&format!(
                "the transaction is aborted; committed before it: {} record{}",
                HumanCount(self.committed),
                if self.committed == 1 { "" } else { "s" }
            )),
        }
    }
}
