//! [`RecordQueue`]: the records between the polling thread and the program.

mod intake;

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use self::intake::Chunk;
pub(super) use self::intake::{Capacity, Intake};
use super::{
    ConsumeError, ConsumerRecord,
    deserializers::Deserializers,
    done::Awaited,
    poll_wakeup::PollWakeup,
    progress::Progress,
    stalled::Stalled,
    waiters::{Replaced, Waiters},
};
use crate::{
    Error,
    lock::{lock, unpoisoned},
    panic::{contain, emit, release, wake},
};

/// An item of the consumer: a record or an error.
pub(super) type Item<K, V> = Result<ConsumerRecord<K, V>, ConsumeError>;

/// A side is full from this many bytes of keys and values.
const SIDE_BYTES: usize = 1024 * 1024;

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
            front.progress.mark_processed();
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
    use crate::{ErrorKind, consumer::TopicPartition};

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
