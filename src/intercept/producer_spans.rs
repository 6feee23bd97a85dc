//! [`ProducerSpans`]: an OpenTelemetry span for each record.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Mutex,
};

use opentelemetry::{
    Context, KeyValue,
    global::{self, BoxedTracer},
    trace::{Link, Span, SpanBuilder, SpanKind, Status, Tracer},
};

use super::{Acknowledgement, Interceptor, trace_parent};
use crate::{ProducerRecord, lock::lock};

/// Makes a span for each record, from `send` to its report, by OpenTelemetry's
/// [semantic conventions for Kafka](https://opentelemetry.io/docs/specs/semconv/messaging/kafka/). `docs/monitoring.md` lists its attributes.
///
/// The span is named after the topic, such as `send orders`. Its parent is the current span on the thread that calls `send`, as for
/// [`TraceParent`](super::TraceParent). It has the kind `PRODUCER`, and its context is in the record's headers, so that a consumer's span
/// links to it. A record that already has a header `traceparent` keeps it; its span has the kind `CLIENT` and a link to that context. Each
/// record of a batch has a span of its own, because a broker acknowledges records and not the program's batches.
///
/// Records with the same topic and the same `traceparent`, such as several that forward one record, are told apart by the order of their
/// reports. Between partitions this order may differ from that of sending, and their spans then exchange partition, offset and error.
///
/// Pass it to the builder as the last interceptor: a span is found again by topic and `traceparent`, which no other interceptor may change
/// afterwards. Use it instead of `TraceParent`, not with it. Keys and values are not recorded.
///
/// ```
/// use ottla::{Producer, ProducerConfig, intercept::ProducerSpans};
///
/// // Spans go to the program's global tracer provider.
/// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
/// let producer: Producer<str, str> = Producer::builder(config).interceptor(ProducerSpans::new().client_id("checkout")).build()?;
/// # Ok::<(), ottla::Error>(())
/// ```
pub struct ProducerSpans<T: Tracer = BoxedTracer> {
    tracer: T,
    client_id: Option<String>,
    /// The spans of records that are not reported, by topic and `traceparent`.
    open: Mutex<HashMap<Vec<u8>, Alike<T::Span>>>,
}

impl ProducerSpans {
    /// Spans of the global tracer provider. A provider that is set later has no effect on them.
    pub fn new() -> Self {
        Self::with_tracer(global::tracer("ottla"))
    }
}

impl Default for ProducerSpans {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Tracer> ProducerSpans<T> {
    /// Spans of this tracer.
    pub fn with_tracer(tracer: T) -> Self {
        Self { tracer, client_id: None, open: Mutex::new(HashMap::new()) }
    }

    /// Sets the attribute `messaging.client.id`: the producer's `client.id`, which an interceptor does not know. Defaults to none.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// The attributes that are known when the record is sent.
    fn attributes<K: ?Sized, V: ?Sized>(&self, record: &ProducerRecord<'_, K, V>) -> Vec<KeyValue> {
        let mut attributes = vec![
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.destination.name", record.topic().to_owned()),
        ];
        attributes.extend(self.client_id.clone().map(|id| KeyValue::new("messaging.client.id", id)));
        if record.value_ref().is_none() {
            attributes.push(KeyValue::new("messaging.kafka.message.tombstone", true));
        }
        attributes
    }
}

/// The spans of records with one topic and one `traceparent`, in the order of `send`, in which they are served. `None` is for a record whose span
/// is not recorded.
type Alike<S> = VecDeque<Option<S>>;

/// What a span is found by.
fn key(topic: &str, parent: &[u8]) -> Vec<u8> {
    // A topic's name has no space.
    [topic.as_bytes(), b" ", parent].concat()
}

impl<K, V, T> Interceptor<K, V> for ProducerSpans<T>
where
    K: ?Sized,
    V: ?Sized,
    T: Tracer + Send + Sync + 'static,
    T::Span: Send + Sync + 'static,
{
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        let created = trace_parent::is_present(record.headers_ref());
        let mut builder = SpanBuilder::from_name(format!("send {}", record.topic()))
            .with_kind(if created { SpanKind::Client } else { SpanKind::Producer })
            .with_attributes(self.attributes(record));
        if let Some(creation) = trace_parent::read(record.headers_ref()) {
            builder = builder.with_links(vec![Link::with_context(creation)]);
        }
        let span = self.tracer.build_with_context(builder, &Context::current());
        if !created && span.span_context().is_valid() {
            trace_parent::write(record.headers_mut(), span.span_context());
        }
        let is_recording = span.is_recording();
        if !is_recording && !created {
            // No other record has this context.
            return;
        }
        if let Some(parent) = trace_parent::value(record.headers_ref()) {
            lock(&self.open).entry(key(record.topic(), parent)).or_default().push_back(is_recording.then_some(span));
        }
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let Some(parent) = trace_parent::value(acknowledgement.headers) else { return };
        let key = key(acknowledgement.topic, parent);
        let mut open = lock(&self.open);
        let Some(queue) = open.get_mut(&key) else { return };
        let span = queue.pop_front();
        if queue.is_empty() {
            open.remove(&key);
        }
        // An exporter may run in `end`.
        drop(open);
        let Some(mut span) = span.flatten() else { return };
        if let Some(partition) = acknowledgement.partition {
            span.set_attribute(KeyValue::new("messaging.destination.partition.id", partition.to_string()));
        }
        match acknowledgement.result {
            Ok(metadata) => {
                if let Some(offset) = metadata.offset() {
                    span.set_attribute(KeyValue::new("messaging.kafka.offset", offset));
                }
            }
            Err(error) => {
                let name = error.name().unwrap_or_else(|| error.kind().name());
                span.set_attribute(KeyValue::new("error.type", name.to_owned()));
                span.set_status(Status::error(error.to_string()));
            }
        }
        span.end();
    }
}

impl<T: Tracer> fmt::Debug for ProducerSpans<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerSpans")
            .field("client_id", &self.client_id)
            .field("open", &lock(&self.open).len())
            .finish_non_exhaustive()
    }
}
