//! [`CallQueue`]: the queue of a producer's transaction calls and their waiters.
//!
//! The transaction thread executes one call after the other. The timer thread ([`timer`](super::timer)) completes waiters whose deadline has
//! passed, since the transaction thread blocks in librdkafka.

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use super::request::{Call, CallTimeout, Last, Reply, Request, Waiter};
use crate::deadline::Deadline;

#[derive(Default)]
pub(super) struct CallQueue {
    /// The call that the transaction thread executes.
    running: Option<Request>,
    queue: VecDeque<Request>,
}

impl CallQueue {
    /// Whether this call is running or queued.
    pub(super) fn has(&self, call: &Call) -> bool {
        self.all().any(|request| *request.call == *call)
    }

    /// Queues a call. A second caller of the same call waits for the first one's. Returns the caller's deadline as well.
    pub(super) fn ask(&mut self, call: Call, timeout: CallTimeout, now: Instant) -> (oneshot::Receiver<Reply>, Deadline) {
        let (reply, receiver) = oneshot::channel();
        let deadline = Deadline::from(now, timeout.duration());
        let waiter = Waiter { reply, timeout, deadline };
        // Offsets replace earlier ones, so only the last call with offsets may be joined.
        let is_offsets = |request: &&mut Request| matches!(*request.call, Call::SendOffsets(..));
        let same = match &call {
            Call::Begin => None,
            Call::SendOffsets(..) => self.all_mut().rev().find(is_offsets).filter(|last| *last.call == call),
            _ => self.all_mut().find(|request| *request.call == call),
        };
        match same {
            Some(request) => request.waiters.push(waiter),
            None => self.queue.push_back(Request::new(call, vec![waiter])),
        }
        (receiver, deadline)
    }

    /// Queues the abort of a dropped transaction: behind the transaction's own calls, and before the next `Begin`.
    pub(super) fn abort_dropped(&mut self, number: u64) {
        let next = self.queue.iter().position(|request| *request.call == Call::Begin).unwrap_or(self.queue.len());
        self.queue.insert(next, Request::new(Call::Abort(number), Vec::new()));
    }

    /// Starts the next call.
    pub(super) fn start(&mut self) -> Option<Arc<Call>> {
        while let Some(request) = self.queue.pop_front() {
            if request.call.continues_without_waiters() || !request.waiters.is_empty() {
                let call = Arc::clone(&request.call);
                self.running = Some(request);
                return Some(call);
            }
        }
        None
    }

    /// Starts a call without waiters.
    pub(super) fn start_unasked(&mut self, call: Call) -> Arc<Call> {
        let request = self.running.insert(Request::new(call, Vec::new()));
        Arc::clone(&request.call)
    }

    /// Whether the running call has waiters.
    pub(super) fn is_awaited(&self) -> bool {
        self.running.as_ref().is_some_and(|request| !request.waiters.is_empty())
    }

    /// The longest timeout of the running call's waiters.
    pub(super) fn longest_timeout(&self) -> Option<Duration> {
        let waiters = self.running.iter().flat_map(|request| &request.waiters);
        waiters.map(|waiter| waiter.timeout.duration()).max()
    }

    /// Stores the result of the running call's last attempt.
    pub(super) fn note(&mut self, last: Last) {
        if let Some(running) = &mut self.running {
            running.last = Some(last);
        }
    }

    /// Ends the running call and returns its waiters.
    pub(super) fn finish(&mut self) -> Vec<Waiter> {
        self.running.take().map(|request| request.waiters).unwrap_or_default()
    }

    /// Removes a waiter of the running call.
    pub(super) fn take_waiter(&mut self) -> Option<Waiter> {
        self.running.as_mut()?.waiters.pop()
    }

    /// Removes all waiters.
    pub(super) fn clear(&mut self) -> Vec<Waiter> {
        let waiting = self.all_mut().flat_map(|request| mem::take(&mut request.waiters)).collect();
        self.queue.clear();
        waiting
    }

