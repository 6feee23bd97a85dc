//! [`Interceptor`]: sees each record before it is serialized, and each report before the program does.
//!
//! Built in are, with the feature `opentelemetry`, `TraceParent` and `ProducerSpans`. The examples `audit_log` and `counter` have custom ones.
//! Java's setting `interceptor.classes` is rejected: pass interceptors to
//! [`ProducerBuilder::interceptor`](crate::ProducerBuilder::interceptor).

#[cfg(feature = "opentelemetry")]
mod producer_spans;
#[cfg(feature = "opentelemetry")]
mod trace_parent;

use std::{fmt, sync::Arc};

#[cfg(feature = "opentelemetry")]
pub use self::{producer_spans::ProducerSpans, trace_parent::TraceParent};

use crate::{
    Error, ProducerRecord, RecordMetadata,
    native::Contained,
    panic::{contain, emit},
    record::Headers,
};

/// Sees each record that is sent, may change it, and sees its report: Java's `ProducerInterceptor`.
///
/// Interceptors run in the order in which they were passed to the builder. If one panics in `on_send`, the panic is logged, and the next one
/// gets the record without its changes, unless the interceptor had replaced the record as a whole (`*record = ..`). Only an interceptor that
/// changes the record costs a copy of it.
pub trait Interceptor<K: ?Sized, V: ?Sized>: Send + Sync + 'static {
    /// Called by `send`, on the caller's thread, before key and value are serialized. Does nothing by default.
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        let _ = record;
    }

    /// Called once for each record that `on_send` saw, before its callback or future: on the delivery thread, or by `send` if the record was
    /// never accepted. It must not block. Does nothing by default.
    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        let _ = acknowledgement;
    }
}

/// A shared interceptor, so that the program can keep access to it.
impl<K: ?Sized, V: ?Sized, I: Interceptor<K, V> + ?Sized> Interceptor<K, V> for Arc<I> {
    fn on_send(&self, record: &mut ProducerRecord<'_, K, V>) {
        (**self).on_send(record);
    }

    fn on_acknowledgement(&self, acknowledgement: &Acknowledgement<'_>) {
        (**self).on_acknowledgement(acknowledgement);
    }
}

/// The result of a record, for interceptors.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Acknowledgement<'a> {
    /// The topic of the record.
    pub topic: &'a str,
    /// The partition, `None` if the record failed before a partition was chosen.
    pub partition: Option<i32>,
    /// The record's headers, as sent.
    pub headers: &'a Headers,
    /// Where the record was written, or why it failed.
    pub result: Result<&'a RecordMetadata, &'a Error>,
}

/// The interceptors of one producer, in order. Its delivery thread may drop them.
pub(crate) struct Chain<K: ?Sized, V: ?Sized>(Vec<Contained<Box<dyn Interceptor<K, V>>>>);

/// The part of a chain that does not depend on the record's types.
pub(crate) trait Acknowledge: Send + Sync {
    fn acknowledge(&self, acknowledgement: &Acknowledgement<'_>);
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Chain<K, V> {
    /// `None` without interceptors, so that the usual case costs nothing.
    pub(crate) fn new(interceptors: Vec<Box<dyn Interceptor<K, V>>>) -> Option<Arc<Self>> {
        (!interceptors.is_empty()).then(|| Arc::new(Self(interceptors.into_iter().map(Contained::new).collect())))
    }

    /// Passes the record through the chain.
    pub(crate) fn send(&self, record: &mut ProducerRecord<'_, K, V>) {
        for interceptor in &self.0 {
            record.watch();
            if let Err(panic) = contain(|| interceptor.on_send(record)) {
                record.undo();
                emit!(error, topic = record.topic(), %panic, "an interceptor's on_send panicked and is skipped");
            }
        }
        record.unwatch();
    }
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Acknowledge for Chain<K, V> {
    fn acknowledge(&self, acknowledgement: &Acknowledgement<'_>) {
        for interceptor in &self.0 {
            if let Err(panic) = contain(|| interceptor.on_acknowledgement(acknowledgement)) {
                emit!(error, topic = acknowledgement.topic, %panic, "an interceptor's on_acknowledgement panicked");
            }
        }
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for Chain<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} interceptors", self.0.len())
    }
}
