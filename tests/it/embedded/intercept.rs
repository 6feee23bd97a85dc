//! Interceptors: what they see, and the built-in one.

use futures::executor::block_on;
use ottla::{Acknowledgement, Interceptor, Producer, ProducerRecord};

use super::{config, kafka};

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

#[cfg(feature = "opentelemetry")]
mod trace_parent {
    use opentelemetry::trace::{TraceContextExt, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use ottla::intercept::TraceParent;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::log;

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
