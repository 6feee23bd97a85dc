//! [`RecordQueue`]: the records between the polling thread and the program.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use super::{
    ConsumeError, ConsumerRecord, RawRecord, TopicPartition,
    deserializers::{Deserializers, head},
    done::{Awaited, Window},
    poll_wakeup::PollWakeup,
    progress::Progress,
    stalled::{Stalled, Waiting, stalled},
    waiters::{Replaced, Waiters},
};
use crate::{
    Error,
    lock::{lock, unpoisoned},
    native::Consumed,
    panic::{contain, emit, release, wake},
};

/// The longest wait of the polling thread for the program.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// An item of the consumer: a record or an error.
pub(super) type Item<K, V> = Result<ConsumerRecord<K, V>, ConsumeError>;

/// A side is full from this many bytes of keys and values.
const SIDE_BYTES: usize = 1024 * 1024;

/// The polling thread passes records on in chunks of this many, because locks and wake-ups are expensive.
const CHUNK: usize = 128;

/// The records that the polling thread has deserialized and the program has not taken.
///
/// There are two sides. The program takes from the front without contention, while the polling thread fills the back; when the front is
/// empty the sides are swapped. A side is full with twice `max.poll.records` records or 1 MiB of keys and values. Records of paused partitions
/// are returned to the back, where they are counted. So after a resume the back may hold more than a full side; the front then gets a part.
///
/// No user code runs while a lock is held: no deserializer, no waker, and no drop of a key or value.
pub(super) struct RecordQueue<K, V> {
    /// Lock order: `front` before `back`.
    front: Mutex<Front<K, V>>,
    back: Mutex<Back<K, V>>,
    /// Used by the polling thread only.
    chunk: Mutex<Chunk<K, V>>,
    /// The records that wait for a schema registry. Used by the polling thread only.
    stalled: Mutex<Stalled>,
    deserializers: Deserializers<K, V>,
    max_poll_records: usize,
    /// The number of requests of the program.
    asked: AtomicU64,
    awaited: Arc<Awaited>,
    wakeup: Arc<PollWakeup>,
}

/// The program's side.
struct Front<K, V> {
    ready: VecDeque<Ready<K, V>>,
    /// The records of paused partitions, in order.
    held: VecDeque<Ready<K, V>>,
    progress: Progress,
}

/// The polling thread's side.
struct Back<K, V> {
    ready: VecDeque<Ready<K, V>>,
    bytes: usize,
    waiters: Waiters,
    has_ended: bool,
    /// Whether the polling thread waits for room.
    is_full: bool,
}

struct Ready<K, V> {
    /// The partition's index and the offset, if it is a record.
    place: Option<(usize, i64)>,
    /// The size of key and value, in bytes.
    size: usize,
    item: Item<K, V>,
}

impl<K, V> Ready<K, V> {
    fn error(error: Error) -> Self {
        Self { place: None, size: 0, item: Err(error.into()) }
    }
}

/// The records that the polling thread has not passed on yet.
struct Chunk<K, V> {
    ready: Vec<Ready<K, V>>,
    bytes: usize,
    /// The partition of the last record, to save the lookup for the next one.
    last: Option<Located>,
}

/// An assigned partition.
#[derive(Clone)]
struct Located {
    topic: Arc<str>,
    partition: i32,
    number: usize,
    window: Option<Arc<Window>>,
}

/// Whether the record queue accepts more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capacity {
    Free,
    /// The polling thread is woken when there is room. Single records are still accepted, so that librdkafka's queue can be served.
    Full,
    /// Like `Full`, but single records are not accepted either.
    Over,
}

