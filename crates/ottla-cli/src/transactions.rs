//! [`Transactions`]: the input as one transaction, or as a sequence of transactions.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use indicatif::HumanCount;
use ottla::{ErrorKind, Producer, ProducerRecord, Transaction};

use crate::{
    checkpoint::{CHECKPOINT_PARTITION, CheckpointRecord, Checkpoints, Reached},
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
    /// How long a transaction is open before it is committed, if its inputs have no end.
    interval: Option<Duration>,
    open: Transaction<[u8], [u8]>,
    records: u64,
    /// When the transaction got its first record.
    begun: Instant,
    committed: u64,
    aborted: bool,
}

impl<'a> Transactions<'a> {
    /// Begins the first transaction. `every` and `interval` are the number of records and the time after which a transaction is committed.
    pub(crate) fn begin(
        producer: &'a Producer<[u8], [u8]>,
        totals: &'a Arc<RunTotals>,
        interrupt: &'a Interrupt,
        every: Option<u64>,
        interval: Option<Duration>,
    ) -> Result<Self, Failure> {
        let open = block_on(producer.begin_transaction())?;
        let begun = Instant::now();
        Ok(Self { producer, totals, interrupt, every, interval, open, records: 0, begun, committed: 0, aborted: false })
    }

    /// Counts a record. Commits and begins the next transaction after `every` records, and when a checkpoint is due. `reached` is where the
    /// record ends.
    ///
    /// # Errors
    /// Why the transaction was not committed; it is aborted.
    pub(crate) fn count(
        &mut self,
        checkpoints: &mut Option<Checkpoints>,
        reached: impl FnOnce() -> Reached,
    ) -> Result<(), String> {
        if self.records == 0 {
            self.begun = Instant::now();
        }
        self.records += 1;
        let is_due = checkpoints.as_mut().is_some_and(Checkpoints::count);
        if !is_due && !self.is_old() && self.every.is_none_or(|every| self.records < every) {
            return Ok(());
        }
        self.records = 0;
        if let Some(checkpoints) = checkpoints {
            checkpoints.begin_interval();
            checkpoints.reach(reached());
        }
        self.commit_and_begin(checkpoints)
    }

    /// Whether the interval is over.
    fn is_old(&self) -> bool {
        self.interval.is_some_and(|interval| self.records > 0 && self.begun.elapsed() >= interval)
    }

    /// Commits if a commit is due, also without another row, and if there is something to commit: rows or positions.
    ///
    /// # Errors
    /// Why the transaction was not committed; it is aborted.
    pub(crate) fn commit_if_due(&mut self, checkpoints: &mut Option<Checkpoints>) -> Result<(), String> {
        let is_due = checkpoints
            .as_ref()
            .is_some_and(|checkpoints| checkpoints.is_due() && (self.records > 0 || checkpoints.has_changed()));
        if !is_due && !self.is_old() {
            if let Some(checkpoints) = checkpoints.as_ref().filter(|_| self.records == 0) {
                checkpoints.note_saved();
            }
            return Ok(());
        }
        self.records = 0;
        if let Some(checkpoints) = checkpoints {
            checkpoints.begin_interval();
        }
        self.commit_and_begin(checkpoints)
    }

    /// Commits if the transaction has rows, and begins the next one, which the brokers do not know of before its first record.
    ///
    /// # Errors
    /// Why the transaction was not committed; it is aborted.
    pub(crate) fn commit_rows(&mut self, checkpoints: &mut Option<Checkpoints>) -> Result<(), String> {
        if std::mem::take(&mut self.records) == 0 {
            return Ok(());
        }
        if let Some(checkpoints) = checkpoints {
            checkpoints.begin_interval();
        }
        self.commit_and_begin(checkpoints)
    }

    fn commit_and_begin(&mut self, checkpoints: &mut Option<Checkpoints>) -> Result<(), String> {
        self.commit(checkpoints)?;
        self.open = block_on(self.producer.begin_transaction()).map_err(|error| chain(&error))?;
        Ok(())
    }

    /// Commits, unless a record has failed. A checkpoint topic gets the positions in the same transaction, and a checkpoint file after it.
    ///
    /// # Errors
    /// Why the transaction was not committed; it is aborted. Or the checkpoint file was not written, after the commit.
    pub(crate) fn commit(&mut self, checkpoints: &mut Option<Checkpoints>) -> Result<(), String> {
        if let Some(reason) = self.totals.ended() {
            self.abort();
            return Err(reason);
        }
        if let Some(Err(failure)) = checkpoints.as_ref().map(|checkpoints| self.send_positions(checkpoints)) {
            self.abort();
            return Err(failure.text());
        }
        let mut reported = false;
        loop {
            let Err(error) = block_on(self.open.commit()) else {
                self.committed = self.totals.commit();
                let written = checkpoints.as_mut().map_or(Ok(()), Checkpoints::write);
                // Then the run ends as interrupted, and not for this reason.
                if let (Err(reason), true) = (&written, self.interrupt.is_pressed()) {
                    self.totals.tell(reason);
                }
                return written;
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

    /// Adds the positions to the transaction, which fails if one of them is not written.
    fn send_positions(&self, checkpoints: &Checkpoints) -> Result<(), Failure> {
        let Some((topic, records)) = checkpoints.records()? else { return Ok(()) };
        for CheckpointRecord { key, value } in &records {
            let record = ProducerRecord::to(topic).key(&**key).partition(CHECKPOINT_PARTITION);
            let record = match value {
                Some(value) => record.value(&**value),
                None => record,
            };
            drop(block_on(self.open.send(record))?);
        }
        Ok(())
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
