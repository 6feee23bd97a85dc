//! [`HandOver`]: from the polling thread to the program.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use super::{
    ConsumeError, ConsumerRecord, TopicPartition,
    bell::Bell,
    deserializers::{Deserializers, head},
    progress::Progress,
};
use crate::{Error, native::Consumed, panic::wake};

/// How long the polling thread waits for the program before it looks up by itself.
const LOOK: Duration = Duration::from_secs(1);

/// What a consumer gives: a record, or what came in place of one.
pub(super) type Item<K, V> = Result<ConsumerRecord<K, V>, ConsumeError>;

/// How many bytes of keys and values a side holds at most, beside one record.
const BYTES: usize = 1024 * 1024;

/// How many records the polling thread keeps to itself before it hands them on: locks and wake-ups are what a record costs.
const CHUNK: usize = 128;

/// The records that the polling thread has deserialized and the program has not taken.
///
/// There are two sides, each of twice `max.poll.records` and a mebibyte of keys and values at most. The program takes from the front
/// without meeting the polling thread, which fills the back; when the front is empty they change places.
pub(super) struct HandOver<K, V> {
    /// Locked before the back, where both are.
    front: Mutex<Front<K, V>>,
    back: Mutex<Back<K, V>>,
    /// The polling thread's own.
    chunk: Mutex<Chunk<K, V>>,
    deserializers: Deserializers<K, V>,
    max_poll_records: usize,
    /// How often the program has asked for records.
    asked: AtomicU64,
    /// The polling thread waits for the program to be done with what it has taken.
    is_awaited: AtomicBool,
    bell: Arc<Bell>,
}

/// The program's side.
struct Front<K, V> {
    ready: VecDeque<Ready<K, V>>,
    progress: Progress,
}

/// The polling thread's side.
struct Back<K, V> {
    ready: VecDeque<Ready<K, V>>,
    bytes: usize,
    /// The tasks that wait for a record.
    wakers: Vec<Waker>,
    has_ended: bool,
    /// The polling thread waits for room.
    is_full: bool,
}

struct Ready<K, V> {
    /// The number of its partition and its offset, if it is a record.
    place: Option<(usize, i64)>,
    item: Item<K, V>,
}

/// What the polling thread has read and not handed on.
struct Chunk<K, V> {
    ready: Vec<Ready<K, V>>,
    bytes: usize,
    /// The partition of the last record, so that the next one of it need not be looked up.
    last: Option<Located>,
}

struct Located {
    topic: Arc<str>,
    partition: i32,
    number: usize,
}

/// The side of the polling thread, which does not know the types of key and value.
pub(super) trait Intake: Send + Sync {
    /// Deserializes a record and puts it behind the others; whether there is room for another one.
    fn push(&self, message: &Consumed<'_>) -> bool;

    /// Puts an error behind the records.
    fn fail(&self, error: Error);

    /// Whether there is room; if not, the bell rings when there is.
    fn has_room(&self) -> bool;

    /// Hands on what was pushed, and wakes the tasks that wait for it.
    fn hand_on(&self);

    /// Wakes all tasks that wait, so that those who are alive ask again.
    fn ask_for_life(&self);

    /// How often the program has asked.
    fn asked(&self) -> u64;

    /// Waits until the program asks for more than it has taken, or until `stop`, which is looked at when the bell rings and now and
    /// then. Whether all is settled.
    fn wait_until_settled(&self, stop: &dyn Fn() -> bool) -> bool;

    /// Takes back the records of these partitions; gives the first offset that was taken back of each.
    fn take_back(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)>;

    /// Reads or changes how far the partitions have come.
    fn progress(&self, code: &mut dyn FnMut(&mut Progress));

    /// There is nothing more to come.
    fn end(&self);
}

impl<K, V> HandOver<K, V> {
    pub(super) fn new(deserializers: Deserializers<K, V>, max_poll_records: usize, bell: Arc<Bell>) -> Self {
        let back = Back { ready: VecDeque::new(), bytes: 0, wakers: Vec::new(), has_ended: false, is_full: false };
        Self {
            front: Mutex::new(Front { ready: VecDeque::new(), progress: Progress::default() }),
            back: Mutex::new(back),
            chunk: Mutex::new(Chunk { ready: Vec::new(), bytes: 0, last: None }),
            deserializers,
            max_poll_records: max_poll_records.max(1),
            asked: AtomicU64::new(0),
            is_awaited: AtomicBool::new(false),
            bell,
        }
    }

    /// The next item, `None` at the end.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Item<K, V>>> {
        self.poll_take(context, Front::pop)
    }

    /// What is ready, at least one item and `max.poll.records` at most; `None` at the end.
    pub(super) fn poll_batch(&self, context: &mut Context<'_>) -> Poll<Option<Vec<Item<K, V>>>> {
        self.poll_take(context, |front| {
            let count = front.ready.len().min(self.max_poll_records);
            (count > 0).then(|| std::iter::from_fn(|| front.pop()).take(count).collect())
        })
    }

