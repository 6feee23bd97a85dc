//! [`Transactions`]: what a transactional producer's handles share with its transaction thread.
//!
//! A commit waits for the reports itself before it calls librdkafka. librdkafka's own flush knows neither of records that wait
//! for room nor of those whose acknowledgement `confirmed.rs` doubts, which librdkafka would commit. While it waits it asks
//! librdkafka whether the transaction has failed, for then some records stay where they are until the abort. Whatever Java's
//! `send` would abort for (`RecordTooLarge`, `BufferTimeout`) fails the commit likewise. An abort refuses the records that wait
//! for room: let in later, they would be the next transaction's.

use std::{
    collections::VecDeque,
    fmt, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle, ThreadId},
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use super::{
    request::{Call, Request, Waiter},
    thread::TransactionThread,
};
use crate::{
    Error, ErrorKind,
    native::Process,
    producer::{
        core::{Core, other_process},
        shared::Shared,
    },
};

/// The state of a transactional producer: which transaction is open, and what its thread has to do.
pub(in crate::producer) struct Transactions {
    /// The number of the transaction that takes records, 0 while none does. Read for every record.
    taking: AtomicU64,
    ending_records: AtomicUsize,
    max_block: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// The last transaction's, counted from 1.
    pub(super) number: u64,
    /// The first thing that failed in it.
    pub(super) failure: Option<Failure>,
    /// Its commit's failure that nobody has heard of.
    pub(super) unheard: Option<Error>,
    pub(super) queue: VecDeque<Request>,
    thread: Option<(ThreadId, JoinHandle<()>)>,
    /// Set by closing: until when the thread may go on.
    closing: Option<Deadline>,
    ended: bool,
}

/// `None` is a time too far away to be told.
type Deadline = Option<Instant>;

/// How far the last transaction has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// `init_transactions` has not succeeded yet.
    #[default]
    New,
    /// There was none.
    Ready,
    Open,
    /// Its guard is gone, and its abort has failed.
    Adrift,
    Committed,
    Aborted,
}

/// Why a transaction cannot be committed.
#[derive(Debug, Clone)]
pub(in crate::producer) struct Failure {
    pub(in crate::producer) what: String,
    /// If it has ended the producer as well: as what.
    pub(in crate::producer) fatal: Option<ErrorKind>,
}

/// The right to end a transaction. Aborts it when it is dropped, if it is open then.
pub(super) struct Open {
    shared: Weak<Shared>,
    number: u64,
    process: Process,
}

