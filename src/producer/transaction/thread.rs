//! [`TransactionThread`]: the thread on which librdkafka's transaction calls block.
//!
//! librdkafka's transaction calls block, so each transactional producer has a thread for them, started by `init_transactions`.
//! Requests are served in the order in which they came, and a commit or an abort goes on though nobody waits for it any more:
//! who asks again joins it, and a `begin` stands behind it. That is why dropping a `Transaction` needs not block. The calls are
//! made for a second at a time, which librdkafka resumes, so that timeouts and the end are seen. No shorter:
//! `rd_kafka_commit_transaction` is not resumable before its first step is done, and would be begun twice.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    request::{Call, Request},
    transactions::{Failure, Phase, Transactions},
};
use crate::{
    Error, ErrorKind,
    native::{Client, TransactionRefused, code, flush_now},
    panic::emit,
    producer::{flush_helper::FLUSH_SLICE, shared::Shared},
};

/// How long a call into librdkafka lasts before the thread looks up. Not much shorter: a commit whose first step takes longer than this
/// would be begun twice.
const SLICE: Duration = Duration::from_secs(1);

/// How often a call is made that comes back at once and asks to be made again.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct TransactionThread {
    client: Arc<Client>,
    shared: Arc<Shared>,
}

/// Why a request is not done. Several may wait for the same answer.
enum Refusal {
    Native(TransactionRefused),
    OutOfOrder(&'static str),
    /// A part of the transaction has failed, which librdkafka need not know.
    Failed(Failure),
}

/// `None`: it is given up, and who waited for it knows, or is told by the end of the thread.
type Outcome = Option<Result<(), Refusal>>;

impl TransactionThread {
    /// Starts it. It ends when the producer is closed.
    pub(super) fn start(client: Arc<Client>, shared: Arc<Shared>) -> Result<JoinHandle<()>, Error> {
        thread::Builder::new()
            .name("ottla-transactions".to_owned())
            .spawn(move || Self { client, shared }.run())
            .map_err(|error| Error::new(ErrorKind::Client, "the transaction thread could not be started").with_source(error))
    }

    fn run(self) {
        let Some(transactions) = &self.shared.transactions else { return };
        // Also when a panic of our own ends the thread: then nobody waits for it in vain.
        let _end = End(transactions, &self.client);
        while let Some(mut request) = transactions.next() {
            let outcome = self.perform(transactions, &mut request);
            self.answer(transactions, request, outcome);
        }
        let (phase, number) = transactions.phase();
        if matches!(phase, Phase::Open | Phase::Adrift) {
            let mut request = Request { call: Call::Abort(number), waiters: Vec::new() };
            let outcome = self.abort(transactions, &mut request, number);
            self.answer(transactions, request, outcome);
        }
    }

    fn perform(&self, transactions: &Transactions, request: &mut Request) -> Outcome {
        match &request.call {
            Call::Init => self.init(transactions, request),
            Call::Begin => self.begin(transactions, request),
            Call::SendOffsets(number, ..) => {
                let number = *number;
                self.send_offsets(transactions, request, number)
            }
            Call::Commit(number) => {
                let number = *number;
                self.commit(transactions, request, number)
            }
            Call::Abort(number) => {
                let number = *number;
                self.abort(transactions, request, number)
            }
        }
    }

    fn init(&self, transactions: &Transactions, request: &mut Request) -> Outcome {
        if transactions.phase().0 != Phase::New {
            return out_of_order("init_transactions was called before: it is called once");
        }
        let asked = Instant::now();
        let result = self.persist(transactions, request, |timeout| match self.client.init_transactions(timeout) {
            Err(refused) if refused.retriable => Err(self.not_let_in(asked).unwrap_or(refused)),
            result => result,
        })?;
        if result.is_ok() {
            transactions.lock().phase = Phase::Ready;
        }
        Some(result.map_err(Refusal::Native))
    }

    /// Why it is of no use to go on with what the brokers were first asked for at `asked`.
    fn not_let_in(&self, asked: Instant) -> Option<TransactionRefused> {
        let refusal = self.shared.denied(&self.client, asked)?;
        let (code, text) = (refusal.code(), refusal.to_string());
        Some(TransactionRefused { code, text, retriable: false, abortable: false, fatal: false })
    }

    fn begin(&self, transactions: &Transactions, request: &mut Request) -> Outcome {
        if let Some((code, text)) = self.client.fatal_error() {
            let refused = TransactionRefused { code, text, retriable: false, abortable: false, fatal: true };
            return Some(Err(Refusal::Native(refused)));
        }
        match transactions.phase() {
            (Phase::New, _) => return out_of_order("call init_transactions first"),
            (Phase::Open, _) => return out_of_order("a transaction is open: commit or abort it first"),
            (Phase::Adrift, number) => {
                if let Err(refusal) = self.abort(transactions, request, number)? {
                    return Some(Err(refusal));
                }
            }
            _ => {}
        }
        let waiter = request.waiters.pop()?;
        if waiter.reply.is_canceled() {
            return None;
        }
        let unheard = transactions.lock().unheard.take();
        let answer = match unheard {
            Some(error) => Err(error),
            None => match self.client.begin_transaction() {
                Ok(()) => Ok(Some(transactions.open(&self.shared))),
                Err(refused) => Err(Refusal::Native(refused).error(&request.call)),
            },
        };
        // If nobody is there to take it, it comes back, and the transaction is aborted.
        drop(waiter.reply.send(answer));
        None
    }

