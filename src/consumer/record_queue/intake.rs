//! [`Intake`]: the polling thread's side of the record queue.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, MutexGuard, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{Front, Item, Ready, RecordQueue, SIDE_BYTES, discard};
use crate::{
    Error,
    consumer::{
        RawRecord, TopicPartition,
        deserializers::head,
        done::Window,
        progress::Progress,
        stalled::{Waiting, stalled},
    },
    lock::lock,
    native::Consumed,
    panic::wake,
};

/// The longest wait of the polling thread for the program.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The polling thread passes records on in chunks of this many, because locks and wake-ups are expensive.
const CHUNK: usize = 128;

/// The records that the polling thread has not passed on yet.
pub(super) struct Chunk<K, V> {
    pub(super) ready: Vec<Ready<K, V>>,
    pub(super) bytes: usize,
    /// The partition of the last record, to save the lookup for the next one.
    pub(super) last: Option<Located>,
}

/// An assigned partition.
#[derive(Clone)]
pub(super) struct Located {
    topic: Arc<str>,
    partition: i32,
    number: usize,
    window: Option<Arc<Window>>,
}

/// Whether the record queue accepts more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::consumer) enum Capacity {
    Free,
    /// The polling thread is woken when there is room. Single records are still accepted, so that librdkafka's queue can be served.
    Full,
    /// Like `Full`, but single records are not accepted either.
    Over,
}

/// The polling thread's view of the queue, which does not depend on the types of key and value.
pub(in crate::consumer) trait Intake: Send + Sync {
    /// Deserializes a record and appends it. Returns whether there is room for another one. A record of a partition that is not assigned is
    /// dropped; the member that has the partition reads it.
    fn push(&self, message: &Consumed<'_>) -> bool;

    /// Deserializes the records again that wait for a schema registry. Returns the partitions that still have such records.
    fn retry_stalled(&self) -> Vec<TopicPartition>;

    /// Appends an error.
    fn fail(&self, error: Error);

    /// Appends an error for each waiting task, at least one.
    fn fail_all(&self, error: &dyn Fn() -> Error);

    /// Passes the pushed records on, and returns whether there is room.
    fn room(&self) -> Capacity;

    /// Wakes all waiting tasks. Those that are alive request a record again.
    fn wake_all(&self);

    /// The number of requests of the program.
    fn asked(&self) -> u64;

    /// Waits until the taken records of these partitions are processed, or `stop` returns true. `stop` is called at each wake-up of the thread
    /// and at intervals. Returns whether all are processed.
    fn wait_until_processed(&self, partitions: &[TopicPartition], stop: &dyn Fn() -> bool) -> bool;

    /// The partitions are assigned.
    fn assign(&self, partitions: &[TopicPartition]);

    /// Drops the records of these partitions that are not taken.
    fn drop_records(&self, partitions: &[TopicPartition]);

    /// The partitions are revoked: drops their records that are not taken.
    fn unassign(&self, partitions: &[TopicPartition], is_lost: bool);

    /// The next record of the partition is at this offset: drops the records that were read before.
    fn reposition(&self, partition: &TopicPartition, next: Option<i64>);

    /// Holds back the records of these partitions, or returns them to the queue, before those that the program has not started to take.
    fn set_paused(&self, partitions: &[TopicPartition], is_paused: bool);

    /// Reads or changes the progress. The code must not call user code.
    fn progress(&self, code: &mut dyn FnMut(&mut Progress));

    /// Nothing follows.
    fn end(&self);
}

impl<K, V> RecordQueue<K, V> {
    /// Passes the chunk on. Returns whether there is room for more.
    fn flush(&self, mut chunk: MutexGuard<'_, Chunk<K, V>>) -> Capacity {
        let mut back = lock(&self.back);
        back.ready.extend(chunk.ready.drain(..));
        back.bytes += mem::take(&mut chunk.bytes);
        drop(chunk);
        let (records, bytes) = (back.ready.len(), back.bytes);
        let room = if records >= 3 * self.max_poll_records || bytes >= 2 * SIDE_BYTES {
            Capacity::Over
        } else if records >= 2 * self.max_poll_records || bytes >= SIDE_BYTES {
            Capacity::Full
        } else {
            Capacity::Free
        };
        back.is_full = room != Capacity::Free;
        let wakers = if back.ready.is_empty() && !back.has_ended { Vec::new() } else { back.waiters.take() };
        drop(back);
        wakers.into_iter().for_each(wake);
        room
    }

