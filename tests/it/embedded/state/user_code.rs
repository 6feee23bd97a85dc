//! The user code of a case: serializer, interceptors, partitioner, and values that panic in their drop.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::resume_unwind,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
    thread,
};

use futures::future::poll_fn;
use ottla::{
    Acknowledgement, Interceptor, ProducerRecord, Serializer,
    partition::PartitionContext,
    serialize::{BoxError, Deferred, Finish, SerializeContext, Serialized},
};

use super::{ledger::Ledger, step::Release};

/// The header with the number of a record.
pub(super) const NUMBER: &str = "number";

/// Panics without output on stderr.
pub(super) fn deliberate_panic() -> ! {
    resume_unwind(Box::new("on purpose"))
}

/// Whether a panic is one of these.
pub(super) fn is_deliberate(payload: &(dyn Any + Send)) -> bool {
    payload.downcast_ref::<&str>() == Some(&"on purpose")
}

/// Panics in its drop.
pub(super) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            deliberate_panic();
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number at the start of a value.
pub(super) fn number_of(value: &[u8]) -> Option<usize> {
    std::str::from_utf8(value.get(..8)?).ok()?.parse().ok()
}

fn letter_of(value: &[u8]) -> Option<u8> {
    value.get(8).copied()
}

/// Blocks callbacks while it is closed.
#[derive(Default)]
pub(super) struct Valve {
    is_shut: Mutex<bool>,
    changed: Condvar,
}

impl Valve {
    /// Blocks while it is closed.
    pub(super) fn pass(&self) {
        let mut is_shut = lock(&self.is_shut);
        while *is_shut {
            is_shut = self.changed.wait(is_shut).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn set_shut(&self, is_shut: bool) {
        *lock(&self.is_shut) = is_shut;
        self.changed.notify_all();
    }
}

/// The waiting deferred serializers, by record number.
#[derive(Default)]
pub(super) struct Gates {
    gates: Mutex<BTreeMap<usize, Gate>>,
    /// Whether none waits.
    are_open: AtomicBool,
}

#[derive(Default)]
struct Gate {
    release: Option<Release>,
    waker: Option<Waker>,
}

impl Gates {
    /// The waiting ones, in order.
    pub(super) fn closed(&self) -> Vec<usize> {
        let gates = lock(&self.gates);
        gates.iter().filter(|(_, gate)| gate.release.is_none()).map(|(number, _)| *number).collect()
    }

    pub(super) fn release(&self, number: usize, release: Release) {
        let waker = {
            let mut gates = lock(&self.gates);
            let gate = gates.entry(number).or_default();
            gate.release.get_or_insert(release);
            gate.waker.clone()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether all current and future ones are released.
    pub(super) fn stay_open(&self, are_open: bool) {
        self.are_open.store(are_open, Ordering::SeqCst);
        if are_open {
            self.closed().into_iter().for_each(|number| self.release(number, Release::Finishes));
        }
    }

    /// Calls wakers again that have already been called, as an executor may.
    pub(super) fn wake_again(&self) {
        let wakers: Vec<Waker> = {
            let mut gates = lock(&self.gates);
            gates.values_mut().filter(|gate| gate.release.is_some()).filter_map(|gate| gate.waker.take()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn defer(self: &Arc<Self>, number: usize, value: String, bomb: Option<Bomb>) -> Deferred {
        lock(&self.gates).entry(number).or_default();
        if self.are_open.load(Ordering::SeqCst) {
            self.release(number, Release::Finishes);
        }
        let gates = Arc::clone(self);
        let waits = async move {
            let _bomb = bomb;
            let release = poll_fn(|context| {
                let mut gates = lock(&gates.gates);
                let gate = gates.entry(number).or_default();
                gate.waker = Some(context.waker().clone());
                gate.release.map_or(Poll::Pending, Poll::Ready)
            })
            .await;
            match release {
                Release::Finishes => {}
                Release::Rejects => return Err(BoxError::from("rejected on purpose")),
                Release::Panics => deliberate_panic(),
                Release::FinishPanics => return Ok(Box::new(finish_with_a_panic) as Finish),
            }
            let finish: Finish = Box::new(move |_, buffer| {
                buffer.extend_from_slice(value.as_bytes());
                Ok(Serialized::Bytes)
            });
            Ok(finish)
        };
        Deferred::new(waits).description("the test")
    }
}

fn finish_with_a_panic(_: &mut SerializeContext<'_>, _: &mut Vec<u8>) -> Result<Serialized, BoxError> {
    deliberate_panic()
}

/// Serializes values; fails, panics or defers as the value says.
pub(super) struct Values {
    pub(super) gates: Arc<Gates>,
    pub(super) may_defer: bool,
}

impl Serializer<str> for Values {
    fn serialize(&self, data: &str, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        match letter_of(data.as_bytes()) {
            Some(b'f') => return Err("failed on purpose".into()),
            Some(b'p') => deliberate_panic(),
            _ => buffer.extend_from_slice(data.as_bytes()),
        }
        Ok(Serialized::Bytes)
    }

    fn may_defer(&self) -> bool {
        self.may_defer
    }

    fn defer(&self, data: &str, _: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let Some(number) = number_of(data.as_bytes()) else { return Ok(None) };
        Ok(match letter_of(data.as_bytes()) {
            Some(b'd') => Some(self.gates.defer(number, data.to_owned(), None)),
            Some(b'b') => Some(self.gates.defer(number, data.to_owned(), Some(Bomb))),
            _ => None,
        })
    }
}

/// Records all sent records and all reports.
pub(super) struct Observer(pub(super) Arc<Ledger>);

impl Interceptor<str, str> for Observer {
    fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
        if let Some(number) = record.value_ref().and_then(|value| number_of(value.as_bytes())) {
            record.headers_mut().push(NUMBER, Some(number.to_string().as_bytes()));
            self.0.intercepted(number);
        }
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let number = acknowledgement.headers.last(NUMBER).and_then(|header| header.value());
        if let Some(number) = number.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()) {
            self.0.acknowledged(number, acknowledgement.result);
        }
    }
}

/// Panics if the value says so. It comes after the observer, which must see all records.
pub(super) struct Panics;

impl Interceptor<str, str> for Panics {
    fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
        match record.value_ref().and_then(|value| letter_of(value.as_bytes())) {
            Some(b's') => deliberate_panic(),
            Some(b'a') => record.headers_mut().push("panics", None),
            _ => {}
        }
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        if acknowledgement.headers.last("panics").is_some() {
            deliberate_panic();
        }
    }
}

pub(super) fn choose_partition(record: &PartitionContext<'_>) -> i32 {
    match record.value().and_then(letter_of) {
        Some(b'q') => deliberate_panic(),
        Some(b'e') => 4711,
        _ => record.java_partition().unwrap_or(0),
    }
}
