//! The partitions that are paused in librdkafka: by the program, because the record queue is full, or because their records wait for a schema
//! registry.

use super::{TopicPartition, error_policy::not_assigned, polling::Polling, topic_partition::native_partitions};
use crate::{Error, panic::emit};

impl Polling {
    /// Pauses partitions in librdkafka until the record queue has room.
    pub(super) fn hold_back(&mut self) {
        let mut partitions = self.state.assignment();
        self.retain_active(&mut partitions);
        partitions.retain(|partition| !self.held_back.contains(partition) && !self.stalled.contains(partition));
        if partitions.is_empty() {
            return;
        }
        match self.pause_native(&partitions, true) {
            Ok(()) => self.held_back.extend(partitions),
            Err(error) => emit!(warn, %error, "cannot pause partitions"),
        }
    }

    /// Resumes the partitions that [`hold_back`](Self::hold_back) has paused.
    pub(super) fn resume_held_back(&mut self) {
        if self.held_back.is_empty() {
            return;
        }
        let mut partitions = std::mem::take(&mut self.held_back);
        self.retain_active(&mut partitions);
        partitions.retain(|partition| !self.stalled.contains(partition));
        if partitions.is_empty() {
            return;
        }
        if let Err(error) = self.pause_native(&partitions, false) {
            emit!(warn, %error, "cannot resume partitions");
            self.held_back = partitions;
        }
    }

    /// Deserializes the records again that wait for a schema registry. Their partitions stay paused in librdkafka meanwhile.
    pub(super) fn retry_stalled(&mut self) {
        let stalled = self.state.intake.retry_stalled();
        if stalled == self.stalled {
            return;
        }
        let before = std::mem::replace(&mut self.stalled, stalled);
        let (mut begun, mut ended) = (self.stalled.clone(), before.clone());
        begun.retain(|partition| !before.contains(partition));
        ended.retain(|partition| !self.stalled.contains(partition));
        for (mut partitions, is_paused) in [(begun, true), (ended, false)] {
            self.retain_active(&mut partitions);
            partitions.retain(|partition| !self.held_back.contains(partition));
            if partitions.is_empty() {
                continue;
            }
            if let Err(error) = self.pause_native(&partitions, is_paused) {
                emit!(warn, %error, is_paused, "cannot pause or resume partitions whose records wait for a schema registry");
            }
        }
    }

    /// Keeps the partitions that are assigned and not paused by the program.
    fn retain_active(&self, partitions: &mut Vec<TopicPartition>) {
        self.state.intake.progress(&mut |progress| partitions.retain(|partition| progress.is_active(partition)));
    }

    fn pause_native(&self, partitions: &[TopicPartition], is_paused: bool) -> Result<(), Error> {
        let mut list = native_partitions(partitions)?;
        let client = &self.membership.client;
        let done = if is_paused { client.pause(&mut list) } else { client.resume(&mut list) };
        done.map_err(|code| Error::from_code(code, if is_paused { "pause" } else { "resume" }))
    }

    /// Pauses or resumes partitions. Records that were read ahead are kept, and come first when the partition is resumed.
    pub(super) fn set_paused(&mut self, partitions: &[TopicPartition], is_paused: bool) -> Result<(), Error> {
        self.check_assigned(partitions.iter())?;
        // Partitions that are held back stay paused in librdkafka until the record queue has room.
        let native: Vec<_> = partitions
            .iter()
            .filter(|it| is_paused || !(self.held_back.contains(it) || self.stalled.contains(it)))
            .cloned()
            .collect();
        if !native.is_empty() {
            self.pause_native(&native, is_paused)?;
        }
        self.state.intake.set_paused(partitions, is_paused);
        Ok(())
    }

    pub(super) fn check_assigned<'a>(&self, partitions: impl Iterator<Item = &'a TopicPartition>) -> Result<(), Error> {
        let mut missing = None;
        let partitions: Vec<_> = partitions.collect();
        self.state.intake.progress(&mut |progress| {
            missing =
                partitions.iter().find(|partition| !progress.is_assigned(partition)).map(|partition| not_assigned(partition));
        });
        missing.map_or(Ok(()), Err)
    }
}
