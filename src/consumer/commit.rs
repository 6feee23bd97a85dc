//! [`Consumer::commit`] and [`Consumer::commit_offsets`].

use std::sync::{Arc, atomic::Ordering};

use super::{
    Consumer,
    consumer_state::closed,
    context::store,
    error_policy::{commit_failed, commit_lost},
    rebalance::native_offsets,
    record_queue::Intake as _,
};
#[cfg(doc)]
use crate::ErrorKind;
use crate::{
    Error, Offsets,
    native::{ConsumerClient, code},
};

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// Commits the offsets of [`taken`](Self::taken) and waits for the response (Java: `commitSync`).
    ///
    /// # Errors
    /// [`CommitFailed`](ErrorKind::CommitFailed), once, if the consumer has lost partitions with records that were taken after the last commit;
    /// nothing is committed then. Otherwise as for [`commit_offsets`](Self::commit_offsets).
    pub async fn commit(&self) -> Result<(), Error> {
        let group = self.group_id("commit")?;
        let (mut taken, mut lost) = (Offsets::new(), Vec::new());
        self.record_queue.progress(&mut |progress| (taken, lost) = (progress.taken(), progress.take_lost()));
        if self.untyped.state.is_closing() {
            return Err(closed());
        }
        if !lost.is_empty() {
            return Err(commit_lost(group, &lost));
        }
        self.commit_and_store(&taken, true).await
    }

    /// Commits these offsets with their metadata for the group, and waits for the response, for `default.api.timeout.ms` at most. With no
    /// offsets it sends no request.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) without a `group.id`; [`CommitFailed`](ErrorKind::CommitFailed) if the group has assigned the partitions to
    /// other members (Java: `CommitFailedException`); [`Closed`](ErrorKind::Closed); other errors of the group coordinator, for one of the
    /// partitions or for all.
    pub async fn commit_offsets(&self, offsets: &Offsets) -> Result<(), Error> {
        self.commit_and_store(offsets, false).await
    }

    /// Commits offsets. With `stores` it stores them first, so that an automatic commit that is sent before librdkafka has the response
    /// does not replace them by older ones.
    async fn commit_and_store(&self, offsets: &Offsets, stores: bool) -> Result<(), Error> {
        let context = format!("group {}: the commit failed", self.group_id("commit")?);
        let state = &self.untyped.state;
        if state.is_closing() {
            return Err(closed());
        }
        if offsets.is_empty() {
            return Ok(());
        }
        if state.signals.is_expelled.load(Ordering::Acquire) {
            return Err(commit_failed(code::ASSIGNMENT_LOST, &context));
        }
        let (native, timeout) = (native_offsets(offsets)?, state.api_timeout);
        let store_first = (stores && state.stores_offsets).then(|| (Arc::clone(&state.intake), offsets.clone()));
        let commit = move |client: &ConsumerClient| {
            if let Some((intake, offsets)) = &store_first {
                store(&**intake, client, |progress| progress.take_committing(offsets));
            }
            client.commit(&native, timeout).map_err(|code| commit_failed(code, &context))
        };
        state.ask(commit).await?;
        self.record_queue.progress(&mut |progress| progress.committed(offsets));
        Ok(())
    }
}
