//! [`Callbacks`]: the state of callbacks, for what librdkafka does not report in events. A client has one opaque for all callbacks: this.

use rdkafka_sys as sys;

use super::{connections::Connections, metadata_watch::MetadataWatch, opaque::Opaque, throttle::Throttles};

#[derive(Debug, Default)]
pub(super) struct Callbacks {
    pub(super) connections: Connections,
    pub(super) throttles: Throttles,
    pub(super) metadata: MetadataWatch,
}

impl Opaque<Callbacks> {
    /// Registers the callbacks for all clients that are created with these settings.
    ///
    /// # Safety
    /// `settings` is alive and has no opaque of its own, and `self` is dropped after every client that is made with it is destroyed.
    pub(super) unsafe fn watch(&self, settings: *mut sys::rd_kafka_conf_t) {
        // SAFETY: the caller guarantees live settings without an opaque, and that `self` outlives their clients; so the opaque that is set
        // here is valid whenever one of the callbacks is called.
        unsafe {
            sys::rd_kafka_conf_set_opaque(settings, self.as_ptr());
            Connections::note_with(settings, self.as_ptr());
            Throttles::note_with(settings);
        }
    }
}
