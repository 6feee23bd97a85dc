//! Implicit acknowledgements of librdkafka, and when they are valid.
//!
//! If a batch of an idempotent producer fails and a later batch of the same partition succeeds, librdkafka reports the first one as written,
//! too, without an offset (`rd_kafka_dr_implicit_ack`): a broker that knows the producer's sequence numbers accepts none out of order. But a
//! broker accepts *any* number from a producer that it does not know yet (Kafka's `ProducerAppendInfo.checkSequence`). So if a producer's
//! first batch for a partition is rejected, for example by a broker that is still creating it, and its second one is accepted, then the
//! first is lost. A topic that was deleted and created again is a new one.

use std::{collections::HashSet, ptr};

use rdkafka_sys as sys;

use super::{code, outcome::Outcome};

/// A partition, by its topic's handle, which lives as long as the client.
type NativePartition = (*const sys::rd_kafka_topic_t, i32);

/// The partitions in which a broker itself has acknowledged a record of this producer: implicit acknowledgements are valid there.
pub(super) struct AcknowledgedPartitions {
    partitions: HashSet<NativePartition>,
    /// Caches the last partition, because reports come in runs.
    last: NativePartition,
}

impl Default for AcknowledgedPartitions {
    fn default() -> Self {
        Self { partitions: HashSet::new(), last: (ptr::null(), -1) }
    }
}

impl AcknowledgedPartitions {
    /// Records an acknowledgement. Turns an implicit acknowledgement that may be wrong into a failure.
    pub(super) fn examine(&mut self, topic: *const sys::rd_kafka_topic_t, outcome: &mut Outcome) {
        let partition = (topic, outcome.partition);
        if outcome.code() != code::NO_ERROR {
            if code::ABSENCES.contains(&outcome.code()) {
                self.partitions.retain(|(known, _)| *known != topic);
                self.last = Self::default().last;
            }
            return;
        }
        if partition == self.last {
            return;
        }
        if !outcome.is_concluded() {
            self.partitions.insert(partition);
            self.last = partition;
        } else if !self.partitions.contains(&partition) {
            outcome.doubt(code::INCONSISTENT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: *const sys::rd_kafka_topic_t = ptr::dangling();

    /// The code of a report after `examine`.
    fn examined(acknowledged_partitions: &mut AcknowledgedPartitions, partition: i32, offset: i64, status: u8) -> i32 {
        let mut outcome = Outcome { partition, offset, status, ..Outcome::default() };
        acknowledged_partitions.examine(TOPIC, &mut outcome);
        assert_eq!(outcome.status, if outcome.code() == code::NO_ERROR { status } else { 1 });
        outcome.code()
    }

    #[test]
    fn implicit_ack_is_valid_after_an_acknowledgement_in_the_partition() {
        let mut acknowledged_partitions = AcknowledgedPartitions::default();
        let concluded = i64::from(sys::RD_KAFKA_OFFSET_INVALID);
        assert_eq!(examined(&mut acknowledged_partitions, 0, concluded, 2), code::INCONSISTENT);
        assert_eq!(examined(&mut acknowledged_partitions, 0, 17, 2), code::NO_ERROR);
        assert_eq!(examined(&mut acknowledged_partitions, 0, concluded, 2), code::NO_ERROR);
        assert_eq!(examined(&mut acknowledged_partitions, 1, concluded, 2), code::INCONSISTENT, "another partition");
        assert_eq!(examined(&mut acknowledged_partitions, 1, 0, 2), code::NO_ERROR);
        assert_eq!(examined(&mut acknowledged_partitions, 0, concluded, 2), code::NO_ERROR, "after a run of another partition");
    }

    #[test]
    fn recreated_topic_is_a_new_one() {
        let mut acknowledged_partitions = AcknowledgedPartitions::default();
        let concluded = i64::from(sys::RD_KAFKA_OFFSET_INVALID);
        for code in code::ABSENCES {
            assert_eq!(examined(&mut acknowledged_partitions, 0, 17, 2), code::NO_ERROR);
            let outcome = &mut Outcome { code: i16::try_from(code).unwrap(), ..Outcome::default() };
            acknowledged_partitions.examine(ptr::dangling::<u64>().cast(), outcome);
            assert_eq!(examined(&mut acknowledged_partitions, 0, concluded, 2), code::NO_ERROR, "another topic");
            acknowledged_partitions.examine(TOPIC, outcome);
            assert_eq!(examined(&mut acknowledged_partitions, 0, concluded, 2), code::INCONSISTENT);
        }
    }

    #[test]
    fn acks_0_has_no_implicit_acks() {
        let mut acknowledged_partitions = AcknowledgedPartitions::default();
        let none = i64::from(sys::RD_KAFKA_OFFSET_INVALID);
        assert_eq!(examined(&mut acknowledged_partitions, 0, none, 1), code::NO_ERROR, "acks=0");
    }
}
