//! [`Callbacks`]: what librdkafka tells of a client in callbacks and not in events. A client has one opaque for all of them: this.

use rdkafka_sys as sys;

use super::{connections::Connections, opaque::Opaque, throttle::Throttles};

#[derive(Debug, Default)]
pub(super) struct Callbacks {
    pub(super) connections: Connections,
    pub(super) throttles: Throttles,
}

impl Opaque<Callbacks> {
    /// Has every client that is made with these settings tell what becomes of it.
    ///
    /// # Safety
    /// `settings` is alive and has no opaque of its own, and `self` is dropped after every client that is made with it is destroyed.
    pub(super) unsafe fn watch(&self, settings: *mut sys::rd_kafka_conf_t) {
        // SAFETY: the caller vouches that `settings` is alive and that the witness outlives its clients.
        unsafe { sys::rd_kafka_conf_set_opaque(settings, self.as_ptr()) };
        // SAFETY: `settings` is alive by the caller's word, and the pointer is that of a witness.
        unsafe { Connections::note_with(settings, self.as_ptr()) };
        // SAFETY: `settings` is alive by the caller's word, and its opaque was set to a witness above.
        unsafe { Throttles::note_with(settings) };
    }
}
