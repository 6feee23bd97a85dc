//! [`TransactionThread`]: the thread that executes librdkafka's transaction calls, which block.
//!
//! `init_transactions` starts the thread. Calls are executed in order. Offsets, a commit and an abort continue without waiters: repeating the
//! call joins them, and a `begin` waits behind them. So dropping a `Transaction` need not block.
//!
//! Each call gets a timeout of one second and is resumed, so that the thread notices when the producer is closed. The timeout must not be
//! shorter: `rd_kafka_commit_transaction` is not resumable before its first step is done, and would be started twice. The timer thread
//! completes callers with an earlier deadline.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    call_failure::{CallFailure, CallOutcome, failed, given_up, out_of_order},
    failure::{Failure, is_fence},
    last_commit::LastCommit,
    request::{Call, Last},
    state::Phase,
    transactions::Transactions,
};
use crate::{
    Error, ErrorKind,
    block_on::block_on_until,
    deadline::Deadline,
    native::{Client, TransactionRefused, code, flush_now},
    panic::emit,
    producer::{
        admission::outstanding::Flushed, delivery::flush_helper::FLUSH_SLICE, metadata::producer_id,
        producer_state::ProducerState,
    },
};

/// The timeout of a call into librdkafka. Not much shorter: a commit whose first step takes longer would be started twice.
const SLICE: Duration = Duration::from_secs(1);

/// The interval at which a wait for records checks whether it may continue.
const TICK: Duration = Duration::from_millis(1);

/// How long `init_transactions` waits for a broker before it leaves that to librdkafka, which then looks for the coordinator every half second.
const CONNECT: Duration = Duration::from_millis(500);

/// The interval between attempts that return at once and must be repeated.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct TransactionThread {
    client: Arc<Client>,
    state: Arc<ProducerState>,
}

impl TransactionThread {
    /// Starts the thread, which ends when the producer is closed.
    pub(super) fn start(client: Arc<Client>, state: Arc<ProducerState>) -> Result<JoinHandle<()>, Error> {
        thread::Builder::new()
            .name("ottla-transactions".to_owned())
            .spawn(move || Self { client, state }.run())
            .map_err(|error| Error::new(ErrorKind::Client, "the transaction thread could not be started").with_source(error))
    }

    fn run(self) {
        let Some(transactions) = &self.state.transactions else { return };
        // Also completes the waiters if the thread panics.
        let _end = End(transactions, &self.client);
        while let Some(call) = transactions.next() {
            let outcome = self.perform(transactions, &call);
            self.answer(transactions, &call, outcome);
        }
        let (phase, number) = transactions.phase();
        if matches!(phase, Phase::Open | Phase::Adrift) {
            let call = transactions.lock().calls.start_unasked(Call::Abort(number));
            let outcome = self.perform(transactions, &call);
            self.answer(transactions, &call, outcome);
        }
    }

    fn perform(&self, transactions: &Transactions, call: &Call) -> CallOutcome {
        let (phase, last) = transactions.phase();
        match *call {
            Call::Commit(number) if (phase, last) == (Phase::Committed, number) => return Some(Ok(())),
            Call::Abort(number) if (phase, last) == (Phase::Aborted, number) => return Some(Ok(())),
            _ => {}
        }
        if let Some((code, text)) = self.client.fatal_error() {
            return failed(transactions.end_by(code, &text));
        }
        if let Some(broken) = transactions.broken() {
            return failed(broken);
        }
        let is_open = |number| matches!(phase, Phase::Open | Phase::Adrift) && last == number;
        match *call {
            Call::Init if phase != Phase::New => out_of_order("it was already called; call it only once"),
            Call::Init => self.init(transactions, call),
            Call::Begin => self.begin(transactions, call, phase),
            Call::SendOffsets(number, ..) if !is_open(number) => out_of_order("the transaction has ended"),
            Call::SendOffsets(..) => self.send_offsets(transactions, call),
            Call::Commit(number) if !is_open(number) => out_of_order("the transaction was aborted"),
            Call::Commit(_) => self.commit(transactions, call),
            Call::Abort(number) if !is_open(number) => out_of_order("the transaction was committed"),
            Call::Abort(_) => self.abort(transactions, call),
        }
    }

    fn init(&self, transactions: &Transactions, call: &Call) -> CallOutcome {
        let asked = Instant::now();
        // librdkafka looks for the coordinator at once if a broker that it knows by its id is connected, or else half a second later.
        producer_id::await_known_broker(&self.client, None, || {
            asked.elapsed() >= CONNECT || self.authentication_error(asked).is_some() || !transactions.continues(call, None)
        });
        let outcome = self.persist(transactions, call, || match self.client.init_transactions(SLICE) {
            Err(refused) if refused.retriable => Err(self.authentication_error(asked).unwrap_or(refused)),
            result => result,
        })?;
        if outcome.is_ok() {
            transactions.lock().phase = Phase::Ready;
        }
        Some(outcome)
    }

