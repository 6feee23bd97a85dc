//! A panic in user code fails one record at most.

use std::{
    future::Future,
    panic::panic_any,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use futures::executor::block_on;
use ottla::{Acknowledgement, ErrorKind, Interceptor, Producer, ProducerRecord};
use tracing::Subscriber;

use super::{config, ends, kafka, producer};
use crate::{log, own_process::alone};

fn send_a_thousand(producer: &Producer<str, str>) {
    let producer = producer.clone();
    ends(move || {
        block_on(async {
            let mut deliveries = Vec::new();
            for n in 0..1000 {
                deliveries.push(producer.send(ProducerRecord::to("orders").value(&*format!("{n}"))).await.unwrap());
            }
            for delivery in deliveries {
                delivery.await.unwrap();
            }
        });
    });
}

#[test]
fn panic_in_a_callback_affects_no_record() {
    let kafka = kafka(3);
    let producer = producer(&kafka, &[]);
    producer.send_with(ProducerRecord::to("orders").value("first"), |_| panic!("in a callback")).unwrap();
    send_a_thousand(&producer);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1001);
}

#[test]
fn panic_payload_can_panic_in_its_drop() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the drop of a panic payload");
        }
    }
    let kafka = kafka(3);
    let producer = producer(&kafka, &[]);
    producer.send_with(ProducerRecord::to("orders").value("first"), |_| panic_any(Bomb)).unwrap();
    send_a_thousand(&producer);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1001);
}

#[test]
fn panic_in_a_tracing_subscriber_affects_no_record() {
    /// Panics in each event.
    struct Panics;
    impl Subscriber for Panics {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() <= tracing::Level::WARN
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            panic!("in a subscriber");
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    struct NoHeaders;
    impl Interceptor<str, str> for NoHeaders {
        fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
            assert!(acknowledgement.headers.is_empty(), "in an interceptor");
        }
    }
    // The subscriber is set for all threads.
    alone("embedded::panics::panic_in_a_tracing_subscriber_affects_no_record", || {
        tracing::subscriber::set_global_default(Panics).unwrap();
        let kafka = kafka(3);
        let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(NoHeaders).build().unwrap();
        producer.send_with(ProducerRecord::to("orders").value("first"), |_| panic!("in a callback")).unwrap();
        producer.send_with(ProducerRecord::to("orders").value("second").header("h", "v"), |_| {}).unwrap();
        send_a_thousand(&producer);
        assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1002);
    });
}

#[test]
fn panic_or_error_in_a_serializer_fails_its_record() {
    let kafka = kafka(3);
    let serializer = |data: &str, buffer: &mut Vec<u8>| -> Result<(), String> {
        match data {
            "panic" => panic!("in a serializer"),
            "fail" => {
                buffer.extend_from_slice(b"half writ");
                return Err("does not fit".to_owned());
            }
            "steal" => buffer.clear(),
            data => buffer.extend_from_slice(data.as_bytes()),
        }
        Ok(())
    };
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).value_serializer(serializer).build().unwrap();
    for (value, says) in [("panic", "panicked"), ("fail", "could not be serialized"), ("steal", "removed bytes")] {
        let error = block_on(producer.send(ProducerRecord::to("orders").key("a key").value(value))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Serialization);
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.to_string().starts_with("topic orders: the value"), "{error}");
    }
    send_a_thousand(&producer);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1000);
}

