//! Admission: the stages of a record before librdkafka gets it.
//!
//! A record reserves [`buffer.memory`](buffer_memory), or waits for it in order. A record whose serializer waits is a
//! [`Deferral`](deferral::Deferral), and later records of its topic wait behind it. An admitted record is [outstanding](outstanding) until its
//! delivery report.

pub(super) mod admit;
pub(super) mod buffer_memory;
pub(super) mod deferral;
pub(super) mod deferrals;
pub(super) mod outstanding;
mod sync;
pub(super) mod timer;
