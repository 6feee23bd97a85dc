//! [`TraceParent`]: trace context in record headers.

use opentelemetry::{Context, trace::TraceContextExt};

use super::Interceptor;
use crate::ProducerRecord;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Adds the headers `traceparent` and, if the trace has a state, `tracestate` to each record that is sent within a span. These are the W3C's
/// [Trace Context](https://www.w3.org/TR/trace-context/#trace-context-http-headers-format), which OpenTelemetry's Kafka instrumentations
/// read and write.
///
/// The span is the current one of OpenTelemetry's `Context` on the thread that calls `send`. A `tracing` span that has been entered is the
/// current span if the program's subscriber has the layer of `tracing-opentelemetry` (0.32 or newer, with context activation, which is the
/// default). The program must use the same version of the `opentelemetry` crate as ottla, 0.33. Nothing is added without a span, or if the
/// record already has a `traceparent`.
///
/// ```
/// use ottla::{Producer, ProducerConfig, intercept::TraceParent};
///
/// let config = ProducerConfig::new().set("bootstrap.servers", "localhost:9092")?;
/// let producer: Producer<str, str> = Producer::builder(config).interceptor(TraceParent::new()).build()?;
/// # Ok::<(), ottla::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TraceParent;

impl TraceParent {
    /// An interceptor that adds the headers of the current span.
    pub fn new() -> Self {
        Self
    }
}

impl<K: ?Sized, V: ?Sized> Interceptor<K, V> for TraceParent {
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        if record.headers_ref().last(TRACEPARENT).is_some() {
            return;
        }
        let context = Context::current();
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let parent = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8());
        let headers = record.headers_mut();
        headers.push(TRACEPARENT, Some(parent.as_bytes()));
        // A state without a parent belongs to another trace.
        headers.remove(TRACESTATE);
        let state = span.trace_state().header();
        if !state.is_empty() {
            headers.push(TRACESTATE, Some(state.as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    fn sent(record: ProducerRecord<'static, str, str>) -> Vec<(String, String)> {
        let mut record = record;
        TraceParent::new().on_send(&mut record);
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
        record.headers_ref().iter().map(|header| (header.name().to_owned(), text(header.value()))).collect()
    }

    fn span(state: TraceState) -> Context {
        let (trace, span) = (TraceId::from(0x4bf9_2f35), SpanId::from(0xf067));
        Context::new().with_remote_span_context(SpanContext::new(trace, span, TraceFlags::SAMPLED, false, state))
    }

    #[test]
    fn headers_have_the_current_span_and_state() {
        let state = TraceState::from_key_value([("vendor", "a"), ("other", "b")]).unwrap();
        let _guard = span(state).attach();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            sent(ProducerRecord::to("orders")),
            [
                header("traceparent", "00-0000000000000000000000004bf92f35-000000000000f067-01"),
                header("tracestate", "vendor=a,other=b"),
            ]
        );
    }

    #[test]
    fn existing_headers_are_kept() {
        let _guard = span(TraceState::NONE).attach();
        let record = ProducerRecord::to("orders").header("traceparent", "mine").header("tracestate", "mine too");
        let names: Vec<_> = sent(record).into_iter().map(|(_, value)| value).collect();
        assert_eq!(names, ["mine", "mine too"]);
    }

    #[test]
    fn nothing_is_added_without_a_span() {
        assert!(sent(ProducerRecord::to("orders")).is_empty());
    }
}
