//! [`Transactions`]: the state that the handles of a transactional producer share with its transaction thread.
//!
//! A commit waits for the delivery reports before it calls librdkafka. librdkafka's own flush does not know the records that wait for
//! `buffer.memory`, and would commit records with an implicit acknowledgement (`implicit_ack.rs`). The commit also checks whether librdkafka has
//! failed the transaction, because librdkafka then holds records back until the abort. A record that fails before librdkafka has it fails the
//! commit too. An abort rejects the records that wait for `buffer.memory`, since they would become part of the next transaction.

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
    open::{Open, closed, reply_of},
    request::{Call, CallTimeout, Last, Reply, Waiter},
    state::{Phase, State, Threads},
    thread::TransactionThread,
    timer,
};
use crate::{
    Error, ErrorKind,
    deadline::Deadline,
    lock::{lock, unpoisoned},
    native::code,
    producer::{producer_state::ProducerState, untyped_producer::UntypedProducer},
};

/// The transaction state of a producer.
pub(in crate::producer) struct Transactions {
    /// The number of the transaction that accepts records; 0 for none. Read for every record.
    pub(super) taking: AtomicU64,
    /// The number of the last transaction with a record or an offset. Read for every record.
    pub(super) started: AtomicU64,
    pub(super) ending_records: AtomicUsize,
    max_block: Duration,
    /// `transaction.timeout.ms`.
    timeout: Duration,
    state: Mutex<State>,
    /// Signalled when a call is queued or the producer is closed.
    changed: Condvar,
    /// Signalled when the timer thread must wake up earlier than it meant to.
    earlier: Condvar,
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
            earlier: Condvar::new(),
        }
    }

    /// `max.block.ms`, or a longer timeout of a caller that waits for the running call.
    pub(super) fn longest_timeout(&self) -> Duration {
        self.lock().calls.longest_timeout().map_or(self.max_block, |timeout| timeout.max(self.max_block))
    }

    /// Stores a fatal failure of the producer. The first one counts and is returned.
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

    /// The fatal failure of the producer.
    pub(in crate::producer) fn broken(&self) -> Option<Failure> {
        self.lock().broken.clone()
    }

    /// Starts closing: queued calls are executed, then an open transaction is aborted.
    pub(in crate::producer) fn close(&self) {
        self.taking.store(0, Ordering::Release);
        self.lock().closing.get_or_insert(Deadline::after(self.max_block));
        self.changed.notify_all();
    }

    /// Ends the thread as soon as possible, even with an open transaction.
    pub(in crate::producer) fn give_up(&self) {
        self.taking.store(0, Ordering::Release);
        self.lock().closing = Some(Deadline::at(Instant::now()));
        self.changed.notify_all();
    }

    /// Whether its thread has ended, or was never started.
    pub(in crate::producer) fn has_ended(&self) -> bool {
        let state = self.lock();
        state.ended || state.threads.is_none()
    }

    /// Joins the transaction thread, which has a handle of the client, if it is about to end.
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

    /// Whether the current thread is the transaction or the timer thread, which must not wait for themselves.
    pub(in crate::producer) fn on_its_thread(&self) -> bool {
        let current = thread::current().id();
        self.lock().threads.as_ref().is_some_and(|threads| threads.calls.thread().id() == current || threads.timer == current)
    }

    pub(super) async fn init(&self, untyped: &UntypedProducer, timeout: Option<Duration>) -> Result<(), Error> {
        self.start(untyped)?;
        reply_of(self.ask(Call::Init, timeout)?).await.map(drop)
    }

    fn start(&self, untyped: &UntypedProducer) -> Result<(), Error> {
        let mut state = self.lock();
        if state.threads.is_none() && !state.is_closing() {
            // An earlier call may have failed to start a thread.
            state.ended = false;
            let timer = timer::start(Arc::clone(&untyped.state))?;
            let calls = match TransactionThread::start(Arc::clone(&untyped.client), Arc::clone(&untyped.state)) {
                Ok(calls) => calls,
                Err(error) => {
                    // Ends the timer thread.
                    state.ended = true;
                    self.earlier.notify_all();
                    return Err(error);
                }
            };
            state.threads = Some(Threads { calls, timer });
        }
        Ok(())
    }

    pub(super) async fn begin(&self, timeout: Option<Duration>) -> Result<Open, Error> {
        let is_started = self.lock().threads.is_some();
        if !is_started {
            return Err(self.lock().not_taking());
        }
        reply_of(self.ask(Call::Begin, timeout)?).await?.ok_or_else(closed)
    }

    /// Queues a call. Without a timeout its caller waits for `max.block.ms`.
    pub(super) fn ask(&self, call: Call, timeout: Option<Duration>) -> Result<Receiver, Error> {
        let mut state = self.lock();
        if let (Some(broken), false) = (&state.broken, state.is_done(&call)) {
            return Err(broken.error());
        }
        if state.is_closing() {
            return Err(closed());
        }
        // As in Java, the first call cannot be stopped and excludes its opposite.
        if let Some(first) = call.opposite().filter(|opposite| state.calls.has(opposite)) {
            let (call, first) = (call.name(), first.name());
            let message = format!(
                "{call}: the {first} of this transaction has started and cannot be stopped: call {first} again to wait for it"
            );
            return Err(Error::new(ErrorKind::TransactionState, message));
        }
        if let (true, Call::Commit(number) | Call::Abort(number)) = (call.ends(), &call) {
            self.stop_taking(*number);
        }
        let timeout = timeout.map_or(CallTimeout::MaxBlock(self.max_block), CallTimeout::Argument);
        let (receiver, deadline) = state.calls.ask(call, timeout, Instant::now());
        if deadline.earlier(state.timer_wakes) != state.timer_wakes {
            state.timer_wakes = deadline;
            self.earlier.notify_all();
        }
        self.changed.notify_all();
        Ok(receiver)
    }

    /// Waits for the thread's next call; `None` ends the thread.
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

    /// Whether the thread continues the running call. Called between attempts; `last` is the result of the last one.
    pub(super) fn continues(&self, call: &Call, last: Option<Last>) -> bool {
        let mut state = self.lock();
        if let Some(last) = last {
            state.calls.note(last);
        }
        if state.is_over() || state.is_broken() {
            return false;
        }
        match call {
            // An abort makes the offsets irrelevant.
            Call::SendOffsets(number, ..) => !state.is_closing() && !state.calls.has(&Call::Abort(*number)),
            Call::Commit(_) | Call::Abort(_) => true,
            Call::Init | Call::Begin => !state.is_closing() && state.calls.is_awaited(),
        }
    }

    /// Waits until the deadline of a waiter passes. Returns the expired waiters with their errors; `None` when the transaction thread has ended.
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
                let late = late.into_iter().map(|(waiter, call, last)| {
                    let error = self.late(&call, waiter.timeout, last);
                    (waiter, error)
                });
                return Some(late.collect());
            }
            // The deadlines of calls that end in time need no wake-up of this thread.
            let wait = state.calls.next_deadline();
            state.timer_wakes = wait;
            state = match wait.instant() {
                None => unpoisoned(self.earlier.wait(state)),
                Some(_) => unpoisoned(self.earlier.wait_timeout(state, wait.left(now))).0,
            };
        }
    }

    /// The error of a waiter whose deadline has passed.
    fn late(&self, call: &Call, timeout: CallTimeout, last: Option<Last>) -> Error {
        let name = call.name();
        // Another attempt would fail the same, so the error is not retriable.
        if let Some(Last { what, permanent: Some(code) }) = &last {
            let what = what.as_deref().unwrap_or("no reason was given");
            let what = format!("{name} did not complete within {timeout}, and the brokers' error is not retriable: {what}");
            return self.end_by(*code, &what).error();
        }
        // Repeating the call cannot help either if a record has failed meanwhile.
        if let (Call::SendOffsets(..) | Call::Commit(_), Some(failure)) = (call, self.failure()) {
            return failure.error();
        }
        let message = format!("{name} did not complete within {timeout}");
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

    /// Opens the transaction that has begun for records, and returns its guard.
    pub(super) fn open(&self, producer_state: &Arc<ProducerState>) -> Open {
        let mut state = self.lock();
        state.number += 1;
        state.phase = Phase::Open;
        state.started = None;
        state.failure = None;
        if !state.is_closing() && !state.is_broken() {
            self.taking.store(state.number, Ordering::Release);
        }
        Open::new(producer_state, state.number)
    }

    /// The guard of a transaction was dropped.
    pub(super) fn drop_open(&self, number: u64) {
        self.stop_taking(number);
        let mut state = self.lock();
        if !state.ended && state.number == number && !matches!(state.phase, Phase::Committed | Phase::Aborted) {
            state.calls.abort_dropped(number);
            self.changed.notify_all();
        }
    }

    /// Called at the end of the thread. Completes the remaining waiters.
    pub(super) fn end(&self) {
        let unexpected = thread::panicking();
        if unexpected {
            self.end_by(code::FATAL, "the transaction thread panicked, which is a bug in ottla: see the panic message");
        }
        let mut state = self.lock();
        state.closing.get_or_insert(Deadline::NEVER);
        state.ended = true;
        let (left, broken) = (state.calls.clear(), state.broken.clone());
        self.earlier.notify_all();
        drop(state);
        for waiter in left {
            waiter.answer(Err(broken.as_ref().map_or_else(closed, Failure::error)));
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn stop_taking(&self, number: u64) {
        // Must not affect a later transaction.
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
    fn a_panic_of_the_transaction_thread_completes_all_waiters() {
        let transactions = Arc::new(transactions());
        let waiting: Vec<_> =
            [Call::Init, Call::Commit(1), Call::Begin].into_iter().map(|call| transactions.ask(call, None).unwrap()).collect();
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
        assert!(transactions.ask(Call::Begin, None).unwrap_err().is_fatal(), "a later call");
        assert!(transactions.await_late().is_none(), "the timer thread");
        assert!(transactions.admit().unwrap_err().is_fatal(), "a later send");
    }

    #[test]
    fn waiters_time_out_while_the_thread_blocks_in_librdkafka() {
        let transactions = Transactions::new(Duration::from_millis(10), Duration::from_secs(60));
        let first = transactions.ask(Call::Commit(1), None).unwrap();
        // From here on the transaction thread blocks in librdkafka.
        assert!(transactions.next().is_some());
        let second = transactions.ask(Call::Commit(1), None).unwrap();
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
    fn an_earlier_deadline_wakes_the_timer_thread() {
        let transactions = Arc::new(transactions());
        let hour = Duration::from_secs(3600);
        let _commit = transactions.ask(Call::Commit(1), Some(hour)).unwrap();
        let (sender, late) = std::sync::mpsc::channel();
        let timer = Arc::clone(&transactions);
        let thread = thread::spawn(move || {
            while let Some(late) = timer.await_late() {
                sender.send(late.len()).unwrap();
            }
        });
        while transactions.lock().timer_wakes == Deadline::NEVER {
            thread::yield_now();
        }
        // Until here the thread means to sleep for an hour.
        let before = transactions.lock().timer_wakes;
        let _begin = transactions.ask(Call::Begin, Some(hour * 2)).unwrap();
        assert_eq!(transactions.lock().timer_wakes, before, "a later deadline");
        let _begin = transactions.ask(Call::Begin, Some(Duration::from_millis(1))).unwrap();
        assert_eq!(late.recv_timeout(Duration::from_secs(60)).unwrap(), 1);
        transactions.end();
        thread.join().unwrap();
    }

    #[test]
    fn timeout_in_a_failed_transaction_is_abortable() {
        let transactions = transactions();
        transactions.lock().phase = Phase::Open;
        assert!(transactions.fail(|| Failure::new("a record failed")));
        let error = transactions.late(&Call::Commit(1), CallTimeout::MaxBlock(Duration::from_secs(60)), None);
        assert!(error.is_abortable() && !error.is_retriable(), "{error:?}");
        let error = transactions.late(&Call::Abort(1), CallTimeout::MaxBlock(Duration::from_secs(60)), None);
        assert!(error.is_retriable() && !error.is_abortable(), "{error:?}");
    }

    #[test]
    fn commit_and_abort_exclude_each_other() {
        let transactions = transactions();
        let _commit = transactions.ask(Call::Commit(1), None).unwrap();
        let error = transactions.ask(Call::Abort(1), None).unwrap_err();
        assert!(error.to_string().contains("call commit again"), "{error}");
        let _abort = transactions.ask(Call::Abort(2), None).unwrap();
        let error = transactions.ask(Call::Commit(2), None).unwrap_err();
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::TransactionState, false));
    }

    #[test]
    fn a_timeout_with_a_permanent_error_is_fatal() {
        let transactions = transactions();
        let last = |permanent| Some(Last { what: Some("no".to_owned()), permanent });
        let error = transactions.late(&Call::Init, CallTimeout::MaxBlock(Duration::from_secs(60)), last(None));
        assert!(error.is_retriable() && !error.is_fatal(), "{error:?}");
        let error = transactions.late(&Call::Init, CallTimeout::MaxBlock(Duration::from_secs(60)), last(Some(42)));
        assert!(error.is_fatal() && !error.is_retriable(), "{error:?}");
        assert!(transactions.ask(Call::Init, None).unwrap_err().is_fatal());
    }
}
