//! [`Sending`]: the future of a record's acceptance.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use crate::{
    Delivery, Error,
    native::{Draft, Pending, code},
    producer::{
        admission::{
            admit::Entrant,
            buffer_memory::Claim,
            deferral::{Deferral, Ticket},
        },
        prepare::pending_serialization::PendingSerialization,
        producer_state::topic_of,
        untyped_producer::UntypedProducer,
    },
    yielding::poll_proceed,
};

/// The future of a record's acceptance, ready at once if `buffer.memory` had space.
///
/// Returns the [`Delivery`], or the error of a record that was not accepted. Dropping it before it is ready cancels the record, unless it has
/// just been accepted.
///
/// One in 128 ready futures is pending at its first poll and wakes its task at once, so that a task that sends many records yields to the other
/// tasks of its thread. This does not apply to `now_or_never` and [`Blocking`](crate::producer::Blocking).
#[must_use = "the record may be refused: await the future; dropping it withdraws a record that still waits"]
pub struct Sending(State);

enum State {
    Ready(Box<Option<Result<Delivery, Error>>>),
    Accepted(Delivery),
    Waiting {
        id: u64,
        pending: Pending,
        untyped: Arc<UntypedProducer>,
    },
    /// Waits for its serializer, its topic or its partition, and perhaps for memory before that.
    Deferred {
        ticket: Arc<Ticket>,
        pending: Pending,
        untyped: Arc<UntypedProducer>,
    },
    Done,
}

impl Sending {
    pub(crate) fn accepted(delivery: Delivery) -> Self {
        Self(State::Accepted(delivery))
    }

    pub(crate) fn failed(error: Error) -> Self {
        Self(State::Ready(Box::new(Some(Err(error)))))
    }

    /// The result, if it is known already; otherwise the future. Unlike [`poll`](Future::poll) it does not yield to other tasks.
    pub(in crate::producer) fn now_or_later(mut self) -> Result<Result<Delivery, Error>, Self> {
        match mem::replace(&mut self.0, State::Done) {
            State::Accepted(delivery) => Ok(Ok(delivery)),
            State::Ready(result) => (*result).ok_or(Self(State::Done)),
            state => Err(Self(state)),
        }
    }

    /// Queues the draft for `buffer.memory`.
    pub(in crate::producer) fn wait_for_memory(untyped: &Arc<UntypedProducer>, mut draft: Draft) -> Self {
        let state = &untyped.state;
        if !state.is_known(draft.record()) {
            // librdkafka may not know the partition when memory becomes available.
            return Self::wait_for_serializer(untyped, draft, PendingSerialization::nothing());
        }
        let pending = draft.pending();
        draft.record_mut().trim();
        match state.admission.buffer_memory.take_or_wait(draft.charge(), Entrant::Whole(draft)) {
            Claim::Granted(entrant) => untyped.send_reserved(entrant.into_draft(), pending),
            Claim::Waiting { id, first } => {
                if first {
                    untyped.client.wake(); // to see the timer
                    untyped.keep_time();
                }
                Self(State::Waiting { id, pending, untyped: Arc::clone(untyped) })
            }
            Claim::Closed(entrant) => Self::refuse(untyped, entrant.into_draft()),
        }
    }