    /// The authentication error since `asked`, which makes retries useless.
    fn authentication_error(&self, asked: Instant) -> Option<TransactionRefused> {
        let refusal = self.state.authentication.denied(&self.client, asked)?;
        let (code, text) = (refusal.code(), refusal.to_string());
        Some(TransactionRefused { code, text, retriable: false, abortable: false, fatal: false })
    }

    fn begin(&self, transactions: &Transactions, call: &Call, phase: Phase) -> CallOutcome {
        match phase {
            Phase::New => return out_of_order("call init_transactions first"),
            Phase::Open => return out_of_order("a transaction is open: commit or abort it first"),
            Phase::Adrift => {
                if let Err(refusal) = self.abort(transactions, call)? {
                    return Some(Err(refusal));
                }
            }
            _ => {}
        }
        // An unreported record of the previous transaction must not become part of this one, and one that is just being rejected must not fail
        // this one.
        let mut flush = None;
        while !self.is_reported(transactions) {
            if !transactions.continues(call, None) {
                return None;
            }
            self.await_reports(&mut flush);
        }
        let (waiter, is_gone, unheard) = {
            let mut state = transactions.lock();
            let waiter = state.calls.take_waiter()?;
            let is_gone = waiter.reply.is_canceled();
            (waiter, is_gone, state.unheard.take_if(|_| !is_gone))
        };
        if is_gone {
            return None;
        }
        let answer = match unheard {
            Some(error) => Err(error),
            None => match self.client.begin_transaction() {
                Ok(()) => Ok(Some(transactions.open(&self.state))),
                Err(refused) => Err(self.judge(transactions, refused).error(call)),
            },
        };
        // If the caller no longer waits, the guard is dropped, which aborts the transaction.
        waiter.answer(answer);
        None
    }

    /// Not split into short timeouts, because librdkafka fails the transaction after the timeout. The timeout is longer than that of the callers,
    /// so that a repeated call may still succeed.
    fn send_offsets(&self, transactions: &Transactions, call: &Call) -> CallOutcome {
        let Call::SendOffsets(number, offsets, group) = call else { return None };
        transactions.start_clock(*number);
        let timeout = transactions.longest_timeout().saturating_mul(2).max(SLICE);
        self.persist(transactions, call, || match self.client.send_offsets(offsets.iter(), group, timeout) {
            // An unclassified error: none of the offsets is part of the transaction.
            Err(refused) if !refused.retriable && !refused.fatal => Err(TransactionRefused { abortable: true, ..refused }),
            result => result,
        })
    }

    fn commit(&self, transactions: &Transactions, call: &Call) -> CallOutcome {
        // All records passed to `send` are part of the transaction. librdkafka does not know those that wait for `buffer.memory`, and would
        // commit those whose acknowledgement is implicit, so the wait is here.
        let mut flush = None;
        loop {
            // Read before the failure, which is stored before a record counts as reported.
            let is_done = self.is_reported(transactions);
            if let Some((code, text)) = self.client.fatal_error() {
                return failed(transactions.end_by(code, &text));
            }
            if let Some(failure) = transactions.failure() {
                return failed(failure);
            }
            if is_done {
                break;
            }
            let begun = Instant::now();
            flush_now(&self.client, FLUSH_SLICE);
            // librdkafka may hold the records of a failed transaction back until the abort. The call is a round trip to its main thread.
            if let Some(refused) = (begun.elapsed() >= FLUSH_SLICE).then(|| self.client.transaction_error()).flatten() {
                return Some(Err(self.judge(transactions, refused)));
            }
            if !transactions.continues(call, None) {
                return None;
            }
            self.await_reports(&mut flush);
        }
        let outcome = self.persist(transactions, call, || self.client.commit_transaction(SLICE))?;
        if outcome.is_ok() {
            let last_commit = LastCommit::now(&self.client);
            let mut state = transactions.lock();
            state.phase = Phase::Committed;
            state.last_commit = Some(last_commit);
        }
        Some(outcome)
    }

    /// Whether every record passed to `send` is reported. Reads the stages in the order in which a record passes them.
    fn is_reported(&self, transactions: &Transactions) -> bool {
        !self.state.anything_waits() && self.state.admission.outstanding.is_empty() && !transactions.is_ending_records()
    }

    /// Waits until the outstanding records are reported, for [`TICK`] at most. librdkafka forgets a record a few microseconds before it is counted
    /// as reported. If none is outstanding, waits for [`TICK`], since the caller waits for something else. `flush` is kept between calls, because
    /// a flush that is dropped is forgotten only after the reports.
    fn await_reports(&self, flush: &mut Option<Flushed>) {
        let outstanding = &self.state.admission.outstanding;
        if outstanding.is_empty() {
            return thread::sleep(TICK);
        }
        let flushed = flush.get_or_insert_with(|| outstanding.flush());
        if block_on_until(flushed, Deadline::after(TICK)).is_some() {
            *flush = None;
        }
    }

