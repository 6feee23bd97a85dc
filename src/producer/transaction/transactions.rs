//! [`Transactions`]: what a transactional producer's handles share with its transaction thread.
//!
//! A commit waits for the reports itself before it calls librdkafka. librdkafka's own flush knows neither of records that wait
//! for room nor of those whose acknowledgement `implicit_ack.rs` doubts, which librdkafka would commit. While it waits it asks
//! librdkafka whether the transaction has failed, for then some records stay where they are until the abort. A record that ends
//! without an acknowledgement before librdkafka has it fails the commit likewise. An abort refuses the records that wait
//! for room: let in later, they would be the next transaction's.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use super::{
    failure::Failure,
    open::{Open, closed, heard},
    request::{Call, Last, Reply, Waiter},
    state::{Phase, State, Threads},
    thread::TransactionThread,
    timer,
};
use crate::{
    Error, ErrorKind,
    deadline::Deadline,
    lock::{lock, unpoisoned},
    native::code,
    producer::{core::Core, shared::Shared},
};

/// The state of a transactional producer: which transaction is open, and what its thread has to do.
pub(in crate::producer) struct Transactions {
    /// The number of the transaction that takes records, 0 while none does. Read for every record.
    pub(super) taking: AtomicU64,
    /// The number of the transaction that has had its first record or offset. Read for every record.
    pub(super) started: AtomicU64,
    pub(super) ending_records: AtomicUsize,
    max_block: Duration,
    /// `transaction.timeout.ms`.
    timeout: Duration,
    state: Mutex<State>,
    /// A call was asked for, or the end has come.
    changed: Condvar,
}

pub(super) type Receiver = oneshot::Receiver<Reply>;

impl Transactions {
    pub(in crate::producer) fn new(max_block: Duration, timeout: Duration) -> Self {
        Self {
            taking: AtomicU64::new(0),
            started: AtomicU64::new(0),
            ending_records: AtomicUsize::new(0),
            max_block,
            timeout,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn max_block(&self) -> Duration {
        self.max_block
    }

    /// Takes note that the producer can do no more, by this code; the first such failure counts, and comes back.
    pub(in crate::producer) fn end_by(&self, code: i32, what: &str) -> Failure {
        let mut state = self.lock();
        self.taking.store(0, Ordering::Release);
        let is_open = matches!(state.phase, Phase::Open | Phase::Adrift);
        let open = state.started.filter(|_| is_open).map(|started| started.elapsed());
        let broken = state.broken.get_or_insert_with(|| Failure::fatal(code, what, open, self.timeout));
        broken.clone()
    }

    /// Why the transaction cannot be committed.
    pub(super) fn failure(&self) -> Option<Failure> {
        let state = self.lock();
        state.broken.as_ref().or(state.failure.as_ref()).cloned()
    }

    /// What has ended the producer.
    pub(super) fn broken(&self) -> Option<Failure> {
        self.lock().broken.clone()
    }

    /// Begins to end: what is asked for already is done, what is open then is aborted.
    pub(in crate::producer) fn close(&self) {
        self.taking.store(0, Ordering::Release);
        self.lock().closing.get_or_insert(Deadline::after(self.max_block));
        self.changed.notify_all();
    }

    /// Ends at the next look, whatever is open.
    pub(in crate::producer) fn give_up(&self) {
        self.taking.store(0, Ordering::Release);
        self.lock().closing = Some(Deadline::at(Instant::now()));
        self.changed.notify_all();
    }

    /// Whether nothing is to be waited for.
    pub(in crate::producer) fn is_settled(&self) -> bool {
        let state = self.lock();
        state.ended || state.threads.is_none()
    }

    /// Waits for the transaction thread, which holds the client, if it is about to end.
    pub(in crate::producer) fn join(&self) {
        let mut state = self.lock();
        if !state.ended {
            return;
        }
        let threads = state.threads.take();
        drop(state);
        if let Some(Threads { calls, .. }) = threads {
            let _ = calls.join();
        }
    }

    /// Whether this is one of its threads, which must not wait for what they themselves do.
    pub(in crate::producer) fn on_its_thread(&self) -> bool {
        let current = thread::current().id();
        self.lock().threads.as_ref().is_some_and(|threads| threads.calls.thread().id() == current || threads.timer == current)
    }

    pub(super) async fn init(&self, core: &Core) -> Result<(), Error> {
        self.start(core)?;
        heard(self.ask(Call::Init)?).await.map(drop)
    }

    fn start(&self, core: &Core) -> Result<(), Error> {
        let mut state = self.lock();
        if state.threads.is_none() && !state.is_closing() {
            // An earlier call may have found no thread to start.
            state.ended = false;
            let timer = timer::start(Arc::clone(&core.shared))?;
            let calls = match TransactionThread::start(Arc::clone(&core.client), Arc::clone(&core.shared)) {
                Ok(calls) => calls,
                Err(error) => {
                    // The timer has nothing to do from now on.
                    state.ended = true;
                    self.changed.notify_all();
                    return Err(error);
                }
            };
            state.threads = Some(Threads { calls, timer });
        }
        Ok(())
    }

    pub(super) async fn begin(&self) -> Result<Open, Error> {
        let is_started = self.lock().threads.is_some();
        if !is_started {
            return Err(self.lock().not_taking());
        }
        heard(self.ask(Call::Begin)?).await?.ok_or_else(closed)
    }

    /// Asks for a call.
    pub(super) fn ask(&self, call: Call) -> Result<Receiver, Error> {
        let mut state = self.lock();
        if let (Some(broken), false) = (&state.broken, state.is_done(&call)) {
            return Err(broken.error());
        }
        if state.is_closing() {
            return Err(closed());
        }
        // As in Java: what was asked for first goes on, and its opposite is not possible any more.
        if let Some(first) = call.opposite().filter(|opposite| state.calls.has(opposite)) {
            let (call, first) = (call.name(), first.name());
            let message =
                format!("{call}: the {first} of this transaction is under way, and goes on: call {first} again to wait for it");
            return Err(Error::new(ErrorKind::TransactionState, message));
        }
        if let (true, Call::Commit(number) | Call::Abort(number)) = (call.ends(), &call) {
            self.stop_taking(*number);
        }
        let receiver = state.calls.ask(call, Deadline::after(self.max_block));
        self.changed.notify_all();
        Ok(receiver)
    }

    /// The thread's next call; `None` when it is to end.
    pub(super) fn next(&self) -> Option<Arc<Call>> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some(call) = state.calls.start() {
                return Some(call);
            }
            if state.is_closing() {
                return None;
            }
            state = unpoisoned(self.changed.wait(state));
        }
    }

