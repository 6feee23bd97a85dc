//! Passes records to librdkafka: at once, or after they have waited for `buffer.memory`, for their serializer, or both.
//!
//! This code runs on the thread that frees memory, most often the delivery thread. User code runs after the queues are served ([`Aftermath`]),
//! without a lock and while other threads can serve the queues, because wakers and interceptors may send and wait for memory.

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
        producer_state::{ProducerState, topic_of},
        transaction::Transactions,
    },
};

/// A record that waits for `buffer.memory`.
pub(in crate::producer) enum Entrant {
    /// Ready to be sent.
    Whole(Draft),
    /// Waits for its serializer next, or perhaps behind such a record.
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

/// Work to do after the queues are served, some of it user code.
#[derive(Default)]
struct Aftermath {
    /// Reported before `done` wakes the flushes that wait for them.
    refused: Vec<(Draft, i32)>,
    left: Vec<(Box<Deferral>, Exit)>,
    wakers: Vec<Waker>,
    done: Done,
}

/// The function that admits a waiting record.
type Admit<'a> = &'a mut dyn FnMut(Entrant) -> Result<(), Refused>;

impl ProducerState {
    /// Fails the transaction of a draft that librdkafka did not accept, or forgets its topic's partition, for which it may still wait.
    pub(in crate::producer) fn note_rejected(&self, client: &Client, draft: &Draft, code: i32) {
        if is_absence(draft, code) {
            let record = draft.record();
            let partition = record.partition.filter(|_| code == code::UNKNOWN_PARTITION).unwrap_or_default();
            record.topic.iter().for_each(|topic| topic.forget_partition(partition));
        } else {
            self.fail_transaction(client, draft, code);
        }
    }

    /// Releases memory and admits waiting records.
    pub(in crate::producer) fn release(&self, client: &Client, bytes: usize) {
        self.admitting(client, |buffer_memory, admit| buffer_memory.release(bytes, admit));
    }