    fn poll_take<T>(&self, context: &mut Context<'_>, take: impl Fn(&mut Front<K, V>) -> Option<T>) -> Poll<Option<T>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut front = lock(&self.front);
        front.progress.settle();
        let mut rings = self.is_awaited.swap(false, Ordering::SeqCst);
        let taken = match take(&mut front) {
            Some(taken) => Poll::Ready(Some(taken)),
            None => {
                let mut back = lock(&self.back);
                mem::swap(&mut front.ready, &mut back.ready);
                back.bytes = 0;
                rings |= mem::take(&mut back.is_full);
                match take(&mut front) {
                    Some(taken) => Poll::Ready(Some(taken)),
                    None if back.has_ended => Poll::Ready(None),
                    None => {
                        if !back.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                            back.wakers.push(context.waker().clone());
                        }
                        Poll::Pending
                    }
                }
            }
        };
        drop(front);
        if rings {
            self.bell.ring();
        }
        taken
    }

    /// Hands the chunk on; whether there is room behind it.
    fn flush(&self, chunk: &mut Chunk<K, V>) -> bool {
        let mut back = lock(&self.back);
        back.ready.extend(chunk.ready.drain(..));
        back.bytes += mem::take(&mut chunk.bytes);
        back.is_full = back.ready.len() >= 2 * self.max_poll_records || back.bytes >= BYTES;
        let has_room = !back.is_full;
        let wakers = if back.ready.is_empty() && !back.has_ended { Vec::new() } else { mem::take(&mut back.wakers) };
        drop(back);
        wakers.into_iter().for_each(wake);
        has_room
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, V> Front<K, V> {
    fn pop(&mut self) -> Option<Item<K, V>> {
        let Ready { place, item } = self.ready.pop_front()?;
        if let Some((number, offset)) = place {
            self.progress.take(number, offset);
        }
        Some(item)
    }
}

impl<K: Send + 'static, V: Send + 'static> Intake for HandOver<K, V> {
    fn push(&self, message: &Consumed<'_>) -> bool {
        let topic = message.topic();
        let mut chunk = lock(&self.chunk);
        let Chunk { ready, bytes, last } = &mut *chunk;
        let located = match last {
            Some(located) if located.partition == message.partition() && *located.topic == *topic => located,
            _ => {
                let number = lock(&self.front).progress.number_of(&topic, message.partition());
                let topic = match last {
                    Some(located) if *located.topic == *topic => Arc::clone(&located.topic),
                    _ => topic.as_ref().into(),
                };
                last.insert(Located { topic, partition: message.partition(), number })
            }
        };
        let (key, value) = (message.key(), message.value());
        *bytes += key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
        let item = self.deserializers.read(head(message, Arc::clone(&located.topic)), key, value);
        ready.push(Ready { place: Some((located.number, message.offset())), item });
        if ready.len() < CHUNK.min(self.max_poll_records) && *bytes < BYTES {
            return true;
        }
        self.flush(&mut chunk)
    }

    fn fail(&self, error: Error) {
        let mut chunk = lock(&self.chunk);
        chunk.ready.push(Ready { place: None, item: Err(error.into()) });
        self.flush(&mut chunk);
    }

    fn has_room(&self) -> bool {
        self.flush(&mut lock(&self.chunk))
    }

    fn hand_on(&self) {
        self.flush(&mut lock(&self.chunk));
    }

    fn ask_for_life(&self) {
        let wakers = mem::take(&mut lock(&self.back).wakers);
        wakers.into_iter().for_each(wake);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn wait_until_settled(&self, stop: &dyn Fn() -> bool) -> bool {
        loop {
            // Raised before it looks: who asks in between lowers it and rings.
            self.is_awaited.store(true, Ordering::SeqCst);
            let is_settled = lock(&self.front).progress.is_settled();
            if is_settled || stop() {
                self.is_awaited.store(false, Ordering::SeqCst);
                return is_settled;
            }
            thread::park_timeout(LOOK);
        }
    }

    fn take_back(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        self.hand_on();
        let mut front = lock(&self.front);
        let mut back = lock(&self.back);
        let numbers: Vec<_> =
            partitions.iter().map(|partition| front.progress.number_of(partition.topic(), partition.partition())).collect();
        let mut firsts: Vec<Option<i64>> = vec![None; partitions.len()];
        let mut dropped = Vec::new();
        for side in [&mut front.ready, &mut back.ready] {
            for ready in mem::take(side) {
                let found =
                    ready.place.and_then(|(number, offset)| Some((numbers.iter().position(|wanted| *wanted == number)?, offset)));
                match found {
                    Some((index, offset)) => {
                        if let Some(first) = firsts.get_mut(index) {
                            first.get_or_insert(offset);
                        }
                        dropped.push(ready);
                    }
                    None => side.push_back(ready),
                }
            }
        }
        // A bound, not an account: what is left counts for nothing, rather than what is gone for something.
        back.bytes = 0;
        drop((front, back));
        // Keys and values are the program's types: they are dropped where nothing is locked.
        drop(dropped);
        partitions.iter().zip(firsts).filter_map(|(partition, first)| Some((partition.clone(), first?))).collect()
    }

    fn progress(&self, code: &mut dyn FnMut(&mut Progress)) {
        code(&mut lock(&self.front).progress);
    }

    fn end(&self) {
        lock(&self.back).has_ended = true;
        self.hand_on();
    }
}
