//! [`TraceParent`]: trace context in record headers.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

use super::Interceptor;
use crate::{ProducerRecord, record::Headers};

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
        if is_present(record.headers_ref()) {
            return;
        }
        let context = Context::current();
        let span = context.span();
        if span.span_context().is_valid() {
            write(record.headers_mut(), span.span_context());
        }
    }
}

/// Whether the headers have a trace context, valid or not.
pub(super) fn is_present(headers: &Headers) -> bool {
    headers.last(TRACEPARENT).is_some()
}

/// The header `traceparent`.
pub(super) fn value(headers: &Headers) -> Option<&[u8]> {
    headers.last(TRACEPARENT)?.value()
}

/// Adds this context to headers without a `traceparent`.
pub(super) fn write(headers: &mut Headers, span: &SpanContext) {
    let parent = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8());
    headers.push(TRACEPARENT, Some(parent.as_bytes()));
    // A state without a parent belongs to another trace.
    headers.remove(TRACESTATE);
    let state = span.trace_state().header();
    if !state.is_empty() {
        headers.push(TRACESTATE, Some(state.as_bytes()));
    }
}

/// The context that the headers have; `None` if there is none, or if it is not valid.
pub(super) fn read(headers: &Headers) -> Option<SpanContext> {
    let parent = std::str::from_utf8(value(headers)?).ok()?;
    let mut parts = parent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if [version, trace, span, flags].map(str::len) != [2, 32, 16, 2] || version == "ff" {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let state = headers.last(TRACESTATE).and_then(|header| std::str::from_utf8(header.value()?).ok()?.parse::<TraceState>().ok());
    let context =
        SpanContext::new(TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?, flags, true, state.unwrap_or_default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
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
    fn written_headers_are_read_and_invalid_ones_are_not() {
        let read = |parent: &str| {
            let record: ProducerRecord<'_, str, str> =
                ProducerRecord::to("orders").header(TRACEPARENT, parent).header(TRACESTATE, "a=b");
            read(record.headers_ref())
        };
        let mut headers = Headers::new();
        let context = span(TraceState::from_key_value([("a", "b")]).unwrap());
        write(&mut headers, context.span().span_context());
        let text = String::from_utf8(value(&headers).unwrap().to_vec()).unwrap();
        let found = read(&text).unwrap();
        assert_eq!((found.trace_id(), found.span_id()), (TraceId::from(0x4bf9_2f35), SpanId::from(0xf067)));
        assert_eq!(
            (found.trace_flags(), found.is_remote(), found.trace_state().header()),
            (TraceFlags::SAMPLED, true, "a=b".to_owned())
        );
        for invalid in [
            "",
            "mine",
            &text[..54],
            &text.replace("00-", "ff-"),
            &text.replace('f', "g"),
            "00-00000000000000000000000000000000-000000000000f067-01",
        ] {
            assert!(read(invalid).is_none(), "{invalid}");
        }
    }

    #[test]
    fn nothing_is_added_without_a_span() {
        assert!(sent(ProducerRecord::to("orders")).is_empty());
    }
}
