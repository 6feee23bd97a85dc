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

/// Spans by the semantic conventions, against the table of `docs/monitoring.md`.
#[cfg(feature = "opentelemetry")]
mod producer_spans {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        future::{Future, ready},
        sync::{Arc, Mutex},
    };

    use opentelemetry::{
        Context, Value,
        trace::{SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider},
    };
    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter},
    };
    use ottla::{
        intercept::ProducerSpans,
        testing::{ApiKey, BrokerError},
    };
    use ottla_test_support::repository;

    use super::*;
    use crate::log;

    /// Keeps the spans that have ended.
    #[derive(Debug, Clone, Default)]
    struct Ended(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Ended {
        fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
            self.0.lock().unwrap().extend(batch);
            ready(Ok(()))
        }
    }

    impl Ended {
        fn provider(&self) -> SdkTracerProvider {
            SdkTracerProvider::builder().with_simple_exporter(self.clone()).build()
        }

        /// The last span.
        fn last(&self) -> SpanData {
            self.0.lock().unwrap().last().unwrap().clone()
        }
    }

    fn attributes(span: &SpanData) -> BTreeMap<String, String> {
        let text = |value: &Value| match value {
            Value::I64(number) => format!("int {number}"),
            Value::Bool(flag) => format!("boolean {flag}"),
            other => format!("string {other}"),
        };
        span.attributes.iter().map(|attribute| (attribute.key.to_string(), text(&attribute.value))).collect()
    }

    #[test]
    fn attributes_and_kind_follow_the_conventions() {
        let (kafka, ended) = (kafka(3), Ended::default());
        let provider = ended.provider();
        let spans = ProducerSpans::with_tracer(provider.tracer("test")).client_id("checkout");
        let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(spans).build().unwrap();
        let mut seen = BTreeMap::new();

        let outer = provider.tracer("test").start("checkout");
        let outer = Context::new().with_span(outer);
        let sent = {
            let _entered = outer.clone().attach();
            let sending = producer.send(ProducerRecord::to("orders").key("o-1").value("paid").partition(2));
            block_on(async { sending.await.unwrap().await.unwrap() })
        };
        let span = ended.last();
        assert_eq!((span.name.as_ref(), &span.span_kind, &span.status), ("send orders", &SpanKind::Producer, &Status::Unset));
        assert_eq!(span.parent_span_id, outer.span().span_context().span_id());
        assert_eq!(span.links.len(), 0);
        assert_eq!(sent.offset(), Some(0));
        let wanted = [
            ("messaging.client.id", "string checkout"),
            ("messaging.destination.name", "string orders"),
            ("messaging.destination.partition.id", "string 2"),
            ("messaging.kafka.offset", "int 0"),
            ("messaging.operation.name", "string send"),
            ("messaging.operation.type", "string send"),
            ("messaging.system", "string kafka"),
        ];
        assert_eq!(attributes(&span), BTreeMap::from(wanted.map(|(name, value)| (name.to_owned(), value.to_owned()))));
        seen.extend(attributes(&span));
        let written = log::read(kafka.bootstrap_servers(), "orders").remove(0);
        let context = &span.span_context;
        let parent = format!("00-{}-{}-01", context.trace_id(), context.span_id());
        assert_eq!(written.headers, [("traceparent".to_owned(), Some(parent.clone().into_bytes()))]);

        // A record with a creation context of its own, twice, and without a value.
        let forwarded = || ProducerRecord::to("orders").key("o-1").header("traceparent", &parent);
        block_on(async { producer.send_all([forwarded(), forwarded()]).await.unwrap().await.unwrap() });
        let spans = ended.0.lock().unwrap()[1..].to_vec();
        assert_eq!(spans.len(), 2);
        for span in spans {
            assert_eq!((span.name.as_ref(), &span.span_kind), ("send orders", &SpanKind::Client));
            assert_eq!(span.links[0].span_context.span_id(), context.span_id());
            assert_eq!(attributes(&span)["messaging.kafka.message.tombstone"], "boolean true");
            seen.extend(attributes(&span));
        }

        kafka.fail_next(ApiKey::Produce, &[BrokerError::TOPIC_AUTHORIZATION_FAILED]).unwrap();
        let error = block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap_err() });
        let span = ended.last();
        assert_eq!(attributes(&span)["error.type"], "string TOPIC_AUTHORIZATION_FAILED");
        assert_eq!(span.status, Status::error(error.to_string()));
        seen.extend(attributes(&span));

        // A record that was never accepted.
        block_on(producer.send(ProducerRecord::to("no topic").value("v"))).unwrap_err();
        assert_eq!(attributes(&ended.last())["error.type"], "string InvalidRecord");
        assert_eq!(ended.0.lock().unwrap().len(), 5, "each record has one span");

        let page = fs::read_to_string(repository("docs/monitoring.md")).unwrap();
        let table = page.split("| attribute |").nth(1).unwrap().split("\n\n").next().unwrap();
        let documented: BTreeSet<(String, String)> = table
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `")?.split(" | ");
                Some((cells.next()?.trim_end_matches('`').to_owned(), cells.next()?.to_owned()))
            })
            .collect();
        let of_type = |(name, value): (String, String)| (name, value.split(' ').next().unwrap().to_owned());
        assert_eq!(seen.into_iter().map(of_type).collect::<BTreeSet<_>>(), documented);
    }

    #[test]
    fn a_span_that_is_not_sampled_keeps_its_place_among_records_with_one_context() {
        let (kafka, ended) = (kafka(1), Ended::default());
        let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
        let provider = SdkTracerProvider::builder().with_sampler(sampler).with_simple_exporter(ended.clone()).build();
        let spans = ProducerSpans::with_tracer(provider.tracer("test"));
        // Both records are accepted before one of them is reported.
        let config = config(&kafka).set("linger.ms", "500").unwrap();
        let producer: Producer<str, str> = Producer::builder(config).interceptor(spans).build().unwrap();
        let forwarded = || {
            let context = "00-00000000000000000000000000000001-0000000000000002-01";
            ProducerRecord::to("orders").value("v").partition(0).header("traceparent", context)
        };
        let first = producer.send(forwarded());
        let sampled = SpanContext::new(3.into(), 4.into(), TraceFlags::SAMPLED, true, TraceState::default());
        let second = {
            let _entered = Context::new().with_remote_span_context(sampled).attach();
            producer.send(forwarded())
        };
        block_on(async {
            let (first, second) = (first.await.unwrap(), second.await.unwrap());
            first.await.unwrap();
            second.await.unwrap();
        });
        let spans = ended.0.lock().unwrap().clone();
        assert_eq!(spans.len(), 1);
        assert_eq!(attributes(&spans[0])["messaging.kafka.offset"], "int 1");
    }

    #[test]
    fn without_a_provider_nothing_is_added() {
        let kafka = kafka(1);
        let producer: Producer<str, str> = Producer::builder(config(&kafka)).interceptor(ProducerSpans::new()).build().unwrap();
        block_on(async { producer.send(ProducerRecord::to("orders").value("v")).await.unwrap().await.unwrap() });
        assert_eq!(log::read(kafka.bootstrap_servers(), "orders")[0].headers, []);
    }
}
