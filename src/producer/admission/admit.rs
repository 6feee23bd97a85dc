//! The way of a record from its room to librdkafka: at once, or when it has waited for room, for its serializer, or both.
//!
//! What runs here is called by the thread that makes room, most often the delivery thread. User code runs after the queues are served
//! ([`Aftermath`]), where no lock is held and another thread may serve them: wakers and interceptors may send, and may wait for room.

use std::{
    mem,
    task::{Context, Poll, Waker},
    time::Instant,
};

use super::{
    buffer_memory::{BufferMemory, Refused},
    deferral::{Deferral, Ticket},
    deferrals::Exit,
    outstanding::Done,
};
use crate::{
    Error, ErrorKind,
    native::{Client, Draft, code, report_refused},
    panic::wake,
    producer::{
        metadata::absence::is_absence,
        prepare::{pending_serialization::PendingSerialization, record_size},
        shared::{Shared, topic_of},
        transaction::Transactions,
    },
};

/// What waits for room.
pub(in crate::producer) enum Entrant {
    /// A record that is ready to be sent.
    Whole(Draft),
    /// One that waits for its serializer next, or may have to wait behind such a record.
    Deferred(Box<Deferral>),
}

impl Entrant {
    pub(in crate::producer) fn into_draft(self) -> Draft {
        match self {
            Self::Whole(draft) => draft,
            Self::Deferred(deferral) => deferral.draft,
        }
    }

    fn draft(&self) -> &Draft {
        match self {
            Self::Whole(draft) => draft,
            Self::Deferred(deferral) => &deferral.draft,
        }
    }
}

/// What is left to do when the queues are served. Some of it is user code.
#[derive(Default)]
struct Aftermath {
    /// Before a flush that has ended is told so, the records are reported.
    refused: Vec<(Draft, i32)>,
    left: Vec<(Box<Deferral>, Exit)>,
    wakers: Vec<Waker>,
    done: Done,
}

/// The function that admits what waits for room.
type Admit<'a> = &'a mut dyn FnMut(Entrant) -> Result<(), Refused>;

impl Shared {
    /// Gives a draft whose room is taken to librdkafka. On failure the caller releases its room.
    pub(in crate::producer) fn accept(&self, client: &Client, mut draft: Draft, done: &mut Done) -> Result<(), (Draft, i32)> {
        let Some(generation) = self.outstanding.enter(done) else {
            self.fail_transaction(client, &draft, code::DESTROY);
            return Err((draft, code::DESTROY));
        };
        draft.set_generation(generation);
        client.produce(draft).inspect_err(|(draft, code)| {
            // First: a commit that finds nothing outstanding must find the failure. A record whose partition is not known may wait for it.
            if is_absence(draft, *code) {
                let record = draft.record();
                let partition = record.partition.filter(|_| *code == code::UNKNOWN_PARTITION).unwrap_or_default();
                record.topic.iter().for_each(|topic| topic.forget_partition(partition));
            } else {
                self.fail_transaction(client, draft, *code);
            }
            self.outstanding.leave_one(generation, done);
        })
    }

    /// Gives room back, and admits those that wait for it.
    pub(in crate::producer) fn release(&self, client: &Client, bytes: usize) {
        self.admitting(client, |buffer_memory, admit| buffer_memory.release(bytes, admit));
    }

