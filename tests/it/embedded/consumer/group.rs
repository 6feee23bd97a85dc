//! Groups: assignments and rebalance listeners.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use super::{super::ends, *};
use ottla::{
    RebalanceListener, TopicPartition,
    consumer::{Assigned, Revoked},
};

/// A listener that records its calls.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, event: &str, partitions: &[TopicPartition]) {
        let mut numbers: Vec<_> = partitions.iter().map(TopicPartition::partition).collect();
        numbers.sort_unstable();
        self.0.lock().unwrap().push(format!("{event} {numbers:?}"));
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl RebalanceListener for Diary {
    fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
        self.note("assigned", assigned.partitions());
    }

    fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
        self.note("revoked", revoked.partitions());
        // The embedded broker rejects commits during a rebalance. A test with a real broker checks that they succeed.
        let _ = revoked.commit();
    }

    fn on_partitions_lost(&self, partitions: &[TopicPartition]) {
        self.note("lost", partitions);
    }
}

fn with_diary(kafka: &EmbeddedKafka, settings: &[(&str, &str)]) -> (Text, Arc<Diary>) {
    let diary = Arc::new(Diary::default());
    let consumer = builder(kafka, settings).rebalance_listener(Arc::clone(&diary)).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    (consumer, diary)
}

/// Polls both until each has half of the partitions. Returns what they read.
fn share(one: &Text, other: &Text, partitions: usize) -> Vec<u32> {
    let mut found = Vec::new();
    for _ in 0..600 {
        for consumer in [one, other] {
            let batch = consumer.blocking().poll(Duration::from_millis(50));
            found.extend(batch.into_iter().map(|item| item.unwrap().value().parse::<u32>().unwrap()));
        }
        let (a, b) = (one.assignment(), other.assignment());
        if a.len() == partitions / 2 && b.len() == partitions / 2 {
            let both: BTreeSet<_> = a.into_iter().chain(b).collect();
            assert_eq!(both.len(), partitions);
            return found;
        }
    }
    panic!("timeout: the members do not share the partitions: {one:?} {other:?}");
}

fn rebalance(strategy: &'static str) {
    let kafka = kafka(4);
    for partition in 0..4 {
        write(&kafka, partition, partition as u32 * 100..partition as u32 * 100 + 50);
    }
    ends(move || {
        let settings = [("partition.assignment.strategy", strategy), ("max.poll.records", "10")];
        let (first, diary) = with_diary(&kafka, &settings);
        let mut found = values(&take(&first, 20));
        assert_eq!(diary.lines(), ["assigned [0, 1, 2, 3]"]);

        let (second, second_diary) = with_diary(&kafka, &settings);
        found.extend(share(&first, &second, 4));
        let (mine, theirs) = (first.assignment(), second.assignment());
        while found.iter().collect::<BTreeSet<_>>().len() < 200 {
            for consumer in [&first, &second] {
                let batch = consumer.blocking().poll(Duration::from_millis(50));
                found.extend(batch.into_iter().map(|item| item.unwrap().value().parse::<u32>().unwrap()));
            }
        }
        let found: Vec<_> = found.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(found, (0..4).flat_map(|partition| partition * 100..partition * 100 + 50).collect::<Vec<_>>());
        let numbers = |partitions: &[TopicPartition]| {
            let numbers: Vec<_> = partitions.iter().map(TopicPartition::partition).collect();
            format!("{numbers:?}")
        };
        let lines = diary.lines();
        if strategy == "cooperative-sticky" {
            assert_eq!(lines[1], format!("revoked {}", numbers(&theirs)), "{lines:?}");
        } else {
            assert_eq!(lines[1..3], ["revoked [0, 1, 2, 3]".to_owned(), format!("assigned {}", numbers(&mine))], "{lines:?}");
        }
        assert!(second_diary.lines().contains(&format!("assigned {}", numbers(&theirs))), "{:?}", second_diary.lines());
        block_on(first.close(Duration::from_secs(60))).unwrap();
        assert_eq!(diary.lines().last(), Some(&format!("revoked {}", numbers(&mine))));
    });
}

#[test]
fn two_members_share_partitions_and_lose_no_record() {
    rebalance("range");
}

#[test]
fn cooperative_protocol_revokes_only_moved_partitions() {
    rebalance("cooperative-sticky");
}

#[test]
fn listener_sets_the_first_offset() {
    struct Stored;
    impl RebalanceListener for Stored {
        fn on_partitions_assigned(&self, assigned: &mut Assigned<'_>) {
            assigned.start_at(("orders", 0), 7);
            assigned.start_at(("strangers", 0), 7);
        }
    }
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    let consumer = builder(&kafka, &[]).rebalance_listener(Stored).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    assert_eq!(values(&take(&consumer, 3)), [7, 8, 9]);
}

