//! Delivery: the delivery thread, which serves librdkafka's events, and flushing, closing and the thread's end.

pub(super) mod closing;
mod delivery_thread;
pub(super) mod ending;
mod event_handler;
pub(super) mod flush_helper;
pub(super) mod listeners;
pub(super) mod throttle;