impl Transactions {
    pub(in crate::producer) fn new(max_block: Duration) -> Self {
        Self {
            taking: AtomicU64::new(0),
            ending_records: AtomicUsize::new(0),
            max_block,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Whether a record may be sent now.
    pub(in crate::producer) fn admit(&self) -> Result<(), Error> {
        if self.taking.load(Ordering::Acquire) == 0 { Err(self.lock().not_taking()) } else { Ok(()) }
    }

    /// Takes note that a record of the transaction was refused. Java's transaction goes on after a `SerializationException`, which its
    /// `send` throws; a future that brings one may be dropped unread, so that the commit would miss a record in silence.
    pub(in crate::producer) fn note_refusal(&self, error: &Error) {
        // The record came back to be sent again, or was withdrawn by the program; or the transaction is being aborted.
        let is_no_loss = matches!(
            error.kind(),
            ErrorKind::BufferFull
                | ErrorKind::SchemaPending
                | ErrorKind::GivenUp
                | ErrorKind::TransactionState
                | ErrorKind::TransactionFailed
        );
        if !is_no_loss {
            self.fail(|| Failure { what: error.to_string(), fatal: None });
        }
    }

    /// Says that records are about to leave the queues of those that wait. Until this is dropped no commit takes empty queues for an
    /// answer: it would miss that these have failed.
    pub(in crate::producer) fn ending_records(&self) -> impl Drop + '_ {
        self.ending_records.fetch_add(1, Ordering::SeqCst);
        EndingRecords(self)
    }

    /// Whether [`ending_records`](Self::ending_records) holds commits up. Looked at after the queues.
    pub(super) fn is_ending_records(&self) -> bool {
        self.ending_records.load(Ordering::SeqCst) > 0
    }

    /// Takes note that a part of the transaction has failed: it can only be aborted.
    pub(in crate::producer) fn fail(&self, why: impl FnOnce() -> Failure) {
        let mut state = self.lock();
        if state.phase == Phase::Open && state.failure.is_none() {
            state.failure = Some(why());
            self.taking.store(0, Ordering::Release);
        }
    }

    /// Begins to end: what is asked for already is done, what is open then is aborted.
    pub(in crate::producer) fn close(&self) {
        self.taking.store(0, Ordering::Release);
        self.lock().closing.get_or_insert(Instant::now().checked_add(self.max_block));
        self.changed.notify_all();
    }

    /// Ends at the next look, whatever is open.
    pub(in crate::producer) fn give_up(&self) {
        self.taking.store(0, Ordering::Release);
        self.lock().closing = Some(Some(Instant::now()));
        self.changed.notify_all();
    }

    /// Whether nothing is to be waited for.
    pub(in crate::producer) fn is_settled(&self) -> bool {
        let state = self.lock();
        state.ended || state.thread.is_none()
    }

    /// Waits for the thread, if it is about to end.
    pub(in crate::producer) fn join(&self) {
        let mut state = self.lock();
        if !state.ended {
            return;
        }
        let thread = state.thread.take();
        drop(state);
        if let Some((_, thread)) = thread {
            let _ = thread.join();
        }
    }

    pub(in crate::producer) fn on_its_thread(&self) -> bool {
        self.lock().thread.as_ref().is_some_and(|(id, _)| *id == thread::current().id())
    }

    pub(super) async fn init(&self, core: &Core) -> Result<(), Error> {
        let reply = {
            let mut state = self.lock();
            if state.thread.is_none() && !state.is_closing() {
                let thread = TransactionThread::start(Arc::clone(&core.client), Arc::clone(&core.shared))?;
                state.thread = Some((thread.thread().id(), thread));
            }
            self.ask(&mut state, Call::Init)
        };
        heard(reply).await.map(drop)
    }

    pub(super) async fn begin(&self) -> Result<Open, Error> {
        let reply = {
            let mut state = self.lock();
            if state.thread.is_none() && !state.is_closing() {
                return Err(state.not_taking());
            }
            self.ask(&mut state, Call::Begin)
        };
        heard(reply).await?.ok_or_else(closed)
    }

    fn ask(&self, state: &mut State, call: Call) -> oneshot::Receiver<Result<Option<Open>, Error>> {
        let (reply, receiver) = oneshot::channel();
        // Who asks too late hears nothing, which says that the producer is closed.
        if !state.is_closing() {
            let waiter = Waiter { reply, deadline: Instant::now().checked_add(self.max_block) };
            state.queue.push_back(Request { call, waiters: vec![waiter] });
            self.changed.notify_all();
        }
        receiver
    }

    /// The thread's next request; `None` when it is to end.
    pub(super) fn next(&self) -> Option<Request> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some(request) = state.queue.pop_front() {
                return Some(request);
            }
            if state.is_closing() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks up from a request that takes long: takes over who asked for the same meanwhile, and tells those whose time is over, here and
    /// in the queue. Says whether to go on with it; `last` is what it met with.
    pub(super) fn look_up(&self, request: &mut Request, last: Option<String>) -> bool {
        let now = Instant::now();
        let timeout = |call: &Call| {
            let message = format!("{} is not done within max.block.ms ({} ms)", call.name(), self.max_block.as_millis());
            let error = Error::new(ErrorKind::TransactionTimeout, message);
            match &last {
                Some(last) => error.with_source(last.clone()),
                None => error,
            }
        };
        let mut over = Vec::new();
        let mut state = self.lock();
        for mut queued in mem::take(&mut state.queue) {
            if request.call.is_same(&queued.call) {
                request.waiters.append(&mut queued.waiters);
                continue;
            }
            over.extend(queued.expired(now, timeout));
            if queued.call.goes_on() || !queued.waiters.is_empty() {
                state.queue.push_back(queued);
            }
        }
        over.extend(request.expired(now, timeout));
        let goes_on = !state.is_over() && (request.call.goes_on() || (!request.waiters.is_empty() && !state.is_closing()));
        // Whom it wakes is the user's code, and may ask for more.
        drop(state);
        for (waiter, error) in over {
            // Who has gone need not hear it.
            let _ = waiter.reply.send(Err(error));
        }
        goes_on
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
        state.failure = None;
        if !state.is_closing() {
            self.taking.store(state.number, Ordering::Release);
        }
        Open { shared: Arc::downgrade(shared), number: state.number, process: Process::current() }
    }

    /// The thread has ended: whoever still waits is told.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.closing.get_or_insert(None);
        state.ended = true;
        let left = mem::take(&mut state.queue);
        drop(state);
        drop(left);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        self.closing.flatten().is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Why no record is taken.
    fn not_taking(&self) -> Error {
        let out_of_order = |message: &str| Error::new(ErrorKind::TransactionState, message);
        match (self.phase, &self.failure) {
            _ if self.is_closing() => closed(),
            (Phase::New, _) => out_of_order("the producer is transactional: call init_transactions, then begin_transaction"),
            (Phase::Open, Some(failure)) => failure.error(),
            (Phase::Open, None) => out_of_order("the transaction is being ended: begin another one"),
            _ => out_of_order("no transaction is open: call begin_transaction"),
        }
    }
}

impl Failure {
    pub(super) fn error(&self) -> Error {
        let error = match self.fatal {
            Some(kind) => Error::new(kind, "the transaction has failed, and this producer can do no more: build a new one"),
            None => Error::new(ErrorKind::TransactionFailed, "a part of the transaction has failed: abort it"),
        };
        error.with_source(self.what.clone())
    }
}

impl Open {
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether this transaction takes records.
    pub(super) fn admit(&self) -> Result<(), Error> {
        if self.process.is_left() {
            return Err(other_process());
        }
        let Some(shared) = self.shared.upgrade() else { return Err(closed()) };
        let Some(transactions) = &shared.transactions else { return Err(closed()) };
        if transactions.taking.load(Ordering::Acquire) == self.number {
            return Ok(());
        }
        let state = transactions.lock();
        let ended = || Error::new(ErrorKind::TransactionState, "this transaction has ended: begin another one");
        let is_last = state.number == self.number && state.phase == Phase::Open;
        Err(if is_last || state.is_closing() { state.not_taking() } else { ended() })
    }

