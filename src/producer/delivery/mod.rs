//! Delivery: the delivery thread, which serves librdkafka's events, and flushing, closing and the thread's end.

pub(super) mod closing;
mod delivery_thread;
pub(super) mod drop_on;
pub(super) mod ending;
mod event_handler;
pub(super) mod flush_helper;
pub(super) mod hooks;
pub(super) mod listeners;
pub(super) mod throttle;

use std::{
    sync::{Mutex, OnceLock, atomic::AtomicBool},
    thread::ThreadId,
};

use closing::Closing;
use ending::Ending;
use flush_helper::FlushHelper;
use listeners::Listeners;

/// The state of delivery, shared by the handles and the delivery thread.
pub(super) struct DeliveryState {
    pub(super) listeners: Listeners,
    pub(super) closing: Mutex<Closing>,
    /// Whether closing has started to give up the remaining records.
    pub(super) gives_up: AtomicBool,
    pub(super) ending: Ending,
    pub(super) flush_helper: FlushHelper,
    /// The delivery thread, once it runs.
    pub(super) thread: OnceLock<ThreadId>,
}

impl DeliveryState {
    pub(super) fn new(listeners: Listeners) -> Self {
        Self {
            listeners,
            closing: Mutex::default(),
            gives_up: AtomicBool::new(false),
            ending: Ending::default(),
            flush_helper: FlushHelper::default(),
            thread: OnceLock::new(),
        }
    }
}