    /// Aborts the transaction, for the call itself or for a `begin`.
    fn abort(&self, transactions: &Transactions, call: &Call) -> CallOutcome {
        // They would become part of the next transaction.
        self.state.refuse_waiting(code::STATE, false);
        // A record in transition either reaches librdkafka, which purges it, or is rejected here.
        while self.state.anything_waits() {
            if !transactions.continues(call, None) {
                return None;
            }
            thread::sleep(TICK);
            self.state.refuse_waiting(code::STATE, false);
        }
        self.await_registration(transactions, call)?;
        let outcome = self.persist(transactions, call, || match self.client.abort_transaction(SLICE) {
            // librdkafka allows another attempt, and there is no other way to recover.
            Err(refused) if refused.abortable && !refused.fatal && transactions.lock().calls.is_awaited() => {
                Err(TransactionRefused { retriable: true, abortable: false, ..refused })
            }
            result => result,
        });
        let mut state = transactions.lock();
        match &outcome {
            Some(Ok(())) => state.phase = Phase::Aborted,
            // Without waiters, only the next `begin` tries again.
            Some(Err(_)) if !state.calls.is_awaited() => state.phase = Phase::Adrift,
            _ => {}
        }
        drop(state);
        outcome
    }

    /// Waits, if the coordinator may still be completing the previous transaction, until it knows this one, as explained in
    /// `last_commit.rs`. `None`: the call was given up.
    fn await_registration(&self, transactions: &Transactions, call: &Call) -> Option<()> {
        let mut flush = None;
        while transactions.lock().last_commit.is_some_and(|commit| commit.may_be_incomplete(&self.client))
            && !self.state.admission.outstanding.is_empty()
            && self.client.transaction_error().is_none()
        {
            if !transactions.continues(call, None) {
                return None;
            }
            flush_now(&self.client, FLUSH_SLICE);
            self.await_reports(&mut flush);
        }
        Some(())
    }

    /// Repeats a resumable call until it succeeds, fails or is given up.
    fn persist(
        &self,
        transactions: &Transactions,
        call: &Call,
        attempt: impl Fn() -> Result<(), TransactionRefused>,
    ) -> CallOutcome {
        loop {
            let begun = Instant::now();
            match attempt() {
                Err(refused) if refused.is_resumable() => {
                    let permanent = refused.permanent().filter(|_| !matches!(call, Call::SendOffsets(..) | Call::Commit(_)));
                    let what = match refused.code {
                        code::TIMED_OUT => self.state.authentication.broker_errors.last().map(|error| error.to_string()),
                        _ => Some(refused.text),
                    };
                    if !transactions.continues(call, Some(Last { what, permanent })) {
                        return None;
                    }
                    thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
                }
                Err(refused) => return Some(Err(self.judge(transactions, refused))),
                Ok(()) => return Some(Ok(())),
            }
        }
    }

    /// Stores the effect of an error on the transaction or the producer, so that later calls return the same error.
    fn judge(&self, transactions: &Transactions, refused: TransactionRefused) -> CallFailure {
        // In Java a fenced producer always fails for good; librdkafka does that only for some requests.
        if refused.fatal || is_fence(refused.code) {
            let failure = transactions.end_by(refused.code, &refused.text);
            return match failure.fatal_kind() {
                Some(ErrorKind::TransactionExpired) => CallFailure::Failed(failure),
                _ => CallFailure::Native(TransactionRefused { retriable: false, abortable: false, fatal: true, ..refused }),
            };
        }
        if refused.abortable {
            transactions.fail(|| Failure::new(refused.text.clone()));
        }
        CallFailure::Native(refused)
    }

    fn answer(&self, transactions: &Transactions, call: &Call, outcome: CallOutcome) {
        let waiters = transactions.lock().calls.finish();
        let mut has_listener = false;
        for waiter in waiters {
            has_listener |= waiter.answer(match &outcome {
                Some(Ok(())) => Ok(None),
                Some(Err(refusal)) => Err(refusal.error(call)),
                None => Err(given_up(transactions, call)),
            });
        }
        if !call.ends() {
            return;
        }
        let mut state = transactions.lock();
        if has_listener {
            state.unheard = None;
        } else if let Some(Err(refusal @ (CallFailure::Native(_) | CallFailure::Failed(_)))) = &outcome {
            let (error, name) = (refusal.error(call), call.name());
            if matches!(call, Call::Commit(_)) {
                let message = "the commit of the previous transaction failed and was not awaited; the transaction was aborted: begin another one";
                state.unheard = Some(Error::new(ErrorKind::TransactionFailed, message).with_source(error.to_string()));
            }
            drop(state);
            emit!(error, %error, "{name} failed and was not awaited");
        }
    }
}

/// On drop, completes all waiters and wakes the delivery thread.
struct End<'a>(&'a Transactions, &'a Client);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
        self.1.wake();
    }
}