/// Adds a mark to records, and panics on request.
struct Marker {
    name: &'static str,
    panics: bool,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Interceptor<str, str> for Marker {
    fn on_send(&self, record: &mut ProducerRecord<'_, str, str>) {
        record.headers_mut().push(self.name, None);
        record.set_value(format!("{}{}", record.value_ref().unwrap_or_default(), self.name));
        assert!(!self.panics, "in an interceptor");
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let outcome = acknowledgement.result.map_or_else(|error| error.kind().name(), |_| "delivered");
        self.seen.lock().unwrap().push(format!("{} {outcome} {}", self.name, acknowledgement.headers.len()));
        assert!(!self.panics, "in an interceptor");
    }
}

#[test]
fn interceptors_run_in_order_and_a_panicking_one_is_skipped() {
    let kafka = kafka(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let marker = |name, panics| Marker { name, panics, seen: Arc::clone(&seen) };
    let producer: Producer<str, str> = Producer::builder(config(&kafka).set("max.request.size", "1000").unwrap())
        .interceptor(marker("a", false))
        .interceptor(marker("b", true))
        .interceptor(marker("c", false))
        .build()
        .unwrap();
    let reported = Arc::clone(&seen);
    producer
        .send_with(ProducerRecord::to("orders").value("v-"), move |_| reported.lock().unwrap().push("the user".to_owned()))
        .unwrap();
    block_on(producer.flush()).unwrap();
    assert_eq!(*seen.lock().unwrap(), ["a delivered 2", "b delivered 2", "c delivered 2", "the user"]);
    seen.lock().unwrap().clear();
    block_on(producer.send(ProducerRecord::to("orders").value(&*"x".repeat(1000)))).unwrap_err();
    assert_eq!(*seen.lock().unwrap(), ["a RecordTooLarge 2", "b RecordTooLarge 2", "c RecordTooLarge 2"]);
    let found = log::read(kafka.bootstrap_servers(), "orders");
    assert_eq!(found[0].value_text(), "v-ac");
    assert_eq!(found[0].headers.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a", "c"]);
    send_a_thousand(&producer);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 1001);
}

#[test]
fn interceptors_get_one_acknowledgement_for_each_record() {
    #[derive(Clone, Default)]
    struct Counter(Arc<[AtomicUsize; 2]>);
    impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for Counter {
        fn on_send(&self, _: &mut ProducerRecord<'_, K, V>) {
            self.0[0].fetch_add(1, Ordering::Relaxed);
        }
        fn on_acknowledgement(&self, _: &Acknowledgement<'_>) {
            self.0[1].fetch_add(1, Ordering::Relaxed);
        }
    }
    let kafka = kafka(1);
    let counter = Counter::default();
    let config = config(&kafka).set("buffer.memory", "3000").unwrap().set("max.block.ms", "100").unwrap();
    let producer: Producer<str, str> = Producer::builder(config).interceptor(counter.clone()).build().unwrap();
    kafka.broker_down(1).unwrap();
    let value = "x".repeat(1000);
    let record = || ProducerRecord::to("orders").value(&*value);
    let mut accepted = Vec::new();
    while let Ok(delivery) = producer.try_send(record()) {
        accepted.push(delivery);
    }
    drop(producer.send(record())); // withdrawn
    block_on(producer.send(record())).unwrap_err(); // max.block.ms
    block_on(producer.send(ProducerRecord::to("no topic"))).unwrap_err();
    block_on(producer.close(Duration::ZERO)).unwrap();
    let [sent, acknowledged] = counter.0.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(sent, accepted.len() + 4);
    assert_eq!(acknowledged, sent);
}

#[test]
fn panic_in_a_waker_affects_no_other_task() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    let kafka = kafka(3);
    let producer = producer(&kafka, &[]);
    let mut delivery = pin!(producer.try_send(ProducerRecord::to("orders").value("first")).unwrap());
    let mut flush = pin!(producer.flush());
    let waker = Waker::from(Arc::new(Panics));
    assert!(delivery.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(flush.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    send_a_thousand(&producer);
    block_on(delivery).unwrap();
    block_on(flush).unwrap();
}

#[test]
fn interceptor_can_send_when_a_record_is_rejected() {
    struct Replaces(OnceLock<Producer<str, str>>);
    impl Interceptor<str, str> for Replaces {
        fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
            if acknowledgement.result.is_err_and(|error| error.kind() == ErrorKind::UnknownTopicOrPartition) {
                drop(self.0.get().unwrap().send(ProducerRecord::to("orders").value("instead")));
            }
        }
    }
    let kafka = kafka(1);
    let replaces = Arc::new(Replaces(OnceLock::new()));
    let config = config(&kafka).set("buffer.memory", "3000").unwrap().set("max.block.ms", "10000").unwrap();
    let producer: Producer<str, str> = Producer::builder(config).interceptor(Arc::clone(&replaces)).build().unwrap();
    drop(replaces.0.set(producer.clone()));
    block_on(producer.partitions_for("orders")).unwrap();
    kafka.broker_down(1).unwrap();
    let value = "x".repeat(1000);
    while producer.try_send(ProducerRecord::to("orders").value(&*value)).is_ok() {}
    // It waits for the buffer, and is rejected by the thread that frees buffer memory.
    let waiting = producer.send(ProducerRecord::to("orders").value(&*value).partition(7));
    kafka.broker_up(1).unwrap();
    let error = match block_on(waiting) {
        Ok(delivery) => block_on(delivery).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::UnknownTopicOrPartition);
    block_on(producer.flush()).unwrap();
    send_a_thousand(&producer);
}