    /// Removes the waiters whose deadline has passed, with their call and its last attempt.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<(Waiter, Arc<Call>, Option<Last>)> {
        let mut over = Vec::new();
        for request in self.all_mut() {
            let expired = request.expired(now).into_iter();
            over.extend(expired.map(|waiter| (waiter, Arc::clone(&request.call), request.last.clone())));
        }
        over
    }

    /// The earliest deadline of the waiters.
    pub(super) fn next_deadline(&self) -> Deadline {
        let waiters = self.all().flat_map(|request| &request.waiters);
        waiters.fold(Deadline::NEVER, |earliest, waiter| earliest.earlier(waiter.deadline))
    }

    fn all(&self) -> impl Iterator<Item = &Request> {
        self.running.iter().chain(&self.queue)
    }

    fn all_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Request> {
        self.running.iter_mut().chain(&mut self.queue)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{Offsets, producer::ConsumerGroupMetadata};

    fn offsets(next: i64) -> Call {
        let mut offsets = Offsets::new();
        offsets.set_next("t", 0, next);
        Call::SendOffsets(1, offsets.to_native().unwrap(), ConsumerGroupMetadata::new("g").to_native().unwrap())
    }

    fn ask(calls: &mut CallQueue, call: Call) -> oneshot::Receiver<Reply> {
        calls.ask(call, CallTimeout::Argument(Duration::MAX), Instant::now()).0
    }

    #[test]
    fn the_same_call_is_joined() {
        let mut calls = CallQueue::default();
        let [mut first, mut second] = [(); 2].map(|()| ask(&mut calls, Call::Commit(1)));
        assert!(calls.start().is_some_and(|call| *call == Call::Commit(1)));
        let mut third = ask(&mut calls, Call::Commit(1));
        assert!(calls.has(&Call::Commit(1)) && !calls.has(&Call::Commit(2)) && !calls.has(&Call::Abort(1)));
        for waiter in calls.finish() {
            assert!(waiter.answer(Ok(None)));
        }
        for receiver in [&mut first, &mut second, &mut third] {
            assert!(receiver.now_or_never().is_some());
        }
        assert!(calls.start().is_none());
    }

    #[test]
    fn begin_is_not_joined() {
        let mut calls = CallQueue::default();
        let _receivers = [(); 2].map(|()| ask(&mut calls, Call::Begin));
        assert!(calls.start().is_some());
        calls.finish();
        assert!(calls.start().is_some());
    }

    #[test]
    fn replaced_offsets_are_sent_again() {
        let mut calls = CallQueue::default();
        let mut receivers = Vec::new();
        for next in [1, 1, 2, 2, 1] {
            receivers.push(ask(&mut calls, offsets(next)));
        }
        let mut sent = Vec::new();
        while let Some(call) = calls.start() {
            sent.push(call);
            calls.finish();
        }
        assert!(sent.iter().map(|call| &**call).eq([&offsets(1), &offsets(2), &offsets(1)]), "{}", sent.len());
    }

    #[test]
    fn expired_waiters_are_removed_and_a_commit_stays_queued() {
        let (mut calls, now) = (CallQueue::default(), Instant::now());
        let [soon, later] = [1, 2].map(Duration::from_secs);
        let _commit = calls.ask(Call::Commit(1), CallTimeout::Argument(soon), now);
        let _begin = calls.ask(Call::Begin, CallTimeout::MaxBlock(later), now);
        assert_eq!(calls.next_deadline(), Deadline::from(now, soon));
        assert!(calls.expired(now).is_empty());
        assert_eq!(calls.expired(now + Duration::from_secs(3)).len(), 2);
        assert_eq!(calls.next_deadline(), Deadline::NEVER);
        assert!(calls.start().is_some_and(|call| *call == Call::Commit(1)));
        assert!(calls.start().is_none(), "a Begin without waiters is dropped");
    }

    #[test]
    fn a_dropped_transaction_is_aborted_before_the_next_begins() {
        let mut calls = CallQueue::default();
        let _commit = ask(&mut calls, Call::Commit(1));
        let _begin = ask(&mut calls, Call::Begin);
        calls.abort_dropped(1);
        let order: Vec<_> = std::iter::from_fn(|| calls.start()).collect();
        assert!(order.iter().map(|call| &**call).eq([&Call::Commit(1), &Call::Abort(1), &Call::Begin]));
    }
}
