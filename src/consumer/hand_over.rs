//! [`HandOver`]: from the polling thread to the program.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
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

/// The records that the polling thread has deserialized and the program has not taken, `max.poll.records` of them at most.
pub(super) struct HandOver<K, V> {
    state: Mutex<State<K, V>>,
    deserializers: Deserializers<K, V>,
    limit: usize,
    /// How often the program has asked for records.
    asked: AtomicU64,
    bell: Arc<Bell>,
}

struct State<K, V> {
    ready: VecDeque<Ready<K, V>>,
    progress: Progress,
    /// The tasks that wait for a record.
    wakers: Vec<Waker>,
    has_ended: bool,
    /// The polling thread waits for room.
    is_full: bool,
    /// The polling thread waits for the program to be done with what it has taken.
    is_awaited: bool,
}

struct Ready<K, V> {
    /// The number of its partition and its offset, if it is a record.
    place: Option<(usize, i64)>,
    item: Item<K, V>,
}

/// The partition of the last record, so that the next one of it need not be looked up.
pub(super) struct Located {
    topic: Arc<str>,
    partition: i32,
    number: usize,
}

/// The side of the polling thread, which does not know the types of key and value.
pub(super) trait Intake: Send + Sync {
    /// Deserializes a record and puts it behind the others; whether there is room for another one.
    fn push(&self, message: &Consumed<'_>, last: &mut Option<Located>) -> bool;

    /// Puts an error behind the records.
    fn fail(&self, error: Error);

    /// Whether there is room; if not, the bell rings when there is.
    fn has_room(&self) -> bool;

    /// Wakes the tasks that wait, if there is something for them.
    fn wake_takers(&self);

    /// Wakes them all the same, so that those who are alive ask again.
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
    pub(super) fn new(deserializers: Deserializers<K, V>, limit: usize, bell: Arc<Bell>) -> Self {
        let state = State {
            ready: VecDeque::new(),
            progress: Progress::default(),
            wakers: Vec::new(),
            has_ended: false,
            is_full: false,
            is_awaited: false,
        };
        Self { state: Mutex::new(state), deserializers, limit: limit.max(1), asked: AtomicU64::new(0), bell }
    }

    /// The next item, `None` at the end.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Item<K, V>>> {
        self.poll_take(context, State::pop)
    }

    /// What is ready, at least one item and `max.poll.records` at most; `None` at the end.
    pub(super) fn poll_batch(&self, context: &mut Context<'_>) -> Poll<Option<Vec<Item<K, V>>>> {
        self.poll_take(context, |state| {
            let items: Vec<_> = std::iter::from_fn(|| state.pop()).take(self.limit).collect();
            (!items.is_empty()).then_some(items)
        })
    }

    fn poll_take<T>(&self, context: &mut Context<'_>, take: impl Fn(&mut State<K, V>) -> Option<T>) -> Poll<Option<T>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        state.progress.settle();
        let taken = match take(&mut state) {
            Some(taken) => Poll::Ready(Some(taken)),
            None if state.has_ended => Poll::Ready(None),
            None => {
                if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                    state.wakers.push(context.waker().clone());
                }
                Poll::Pending
            }
        };
        // Half of it free, so that the polling thread does not wake for every record.
        let rings = (state.is_full && state.ready.len() <= self.limit / 2) || state.is_awaited;
        if rings {
            (state.is_full, state.is_awaited) = (false, false);
        }
        drop(state);
        if rings {
            self.bell.ring();
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> State<K, V> {
    fn pop(&mut self) -> Option<Item<K, V>> {
        let Ready { place, item } = self.ready.pop_front()?;
        if let Some((number, offset)) = place {
            self.progress.take(number, offset);
        }
        Some(item)
    }
}

impl<K: Send + 'static, V: Send + 'static> Intake for HandOver<K, V> {
    fn push(&self, message: &Consumed<'_>, last: &mut Option<Located>) -> bool {
        let topic = message.topic();
        let located = match last {
            Some(located) if located.partition == message.partition() && *located.topic == *topic => located,
            _ => {
                let number = self.lock().progress.number_of(&topic, message.partition());
                let topic = match last {
                    Some(located) if *located.topic == *topic => Arc::clone(&located.topic),
                    _ => topic.as_ref().into(),
                };
                last.insert(Located { topic, partition: message.partition(), number })
            }
        };
        let head = head(message, Arc::clone(&located.topic));
        let item = self.deserializers.read(head, message.key(), message.value());
        let mut state = self.lock();
        state.ready.push_back(Ready { place: Some((located.number, message.offset())), item });
        state.is_full = state.ready.len() >= self.limit;
        !state.is_full
    }

    fn fail(&self, error: Error) {
        self.lock().ready.push_back(Ready { place: None, item: Err(error.into()) });
    }

    fn has_room(&self) -> bool {
        let mut state = self.lock();
        state.is_full = state.ready.len() >= self.limit;
        !state.is_full
    }

    fn wake_takers(&self) {
        let mut state = self.lock();
        if state.wakers.is_empty() || (state.ready.is_empty() && !state.has_ended) {
            return;
        }
        let wakers = mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(wake);
    }

    fn ask_for_life(&self) {
        let wakers = mem::take(&mut self.lock().wakers);
        wakers.into_iter().for_each(wake);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn wait_until_settled(&self, stop: &dyn Fn() -> bool) -> bool {
        loop {
            let mut state = self.lock();
            let is_settled = state.progress.is_settled();
            let stops = is_settled || stop();
            state.is_awaited = !stops;
            drop(state);
            if stops {
                return is_settled;
            }
            thread::park_timeout(LOOK);
        }
    }

    fn take_back(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        let mut state = self.lock();
        let numbers: Vec<_> =
            partitions.iter().map(|partition| state.progress.number_of(partition.topic(), partition.partition())).collect();
        let mut firsts: Vec<Option<i64>> = vec![None; partitions.len()];
        let (mut kept, mut dropped) = (VecDeque::with_capacity(state.ready.len()), Vec::new());
        for ready in state.ready.drain(..) {
            let found = ready
                .place
                .and_then(|(number, offset)| numbers.iter().position(|wanted| *wanted == number).map(|index| (index, offset)));
            match found {
                Some((index, offset)) => {
                    if let Some(first) = firsts.get_mut(index) {
                        first.get_or_insert(offset);
                    }
                    dropped.push(ready);
                }
                None => kept.push_back(ready),
            }
        }
        state.ready = kept;
        drop(state);
        // Keys and values are the program's types: they are dropped where nothing is locked.
        drop(dropped);
        partitions.iter().zip(firsts).filter_map(|(partition, first)| Some((partition.clone(), first?))).collect()
    }

    fn progress(&self, code: &mut dyn FnMut(&mut Progress)) {
        code(&mut self.lock().progress);
    }

    fn end(&self) {
        self.lock().has_ended = true;
        self.wake_takers();
    }
}