    /// Asks for a call that concerns this transaction. But for offsets, it takes no more records from now on.
    pub(super) async fn end(&self, call: Call) -> Result<(), Error> {
        let Some(shared) = self.shared.upgrade() else { return Err(closed()) };
        let Some(transactions) = &shared.transactions else { return Err(closed()) };
        if call.goes_on() {
            transactions.stop_taking(self.number);
        }
        let reply = transactions.ask(&mut transactions.lock(), call);
        drop(shared);
        heard(reply).await.map(drop)
    }
}

impl Transactions {
    fn stop_taking(&self, number: u64) {
        // If another transaction is open, it is none of this one's business.
        let _ = self.taking.compare_exchange(number, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

struct EndingRecords<'a>(&'a Transactions);

impl Drop for EndingRecords<'_> {
    fn drop(&mut self) {
        self.0.ending_records.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A fork leaves it to the process that it is of: another thread of that one may hold the lock, here for good.
        if self.process.is_left() {
            return;
        }
        let Some(shared) = self.shared.upgrade() else { return };
        let Some(transactions) = &shared.transactions else { return };
        transactions.stop_taking(self.number);
        let mut state = transactions.lock();
        if !state.ended && state.number == self.number && !matches!(state.phase, Phase::Committed | Phase::Aborted) {
            // Behind what was asked for this transaction, before the one that somebody waits for already.
            let next = state.queue.iter().position(|request| matches!(request.call, Call::Begin)).unwrap_or(state.queue.len());
            state.queue.insert(next, Request { call: Call::Abort(self.number), waiters: Vec::new() });
            transactions.changed.notify_all();
        }
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.admit().is_ok())
    }
}

/// What the thread answers. One that is gone says that the producer is closed.
async fn heard(reply: oneshot::Receiver<Result<Option<Open>, Error>>) -> Result<Option<Open>, Error> {
    reply.await.unwrap_or_else(|_| Err(closed()))
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the producer is closed")
}
