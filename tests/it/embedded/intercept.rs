//! The built-in interceptors.

use std::{num::NonZeroU32, thread};

use futures::executor::block_on;
use ottla::{
    Acknowledgement, Interceptor, Producer, ProducerRecord,
    intercept::{Counter, RateLimit},
    testing::{ApiKey, BrokerError},
};

use super::{config, kafka};
use crate::log;

#[test]
fn counter_counts_sent_acknowledged_and_failed_records() {
    let kafka = kafka(3);
    kafka.create_topic("payments", 1, 1).unwrap();
    let counter = Counter::new();
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(counter.clone()).build().unwrap();
    for _ in 0..500 {
        producer.try_send(ProducerRecord::to("orders").value("v")).map(drop).unwrap();
    }
    block_on(producer.flush()).unwrap();
    kafka.fail_next(ApiKey::Produce, &[BrokerError::MESSAGE_TOO_LARGE]).unwrap();
    block_on(async { producer.send(ProducerRecord::to("payments").value("v")).await.unwrap().await }).unwrap_err();
    block_on(producer.send(ProducerRecord::to("no topic"))).unwrap_err();
    let counts = |topic| {
        let counts = counter.topic(topic);
        (counts.sent, counts.acknowledged, counts.failed)
    };
    assert_eq!(counts("orders"), (500, 500, 0));
    assert_eq!(counts("payments"), (1, 0, 1));
    assert_eq!(counts("no topic"), (1, 0, 1), "the failure counts for the record's own topic");
    assert_eq!(counter.total().outstanding(), 0);
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 500);
}

#[test]
fn rejected_record_is_acknowledged_with_its_topic_and_headers() {
    #[derive(Clone, Default)]
    struct Seen(std::sync::Arc<std::sync::Mutex<Vec<String>>>);
    impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for Seen {
        fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
            let (topic, partition, headers) = (acknowledgement.topic, acknowledgement.partition, acknowledgement.headers);
            self.0.lock().unwrap().push(format!("{topic} {partition:?} {headers:?}"));
        }
    }
    let kafka = kafka(1);
    let seen = Seen::default();
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(seen.clone()).build().unwrap();
    let refused = |record: ProducerRecord<'_, str, str>| {
        block_on(producer.send(record.header("h", "v"))).unwrap_err();
        seen.0.lock().unwrap().pop().unwrap()
    };
    // The first record gets a new slot, the second one a slot that was used for another topic.
    assert_eq!(refused(ProducerRecord::to("no topic")), "no topic None [h]");
    block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap() });
    assert_eq!(refused(ProducerRecord::to("no topic")), "no topic None [h]");
    assert_eq!(refused(ProducerRecord::to("orders").partition(-7)), "orders None [h]");
}

#[test]
fn rate_limit_delays_records_and_loses_none() {
    let kafka = kafka(1);
    let limit = RateLimit::per_second(NonZeroU32::new(200).unwrap());
    let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(limit).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    producer.blocking().send(ProducerRecord::to("orders").value("v")).map(drop).unwrap();
                }
            });
        }
    });
    block_on(producer.flush()).unwrap();
    assert_eq!(log::read(kafka.bootstrap_servers(), "orders").len(), 100);
}

#[cfg(feature = "opentelemetry")]
mod trace_parent {
    use opentelemetry::trace::{TraceContextExt, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use ottla::intercept::TraceParent;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn entered_tracing_span_is_in_the_sent_headers() {
        let kafka = kafka(1);
        let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(TraceParent::new()).build().unwrap();
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let expected = tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("checkout");
            let entered = span.enter();
            producer.blocking().send(ProducerRecord::to("orders").value("within")).unwrap().wait().unwrap();
            let already = ProducerRecord::to("orders").value("mine").header("traceparent", "mine");
            producer.blocking().send(already).unwrap().wait().unwrap();
            drop(entered);
            producer.blocking().send(ProducerRecord::to("orders").value("without")).unwrap().wait().unwrap();
            let context = span.context();
            let context = context.span().span_context().clone();
            assert!(context.is_valid());
            format!("00-{}-{}-01", context.trace_id(), context.span_id())
        });
        let headers: Vec<_> = log::read(kafka.bootstrap_servers(), "orders")
            .into_iter()
            .map(|found| {
                let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
                found.headers.into_iter().map(|(name, value)| (name, text(value))).collect::<Vec<_>>()
            })
            .collect();
        let header = |value: &str| vec![("traceparent".to_owned(), value.to_owned())];
        assert_eq!(headers, [header(&expected), header("mine"), vec![]]);
    }
}
