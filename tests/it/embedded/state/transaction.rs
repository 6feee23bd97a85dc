//! The steps of transactions.

use std::sync::Arc;

use futures::executor::block_on;
use ottla::{ConsumerGroupMetadata, Error, ErrorKind, Offsets, Transaction};

use super::{
    ledger::Ledger,
    machine::Machine,
    step::{How, Step},
};

/// How often a call may have to be repeated while the broker works.
const PATIENCE: usize = 30;

impl Machine {
    pub(super) fn transaction_step(&mut self, step: &Step) {
        if !self.settings.transactional {
            return;
        }
        match step {
            Step::Begin => self.begin(),
            Step::SendOffsets => {
                if let Some(transaction) = self.transaction.clone() {
                    let _ = block_on(send_offsets(&transaction));
                }
            }
            Step::SendOffsetsByFlags => self.send_offsets_by_flags(),
            Step::Commit(how) => {
                let Some(transaction) = self.transaction.clone() else { return };
                let (ledger, number) = (Arc::clone(&self.ledger), self.transactions);
                if *how == How::Await {
                    self.open_all();
                    let result = block_on(transaction.commit());
                    self.note_commit(&result);
                } else {
                    self.transaction = None;
                    self.by(*how, async move {
                        if transaction.commit().await.is_ok() {
                            ledger.committed(number);
                        }
                    });
                }
            }
            Step::Abort(how) => {
                let Some(transaction) = self.transaction.clone() else { return };
                if *how == How::Await {
                    let result = block_on(transaction.abort());
                    check_abort(&self.ledger, &result, self.is_committing);
                    if result.is_ok() {
                        self.end_transaction();
                    }
                } else {
                    self.end_transaction();
                    self.by(*how, async move { drop(transaction.abort().await) });
                }
            }
            Step::DropTransaction => self.end_transaction(),
            Step::CommitByFlags => self.commit_by_flags(),
            _ => {}
        }
    }

    fn end_transaction(&mut self) {
        self.transaction = None;
        self.is_committing = false;
    }

    fn begin(&mut self) {
        let producer = self.producer();
        if self.transaction.is_some() {
            return;
        }
        if !self.is_initialised {
            // After a retriable error the same call must be repeated; the next `Begin` does this.
            self.is_initialised = block_on(producer.init_transactions()).is_ok();
        }
        self.open_all();
        if let Ok(transaction) = block_on(producer.begin_transaction()) {
            self.transactions += 1;
            self.transaction = Some(Arc::new(transaction));
            self.is_committing = false;
        }
    }

    fn note_commit(&mut self, result: &Result<(), Error>) {
        match result {
            Ok(()) => {
                self.ledger.committed(self.transactions);
                self.end_transaction();
            }
            Err(error) => self.is_committing |= error.is_retriable(),
        }
    }

    /// Repeats `send_offsets` while its error is retriable. With a working broker it must succeed.
    fn send_offsets_by_flags(&mut self) {
        let Some(transaction) = self.transaction.clone() else { return };
        let mut error = match block_on(send_offsets(&transaction)) {
            Err(error) if error.is_retriable() => error,
            _ => return,
        };
        self.heal();
        for _ in 0..PATIENCE {
            match block_on(send_offsets(&transaction)) {
                Ok(()) => return,
                Err(again) if again.is_retriable() => error = again,
                // A call that has timed out continues, and may fail later.
                Err(again) if (again.is_abortable() || again.is_fatal()) && error.kind() == ErrorKind::TransactionTimeout => {
                    return self.commit_by_flags();
                }
                Err(again) => {
                    let what = format!("send_offsets returned a retriable error ({error:?}), and then: {again:?}");
                    return self.ledger.violated(what);
                }
            }
        }
        self.ledger.violated(format!("send_offsets returns retriable errors without end: {error:?}"));
    }

    /// Commits and follows the documentation's table: repeat, abort, or build a new producer.
    fn commit_by_flags(&mut self) {
        let Some(transaction) = self.transaction.clone() else { return };
        self.open_all();
        let mut aborts = false;
        let mut last = None;
        for attempt in 0..2 * PATIENCE {
            if attempt == PATIENCE {
                self.heal();
            }
            let result = block_on(async { if aborts { transaction.abort().await } else { transaction.commit().await } });
            match result {
                Ok(()) => {
                    if !aborts {
                        self.ledger.committed(self.transactions);
                    }
                    return self.end_transaction();
                }
                Err(error) if error.is_fatal() => return self.retire(),
                Err(error) if error.is_retriable() => last = Some(error),
                Err(error) if error.is_abortable() && !aborts => aborts = true,
                Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::TransactionState) => {
                    return self.end_transaction();
                }
                Err(error) => {
                    let call = if aborts { "abort" } else { "commit" };
                    self.ledger.violated(format!("{call} failed without a flag: {error:?}"));
                    return self.end_transaction();
                }
            }
        }
        self.ledger.violated(format!("a loop that follows the flags does not end: {last:?}"));
    }
}

async fn send_offsets(transaction: &Transaction<str, str>) -> Result<(), Error> {
    let mut offsets = Offsets::new();
    offsets.set_next("orders", 0, 1);
    transaction.send_offsets(&offsets, &ConsumerGroupMetadata::new("state")).await
}

/// An abort during a commit is a mistake of the program: its error must not be retriable.
fn check_abort(ledger: &Ledger, result: &Result<(), Error>, is_committing: bool) {
    if let Err(error) = result {
        if is_committing && error.is_retriable() {
            ledger.violated(format!("abort during a commit is retriable: {error:?}"));
        }
    }
}