    fn flush_chunk(&self) -> Capacity {
        self.flush(lock(&self.chunk))
    }

    /// Appends a record. Returns whether there is room for another one.
    pub(super) fn deliver(&self, number: usize, offset: i64, size: usize, item: Item<K, V>) -> bool {
        let mut chunk = lock(&self.chunk);
        chunk.bytes += size;
        chunk.ready.push(Ready { place: Some((number, offset)), size, item });
        if chunk.ready.len() < CHUNK.min(self.max_poll_records) && chunk.bytes < SIDE_BYTES {
            return true;
        }
        self.flush(chunk) == Capacity::Free
    }

    /// Appends an error, unless the program got it recently.
    fn push_error(&self, error: Error) {
        if lock(&self.stalled).should_report(&error) {
            let mut chunk = lock(&self.chunk);
            chunk.ready.push(Ready::error(error));
            self.flush(chunk);
        }
    }

    /// The partition of the message, if it is assigned. Only the polling thread assigns, so the result stays valid.
    fn locate(&self, topic: &str, partition: i32) -> Option<Located> {
        let last = lock(&self.chunk).last.clone();
        if let Some(located) = &last {
            if located.partition == partition && *located.topic == *topic {
                return last;
            }
        }
        let (number, window) = lock(&self.front).progress.assigned_number(topic, partition)?;
        let topic = match last {
            Some(located) if *located.topic == *topic => located.topic,
            _ => topic.into(),
        };
        let located = Located { topic, partition, number, window };
        lock(&self.chunk).last = Some(located.clone());
        Some(located)
    }

    /// Removes the records of these partitions that are not taken and returns them in order, and changes the progress under the same lock.
    fn remove_records(&self, partitions: &[TopicPartition], change: &mut dyn FnMut(&mut Progress)) -> VecDeque<Ready<K, V>> {
        self.flush_chunk();
        lock(&self.chunk).last = None;
        let mut front = lock(&self.front);
        let mut back = lock(&self.back);
        let numbers: Vec<_> =
            partitions.iter().map(|partition| front.progress.number_of(partition.topic(), partition.partition())).collect();
        let mut taken = VecDeque::new();
        let Front { ready, held, progress } = &mut *front;
        for side in [held, ready, &mut back.ready] {
            for ready in mem::take(side) {
                match ready.place {
                    Some((number, _)) if numbers.contains(&number) => taken.push_back(ready),
                    _ => side.push_back(ready),
                }
            }
        }
        back.bytes = back.ready.iter().map(|ready| ready.size).sum();
        change(progress);
        taken
    }

    fn discard_records(&self, partitions: &[TopicPartition], change: &mut dyn FnMut(&mut Progress)) {
        lock(&self.stalled).forget(partitions);
        let dropped = self.remove_records(partitions, change);
        discard(dropped);
    }
}

impl<K: Send + 'static, V: Send + 'static> Intake for RecordQueue<K, V> {
    fn push(&self, message: &Consumed<'_>) -> bool {
        let topic = message.topic();
        let Some(Located { topic, number, window, .. }) = self.locate(&topic, message.partition()) else { return true };
        let (key, value) = (message.key(), message.value());
        let head = head(message, topic);
        if lock(&self.stalled).holds(number) {
            let record = RawRecord::new(head, key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), window);
            lock(&self.stalled).push(Waiting { number, record });
            return false;
        }
        let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let item = match self.deserializers.read(head, key, value, window).map_err(stalled) {
            Ok(record) => Ok(record),
            Err(Err(error)) => Err(error),
            Err(Ok((error, record))) => {
                lock(&self.stalled).push(Waiting { number, record });
                self.push_error(error);
                return false;
            }
        };
        self.deliver(number, message.offset(), size, item)
    }