    /// Whether the thread goes on with the call that is under way. It looks between two attempts; `last` is what the last one met with.
    pub(super) fn goes_on(&self, call: &Call, last: Option<Last>) -> bool {
        let mut state = self.lock();
        if let Some(last) = last {
            state.calls.note(last);
        }
        if state.is_over() || state.is_broken() {
            return false;
        }
        match call {
            // The abort makes it pointless.
            Call::SendOffsets(number, ..) => !state.is_closing() && !state.calls.has(&Call::Abort(*number)),
            Call::Commit(_) | Call::Abort(_) => true,
            Call::Init | Call::Begin => !state.is_closing() && state.calls.is_awaited(),
        }
    }

    /// Waits until the time of some who wait is over; gives them with their answers. `None` when the transaction thread has ended.
    pub(super) fn await_late(&self) -> Option<Vec<(Waiter, Error)>> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let now = Instant::now();
            let late = state.calls.expired(now);
            if !late.is_empty() {
                drop(state);
                return Some(late.into_iter().map(|(waiter, call, last)| (waiter, self.late(&call, last))).collect());
            }
            let wait = state.calls.next_deadline();
            state = match wait.instant() {
                None => unpoisoned(self.changed.wait(state)),
                Some(_) => unpoisoned(self.changed.wait_timeout(state, wait.left(now))).0,
            };
        }
    }

    /// The answer for one whose time is over.
    fn late(&self, call: &Call, last: Option<Last>) -> Error {
        let (name, time) = (call.name(), self.max_block.as_millis());
        // Asking again would bring the same answer, so the error is not retriable.
        if let Some(Last { what, permanent: Some(code) }) = &last {
            let what = what.as_deref().unwrap_or("no reason was given");
            let what =
                format!("{name} was not done within max.block.ms ({time} ms), and the brokers' answer stays the same: {what}");
            return self.end_by(*code, &what).error();
        }
        let message = format!("{name} is not done within max.block.ms ({time} ms)");
        let error = Error::new(ErrorKind::TransactionTimeout, message);
        match last.and_then(|last| last.what) {
            Some(what) => error.with_source(what),
            None => error,
        }
    }

    pub(super) fn phase(&self) -> (Phase, u64) {
        let state = self.lock();
        (state.phase, state.number)
    }

    /// Lets records into the transaction that has begun; gives the right to end it.
    pub(super) fn open(&self, shared: &Arc<Shared>) -> Open {
        let mut state = self.lock();
        state.number += 1;
        state.phase = Phase::Open;
        state.started = None;
        state.failure = None;
        if !state.is_closing() && !state.is_broken() {
            self.taking.store(state.number, Ordering::Release);
        }
        Open::new(shared, state.number)
    }

    /// The guard of a transaction is gone.
    pub(super) fn drop_open(&self, number: u64) {
        self.stop_taking(number);
        let mut state = self.lock();
        if !state.ended && state.number == number && !matches!(state.phase, Phase::Committed | Phase::Aborted) {
            state.calls.abort_dropped(number);
            self.changed.notify_all();
        }
    }

    /// The thread has ended: whoever still waits is told.
    pub(super) fn end(&self) {
        let unexpected = thread::panicking();
        if unexpected {
            self.end_by(code::FATAL, "the transaction thread has ended by a bug of ottla's: the panic's message says where");
        }
        let mut state = self.lock();
        state.closing.get_or_insert(Deadline::NEVER);
        state.ended = true;
        let (left, broken) = (state.calls.clear(), state.broken.clone());
        self.changed.notify_all();
        drop(state);
        for waiter in left {
            waiter.answer(Err(broken.as_ref().map_or_else(closed, Failure::error)));
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn stop_taking(&self, number: u64) {
        // If another transaction is open, this one must not change it.
        let _ = self.taking.compare_exchange(number, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn transactions() -> Transactions {
        Transactions::new(Duration::from_secs(60), Duration::from_secs(60))
    }

    #[test]
    fn nobody_waits_for_a_transaction_thread_that_a_panic_has_ended() {
        let transactions = Arc::new(transactions());
        let waiting: Vec<_> =
            [Call::Init, Call::Commit(1), Call::Begin].into_iter().map(|call| transactions.ask(call).unwrap()).collect();
        let ends = Arc::clone(&transactions);
        let thread = thread::spawn(move || {
            struct End(Arc<Transactions>);
            impl Drop for End {
                fn drop(&mut self) {
                    self.0.end();
                }
            }
            let _end = End(ends);
            panic!("a bug of ours");
        });
        assert!(thread.join().is_err());
        for receiver in waiting {
            let error = receiver.now_or_never().unwrap().unwrap().unwrap_err();
            assert!(error.kind() == ErrorKind::Fatal && error.is_fatal(), "{error:?}");
        }
        assert!(transactions.ask(Call::Begin).unwrap_err().is_fatal(), "who asks after");
        assert!(transactions.await_late().is_none(), "the timer thread");
        assert!(transactions.admit().unwrap_err().is_fatal(), "who sends");
    }

    #[test]
    fn who_has_waited_for_max_block_ms_is_answered_while_the_thread_is_in_librdkafka() {
        let transactions = Transactions::new(Duration::from_millis(10), Duration::from_secs(60));
        let first = transactions.ask(Call::Commit(1)).unwrap();
        // Nothing comes back from librdkafka from now on.
        assert!(transactions.next().is_some());
        let second = transactions.ask(Call::Commit(1)).unwrap();
        let mut late = Vec::new();
        while late.len() < 2 {
            late.extend(transactions.await_late().unwrap());
        }
        for (waiter, error) in late {
            assert!(waiter.answer(Err(error)));
        }
        for receiver in [first, second] {
            let error = receiver.now_or_never().unwrap().unwrap().unwrap_err();
            assert!(error.kind() == ErrorKind::TransactionTimeout && error.is_retriable() && !error.is_abortable(), "{error:?}");
        }
    }

    #[test]
    fn the_opposite_of_what_is_under_way_is_refused_at_once() {
        let transactions = transactions();
        let _commit = transactions.ask(Call::Commit(1)).unwrap();
        let error = transactions.ask(Call::Abort(1)).unwrap_err();
        assert!(error.to_string().contains("call commit again"), "{error}");
        let _abort = transactions.ask(Call::Abort(2)).unwrap();
        let error = transactions.ask(Call::Commit(2)).unwrap_err();
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::TransactionState, false));
    }

    #[test]
    fn a_call_that_the_brokers_go_on_refusing_is_not_to_be_made_again() {
        let transactions = transactions();
        let last = |permanent| Some(Last { what: Some("no".to_owned()), permanent });
        let error = transactions.late(&Call::Init, last(None));
        assert!(error.is_retriable() && !error.is_fatal(), "{error:?}");
        let error = transactions.late(&Call::Init, last(Some(42)));
        assert!(error.is_fatal() && !error.is_retriable(), "{error:?}");
        assert!(transactions.ask(Call::Init).unwrap_err().is_fatal());
    }
}
