//! Whatever the brokers answer, each accepted record gets exactly one report.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::executor::block_on;
use ottla::{
    Producer, ProducerRecord,
    testing::{ApiKey, BrokerError, EmbeddedKafka},
};
use proptest::{prelude::*, test_runner::Config};

use crate::log;

/// An event between two records.
#[derive(Debug, Clone)]
enum Event {
    Send(Way),
    Fail(BrokerError),
    Slow(u16),
    Down(i32),
    Up(i32),
    Flush,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Await,
    Forget,
    Callback,
}

fn event() -> impl Strategy<Value = Event> {
    let error = prop::sample::select(vec![
        BrokerError::NOT_ENOUGH_REPLICAS,
        BrokerError::NOT_LEADER_OR_FOLLOWER,
        BrokerError::REQUEST_TIMED_OUT,
        BrokerError::MESSAGE_TOO_LARGE,
        BrokerError::INVALID_RECORD,
        BrokerError::DISCONNECT,
        BrokerError::from(119),
        BrokerError::from(999),
    ]);
    prop_oneof![
        40 => prop::sample::select(vec![Way::Await, Way::Forget, Way::Callback]).prop_map(Event::Send),
        2 => error.prop_map(Event::Fail),
        1 => (1u16..20).prop_map(Event::Slow),
        1 => (1..3).prop_map(Event::Down),
        2 => (1..3).prop_map(Event::Up),
        1 => Just(Event::Flush),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, ..Config::default() })]
    #[test]
    fn accepted_records_are_acknowledged_or_failed(
        events in prop::collection::vec(event(), 1..120),
        closing in prop::option::of(0u64..500),
        idempotent in any::<bool>(),
    ) {
        let kafka = EmbeddedKafka::builder().brokers(2).topic("orders", 4).start().unwrap();
        let config = ottla::ProducerConfig::new();
        let config = [
            ("bootstrap.servers", kafka.bootstrap_servers()),
            ("enable.idempotence", if idempotent { "true" } else { "false" }),
            ("buffer.memory", "8000"),
            ("linger.ms", "1"),
            ("retry.backoff.ms", "1"),
            ("retry.backoff.max.ms", "10"),
            ("reconnect.backoff.ms", "1"),
            ("reconnect.backoff.max.ms", "10"),
            ("request.timeout.ms", "500"),
            ("delivery.timeout.ms", "1500"),
            ("max.block.ms", "300"),
        ]
        .into_iter()
        .fold(config, |config, (name, value)| config.set(name, value).unwrap());
        let producer: Producer<str, str> =
            Producer::builder(config).drop_timeout(Duration::from_millis(500)).build().unwrap();
        let reports = Arc::new(AtomicUsize::new(0));
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let (mut accepted, mut forgotten, mut refused, mut deliveries) = (0, 0, 0, Vec::new());
        for (n, event) in events.iter().enumerate() {
            let value = format!("{n:0>500}");
            let record = ProducerRecord::to("orders").value(&*value);
            match event {
                Event::Send(Way::Callback) => {
                    let (reports, acknowledged) = (Arc::clone(&reports), Arc::clone(&acknowledged));
                    let sent = producer.blocking().send_with(record, move |report| {
                        reports.fetch_add(1, Ordering::SeqCst);
                        acknowledged.fetch_add(usize::from(report.is_ok()), Ordering::SeqCst);
                    });
                    match sent {
                        Ok(()) => accepted += 1,
                        Err(_) => refused += 1,
                    }
                }
                Event::Send(way) => match block_on(producer.send(record)) {
                    Ok(delivery) => {
                        match way {
                            Way::Forget => forgotten += 1,
                            _ => { accepted += 1; deliveries.push(delivery) }
                        }
                    }
                    Err(_) => refused += 1,
                },
                // The list of a broker hides the cluster's list, so only the latter is used here.
                Event::Fail(error) => kafka.fail_next(ApiKey::Produce, &[*error]).unwrap(),
                Event::Slow(milliseconds) => {
                    kafka.set_round_trip_time(1, Duration::from_millis(u64::from(*milliseconds))).unwrap();
                }
                Event::Down(broker) => kafka.broker_down(*broker).unwrap(),
                Event::Up(broker) => kafka.broker_up(*broker).unwrap(),
                Event::Flush => block_on(producer.flush()).unwrap(),
            }
        }
        let room = producer.clone();
        match closing {
            Some(milliseconds) => drop(block_on(producer.close(Duration::from_millis(milliseconds))).unwrap()),
            None => block_on(producer.flush()).unwrap(),
        }
        for delivery in deliveries {
            let report = block_on(delivery);
            reports.fetch_add(1, Ordering::SeqCst);
            acknowledged.fetch_add(usize::from(report.is_ok()), Ordering::SeqCst);
        }
        prop_assert_eq!(reports.load(Ordering::SeqCst), accepted, "{} refused, {} forgotten", refused, forgotten);
        prop_assert_eq!(room.buffer_available_bytes(), 8000, "each report frees its buffer memory once");
        drop(room);
        for broker in 1..3 {
            kafka.broker_up(broker).unwrap();
        }
        let found = log::read(kafka.bootstrap_servers(), "orders");
        let distinct: std::collections::BTreeSet<_> = found.iter().map(|found| found.value.clone()).collect();
        prop_assert!(distinct.len() >= acknowledged.load(Ordering::SeqCst), "acknowledged records are in the log");
    }
}
