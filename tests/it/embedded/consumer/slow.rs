//! Slow programs stay group members if they request records within `max.poll.interval.ms`.

use std::sync::{Arc, Mutex};

use super::{super::ends, *};
use ottla::{
    RebalanceListener, TopicPartition,
    consumer::{Assigned, Revoked},
};

/// A listener that records its calls.
#[derive(Default)]
struct Heard(Mutex<Vec<&'static str>>);

impl RebalanceListener for Heard {
    fn on_partitions_assigned(&self, _: &mut Assigned<'_>) {
        self.0.lock().unwrap().push("assigned");
    }

    fn on_partitions_revoked(&self, _: &Revoked<'_>) {
        self.0.lock().unwrap().push("revoked");
    }

    fn on_partitions_lost(&self, _: &[TopicPartition]) {
        self.0.lock().unwrap().push("lost");
    }
}

fn member(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> (Text, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let consumer = builder(kafka, settings).rebalance_listener(Arc::clone(&heard)).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    (consumer, heard)
}

/// Reads one record each half second with a `max.poll.interval.ms` of three seconds. More records are read ahead than the program takes in
/// that time.
fn reads_slowly(max_poll_records: &str, count: usize) {
    let kafka = kafka(1);
    write(&kafka, 0, 0..200);
    let max_poll_records = max_poll_records.to_owned();
    ends(move || {
        let settings = [("max.poll.interval.ms", "3000"), ("max.poll.records", &max_poll_records)];
        let (consumer, heard) = member(&kafka, &settings);
        let mut found = Vec::new();
        for _ in 0..count {
            found.extend(values(&take(&consumer, 1)));
            std::thread::sleep(Duration::from_millis(500));
        }
        let wanted: Vec<_> = (0..u32::try_from(count).unwrap()).collect();
        assert_eq!((found, &heard.0.lock().unwrap()[..]), (wanted, &["assigned"][..]), "max.poll.records={max_poll_records}");
    });
}

#[test]
fn slow_program_stays_a_member() {
    reads_slowly("4", 16);
}

#[test]
fn slow_program_with_full_queues_stays_a_member_and_misses_no_record() {
    reads_slowly("1", 16);
}

#[test]
fn rebalance_is_handled_while_the_record_queue_is_full() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..1000);
    write(&kafka, 1, 1000..2000);
    ends(move || {
        let (slow, heard) = member(&kafka, &[("max.poll.records", "250")]);
        take(&slow, 1);
        // The record queue is full. A thread that polled only when there is room would poll after the first chunk, of 128 records, is taken.
        std::thread::sleep(Duration::from_secs(1));
        let other = subscribed(&kafka, &[]);
        let mut taken = 1;
        while !heard.0.lock().unwrap().contains(&"revoked") {
            assert!(taken < 110, "the program has taken {taken} records and no partition is revoked");
            take(&slow, 1);
            taken += 1;
            std::thread::sleep(Duration::from_millis(150));
        }
        drop(other);
    });
}
