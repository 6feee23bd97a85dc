//! librdkafka's configuration object.

use std::{
    ffi::{CString, c_int},
    mem,
    ptr::NonNull,
    sync::Mutex,
};

use rdkafka_sys as sys;
use zeroize::Zeroizing;

use super::{broker_message, callbacks::Callbacks, ffi, opaque::Opaque, text_buffer::TextBuffer};
use crate::{lock::lock, secret::Secret};

/// librdkafka's error for a setting, or for the settings as a whole (`property` is `None`).
#[derive(Debug)]
pub(crate) struct SettingRefused {
    pub(crate) property: Option<String>,
    pub(crate) reason: String,
}

/// The addresses of abandoned settings, so that leak checkers find a pointer to them.
static ABANDONED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// An owned `rd_kafka_conf_t`.
pub(super) struct Settings(NonNull<sys::rd_kafka_conf_t>);

impl Settings {
    /// The settings of a producer.
    ///
    /// # Safety
    /// `callbacks` is dropped after the producer that is made with these is destroyed.
    pub(super) unsafe fn of_producer(
        properties: &[(String, Secret)],
        callbacks: &Opaque<Callbacks>,
    ) -> Result<Self, SettingRefused> {
        let settings = Self::new(properties, sys::RD_KAFKA_EVENT_DR)?;
        // SAFETY: `settings` owns a live `conf`, whose opaque nobody has set. `Client` sends no message without a slot, and the caller
        // guarantees that `callbacks` outlives the producer.
        unsafe {
            sys::rd_kafka_conf_enable_sasl_queue(settings.0.as_ptr(), c_int::from(makes_tokens(properties)));
            broker_message::save_with(settings.0.as_ptr());
            callbacks.watch(settings.0.as_ptr());
        }
        Ok(settings)
    }

    /// The settings of a consumer.
    #[cfg(feature = "consumer")]
    pub(super) fn of_consumer(properties: &[(String, Secret)]) -> Result<Self, SettingRefused> {
        Self::new(properties, sys::RD_KAFKA_EVENT_REBALANCE | sys::RD_KAFKA_EVENT_OFFSET_COMMIT)
    }

    /// Settings of a client that gets these events, and those of all clients.
    fn new(properties: &[(String, Secret)], events: c_int) -> Result<Self, SettingRefused> {
        if let Some(reason) = ffi::outdated_library() {
            return Err(refused(None, reason));
        }
        // SAFETY: the call takes nothing; the object that it returns is ours to destroy.
        let conf = unsafe { sys::rd_kafka_conf_new() };
        let settings = Self(NonNull::new(conf).ok_or_else(|| refused(None, "out of memory".to_owned()))?);
        for (name, value) in properties {
            settings.set(name, value.expose())?;
        }
        settings.set("log.queue", "true")?;
        let events = events
            | sys::RD_KAFKA_EVENT_ERROR
            | sys::RD_KAFKA_EVENT_LOG
            | sys::RD_KAFKA_EVENT_STATS
            | sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
        // SAFETY: `settings` owns a live `conf`; the flags are librdkafka's own.
        unsafe { sys::rd_kafka_conf_set_events(settings.0.as_ptr(), events) };
        Ok(settings)
    }

    fn set(&self, name: &str, value: &str) -> Result<(), SettingRefused> {
        let nul = || refused(Some(name), "the name or the value contains a NUL byte".to_owned());
        let c_name = CString::new(name).map_err(|_| nul())?;
        let c_value = Zeroizing::new(CString::new(value).map_err(|_| nul())?);
        let mut reason = TextBuffer::new();
        // SAFETY: `self` owns a live `conf`, both strings are NUL-terminated, and `reason` has as many bytes as are said here.
        let result = unsafe {
            sys::rd_kafka_conf_set(self.0.as_ptr(), c_name.as_ptr(), c_value.as_ptr(), reason.as_mut_ptr(), TextBuffer::SIZE)
        };
        if result == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK { Ok(()) } else { Err(refused(Some(name), reason.text())) }
    }

    /// Creates the producer, which takes ownership of the settings. `properties` are those of [`of_producer`](Self::of_producer).
    pub(super) fn into_producer(self, properties: &[(String, Secret)]) -> Result<NonNull<sys::rd_kafka_t>, SettingRefused> {
        self.into_client(sys::rd_kafka_type_t::RD_KAFKA_PRODUCER).map_err(|(settings, refused)| {
            settings.abandon(properties);
            refused
        })
    }

    /// Creates the consumer, which takes ownership of the settings.
    #[cfg(feature = "consumer")]
    pub(super) fn into_consumer(self) -> Result<NonNull<sys::rd_kafka_t>, SettingRefused> {
        self.into_client(sys::rd_kafka_type_t::RD_KAFKA_CONSUMER).map_err(|(_, refused)| refused)
    }

