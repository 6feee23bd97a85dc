//! Records for a topic or a partition that librdkafka does not know, perhaps because it was just added. Like Java, ottla refreshes the metadata and
//! waits for `max.block.ms`.
//!
//! librdkafka rejects such a record when it is sent. The record is set aside with its memory reserved, the metadata are refreshed
//! ([`Refresh`](super::refresh::Refresh)), and the delivery thread tries again after each response. Records for the same partition wait behind it,
//! those for other partitions do not. While no partition of the topic is known, all records of the topic wait behind it. Once the brokers have
//! reported the partition, the record is sent and its sender learns that it was accepted.
//!
//! A record that has waited for memory or for its serializer is reported as accepted before librdkafka has it. So such a record with an explicit
//! partition is set aside too, unless the brokers have already reported the partition.
//!
//! With rack-aware partitioning, a record without a key also waits here until the racks of its topic's leaders are known. After `max.block.ms`
//! it is sent without them.

use std::{sync::Arc, time::Instant};

use crate::{
    Error,
    native::{Client, Draft, PreparedRecord, code},
    producer::{
        admission::{
            deferral::{Deferral, Ticket},
            deferrals::{Deferred, Exit},
            outstanding::Done,
            place::Place,
        },
        producer_state::{ProducerState, topic_of},
    },
};

/// A record that is set aside.
pub(in crate::producer) struct Absent(Box<Deferral>);

impl Deferred for Absent {
    fn place(&self) -> &Place {
        self.0.ticket.aside()
    }
}

/// The queue of a record: that of its partition, or of its topic if the topic is unknown.
pub(in crate::producer) fn key_of(record: &PreparedRecord, code: i32) -> Arc<str> {
    let topic = topic_of(record);
    match record.partition {
        // A topic name cannot contain a slash.
        Some(partition) if code != code::UNKNOWN_TOPIC => format!("{topic}/{partition}").into(),
        _ => topic,
    }
}

/// Whether librdkafka has rejected a record because its topic or its explicit partition is unknown.
pub(in crate::producer) fn is_absence(draft: &Draft, code: i32) -> bool {
    match code {
        code::UNKNOWN_TOPIC => draft.record().topic.is_some(),
        code::UNKNOWN_PARTITION => draft.record().partition.is_some(),
        _ => false,
    }
}

/// How many partitions of the record's topic the brokers have reported.
fn reported_partitions(record: &PreparedRecord) -> i32 {
    record.topic.as_ref().map_or(0, |topic| topic.partitions())
}

/// Whether the brokers have reported the record's partition or, without one, its topic and what its partitioner needs.
fn is_reported(record: &PreparedRecord) -> bool {
    reported_partitions(record) > record.partition.unwrap_or_default() && !awaits_leaders(record)
}

/// Whether the record's partitioner needs leaders that the brokers have not reported yet.
pub(in crate::producer) fn awaits_leaders(record: &PreparedRecord) -> bool {
    record.partition.is_none() && record.topic.as_ref().is_some_and(|topic| topic.awaits_leaders(record.key()))
}

impl ProducerState {
    /// Whether this record must wait behind records that are set aside.
    pub(in crate::producer) fn is_behind_absent(&self, record: &PreparedRecord) -> bool {
        let holds = |code| self.metadata.absent.holds(&key_of(record, code));
        self.metadata.absent.is_engaged()
            && (holds(code::UNKNOWN_TOPIC) || (record.partition.is_some() && holds(code::UNKNOWN_PARTITION)))
    }

    /// Whether a record may be reported as accepted before librdkafka has it.
    pub(in crate::producer) fn is_known(&self, record: &PreparedRecord) -> bool {
        !self.is_behind_absent(record) && !awaits_leaders(record) && (record.partition.is_none() || is_reported(record))
    }

    /// Sets a record aside. Its memory is reserved, and it is engaged with the deferrals.
    pub(in crate::producer) fn set_aside(&self, client: &Client, deferral: Box<Deferral>) {
        if let Err((deferral, exit)) = self.try_set_aside(deferral) {
            self.leave(client, *deferral, self.error_of(exit));
        }
    }