/// The polling thread's view of the queue, which does not depend on the types of key and value.
pub(super) trait Intake: Send + Sync {
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
    fn wait_until_settled(&self, partitions: &[TopicPartition], stop: &dyn Fn() -> bool) -> bool;

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
    pub(super) fn new(
        deserializers: Deserializers<K, V>,
        max_poll_records: usize,
        explicit: bool,
        wakeup: Arc<PollWakeup>,
    ) -> Self {
        let awaited = Arc::new(Awaited::new(Arc::clone(&wakeup)));
        let progress = Progress::new(explicit.then(|| Arc::clone(&awaited)));
        Self {
            front: Mutex::new(Front { ready: VecDeque::new(), held: VecDeque::new(), progress }),
            back: Mutex::new(Back {
                ready: VecDeque::new(),
                bytes: 0,
                waiters: Waiters::default(),
                has_ended: false,
                is_full: false,
            }),
            chunk: Mutex::new(Chunk { ready: Vec::new(), bytes: 0, last: None }),
            stalled: Mutex::default(),
            deserializers,
            max_poll_records: max_poll_records.max(1),
            asked: AtomicU64::new(0),
            awaited,
            wakeup,
        }
    }

    /// The next item, `None` at the end: for a stream, which cannot remove its waker.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Item<K, V>>> {
        self.poll_take(context, None, Front::pop)
    }

    /// The future of the next item, `None` at the end.
    pub(super) fn next(&self) -> Next<'_, K, V, Item<K, V>> {
        Next { record_queue: self, key: None, take: |front, _| front.pop() }
    }

    /// The future of the items that are ready, at most one batch; `None` at the end.
    pub(super) fn next_batch(&self) -> Next<'_, K, V, Vec<Item<K, V>>> {
        let take = |front: &mut Front<K, V>, max_poll_records: usize| {
            let count = front.ready.len().min(max_poll_records);
            (count > 0).then(|| std::iter::from_fn(|| front.pop()).take(count).collect())
        };
        Next { record_queue: self, key: None, take }
    }

    /// The number of waiting tasks.
    #[cfg(all(test, feature = "testing"))]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.back).waiters.len()
    }

    fn poll_take<T>(
        &self,
        context: &mut Context<'_>,
        mut key: Option<&mut Option<u64>>,
        take: impl Fn(&mut Front<K, V>) -> Option<T>,
    ) -> Poll<Option<T>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        // Cloned without a lock, and only if it is needed.
        let mut waker: Option<Waker> = None;
        loop {
            let mut front = lock(&self.front);
            front.progress.settle();
            let mut had_room = true;
            let mut replaced = Replaced::default();
            let mut taken = take(&mut front).map(|taken| Poll::Ready(Some(taken)));
            if taken.is_none() {
                let mut back = lock(&self.back);
                back.fill(&mut front.ready, self.max_poll_records);
                had_room = !mem::take(&mut back.is_full);
                taken = match take(&mut front) {
                    Some(taken) => Some(Poll::Ready(Some(taken))),
                    None if back.has_ended => Some(Poll::Ready(None)),
                    None => waker.take().map(|waker| {
                        replaced = match &mut key {
                            Some(key) => back.waiters.insert(key, waker),
                            None => back.waiters.insert_shared(waker),
                        };
                        Poll::Pending
                    }),
                };
            }
            drop(front);
            self.awaited.wake();
            if !had_room {
                self.wakeup.wake();
            }
            replaced.wake.into_iter().for_each(wake);
            replaced.drop.into_iter().for_each(release);
            match taken {
                Some(taken) => return taken,
                None => waker = Some(context.waker().clone()),
            }
        }
    }

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
    fn deliver(&self, number: usize, offset: i64, size: usize, item: Item<K, V>) -> bool {
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

/// Drops records one by one: a panic in the drop of one key or value must not affect the others.
fn discard<K, V>(records: impl IntoIterator<Item = Ready<K, V>>) {
    for record in records {
        if let Err(panic) = contain(|| drop(record)) {
            emit!(error, %panic, "a key or value that was read ahead panicked in its drop");
        }
    }
}

/// The future of a request of the program. It removes its waker on drop.
pub(super) struct Next<'a, K, V, T> {
    record_queue: &'a RecordQueue<K, V>,
    /// Its key in [`Waiters`].
    key: Option<u64>,
    take: fn(&mut Front<K, V>, usize) -> Option<T>,
}

impl<K, V, T> Future for Next<'_, K, V, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let Self { record_queue, key, take } = &mut *self;
        record_queue.poll_take(context, Some(key), |front| take(front, record_queue.max_poll_records))
    }
}

