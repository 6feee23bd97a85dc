//! [`Witness`]: what librdkafka tells of a client in callbacks and not in events. A client has one opaque for all of them: this.

use std::ffi::c_void;

use rdkafka_sys as sys;

use super::{connections::Connections, throttle::Throttles};

#[derive(Debug, Default)]
pub(super) struct Witness {
    pub(super) connections: Connections,
    pub(super) throttles: Throttles,
}

impl Witness {
    /// Has every client that is made with these settings tell what becomes of it.
    ///
    /// # Safety
    /// `settings` is alive, has no opaque of its own, and `self` stays where it is until every client that is made with it is destroyed.
    pub(super) unsafe fn watch(&self, settings: *mut sys::rd_kafka_conf_t) {
        let address = self.opaque();
        // SAFETY: the caller vouches for `settings`.
        unsafe { sys::rd_kafka_conf_set_opaque(settings, address) };
        // SAFETY: as above, and `address` is that of a witness.
        unsafe { Connections::note_with(settings, address) };
        // SAFETY: as above.
        unsafe { Throttles::note_with(settings) };
    }

    pub(super) fn opaque(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The one at an address that [`watch`](Self::watch) has given to librdkafka.
    ///
    /// # Safety
    /// `opaque` is such an address, and the witness is alive for `'a`.
    pub(super) unsafe fn from_opaque<'a>(opaque: *const c_void) -> &'a Self {
        // SAFETY: the caller vouches for it.
        unsafe { &*opaque.cast::<Self>() }
    }
}