#[test]
fn panic_in_the_listener_does_not_stop_the_consumer() {
    struct Panics;
    impl RebalanceListener for Panics {
        fn on_partitions_assigned(&self, _: &mut Assigned<'_>) {
            panic!("in the listener");
        }
    }
    let kafka = kafka(1);
    write(&kafka, 0, 0..1);
    let consumer = builder(&kafka, &[]).rebalance_listener(Panics).build().unwrap();
    block_on(consumer.subscribe(&["orders"])).unwrap();
    assert_eq!(values(&take(&consumer, 1)), [0]);
}

#[test]
fn partitions_are_not_revoked_while_a_record_is_processed() {
    let kafka = kafka(2);
    write(&kafka, 0, 0..10);
    ends(move || {
        let (first, diary) = with_diary(&kafka, &[]);
        take(&first, 1);
        let second = subscribed(&kafka, &[]);
        // The record is being processed: no partition is revoked, although the other member asks for it.
        for _ in 0..10 {
            assert!(second.blocking().poll(Duration::from_millis(200)).is_empty());
        }
        assert_eq!(diary.lines(), ["assigned [0, 1]"]);
        share(&first, &second, 2);
        assert_eq!(diary.lines()[1], "revoked [0, 1]");
    });
}

#[test]
fn partitions_are_lost_after_max_poll_interval_and_regained() {
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    ends(move || {
        let settings = [("max.poll.interval.ms", "3000"), ("max.poll.records", "2")];
        let (stuck, diary) = with_diary(&kafka, &settings);
        assert_eq!(values(&take(&stuck, 1)), [0]);
        let other = subscribed(&kafka, &[]);
        // The other one gets the partition although the first one still exists.
        assert_eq!(values(&take(&other, 1)), [0]);
        for _ in 0..600 {
            if diary.lines().len() > 1 {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(diary.lines(), ["assigned [0]", "lost [0]"]);
        assert_eq!((stuck.assignment(), stuck.taken().is_empty()), (vec![], true));
        block_on(other.close(Duration::from_secs(60))).unwrap();
        // It requests records again, and continues at the committed offset.
        assert_eq!(values(&take(&stuck, 1)), [0]);
        assert_eq!(diary.lines().last().map(String::as_str), Some("assigned [0]"));
    });
}

#[test]
fn waiting_program_is_not_considered_stuck() {
    let kafka = kafka(1);
    ends(move || {
        let settings = [("max.poll.interval.ms", "2000")];
        let (consumer, diary) = with_diary(&kafka, &settings);
        let consumer = Arc::new(consumer);
        let waiting = Arc::clone(&consumer);
        let thread = std::thread::spawn(move || block_on(waiting.recv()).unwrap().unwrap().offset());
        std::thread::sleep(Duration::from_secs(7));
        write(&kafka, 0, 0..1);
        assert_eq!(thread.join().unwrap(), 0);
        assert_eq!(diary.lines(), ["assigned [0]"]);
    });
}

#[test]
fn blocking_call_in_the_listener_returns_would_deadlock() {
    struct Calls(Mutex<Option<std::sync::Weak<Text>>>, Mutex<Option<ottla::ErrorKind>>);
    impl RebalanceListener for Calls {
        fn on_partitions_assigned(&self, _: &mut Assigned<'_>) {
            let consumer = self.0.lock().unwrap().as_ref().and_then(std::sync::Weak::upgrade).unwrap();
            *self.1.lock().unwrap() = consumer.blocking().commit().err().map(|error| error.kind());
            assert!(consumer.blocking().poll(Duration::from_secs(100)).is_empty());
        }
    }
    let kafka = kafka(1);
    write(&kafka, 0, 0..1);
    ends(move || {
        let calls = Arc::new(Calls(Mutex::default(), Mutex::default()));
        let consumer = Arc::new(builder(&kafka, &[]).rebalance_listener(Arc::clone(&calls)).build().unwrap());
        *calls.0.lock().unwrap() = Some(Arc::downgrade(&consumer));
        block_on(consumer.subscribe(&["orders"])).unwrap();
        take(&consumer, 1);
        assert_eq!(*calls.1.lock().unwrap(), Some(ottla::ErrorKind::WouldDeadlock));
    });
}

#[test]
fn listener_commits_processed_records_only() {
    struct Heard(Mutex<Option<i64>>);
    impl RebalanceListener for Heard {
        fn on_partitions_revoked(&self, revoked: &Revoked<'_>) {
            *self.0.lock().unwrap() = revoked.taken().next("orders", 0);
        }
    }
    let kafka = kafka(1);
    write(&kafka, 0, 0..10);
    // Closing means that the taken records are processed. A consumer that is only dropped may belong to a task that panicked.
    for (is_closed, wanted) in [(false, 2), (true, 3)] {
        let heard = Arc::new(Heard(Mutex::default()));
        let consumer = builder(&kafka, &[]).rebalance_listener(Arc::clone(&heard)).build().unwrap();
        block_on(consumer.subscribe(&["orders"])).unwrap();
        take(&consumer, 3);
        if is_closed {
            block_on(consumer.close(Duration::from_secs(60))).unwrap();
        }
        drop(consumer);
        assert_eq!(*heard.0.lock().unwrap(), Some(wanted), "closed: {is_closed}");
    }
}