    /// Runs an operation on the buffer memory that may admit waiting records.
    fn admitting<R>(&self, client: &Client, act: impl FnOnce(&BufferMemory<Entrant>, Admit<'_>) -> R) -> R {
        let mut aftermath = Aftermath::default();
        let result = act(&self.admission.buffer_memory, &mut |entrant| self.admit(client, entrant, &mut aftermath));
        self.ring_if_stalled();
        self.report_and_wake(aftermath);
        result
    }

    /// Wakes the delivery thread to serve ready records that waited while the memory was overdrawn.
    fn ring_if_stalled(&self) {
        if self.admission.deferrals.is_stalled() && !self.admission.buffer_memory.is_overdrawn() {
            self.admission.deferrals.ring();
        }
    }

    /// Sends a record that has waited for memory, or queues it for its serializer.
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
                self.admission.deferrals.disengage();
                result
            }
            Entrant::Deferred(deferral) => self.admission.deferrals.push(deferral).map_err(|(deferral, exit)| {
                let bytes = deferral.draft.charge();
                aftermath.left.push((deferral, exit));
                bytes
            }),
        }
    }

    /// Whether the record waits neither for its serializer nor behind another record.
    pub(in crate::producer) fn may_pass(&self, deferral: &Deferral) -> bool {
        let place = &deferral.ticket.place;
        deferral.pending_serialization.is_nothing() && !place.is_withdrawn() && !self.admission.deferrals.holds(place.topic())
    }

    /// Passes a record that has waited to librdkafka. Its sender learns that it was accepted; a later failure is its delivery report.
    fn dispatch(&self, client: &Client, draft: Draft, aftermath: &mut Aftermath) -> Result<(), Refused> {
        // Before librdkafka gets the record, since the slot may then be freed at any time.
        aftermath.wakers.extend(draft.admit());
        self.produce(client, draft, &mut aftermath.done).map_err(|(draft, code)| {
            if is_absence(&draft, code) {
                // Its sender was told that it is accepted, so it cannot wait any more.
                self.fail_transaction(client, &draft, code);
                draft.record().topic.iter().for_each(|topic| self.metadata.refresh.want(topic, self.metadata.absent.waker()));
            }
            let bytes = draft.charge();
            aftermath.refused.push((draft, code));
            bytes
        })
    }

    /// Reports the records that were not admitted, and wakes the senders of those that were.
    fn report_and_wake(&self, aftermath: Aftermath) {
        let Aftermath { refused, left, mut wakers, done } = aftermath;
        self.meter.refuse(refused.len());
        for (draft, code) in refused {
            wakers.extend(report_refused(draft, code, &self.delivery.listeners));
        }
        for (deferral, exit) in left {
            self.turn_away(*deferral, self.error_of(exit));
        }
        wakers.into_iter().for_each(wake);
        drop(done);
    }

    /// Queues a record for its serializer. Its memory is reserved.
    pub(in crate::producer) fn line_up(&self, client: &Client, deferral: Box<Deferral>) {
        if let Err((deferral, exit)) = self.admission.deferrals.push(deferral) {
            self.leave(client, *deferral, self.error_of(exit));
        }
    }

    /// Serves the records that wait for their serializers, and passes on those that are ready.
    pub(in crate::producer) fn serve_deferred(&self, client: &Client, now: Instant) {
        if !self.admission.deferrals.is_due(now, || self.admission.buffer_memory.is_overdrawn()) {
            return;
        }
        let waker = self.admission.deferrals.waker();
        self.admission.deferrals.serve(
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

    /// Whether a ready record must wait because `buffer.memory` is overdrawn. So only one record at a time exceeds the limit, by the
    /// difference between its real size and the size that its serializer estimated.
    fn is_held_up(&self) -> bool {
        if !self.admission.buffer_memory.is_overdrawn() {
            return false;
        }
        self.admission.deferrals.stall();
        self.admission.buffer_memory.is_overdrawn()
    }

    /// Finishes a record whose serializer is ready: reserves memory for its real size and passes it to librdkafka.
    fn pass_on(&self, client: &Client, mut deferral: Deferral, ended: Result<(), Error>) {
        let pending_serialization = mem::replace(&mut deferral.pending_serialization, PendingSerialization::nothing());
        let cost = ended.and_then(|()| {
            let record = deferral.draft.record_mut();
            pending_serialization.finish(deferral.ticket.place.topic(), record)?;
            if record.is_kept() {
                record.trim();
            }
            let cost = record.cost();
            record_size::check(record, cost, self.admission.max_request_size, self.admission.buffer_memory.limit())?;
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
            // Counted again, because the caller decrements the count of the queue that the record has left.
            if self.admission.deferrals.engage() {
                return self.set_aside(client, Box::new(deferral));
            }
            return self.leave_served(client, deferral, self.error_of(Exit::Cleared));
        }
        self.send_waiting(client, deferral.draft);
    }

    /// Passes a record that has waited to librdkafka. Its memory is reserved.
    pub(in crate::producer) fn send_waiting(&self, client: &Client, draft: Draft) {
        let mut aftermath = Aftermath::default();
        if let Err(bytes) = self.dispatch(client, draft, &mut aftermath) {
            self.release(client, bytes);
        }
        self.report_and_wake(aftermath);
    }

    /// Rejects a record that waits for its serializer, and releases its memory.
    pub(in crate::producer) fn leave(&self, client: &Client, deferral: Deferral, error: Error) {
        self.leave_served(client, deferral, error);
        self.admission.deferrals.disengage();
    }

    /// [`leave`](Self::leave) for a record that is being served, which `serve` uncounts itself.
    fn leave_served(&self, client: &Client, deferral: Deferral, error: Error) {
        self.release(client, deferral.draft.charge());
        self.end_deferral(deferral, error);
    }

    /// Rejects a record that waits for memory and would then wait for its serializer.
    fn turn_away(&self, deferral: Deferral, error: Error) {
        self.end_deferral(deferral, error);
        self.admission.deferrals.disengage();
    }

    /// Reports the error to the future of a record that is not sent.
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

    /// Rejects a record that waited for memory.
    fn refuse_entrant(&self, entrant: Entrant, code: i32) {
        match entrant {
            Entrant::Whole(draft) => self.refuse(draft, code).into_iter().for_each(wake),
            Entrant::Deferred(deferral) => self.turn_away(*deferral, self.refusal(code)),
        }
    }

    /// Rejects the records that have waited for memory for `max.block.ms`.
    pub(in crate::producer) fn expire(&self, client: &Client, now: Instant) {
        let _ending = self.transactions.as_ref().map(Transactions::ending_records);
        let mut aftermath = Aftermath::default();
        let expired = self.admission.buffer_memory.expire(now, &mut |entrant| self.admit(client, entrant, &mut aftermath));
        self.ring_if_stalled();
        // Before the wakers of admitted records, since a blocking waker must not delay the expiry.
        for entrant in expired {
            self.refuse_entrant(entrant, code::TIMED_OUT_QUEUE);
        }
        self.report_and_wake(aftermath);
    }

    /// Rejects all records whose deadline has passed at `now`, except the one that the delivery thread is serving. For a blocked delivery
    /// thread. Does not poll serializers again.
    pub(in crate::producer) fn expire_late(&self, client: &Client, now: Instant) {
        self.expire(client, now);
        let _ending = self.transactions.as_ref().map(Transactions::ending_records);
        for deferral in self.admission.deferrals.expired(now) {
            let error = self.too_late(&deferral);
            self.leave(client, *deferral, error);
        }
        self.expire_absent(client, now);
    }

    /// Rejects all waiting records. With `close`, no record can wait any more. A record in transition between queues is not rejected, see
    /// [`anything_waits`](Self::anything_waits).
    pub(in crate::producer) fn refuse_waiting(&self, code: i32, close: bool) {
        let _ending = self.transactions.as_ref().map(Transactions::ending_records);
        // In this order, because records move from the buffer memory to the deferrals.
        let mut entrants = self.admission.buffer_memory.clear(close);
        for deferral in self.admission.deferrals.clear(close).into_iter().chain(self.clear_absent(close)) {
            self.admission.buffer_memory.release(deferral.draft.charge(), |entrant| {
                let bytes = entrant.draft().charge();
                entrants.push(entrant);
                Err(bytes)
            });
            self.end_deferral(*deferral, self.refusal(code));
            self.admission.deferrals.disengage();
        }
        for entrant in entrants {
            self.refuse_entrant(entrant, code);
        }
    }

    /// Whether a record waits or is in transition between queues.
    pub(in crate::producer) fn anything_waits(&self) -> bool {
        self.admission.deferrals.is_engaged() || self.admission.buffer_memory.is_waited_for()
    }

    /// Cancels a record that waits for memory.
    pub(in crate::producer) fn withdraw_from_room(&self, client: &Client, id: u64) {
        if let Some(entrant) = self.admitting(client, |buffer_memory, admit| buffer_memory.withdraw(id, admit)) {
            self.end_withdrawn(entrant);
        }
    }

    /// Cancels a record that waits for its serializer, or for memory before that.
    pub(in crate::producer) fn withdraw_deferred(&self, client: &Client, ticket: &Ticket) {
        if let Some(id) = ticket.place.withdraw() {
            self.withdraw_from_room(client, id);
        }
        if let Some(deferral) = self.admission.deferrals.withdraw(&ticket.place) {
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

    /// The error of a record that cannot wait any more.
    pub(in crate::producer) fn error_of(&self, exit: Exit) -> Error {
        match exit {
            Exit::Withdrawn => {
                Error::new(ErrorKind::GivenUp, "cancelled: the future of send was dropped while the record waited")
            }
            Exit::Cleared => self.refusal(if self.admission.outstanding.is_closed() { code::DESTROY } else { code::STATE }),
        }
    }

    fn too_late(&self, deferral: &Deferral) -> Error {
        let (topic, what, time) = (
            deferral.ticket.place.topic(),
            deferral.pending_serialization.what(),
            self.admission.buffer_memory.max_block().as_millis(),
        );
        Error::new(ErrorKind::SchemaTimeout, format!("topic {topic}: {what} was not available within max.block.ms ({time} ms)"))
    }
}
