//! Admission: what a record passes before librdkafka gets it.
//!
//! It takes its share of [`buffer.memory`](buffer_memory), or waits for it in order. A record whose serializer waits is a [`Deferral`](deferral::Deferral), and
//! every later record of its topic waits behind it. An admitted record is [outstanding](outstanding) until it is reported.

pub(super) mod admit;
pub(super) mod buffer_memory;
pub(super) mod deferral;
pub(super) mod deferrals;
pub(super) mod outstanding;
mod sync;
pub(super) mod timer;
