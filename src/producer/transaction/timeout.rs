//! The transaction calls with a timeout of their own instead of `max.block.ms`.

use std::time::Duration;

use super::Transaction;
use crate::{ConsumerGroupMetadata, Error, Offsets, Producer};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Like [`init_transactions`](Self::init_transactions), but waits at most for `timeout`, which may be shorter or longer than `max.block.ms`.
    ///
    /// After the timeout nothing has changed for the program: call it again. Requests that were sent continue, so that short timeouts
    /// succeed in the end.
    ///
    /// # Errors
    /// The errors of that method, with `timeout` in the place of `max.block.ms`.
    pub async fn init_transactions_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.init_transactions_within(Some(timeout)).await
    }

    /// Like [`begin_transaction`](Self::begin_transaction), but waits for the end of the previous transaction at most for `timeout`.
    ///
    /// After the timeout no transaction is open, and the previous one continues to end: call it again.
    ///
    /// # Errors
    /// The errors of that method, with `timeout` in the place of `max.block.ms`.
    pub async fn begin_transaction_timeout(&self, timeout: Duration) -> Result<Transaction<K, V>, Error> {
        self.begin_transaction_within(Some(timeout)).await
    }
}

/// Each of these methods waits at most for its `timeout`, which may be shorter or longer than `max.block.ms`. Then it returns
/// [`TransactionTimeout`](crate::ErrorKind::TransactionTimeout), which is retriable, and the call continues: make it again, with any timeout,
/// and it waits for the same result. If all attempts in that time failed with an error that is not retriable, `abort` returns a fatal error
/// instead, as it does after `max.block.ms`.
impl<K: ?Sized + 'static, V: ?Sized + 'static> Transaction<K, V> {
    /// Like [`send_offsets`](Self::send_offsets), but waits at most for `timeout`.
    ///
    /// After the timeout the transaction is still open and accepts records, and [`commit`](Self::commit) waits for the offsets.
    ///
    /// # Errors
    /// The errors of that method, with `timeout` in the place of `max.block.ms`.
    pub async fn send_offsets_timeout(
        &self,
        offsets: &Offsets,
        group: &ConsumerGroupMetadata,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.send_offsets_within(offsets, group, Some(timeout)).await
    }

    /// Like [`commit`](Self::commit), but waits at most for `timeout`.
    ///
    /// After the timeout the commit continues: the transaction accepts no more records and can no longer be aborted. Call `commit` again, or
    /// begin the next transaction, which waits for this commit.
    ///
    /// # Errors
    /// The errors of that method, with `timeout` in the place of `max.block.ms`.
    pub async fn commit_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.commit_within(Some(timeout)).await
    }

    /// Like [`abort`](Self::abort), but waits at most for `timeout`.
    ///
    /// After the timeout the abort continues. Call `abort` again, or begin the next transaction, which waits for this abort.
    ///
    /// # Errors
    /// The errors of that method, with `timeout` in the place of `max.block.ms`.
    pub async fn abort_timeout(&self, timeout: Duration) -> Result<(), Error> {
        self.abort_within(Some(timeout)).await
    }
}
