//! The records for a topic or a partition that librdkafka does not know, perhaps since it was just added: Java asks the brokers again and
//! waits, for `max.block.ms`.
//!
//! librdkafka knows it, or not, when a record is sent. A record that it refuses for that is set aside: it keeps its room, the brokers are
//! asked ([`Refresh`](super::refresh::Refresh)), and after each answer the delivery thread tries again. Records for the same partition queue up
//! behind it, those for others do not. While no partition of the topic is known, all of the topic's records queue up behind it. It is sent, and its sender learns that it was accepted, once the brokers have reported its partition.
//!
//! A record that has waited for room, or for its serializer, is reported as accepted before librdkafka has it. So one with an explicit
//! partition is set aside as well, unless brokers have reported the partition before.

use std::{sync::Arc, time::Instant};

use crate::{
    Error,
    native::{Client, Draft, PreparedRecord, code},
    producer::{
        admission::{
            deferral::{Deferral, Ticket},
            deferrals::{Deferred, Exit, Place},
            outstanding::Done,
        },
        shared::{Shared, topic_of},
    },
};

/// A record that is set aside.
pub(in crate::producer) struct Absent(Box<Deferral>);

impl Deferred for Absent {
    fn place(&self) -> &Place {
        self.0.ticket.aside()
    }
}

/// Where a record is set aside: with those of its partition, or of its topic if that is not known.
pub(in crate::producer) fn key_of(record: &PreparedRecord, code: i32) -> Arc<str> {
    let topic = topic_of(record);
    match record.partition {
        // No topic's name has a slash.
        Some(partition) if code != code::UNKNOWN_TOPIC => format!("{topic}/{partition}").into(),
        _ => topic,
    }
}

/// Whether librdkafka has refused a record because it does not know its topic or its explicit partition.
pub(in crate::producer) fn is_absence(draft: &Draft, code: i32) -> bool {
    match code {
        code::UNKNOWN_TOPIC => draft.record().topic.is_some(),
        code::UNKNOWN_PARTITION => draft.record().partition.is_some(),
        _ => false,
    }
}

/// Whether brokers have reported a partition of the record's topic.
fn knows_partitions(record: &PreparedRecord) -> bool {
    record.topic.as_ref().is_some_and(|topic| topic.partitions() > 0)
}

/// Whether brokers have reported the record's partition or, if it has none, its topic.
fn is_reported(record: &PreparedRecord) -> bool {
    record.topic.as_ref().is_some_and(|topic| topic.partitions() > record.partition.unwrap_or_default())
}

impl Shared {
    /// Whether records are set aside that this one is behind.
    pub(in crate::producer) fn is_behind_absent(&self, record: &PreparedRecord) -> bool {
        let holds = |code| self.absent.holds(&key_of(record, code));
        self.absent.is_engaged() && (holds(code::UNKNOWN_TOPIC) || (record.partition.is_some() && holds(code::UNKNOWN_PARTITION)))
    }

    /// Whether a record can be reported as accepted before librdkafka has it.
    pub(in crate::producer) fn is_known(&self, record: &PreparedRecord) -> bool {
        !self.is_behind_absent(record) && (record.partition.is_none() || is_reported(record))
    }

    /// Sets a record aside that has its room and is engaged with the deferrals.
    pub(in crate::producer) fn set_aside(&self, client: &Client, deferral: Box<Deferral>) {
        if let Err((deferral, exit)) = self.try_set_aside(deferral) {
            self.leave(client, *deferral, self.error_of(exit));
        }
    }

    /// [`set_aside`](Self::set_aside), if it still may wait.
    pub(in crate::producer) fn try_set_aside(&self, deferral: Box<Deferral>) -> Result<(), (Box<Deferral>, Exit)> {
        if !self.absent.engage() {
            return Err((deferral, Exit::Cleared));
        }
        let ticket = Arc::clone(&deferral.ticket);
        let record = deferral.draft.record();
        let topic = record.topic.clone();
        // With those that wait for the topic if there are any, and while no partition of it is known: the partitioner may choose this
        // one for a record that follows.
        let waits_for_topic = !knows_partitions(record) || self.absent.holds(&key_of(record, code::UNKNOWN_TOPIC));
        let place = ticket.set_aside(key_of(record, if waits_for_topic { code::UNKNOWN_TOPIC } else { code::UNKNOWN_PARTITION }));
        if let Err((Absent(deferral), exit)) = self.absent.push(Absent(deferral)) {
            self.absent.disengage();
            return Err((deferral, exit));
        }
        if ticket.place.is_withdrawn() {
            // Its future was dropped before it had this place.
            place.withdraw();
            if let Some(Absent(deferral)) = self.absent.withdraw(place) {
                self.absent.disengage();
                return Err((deferral, Exit::Withdrawn));
            }
        }
        topic.into_iter().for_each(|topic| self.refresh.want(&topic, self.absent.waker()));
        Ok(())
    }

