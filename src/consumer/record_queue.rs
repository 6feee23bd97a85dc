//! [`RecordQueue`]: from the polling thread to the program.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
    native::Consumed,
    panic::{contain, emit, release, wake},
};

/// How long the polling thread waits for the program before it looks up by itself.
const LOOK: Duration = Duration::from_secs(1);

/// What a consumer gives: a record, or what came in place of one.
pub(super) type Item<K, V> = Result<ConsumerRecord<K, V>, ConsumeError>;

/// How many bytes of keys and values a side holds, beside one record, before it counts as full.
const BYTES: usize = 1024 * 1024;

/// How many records the polling thread keeps to itself before it hands them on: locks and wake-ups are what a record costs.
const CHUNK: usize = 128;

/// The records that the polling thread has deserialized and the program has not taken.
///
/// There are two sides, each of twice `max.poll.records` and a mebibyte of keys and values until it counts as full. The program takes from
/// the front without meeting the polling thread, which fills the back; when the front is empty they change places. Records of partitions
/// that were paused come back to the back, where they count: after a resumption it may hold more, and then the front gets a part of it.
///
/// Nothing of the program's runs while a lock is held: no deserializer, no waker, and no drop of a key or a value.
pub(super) struct RecordQueue<K, V> {
    /// Locked before the back, where both are.
    front: Mutex<Front<K, V>>,
    back: Mutex<Back<K, V>>,
    /// The polling thread's own.
    chunk: Mutex<Chunk<K, V>>,
    /// The records that wait for a schema registry, the polling thread's own too.
    stalled: Mutex<Stalled>,
    deserializers: Deserializers<K, V>,
    max_poll_records: usize,
    /// How often the program has asked for records.
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
    /// The polling thread waits for room.
    is_full: bool,
}

struct Ready<K, V> {
    /// The number of its partition and its offset, if it is a record.
    place: Option<(usize, i64)>,
    /// The bytes of key and value.
    size: usize,
    item: Item<K, V>,
}

impl<K, V> Ready<K, V> {
    fn error(error: Error) -> Self {
        Self { place: None, size: 0, item: Err(error.into()) }
    }
}

/// What the polling thread has read and not handed on.
struct Chunk<K, V> {
    ready: Vec<Ready<K, V>>,
    bytes: usize,
    /// The partition of the last record, so that the next one of it need not be looked up.
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

/// Whether the hand-over takes more records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capacity {
    Free,
    /// The bell rings when there is room. Single records are still taken, so that the queue of librdkafka can be served.
    Full,
    /// As `Full`, and not even single records are to be read.
    Over,
}

/// The side of the polling thread, which does not know the types of key and value.
pub(super) trait Intake: Send + Sync {
    /// Deserializes a record and puts it behind the others; whether there is room for another one. A record of a partition that is not
    /// assigned is dropped: it will be read by who has the partition.
    fn push(&self, message: &Consumed<'_>) -> bool;

    /// Reads the records again that wait for a schema registry; the partitions that have such records still.
    fn retry_stalled(&self) -> Vec<TopicPartition>;

    /// Puts an error behind the records.
    fn fail(&self, error: Error);

    /// Puts an error behind the records for each task that waits, at least one.
    fn fail_all(&self, error: &dyn Fn() -> Error);

    /// Hands on what was pushed, and tells whether there is room.
    fn room(&self) -> Capacity;

    /// Wakes all tasks that wait, so that those that are alive ask again.
    fn ask_for_life(&self);

    /// How often the program has asked.
    fn asked(&self) -> u64;

    /// Waits until the program is done with what it has taken of these partitions, or until `stop`, which is looked at when the bell rings
    /// and now and then. Whether all is done.
    fn wait_until_settled(&self, partitions: &[TopicPartition], stop: &dyn Fn() -> bool) -> bool;

    /// Partitions have come.
    fn assign(&self, partitions: &[TopicPartition]);

    /// Drops the records of these partitions that the program has not taken.
    fn withdraw(&self, partitions: &[TopicPartition]);

    /// Partitions have gone, with their records that the program has not taken.
    fn unassign(&self, partitions: &[TopicPartition], is_lost: bool);

    /// The next record of the partition is to be this one; drops those that were read before.
    fn sought(&self, partition: &TopicPartition, next: Option<i64>);

    /// Holds back the records of these partitions, or lets them go before those that the program has not begun to take.
    fn set_paused(&self, partitions: &[TopicPartition], is_paused: bool);

    /// Reads or changes how far the partitions have come. The code must not call the program's.
    fn progress(&self, code: &mut dyn FnMut(&mut Progress));

    /// There is nothing more to come.
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

    /// The next item, `None` at the end: for a stream, which cannot take its waker back.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Item<K, V>>> {
        self.poll_take(context, None, Front::pop)
    }