    fn into_client(self, kind: sys::rd_kafka_type_t) -> Result<NonNull<sys::rd_kafka_t>, (Self, SettingRefused)> {
        let mut reason = TextBuffer::new();
        // SAFETY: `self` owns a live `conf`, which becomes the client's if the call succeeds and stays ours if not; `reason` has as many
        // bytes as are said here.
        let client = unsafe { sys::rd_kafka_new(kind, self.0.as_ptr(), reason.as_mut_ptr(), TextBuffer::SIZE) };
        match NonNull::new(client) {
            Some(client) => {
                mem::forget(self);
                Ok(client)
            }
            None => Err((self, refused(None, reason.text()))),
        }
    }

    /// Leaks settings with which a producer could not be created.
    ///
    /// librdkafka makes a shallow copy of the settings. If it fails after that, for example because of a certificate, it frees the interceptors
    /// of its copy (2.12, `rd_kafka_new`, after `fail:`), which are also those of the settings: destroying the settings would free them again.
    /// So they are leaked, some kilobytes for each attempt, after passwords and keys have been removed.
    fn abandon(self, properties: &[(String, Secret)]) {
        for (name, _) in properties.iter().filter(|(name, _)| name.starts_with("sasl.") || name.starts_with("ssl.")) {
            // A property without a valid empty value, such as a mechanism, is left. librdkafka calls the interceptors for settings only, and
            // there are none of these.
            let _ = self.set(name, "");
        }
        lock(&ABANDONED).push(self.0.as_ptr().expose_provenance());
        mem::forget(self);
    }
}

/// Whether librdkafka creates unsigned tokens itself. It does so in a callback on librdkafka's background thread, because the delivery
/// thread reads events.
pub(super) fn makes_tokens(properties: &[(String, Secret)]) -> bool {
    properties.iter().any(|(name, value)| name == "enable.sasl.oauthbearer.unsecure.jwt" && value.expose() == "true")
}

impl Drop for Settings {
    fn drop(&mut self) {
        // SAFETY: `self` owns `conf`, and this is its one drop: `into_client` and `abandon` forget `self`.
        unsafe { sys::rd_kafka_conf_destroy(self.0.as_ptr()) };
    }
}

pub(super) fn refused(property: Option<&str>, reason: String) -> SettingRefused {
    SettingRefused { property: property.map(str::to_owned), reason }
}

/// Reads a property of a running client from librdkafka.
///
/// # Safety
/// `client` is alive.
#[cfg(test)]
pub(super) unsafe fn property_of(client: NonNull<sys::rd_kafka_t>, name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: the caller guarantees a live client, which owns the configuration that is returned.
    let conf = unsafe { sys::rd_kafka_conf(client.as_ptr()) };
    let mut value = vec![0u8; 64 * 1024];
    let mut size = value.len();
    // SAFETY: `conf` lives as long as the client, the name is terminated, the buffer is `size` long.
    let result = unsafe { sys::rd_kafka_conf_get(conf, name.as_ptr(), value.as_mut_ptr().cast(), &raw mut size) };
    if result != sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
        return None;
    }
    value.truncate(size.saturating_sub(1));
    String::from_utf8(value).ok()
}

/// [`property_of`] a consumer of the crate `rdkafka`.
#[cfg(all(test, feature = "consumer"))]
pub(crate) fn consumers_property<C: rdkafka::consumer::ConsumerContext>(
    consumer: &impl rdkafka::consumer::Consumer<C>,
    name: &str,
) -> Option<String> {
    let client = NonNull::new(consumer.client().native_ptr())?;
    // SAFETY: the consumer is borrowed, and so alive.
    unsafe { property_of(client, name) }
}

/// Milliseconds as a C `int`: longer times are cut to 24 days.
pub(super) fn milliseconds(duration: std::time::Duration) -> c_int {
    // Rounded up, so that a wait of less than a millisecond is not a busy loop.
    c_int::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_failed_producer_are_not_freed_twice() {
        let properties =
            [("security.protocol", "ssl"), ("ssl.ca.location", "/no/such/file.pem"), ("ssl.key.password", "hunter2")];
        let properties = properties.map(|(name, value)| (name.to_owned(), Secret::from(value)));
        for _ in 0..20 {
            let callbacks = Opaque::new(Callbacks::default());
            // SAFETY: no producer is made of them.
            let settings = unsafe { Settings::of_producer(&properties, &callbacks) };
            let error = settings.and_then(|settings| settings.into_producer(&properties)).unwrap_err();
            assert!(error.reason.contains("ssl.ca.location"), "{}", error.reason);
        }
        assert!(ABANDONED.lock().unwrap().len() >= 20);
    }
}