    /// Not in slices: librdkafka fails the transaction when this takes too long.
    fn send_offsets(&self, transactions: &Transactions, request: &Request, number: u64) -> Outcome {
        let Call::SendOffsets(_, offsets, group) = &request.call else { return None };
        if transactions.phase() != (Phase::Open, number) {
            return out_of_order("the transaction has ended");
        }
        let deadline = request.waiters.first().and_then(|waiter| waiter.deadline);
        let timeout = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let result = self.client.send_offsets(offsets.iter(), group, timeout);
        if let Err(refused) = &result {
            transactions.fail(|| Failure::of(refused));
        }
        Some(result.map_err(Refusal::Native))
    }

    fn commit(&self, transactions: &Transactions, request: &mut Request, number: u64) -> Outcome {
        match transactions.phase() {
            (Phase::Open, open) if open == number => {}
            (Phase::Committed, last) if last == number => return Some(Ok(())),
            _ => return out_of_order("the transaction was aborted"),
        }
        // All that `send` was called for is part of it. Waited for here and not in librdkafka, which does not know of records that wait
        // for room, nor of those whose acknowledgement is doubted.
        loop {
            // Looked at before the failure, which is noted before a record counts as reported.
            // In the order in which a record goes from one to the next.
            let waits = self.shared.deferrals.waiting() > 0 || self.shared.room.is_waited_for();
            let is_done = !waits && self.shared.outstanding.is_empty() && !transactions.is_ending_records();
            let failure = transactions.lock().failure.clone();
            if let (Some(failure), None) = (failure, self.client.fatal_error()) {
                return Some(Err(Refusal::Failed(failure)));
            }
            if is_done {
                break;
            }
            // In a transaction that has failed, records may be held back until the abort.
            if let Some(refused) = self.client.transaction_error() {
                return Some(Err(Refusal::Native(refused)));
            }
            flush_now(&self.client, FLUSH_SLICE);
            if !transactions.look_up(request, None) {
                return None;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let result = self.persist(transactions, request, |timeout| self.client.commit_transaction(timeout))?;
        match &result {
            Ok(()) => transactions.lock().phase = Phase::Committed,
            Err(refused) => transactions.fail(|| Failure::of(refused)),
        }
        Some(result.map_err(Refusal::Native))
    }

    fn abort(&self, transactions: &Transactions, request: &mut Request, number: u64) -> Outcome {
        match transactions.phase() {
            (Phase::Open | Phase::Adrift, open) if open == number => {}
            (Phase::Aborted, last) if last == number => return Some(Ok(())),
            _ => return out_of_order("the transaction was committed"),
        }
        // They would get into the next transaction.
        self.shared.clear_deferred(code::STATE, false);
        self.shared.refuse_waiting(code::STATE);
        let result = self.persist(transactions, request, |timeout| self.client.abort_transaction(timeout))?;
        let mut state = transactions.lock();
        match &result {
            Ok(()) => state.phase = Phase::Aborted,
            // Nobody is there to try again but the next one who begins.
            Err(_) if request.waiters.is_empty() => state.phase = Phase::Adrift,
            Err(_) => {}
        }
        drop(state);
        Some(result.map_err(Refusal::Native))
    }

    /// Makes a resumable call until it is done, or nobody wants it any more.
    fn persist(
        &self,
        transactions: &Transactions,
        request: &mut Request,
        attempt: impl Fn(Duration) -> Result<(), TransactionRefused>,
    ) -> Option<Result<(), TransactionRefused>> {
        loop {
            let begun = Instant::now();
            match attempt(SLICE) {
                Err(refused) if refused.retriable && !refused.abortable && !refused.fatal => {
                    let last = match refused.code {
                        code::TIMED_OUT => self.shared.troubles.last().map(|trouble| trouble.to_string()),
                        _ => Some(refused.text),
                    };
                    if !transactions.look_up(request, last) {
                        return None;
                    }
                    thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
                }
                result => return Some(result),
            }
        }
    }

    fn answer(&self, transactions: &Transactions, mut request: Request, outcome: Outcome) {
        let ends = request.call.goes_on();
        let heard = match &outcome {
            None => {
                if matches!(request.call, Call::Commit(_)) {
                    let message = "the producer was closed before the commit was done: whether it was is not known here";
                    request.fail(|_| Error::new(ErrorKind::TransactionTimeout, message));
                }
                return;
            }
            Some(Ok(())) => request.done(),
            Some(Err(refusal)) => request.fail(|call| refusal.error(call)),
        };
        if !ends {
            return;
        }
        let mut state = transactions.lock();
        if heard {
            state.unheard = None;
        } else if let Some(Err(refusal @ (Refusal::Native(_) | Refusal::Failed(_)))) = &outcome {
            let error = refusal.error(&request.call);
            let name = request.call.name();
            if matches!(request.call, Call::Commit(_)) {
                let message = "the commit of the transaction before, which nobody waited for, failed, and it was aborted: begin another one";
                state.unheard = Some(Error::new(ErrorKind::TransactionFailed, message).with_source(error.to_string()));
            }
            drop(state);
            emit!(error, %error, "{name}, which nobody waited for, failed");
        }
    }
}

impl Failure {
    fn of(refused: &TransactionRefused) -> Self {
        let fatal = refused.fatal.then(|| Error::from_transaction(refused, "").kind());
        Self { what: refused.text.clone(), fatal }
    }
}

impl Refusal {
    fn error(&self, call: &Call) -> Error {
        let name = call.name();
        match self {
            Self::Native(refused) => Error::from_transaction(refused, name),
            Self::OutOfOrder(why) => Error::new(ErrorKind::TransactionState, format!("{name}: {why}")),
            Self::Failed(failure) => failure.error(),
        }
    }
}

fn out_of_order(why: &'static str) -> Outcome {
    Some(Err(Refusal::OutOfOrder(why)))
}

/// Announces the thread's end when it is dropped, and has the delivery thread see it.
struct End<'a>(&'a Transactions, &'a Client);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
        self.1.wake();
    }
}