    /// Tries the records again that are set aside.
    pub(in crate::producer) fn serve_absent(&self, client: &Client, now: Instant) {
        if !self.absent.is_due(now, || false) {
            return;
        }
        self.absent.serve(
            |Absent(deferral), turn| {
                let exit = if turn.is_over() { Some(Exit::Cleared) } else { None };
                let exit = exit.or_else(|| deferral.ticket.place.is_withdrawn().then_some(Exit::Withdrawn));
                if let Some(exit) = exit {
                    self.leave(client, *deferral, self.error_of(exit));
                    return None;
                }
                self.try_again(client, *deferral, turn.deadline.is_over(now)).map(Absent)
            },
            |Absent(deferral), exit| self.leave(client, *deferral, self.error_of(exit)),
        );
    }

    /// Gives a record to librdkafka once more; it comes back to wait on.
    fn try_again(&self, client: &Client, deferral: Deferral, is_late: bool) -> Option<Box<Deferral>> {
        let Deferral { draft, pending_serialization, ticket } = deferral;
        if is_reported(draft.record()) {
            self.send_waiting(client, draft);
            self.deferrals.disengage();
            return None;
        }
        if !is_late {
            // librdkafka would refuse it again, or take it before its sender can be told so.
            draft.record().topic.iter().for_each(|topic| self.refresh.want(topic, self.absent.waker()));
            return Some(Box::new(Deferral { draft, pending_serialization, ticket }));
        }
        let mut done = Done::default();
        let Err((mut draft, code)) = self.accept(client, draft, &mut done) else {
            self.deferrals.disengage();
            return None;
        };
        let error = if is_absence(&draft, code) {
            self.not_reported(draft.record(), code)
        } else {
            self.refusal_of(client, &mut draft, code)
        };
        self.leave(client, Deferral { draft, pending_serialization, ticket }, error);
        drop(done);
        None
    }

    /// Ends the records whose time was over at `now`, for where the delivery thread does not come to it.
    pub(in crate::producer) fn expire_absent(&self, client: &Client, now: Instant) {
        for Absent(deferral) in self.absent.expired(now) {
            self.absent.disengage();
            let code = if deferral.draft.record().partition.is_some() { code::UNKNOWN_PARTITION } else { code::UNKNOWN_TOPIC };
            let error = self.not_reported(deferral.draft.record(), code);
            self.leave(client, *deferral, error);
        }
    }

    /// The error of a record that has waited for its topic or partition for too long.
    fn not_reported(&self, record: &PreparedRecord, code: i32) -> Error {
        let waited = self.buffer_memory.max_block().as_millis();
        let what = format!("{}: the brokers did not report it within max.block.ms ({waited} ms)", name_of(record));
        self.broker_errors.blame(Error::from_code(code, &what))
    }

    /// The error of a record that does not wait for its topic or partition. The brokers are asked, so that it may be sent again.
    pub(in crate::producer) fn refusal_of_absent(&self, record: &PreparedRecord, code: i32) -> Error {
        record.topic.iter().for_each(|topic| self.refresh.want(topic, self.absent.waker()));
        let what = format!("{}: the brokers are asked for it; await `send`, or try again later", name_of(record));
        Error::from_code(code, &what).not_abortable()
    }

    /// Ends everything that is set aside; `close` lets nothing be set aside from now on.
    pub(in crate::producer) fn clear_absent(&self, close: bool) -> impl Iterator<Item = Box<Deferral>> {
        let cleared = self.absent.clear(close);
        cleared.iter().for_each(|_| self.absent.disengage());
        cleared.into_iter().map(|Absent(deferral)| deferral)
    }

    /// Takes a record back that is set aside.
    pub(in crate::producer) fn withdraw_absent(&self, client: &Client, ticket: &Ticket) {
        let Some(place) = ticket.place_aside() else { return };
        place.withdraw();
        if let Some(Absent(deferral)) = self.absent.withdraw(place) {
            self.absent.disengage();
            self.leave(client, *deferral, self.error_of(Exit::Withdrawn));
        }
    }
}

/// A record's topic and partition, as errors name them.
pub(in crate::producer) fn name_of(record: &PreparedRecord) -> String {
    let topic = topic_of(record);
    record.partition.map_or_else(|| format!("topic {topic}"), |partition| format!("topic {topic}, partition {partition}"))
}