    /// [`set_aside`](Self::set_aside), unless the record was cancelled or the queue is closed.
    pub(in crate::producer) fn try_set_aside(&self, deferral: Box<Deferral>) -> Result<(), (Box<Deferral>, Exit)> {
        if !self.metadata.absent.engage() {
            return Err((deferral, Exit::Cleared));
        }
        let ticket = Arc::clone(&deferral.ticket);
        let record = deferral.draft.record();
        let topic = record.topic.clone();
        // Behind the records that wait for the topic, if any, and while no partition of it is known, since the partitioner may choose this
        // partition for a later record.
        let waits_for_topic =
            reported_partitions(record) == 0 || self.metadata.absent.holds(&key_of(record, code::UNKNOWN_TOPIC));
        let place = ticket.set_aside(key_of(record, if waits_for_topic { code::UNKNOWN_TOPIC } else { code::UNKNOWN_PARTITION }));
        if let Err((Absent(deferral), exit)) = self.metadata.absent.push(Absent(deferral)) {
            self.metadata.absent.disengage();
            return Err((deferral, exit));
        }
        if ticket.place.is_withdrawn() {
            // Its future was dropped before the record had this place.
            place.withdraw();
            if let Some(Absent(deferral)) = self.metadata.absent.withdraw(place) {
                self.metadata.absent.disengage();
                return Err((deferral, Exit::Withdrawn));
            }
        }
        topic.into_iter().for_each(|topic| self.metadata.refresh.want(&topic, self.metadata.absent.waker()));
        Ok(())
    }

    /// Retries the records that are set aside.
    pub(in crate::producer) fn serve_absent(&self, client: &Client, now: Instant) {
        if !self.metadata.absent.is_due(now, || false) {
            return;
        }
        self.metadata.absent.serve(
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

    /// Passes a record to librdkafka if its partition was reported. Returns a record that must wait further.
    fn try_again(&self, client: &Client, deferral: Deferral, is_late: bool) -> Option<Box<Deferral>> {
        let Deferral { draft, pending_serialization, ticket } = deferral;
        if is_reported(draft.record()) || (is_late && awaits_leaders(draft.record())) {
            self.send_waiting(client, draft);
            self.admission.deferrals.disengage();
            return None;
        }
        if !is_late {
            // librdkafka would reject it again, or accept it before its sender can learn that.
            draft.record().topic.iter().for_each(|topic| self.metadata.refresh.want(topic, self.metadata.absent.waker()));
            return Some(Box::new(Deferral { draft, pending_serialization, ticket }));
        }
        let mut done = Done::default();
        let Err((mut draft, code)) = self.produce(client, draft, &mut done) else {
            self.admission.deferrals.disengage();
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

    /// Rejects the records whose deadline has passed at `now`, while the delivery thread is blocked.
    pub(in crate::producer) fn expire_absent(&self, client: &Client, now: Instant) {
        for Absent(deferral) in self.metadata.absent.expired(now) {
            self.metadata.absent.disengage();
            let code = if deferral.draft.record().partition.is_some() { code::UNKNOWN_PARTITION } else { code::UNKNOWN_TOPIC };
            let error = self.not_reported(deferral.draft.record(), code);
            self.leave(client, *deferral, error);
        }
    }

    /// The error of a record whose topic or partition was not reported in time.
    fn not_reported(&self, record: &PreparedRecord, code: i32) -> Error {
        let waited = self.admission.buffer_memory.max_block().as_millis();
        let what = format!("{}: the brokers did not report it within max.block.ms ({waited} ms)", name_of(record));
        self.authentication.broker_errors.blame(Error::from_code(code, &what))
    }

    /// The error of a record that must not wait for its topic or partition. Refreshes the metadata, so that a later attempt may succeed.
    pub(in crate::producer) fn refusal_of_absent(&self, record: &PreparedRecord, code: i32) -> Error {
        record.topic.iter().for_each(|topic| self.metadata.refresh.want(topic, self.metadata.absent.waker()));
        let what = format!("{}: unknown, the metadata are being refreshed; await `send`, or try again later", name_of(record));
        Error::from_code(code, &what).not_abortable()
    }

    /// Removes all records that are set aside. With `close`, no record can be set aside any more.
    pub(in crate::producer) fn clear_absent(&self, close: bool) -> impl Iterator<Item = Box<Deferral>> {
        let cleared = self.metadata.absent.clear(close);
        cleared.iter().for_each(|_| self.metadata.absent.disengage());
        cleared.into_iter().map(|Absent(deferral)| deferral)
    }

    /// Cancels a record that is set aside.
    pub(in crate::producer) fn withdraw_absent(&self, client: &Client, ticket: &Ticket) {
        let Some(place) = ticket.place_aside() else { return };
        place.withdraw();
        if let Some(Absent(deferral)) = self.metadata.absent.withdraw(place) {
            self.metadata.absent.disengage();
            self.leave(client, *deferral, self.error_of(Exit::Withdrawn));
        }
    }
}

/// A record's topic and partition for errors.
pub(in crate::producer) fn name_of(record: &PreparedRecord) -> String {
    let topic = topic_of(record);
    record.partition.map_or_else(|| format!("topic {topic}"), |partition| format!("topic {topic}, partition {partition}"))
}
