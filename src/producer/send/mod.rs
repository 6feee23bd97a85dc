//! The methods to send: one record, with a future for its acceptance ([`Sending`](sending::Sending)) or for its report, many records, a sink, and
//! blocking methods.

pub(super) mod batch;
pub(super) mod blocking;
pub(super) mod send_and_wait;
pub(super) mod sending;
pub(super) mod sink;
pub(super) mod try_send;