    /// Does something to the room that may let waiters in.
    fn admitting<R>(&self, client: &Client, act: impl FnOnce(&BufferMemory<Entrant>, Admit<'_>) -> R) -> R {
        let mut aftermath = Aftermath::default();
        let result = act(&self.buffer_memory, &mut |entrant| self.admit(client, entrant, &mut aftermath));
        self.ring_if_stalled();
        self.settle(aftermath);
        result
    }

    /// Records that are ready, and wait since the room is overdrawn, are served by the delivery thread.
    fn ring_if_stalled(&self) {
        if self.deferrals.is_stalled() && !self.buffer_memory.is_overdrawn() {
            self.deferrals.ring();
        }
    }

    /// Sends what has waited for room, or has it wait for its serializer.
    fn admit(&self, client: &Client, entrant: Entrant, aftermath: &mut Aftermath) -> Result<(), Refused> {
        match entrant {
            Entrant::Whole(draft) => self.dispatch(client, draft, aftermath),
            Entrant::Deferred(deferral) if self.may_pass(&deferral) && !self.is_known(deferral.draft.record()) => {
                self.try_set_aside(deferral).map_err(|(deferral, exit)| {
                    let bytes = deferral.draft.charge();
                    aftermath.left.push((deferral, exit));
                    bytes
                })
            }
            Entrant::Deferred(deferral) if self.may_pass(&deferral) => {
                let result = self.dispatch(client, deferral.draft, aftermath);
                self.deferrals.disengage();
                result
            }
            Entrant::Deferred(deferral) => self.deferrals.push(deferral).map_err(|(deferral, exit)| {
                let bytes = deferral.draft.charge();
                aftermath.left.push((deferral, exit));
                bytes
            }),
        }
    }

    /// Whether the record need not wait for its serializer, nor for that of a record before it.
    pub(in crate::producer) fn may_pass(&self, deferral: &Deferral) -> bool {
        let place = &deferral.ticket.place;
        deferral.pending_serialization.is_nothing() && !place.is_withdrawn() && !self.deferrals.holds(place.topic())
    }

    /// Gives a record to librdkafka that has waited. Its sender learns that it was accepted; what fails after that is its report.
    fn dispatch(&self, client: &Client, draft: Draft, aftermath: &mut Aftermath) -> Result<(), Refused> {
        // Before it is with librdkafka: from then on the slot may be gone at any time.
        aftermath.wakers.extend(draft.admit());
        self.accept(client, draft, &mut aftermath.done).map_err(|(draft, code)| {
            if is_absence(&draft, code) {
                // Its sender has been told: it can wait no more.
                self.fail_transaction(client, &draft, code);
                draft.record().topic.iter().for_each(|topic| self.refresh.want(topic, self.absent.waker()));
            }
            let bytes = draft.charge();
            aftermath.refused.push((draft, code));
            bytes
        })
    }

    fn settle(&self, aftermath: Aftermath) {
        let Aftermath { refused, left, mut wakers, done } = aftermath;
        self.meter.refuse(refused.len());
        for (draft, code) in refused {
            wakers.extend(report_refused(draft, code, &self.listeners));
        }
        for (deferral, exit) in left {
            self.turn_away(*deferral, self.error_of(exit));
        }
        wakers.into_iter().for_each(wake);
        drop(done);
    }

    /// Has a record wait for its serializer. Its room is taken.
    pub(in crate::producer) fn line_up(&self, client: &Client, deferral: Box<Deferral>) {
        if let Err((deferral, exit)) = self.deferrals.push(deferral) {
            self.leave(client, *deferral, self.error_of(exit));
        }
    }

    /// Serves the records that wait for their serializers: passes those on that wait no longer.
    pub(in crate::producer) fn serve_deferred(&self, client: &Client, now: Instant) {
        if !self.deferrals.is_due(now, || self.buffer_memory.is_overdrawn()) {
            return;
        }
        let waker = self.deferrals.waker();
        self.deferrals.serve(
            |mut deferral, turn| {
                let ended = deferral.pending_serialization.poll(deferral.ticket.place.topic(), &mut Context::from_waker(&waker));
                let is_late = turn.deadline.is_over(now);
                let ended = match ended {
                    _ if turn.is_over() => Err(self.error_of(Exit::Cleared)),
                    _ if deferral.ticket.place.is_withdrawn() => Err(self.error_of(Exit::Withdrawn)),
                    Poll::Ready(Ok(())) if self.is_held_up() => {
                        if !is_late {
                            return Some(deferral);
                        }
                        Err(self.refusal(code::TIMED_OUT_QUEUE))
                    }
                    Poll::Ready(ended) => ended,
                    Poll::Pending if is_late => Err(self.too_late(&deferral)),
                    Poll::Pending => return Some(deferral),
                };
                self.pass_on(client, *deferral, ended);
                None
            },
            |deferral, exit| self.leave_served(client, *deferral, self.error_of(exit)),
        );
    }

    /// Whether a record that is ready has to wait on, since the one before it has overdrawn the room. So one record at a time goes beyond
    /// `buffer.memory`, and only by what its serializer has made of it beyond what it said.
    fn is_held_up(&self) -> bool {
        if !self.buffer_memory.is_overdrawn() {
            return false;
        }
        self.deferrals.stall();
        self.buffer_memory.is_overdrawn()
    }

    /// Passes a record on that no longer waits for its serializer: it takes what it really costs of the room, and goes to librdkafka.
    fn pass_on(&self, client: &Client, mut deferral: Deferral, ended: Result<(), Error>) {
        let pending_serialization = mem::replace(&mut deferral.pending_serialization, PendingSerialization::nothing());
        let cost = ended.and_then(|()| {
            let record = deferral.draft.record_mut();
            pending_serialization.finish(deferral.ticket.place.topic(), record)?;
            if record.is_kept() {
                record.trim();
            }
            let cost = record.cost();
            record_size::check(record, cost, self.max_request_size, self.buffer_memory.limit())?;
            Ok(cost)
        });
        let cost = match cost {
            Ok(cost) => cost,
            Err(error) => return self.leave_served(client, deferral, error),
        };
        let held = deferral.draft.charge();
        deferral.draft.set_charge(cost);
        self.admitting(client, |buffer_memory, admit| buffer_memory.exchange(held, cost, admit));
        if !self.is_known(deferral.draft.record()) {
            // It has left the queue whose count the caller lowers.
            if self.deferrals.engage() {
                return self.set_aside(client, Box::new(deferral));
            }
            return self.leave_served(client, deferral, self.error_of(Exit::Cleared));
        }
        self.send_waiting(client, deferral.draft);
    }

    /// Gives a record to librdkafka that has waited, and has its room.
    pub(in crate::producer) fn send_waiting(&self, client: &Client, draft: Draft) {
        let mut aftermath = Aftermath::default();
        if let Err(bytes) = self.dispatch(client, draft, &mut aftermath) {
            self.release(client, bytes);
        }
        self.settle(aftermath);
    }

    /// Ends a record that waits for its serializer and has its room: it is not sent.
    pub(in crate::producer) fn leave(&self, client: &Client, deferral: Deferral, error: Error) {
        self.leave_served(client, deferral, error);
        self.deferrals.disengage();
    }

    /// [`leave`](Self::leave) for one that is being served, and counts until it has been.
    fn leave_served(&self, client: &Client, deferral: Deferral, error: Error) {
        self.release(client, deferral.draft.charge());
        self.end_deferral(deferral, error);
    }

    /// Ends a record that waits for room, to wait for its serializer then.
    fn turn_away(&self, deferral: Deferral, error: Error) {
        self.end_deferral(deferral, error);
        self.deferrals.disengage();
    }

    /// Ends a record that has waited for its serializer and is not sent; its future gets the error.
    fn end_deferral(&self, deferral: Deferral, error: Error) {
        let Deferral { draft, ticket, pending_serialization } = deferral;
        drop(pending_serialization);
        self.note_refusal(&error);
        self.meter.refuse(1);
        if error.kind() == ErrorKind::BufferTimeout {
            self.meter.exhaust();
        }
        self.tell_refused(&topic_of(draft.record()), draft.record(), &error);
        ticket.refuse(error);
        draft.refuse(code::DESTROY).into_iter().for_each(wake);
    }

    /// Ends a record that waited for room.
    fn refuse_entrant(&self, entrant: Entrant, code: i32) {
        match entrant {
            Entrant::Whole(draft) => self.refuse(draft, code).into_iter().for_each(wake),
            Entrant::Deferred(deferral) => self.turn_away(*deferral, self.refusal(code)),
        }
    }

    /// Ends the records that have waited for room for `max.block.ms`.
    pub(in crate::producer) fn expire(&self, client: &Client, now: Instant) {
        let _ending = self.transactions.as_ref().map(Transactions::ending_records);
        let mut aftermath = Aftermath::default();
        let expired = self.buffer_memory.expire(now, &mut |entrant| self.admit(client, entrant, &mut aftermath));
        self.ring_if_stalled();
        // Before the wakers of those that were let in: one that blocks must not hold up an expiry.
        for entrant in expired {
            self.refuse_entrant(entrant, code::TIMED_OUT_QUEUE);
        }
        self.settle(aftermath);
    }

    /// Ends the records whose time was over at `now`, wherever they wait, but for the one that the delivery thread serves just now: for where
    /// that thread does not come to it. No serializer is asked any more.
    pub(in crate::producer) fn expire_late(&self, client: &Client, now: Instant) {
        self.expire(client, now);
        let _ending = self.transactions.as_ref().map(Transactions::ending_records);
        for deferral in self.deferrals.expired(now) {
            let error = self.too_late(&deferral);
            self.leave(client, *deferral, error);
        }
        self.expire_absent(client, now);
    }

    /// Ends everything that waits; `close` lets nothing wait from now on. A record that is just being passed on goes on: see
    /// [`anything_waits`](Self::anything_waits).
    pub(in crate::producer) fn refuse_waiting(&self, code: i32, close: bool) {
        let _ending = self.transactions.as_ref().map(Transactions::ending_records);
        // In this order: a record goes from the room to the deferrals.
        let mut entrants = self.buffer_memory.clear(close);
        for deferral in self.deferrals.clear(close).into_iter().chain(self.clear_absent(close)) {
            self.buffer_memory.release(deferral.draft.charge(), |entrant| {
                let bytes = entrant.draft().charge();
                entrants.push(entrant);
                Err(bytes)
            });
            self.end_deferral(*deferral, self.refusal(code));
            self.deferrals.disengage();
        }
        for entrant in entrants {
            self.refuse_entrant(entrant, code);
        }
    }

    /// Whether a record waits, or is just being passed on.
    pub(in crate::producer) fn anything_waits(&self) -> bool {
        self.deferrals.is_engaged() || self.buffer_memory.is_waited_for()
    }

    /// Takes a record back that waits for room.
    pub(in crate::producer) fn withdraw_from_room(&self, client: &Client, id: u64) {
        if let Some(entrant) = self.admitting(client, |buffer_memory, admit| buffer_memory.withdraw(id, admit)) {
            self.end_withdrawn(entrant);
        }
    }

    /// Takes a record back that waits for its serializer, or for room before that.
    pub(in crate::producer) fn withdraw_deferred(&self, client: &Client, ticket: &Ticket) {
        if let Some(id) = ticket.place.withdraw() {
            self.withdraw_from_room(client, id);
        }
        if let Some(deferral) = self.deferrals.withdraw(&ticket.place) {
            self.leave(client, *deferral, self.error_of(Exit::Withdrawn));
        }
        self.withdraw_absent(client, ticket);
    }

    fn end_withdrawn(&self, entrant: Entrant) {
        match entrant {
            Entrant::Deferred(deferral) => self.turn_away(*deferral, self.error_of(Exit::Withdrawn)),
            Entrant::Whole(draft) => {
                self.meter.refuse(1);
                self.tell_refused(&topic_of(draft.record()), draft.record(), &self.error_of(Exit::Withdrawn));
                draft.refuse(code::DESTROY).into_iter().for_each(wake);
            }
        }
    }

    /// What a record's sender is told that can no longer wait.
    pub(in crate::producer) fn error_of(&self, exit: Exit) -> Error {
        match exit {
            Exit::Withdrawn => Error::new(ErrorKind::GivenUp, "withdrawn: its send was dropped while it waited"),
            Exit::Cleared => self.refusal(if self.outstanding.is_closed() { code::DESTROY } else { code::STATE }),
        }
    }

    fn too_late(&self, deferral: &Deferral) -> Error {
        let (topic, what, time) =
            (deferral.ticket.place.topic(), deferral.pending_serialization.what(), self.buffer_memory.max_block().as_millis());
        Error::new(ErrorKind::SchemaTimeout, format!("topic {topic}: {what} did not come within max.block.ms ({time} ms)"))
    }
}