    /// Queues the draft for its serializer, after it has reserved memory for what it keeps meanwhile.
    pub(in crate::producer) fn wait_for_serializer(
        untyped: &Arc<UntypedProducer>,
        mut draft: Draft,
        pending_serialization: PendingSerialization,
    ) -> Self {
        let state = &untyped.state;
        if !state.admission.deferrals.engage() {
            return Self::refuse(untyped, draft);
        }
        let pending = draft.pending();
        draft.record_mut().trim();
        // The size kept in memory may exceed `buffer.memory`, although the serialized record does not.
        let held = draft.record().cost().saturating_add(pending_serialization.held()).min(state.admission.buffer_memory.limit());
        draft.set_charge(held);
        let ticket = Arc::new(Ticket::new(topic_of(draft.record())));
        let deferral = Box::new(Deferral { draft, pending_serialization, ticket: Arc::clone(&ticket) });
        match state.admission.buffer_memory.take_or_wait(held, Entrant::Deferred(deferral)) {
            Claim::Granted(Entrant::Deferred(deferral)) if !state.may_pass(&deferral) => {
                state.line_up(&untyped.client, deferral);
                untyped.keep_time();
            }
            Claim::Granted(Entrant::Deferred(deferral)) if state.is_behind_absent(deferral.draft.record()) => {
                state.set_aside(&untyped.client, deferral);
                untyped.keep_time();
            }
            Claim::Granted(entrant) => {
                let sending = untyped.send_reserved(entrant.into_draft(), pending);
                state.admission.deferrals.disengage();
                return sending;
            }
            Claim::Waiting { id, first } => {
                ticket.place.enter_room(id);
                if first {
                    untyped.client.wake(); // to see the timer
                    untyped.keep_time();
                }
            }
            Claim::Closed(entrant) => {
                state.admission.deferrals.disengage();
                return Self::refuse(untyped, entrant.into_draft());
            }
        }
        Self(State::Deferred { ticket, pending, untyped: Arc::clone(untyped) })
    }

    /// Rejects the draft, because the producer is closed.
    fn refuse(untyped: &UntypedProducer, draft: Draft) -> Self {
        let error = untyped.refusal(code::DESTROY);
        untyped.reject(&topic_of(draft.record()), draft, &error);
        Self::failed(error)
    }

    /// Sets the draft aside until its topic or partition is known. Its memory is reserved.
    pub(in crate::producer) fn wait_for_metadata(untyped: &Arc<UntypedProducer>, draft: Draft, pending: Pending) -> Self {
        let state = &untyped.state;
        if !state.admission.deferrals.engage() {
            state.release(&untyped.client, draft.charge());
            return Self::refuse(untyped, draft);
        }
        let pending = if pending.is_taken() { draft.pending() } else { pending };
        let ticket = Arc::new(Ticket::new(topic_of(draft.record())));
        state.set_aside(
            &untyped.client,
            Box::new(Deferral { draft, pending_serialization: PendingSerialization::nothing(), ticket: Arc::clone(&ticket) }),
        );
        untyped.keep_time();
        Self(State::Deferred { ticket, pending, untyped: Arc::clone(untyped) })
    }
}

impl Future for Sending {
    type Output = Result<Delivery, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Ready(_) | State::Accepted(_) = self.0 {
            ready!(poll_proceed(context));
        }
        // Polled before `self` changes, because cloning the waker may panic.
        let admission = match &mut self.0 {
            State::Waiting { pending, .. } | State::Deferred { pending, .. } => Some(ready!(pending.poll_admission(context))),
            _ => None,
        };
        match (mem::replace(&mut self.0, State::Done), admission) {
            (State::Ready(result), _) => result.map_or(Poll::Pending, Poll::Ready),
            (State::Waiting { untyped, .. }, Some(Err(code))) => Poll::Ready(Err(untyped.refusal(code))),
            (State::Deferred { ticket, untyped, .. }, Some(Err(code))) => {
                Poll::Ready(Err(ticket.take_error().unwrap_or_else(|| untyped.refusal(code))))
            }
            (State::Accepted(delivery), _) => Poll::Ready(Ok(delivery)),
            (State::Waiting { pending, .. } | State::Deferred { pending, .. }, _) => Poll::Ready(Ok(Delivery::new(pending))),
            (State::Done, _) => Poll::Pending,
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let State::Waiting { untyped, .. } | State::Deferred { untyped, .. } = &self.0 {
            // In a forked child, the record belongs to the parent process.
            if untyped.client.is_left_behind() {
                return;
            }
        }
        match &self.0 {
            State::Waiting { id, untyped, .. } => untyped.state.withdraw_from_room(&untyped.client, *id),
            State::Deferred { ticket, untyped, .. } => untyped.state.withdraw_deferred(&untyped.client, ticket),
            _ => {}
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "Sending(rejected)",
            State::Accepted(_) => "Sending(accepted)",
            State::Waiting { .. } => "Sending(waiting for buffer.memory)",
            State::Deferred { .. } => "Sending(waiting for its serializer, topic or partition)",
            State::Done => "Sending(done)",
        })
    }
}