    fn retry_stalled(&self) -> Vec<TopicPartition> {
        let waiting = lock(&self.stalled).take();
        if waiting.is_empty() {
            return Vec::new();
        }
        let paused = lock(&self.front).progress.paused();
        let (mut left, mut blocked) = (VecDeque::new(), Vec::new());
        for waiting in waiting {
            if blocked.contains(&waiting.number) || waiting.belongs_to(&paused) {
                blocked.push(waiting.number);
                left.push_back(waiting);
                continue;
            }
            let Waiting { number, record } = waiting;
            let offset = record.offset();
            let size = [record.key(), record.value()].into_iter().flatten().map(Vec::len).sum();
            let item = match self.deserializers.read_again(record).map_err(stalled) {
                Ok(record) => Ok(record),
                Err(Err(error)) => Err(error),
                Err(Ok((error, record))) => {
                    blocked.push(number);
                    left.push_back(Waiting { number, record });
                    self.push_error(error);
                    continue;
                }
            };
            self.deliver(number, offset, size, item);
        }
        let mut stalled = lock(&self.stalled);
        stalled.put_back(left);
        stalled.partitions()
    }

    fn fail(&self, error: Error) {
        let mut chunk = lock(&self.chunk);
        chunk.ready.push(Ready::error(error));
        self.flush(chunk);
    }

    fn fail_all(&self, error: &dyn Fn() -> Error) {
        let waiting = lock(&self.back).waiters.len().max(1);
        let errors: Vec<_> = (0..waiting).map(|_| Ready::error(error())).collect();
        let mut chunk = lock(&self.chunk);
        chunk.ready.extend(errors);
        self.flush(chunk);
    }

    fn room(&self) -> Capacity {
        self.flush_chunk()
    }

    fn wake_all(&self) {
        let wakers = lock(&self.back).waiters.take();
        wakers.into_iter().for_each(wake);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn wait_until_processed(&self, partitions: &[TopicPartition], stop: &dyn Fn() -> bool) -> bool {
        loop {
            // Set before the check: a change after the check clears it and wakes this thread.
            self.awaited.set(true);
            let are_processed = lock(&self.front).progress.are_processed(partitions);
            if are_processed || stop() {
                self.awaited.set(false);
                return are_processed;
            }
            thread::park_timeout(MAX_WAIT);
        }
    }

    fn assign(&self, partitions: &[TopicPartition]) {
        lock(&self.chunk).last = None;
        let mut front = lock(&self.front);
        partitions.iter().for_each(|partition| front.progress.assign(partition));
    }

    fn drop_records(&self, partitions: &[TopicPartition]) {
        self.discard_records(partitions, &mut |_| ());
    }

    fn unassign(&self, partitions: &[TopicPartition], is_lost: bool) {
        self.discard_records(partitions, &mut |progress| {
            partitions.iter().for_each(|partition| progress.unassign(partition, is_lost));
        });
    }

    fn reposition(&self, partition: &TopicPartition, next: Option<i64>) {
        self.discard_records(std::slice::from_ref(partition), &mut |progress| progress.seek(partition, next));
    }

    fn set_paused(&self, partitions: &[TopicPartition], is_paused: bool) {
        let records = self.remove_records(partitions, &mut |progress| {
            partitions.iter().for_each(|partition| progress.set_paused(partition, is_paused));
        });
        if is_paused {
            lock(&self.front).held.extend(records);
            return;
        }
        // Neither side has other records of these partitions. Counted like new records, so that repeated pauses do not add up.
        let mut back = lock(&self.back);
        for record in records.into_iter().rev() {
            back.bytes += record.size;
            back.ready.push_front(record);
        }
        let wakers = if back.ready.is_empty() { Vec::new() } else { back.waiters.take() };
        drop(back);
        wakers.into_iter().for_each(wake);
    }

    fn progress(&self, code: &mut dyn FnMut(&mut Progress)) {
        code(&mut lock(&self.front).progress);
    }

    fn end(&self) {
        lock(&self.back).has_ended = true;
        self.flush_chunk();
    }
}