impl<K, V, T> Drop for Next<'_, K, V, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = lock(&self.record_queue.back).waiters.remove(key);
            waker.into_iter().for_each(release);
        }
    }
}

impl<K, V> Front<K, V> {
    fn pop(&mut self) -> Option<Item<K, V>> {
        let Ready { place, item, .. } = self.ready.pop_front()?;
        if let Some((number, offset)) = place {
            self.progress.take(number, offset);
        }
        Some(item)
    }
}

impl<K, V> Back<K, V> {
    /// Moves the back's records to the empty front. If the back has more than a full side, moves one full side.
    fn fill(&mut self, front: &mut VecDeque<Ready<K, V>>, max_poll_records: usize) {
        if self.ready.len() <= 4 * max_poll_records && self.bytes <= 3 * SIDE_BYTES {
            mem::swap(front, &mut self.ready);
            self.bytes = 0;
            return;
        }
        let mut bytes = 0;
        while front.len() < 2 * max_poll_records && bytes < SIDE_BYTES {
            let Some(ready) = self.ready.pop_front() else { break };
            bytes += ready.size;
            front.push_back(ready);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
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

    fn wait_until_settled(&self, partitions: &[TopicPartition], stop: &dyn Fn() -> bool) -> bool {
        loop {
            // Set before the check: a change after the check clears it and wakes this thread.
            self.awaited.set(true);
            let is_settled = lock(&self.front).progress.is_settled(partitions);
            if is_settled || stop() {
                self.awaited.set(false);
                return is_settled;
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

/// Drops the remaining keys and values one by one.
impl<K, V> Drop for RecordQueue<K, V> {
    fn drop(&mut self) {
        let left = |mutex: &mut Mutex<Front<K, V>>| {
            let front = unpoisoned(mutex.get_mut());
            [mem::take(&mut front.held), mem::take(&mut front.ready)]
        };
        left(&mut self.front).into_iter().for_each(discard);
        discard(mem::take(&mut unpoisoned(self.back.get_mut()).ready));
        discard(mem::take(&mut unpoisoned(self.chunk.get_mut()).ready));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::ErrorKind;

    const MAX_POLL_RECORDS: usize = 10;

    /// Reads ahead like the polling thread. Returns the offset of the next record.
    fn read_ahead(record_queue: &RecordQueue<String, String>, size: usize, next: &mut i64) {
        while record_queue.room() == Capacity::Free {
            let error = Error::new(ErrorKind::Deserialization, next.to_string());
            record_queue.deliver(0, *next, size, Err(error.into()));
            *next += 1;
        }
    }

    fn position(record_queue: &RecordQueue<String, String>, partition: &TopicPartition) -> Option<i64> {
        lock(&record_queue.front).progress.position(partition)
    }

    #[test]
    fn repeated_pauses_limit_read_ahead_and_keep_the_order() {
        for size in [1, SIDE_BYTES / 4] {
            let deserializers = Deserializers::new((None, None), (None, None)).unwrap();
            let record_queue: RecordQueue<String, String> =
                RecordQueue::new(deserializers, MAX_POLL_RECORDS, false, Arc::default());
            let partition = [TopicPartition::new("t", 0)];
            record_queue.assign(&partition);
            let (mut next, mut taken) = (0, 0);
            for _ in 0..50 {
                read_ahead(&record_queue, size, &mut next);
                let item = record_queue.next().now_or_never().flatten().unwrap();
                assert!(item.is_err() && position(&record_queue, &partition[0]) == Some(taken + 1));
                taken += 1;
                read_ahead(&record_queue, size, &mut next);
                record_queue.set_paused(&partition, true);
                record_queue.set_paused(&partition, false);
                assert!(next - taken <= 80, "{} records of {size} bytes were read ahead", next - taken);
            }
            for taken in taken..next {
                let item = record_queue.next().now_or_never().flatten().unwrap();
                assert!(item.is_err() && position(&record_queue, &partition[0]) == Some(taken + 1));
            }
            assert_eq!(lock(&record_queue.back).bytes, 0);
        }
    }
}
