//! Programs that read slowly: they stay members as long as they ask within `max.poll.interval.ms`.

use std::sync::{Arc, Mutex};

use super::{super::ends, *};
use ottla::{
    RebalanceListener, TopicPartition,
    consumer::{Assigned, Revoked},
};

/// Counts what it hears.
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

/// One record every half a second, of a consumer that takes its program for stuck after three seconds. More is read ahead than the
/// program takes in that time.
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
fn a_slow_program_that_asks_regularly_stays_a_member() {
    reads_slowly("4", 16);
}

#[test]
fn a_slow_program_that_fills_every_queue_stays_a_member_and_misses_no_record() {
    reads_slowly("1", 16);
}

#[test]
fn a_rebalance_is_served_while_the_program_has_not_taken_what_was_read() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..1000);
    write(&kafka, 1, 1000..2000);
    ends(move || {
        let (slow, heard) = member(&kafka, &[("max.poll.records", "250")]);
        take(&slow, 1);
        // All of the hand-over is full. A thread that polls only when there is room polls when the first chunk, of 128 records, is taken.
        std::thread::sleep(Duration::from_secs(1));
        let other = subscribed(&kafka, &[]);
        let mut taken = 1;
        while !heard.0.lock().unwrap().contains(&"revoked") {
            assert!(taken < 110, "the program has taken {taken} records, and no partition is revoked");
            take(&slow, 1);
            taken += 1;
            std::thread::sleep(Duration::from_millis(150));
        }
        drop(other);
    });
}
