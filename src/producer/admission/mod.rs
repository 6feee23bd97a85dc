//! Admission: the stages of a record before librdkafka gets it.
//!
//! A record reserves [`buffer.memory`](buffer_memory), or waits for it in order. A record whose serializer waits is a
//! [`Deferral`], and later records of its topic wait behind it. An admitted record is [outstanding] until its
//! delivery report.

pub(super) mod admit;
mod alarm;
pub(super) mod buffer_memory;
pub(super) mod deferral;
pub(super) mod deferrals;
pub(super) mod outstanding;
pub(super) mod place;
mod sync;
pub(super) mod timer;

use admit::Entrant;
use buffer_memory::BufferMemory;
use deferral::Deferral;
use deferrals::Deferrals;
use outstanding::Outstanding;
use timer::Timer;

/// The state of admission, shared by the handles and the delivery thread.
pub(super) struct Admission {
    pub(super) buffer_memory: BufferMemory<Entrant>,
    pub(super) deferrals: Deferrals<Box<Deferral>>,
    pub(super) outstanding: Outstanding,
    pub(super) timer: Timer,
    pub(super) max_request_size: usize,
}

impl Admission {
    pub(super) fn new(buffer_memory: BufferMemory<Entrant>, max_request_size: usize) -> Self {
        Self {
            deferrals: Deferrals::new(buffer_memory.max_block()),
            buffer_memory,
            outstanding: Outstanding::default(),
            timer: Timer::default(),
            max_request_size,
        }
    }
}