    /// The future of the next item, `None` at the end.
    pub(super) fn next(&self) -> Next<'_, K, V, Item<K, V>> {
        Next { record_queue: self, key: None, take: |front, _| front.pop() }
    }

    /// The future of the items that are ready, as many as a batch has at most; `None` at the end.
    pub(super) fn next_batch(&self) -> Next<'_, K, V, Vec<Item<K, V>>> {
        let take = |front: &mut Front<K, V>, max_poll_records: usize| {
            let count = front.ready.len().min(max_poll_records);
            (count > 0).then(|| std::iter::from_fn(|| front.pop()).take(count).collect())
        };
        Next { record_queue: self, key: None, take }
    }

    /// How many tasks wait.
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
        // Cloned where nothing is locked, and only if there is a reason to wait.
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
            self.awaited.ring();
            if !had_room {
                self.wakeup.ring();
            }
            replaced.wake.into_iter().for_each(wake);
            replaced.drop.into_iter().for_each(release);
            match taken {
                Some(taken) => return taken,
                None => waker = Some(context.waker().clone()),
            }
        }
    }

    /// Hands the chunk on; whether there is room behind it.
    fn flush(&self, mut chunk: MutexGuard<'_, Chunk<K, V>>) -> Capacity {
        let mut back = lock(&self.back);
        back.ready.extend(chunk.ready.drain(..));
        back.bytes += mem::take(&mut chunk.bytes);
        drop(chunk);
        let (records, bytes) = (back.ready.len(), back.bytes);
        let room = if records >= 3 * self.max_poll_records || bytes >= 2 * BYTES {
            Capacity::Over
        } else if records >= 2 * self.max_poll_records || bytes >= BYTES {
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

    fn hand_on(&self) -> Capacity {
        self.flush(lock(&self.chunk))
    }

    /// Puts a record behind the others; whether there is room for another one.
    fn deliver(&self, number: usize, offset: i64, size: usize, item: Item<K, V>) -> bool {
        let mut chunk = lock(&self.chunk);
        chunk.bytes += size;
        chunk.ready.push(Ready { place: Some((number, offset)), size, item });
        if chunk.ready.len() < CHUNK.min(self.max_poll_records) && chunk.bytes < BYTES {
            return true;
        }
        self.flush(chunk) == Capacity::Free
    }

    /// Puts an error behind the records, if the program has not heard of it.
    fn tell(&self, error: Error) {
        if lock(&self.stalled).is_news(&error) {
            let mut chunk = lock(&self.chunk);
            chunk.ready.push(Ready::error(error));
            self.flush(chunk);
        }
    }

    /// The partition of the message, if it is assigned. The polling thread alone assigns, so that this stays true.
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

    /// Takes out the records of these partitions that the program has not taken, in order, and changes the progress with them.
    fn take_out(&self, partitions: &[TopicPartition], change: &mut dyn FnMut(&mut Progress)) -> VecDeque<Ready<K, V>> {
        self.hand_on();
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

    fn drop_out(&self, partitions: &[TopicPartition], change: &mut dyn FnMut(&mut Progress)) {
        lock(&self.stalled).forget(partitions);
        let dropped = self.take_out(partitions, change);
        discard(dropped);
    }
}

/// Drops records: keys and values are the program's types, and a panic in one of them costs no other.
fn discard<K, V>(records: impl IntoIterator<Item = Ready<K, V>>) {
    for record in records {
        if let Err(panic) = contain(|| drop(record)) {
            emit!(error, %panic, "a record that was read ahead panicked when it was dropped");
        }
    }
}

/// The future of what the program asks for. It takes its waker back when it is dropped.
pub(super) struct Next<'a, K, V, T> {
    record_queue: &'a RecordQueue<K, V>,
    /// Its key among those that wait.
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Gives the front, which is empty, all that is ready; of more than a side holds, as much as one holds until it counts as full.
    fn fill(&mut self, front: &mut VecDeque<Ready<K, V>>, max_poll_records: usize) {
        if self.ready.len() <= 4 * max_poll_records && self.bytes <= 3 * BYTES {
            mem::swap(front, &mut self.ready);
            self.bytes = 0;
            return;
        }
        let mut bytes = 0;
        while front.len() < 2 * max_poll_records && bytes < BYTES {
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
                self.tell(error);
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
            if blocked.contains(&waiting.number) || waiting.is_of(&paused) {
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
                    self.tell(error);
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
        self.hand_on()
    }

    fn ask_for_life(&self) {
        let wakers = lock(&self.back).waiters.take();
        wakers.into_iter().for_each(wake);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn wait_until_settled(&self, partitions: &[TopicPartition], stop: &dyn Fn() -> bool) -> bool {
        loop {
            // Set before it looks: a change in between lowers it and rings.
            self.awaited.set(true);
            let is_settled = lock(&self.front).progress.is_settled(partitions);
            if is_settled || stop() {
                self.awaited.set(false);
                return is_settled;
            }
            thread::park_timeout(LOOK);
        }
    }

    fn assign(&self, partitions: &[TopicPartition]) {
        lock(&self.chunk).last = None;
        let mut front = lock(&self.front);
        partitions.iter().for_each(|partition| front.progress.assign(partition));
    }

    fn withdraw(&self, partitions: &[TopicPartition]) {
        self.drop_out(partitions, &mut |_| ());
    }

    fn unassign(&self, partitions: &[TopicPartition], is_lost: bool) {
        self.drop_out(partitions, &mut |progress| {
            partitions.iter().for_each(|partition| progress.unassign(partition, is_lost));
        });
    }

    fn sought(&self, partition: &TopicPartition, next: Option<i64>) {
        self.drop_out(std::slice::from_ref(partition), &mut |progress| progress.seek(partition, next));
    }

    fn set_paused(&self, partitions: &[TopicPartition], is_paused: bool) {
        let records = self.take_out(partitions, &mut |progress| {
            partitions.iter().for_each(|partition| progress.set_paused(partition, is_paused));
        });
        if is_paused {
            lock(&self.front).held.extend(records);
            return;
        }
        // Neither side has other records of theirs. Counted like those that are read: what is held back at each pause would add up.
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
        self.hand_on();
    }
}

/// The last owner drops the remaining keys and values one by one.
impl<K, V> Drop for RecordQueue<K, V> {
    fn drop(&mut self) {
        let left = |mutex: &mut Mutex<Front<K, V>>| {
            let front = mutex.get_mut().unwrap_or_else(PoisonError::into_inner);
            [mem::take(&mut front.held), mem::take(&mut front.ready)]
        };
        left(&mut self.front).into_iter().for_each(discard);
        discard(mem::take(&mut self.back.get_mut().unwrap_or_else(PoisonError::into_inner).ready));
        discard(mem::take(&mut self.chunk.get_mut().unwrap_or_else(PoisonError::into_inner).ready));
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::ErrorKind;

    const MAX_POLL_RECORDS: usize = 10;

    /// Reads ahead as the polling thread does; the offset of the next record.
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
    fn pausing_again_and_again_reads_no_further_and_keeps_the_order() {
        for size in [1, BYTES / 4] {
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
                assert!(next - taken <= 80, "{} records of {size} bytes are read ahead", next - taken);
            }
            for taken in taken..next {
                let item = record_queue.next().now_or_never().flatten().unwrap();
                assert!(item.is_err() && position(&record_queue, &partition[0]) == Some(taken + 1));
            }
            assert_eq!(lock(&record_queue.back).bytes, 0);
        }
    }
}
