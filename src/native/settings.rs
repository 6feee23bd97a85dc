//! librdkafka's configuration object, filled from plain names and values.

use std::{
    ffi::{CString, c_int},
    mem,
    ptr::NonNull,
    sync::Mutex,
};

use rdkafka_sys as sys;
use zeroize::Zeroizing;

use super::{broker_message, callbacks::Callbacks, opaque::Opaque, text_buffer::TextBuffer};
use crate::{lock::lock, secret::Secret};

/// What librdkafka said against a setting, or against all of them together (`property` is `None`).
#[derive(Debug)]
pub(crate) struct SettingRefused {
    pub(crate) property: Option<String>,
    pub(crate) reason: String,
}

/// Where the settings lie that are not destroyed, so that leak checkers see that somebody knows.
static ABANDONED: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// An owned `rd_kafka_conf_t`.
pub(super) struct Settings(NonNull<sys::rd_kafka_conf_t>);

impl Settings {
    /// A producer's settings.
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

    /// A consumer's settings.
    #[cfg(feature = "consumer")]
    pub(super) fn of_consumer(properties: &[(String, Secret)]) -> Result<Self, SettingRefused> {
        Self::new(properties, sys::RD_KAFKA_EVENT_REBALANCE | sys::RD_KAFKA_EVENT_OFFSET_COMMIT)
    }

    /// Settings of a client that gets these events beside those of every client.
    fn new(properties: &[(String, Secret)], events: c_int) -> Result<Self, SettingRefused> {
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
        let nul = || refused(Some(name), "the name or the value holds a NUL byte".to_owned());
        let c_name = CString::new(name).map_err(|_| nul())?;
        let c_value = Zeroizing::new(CString::new(value).map_err(|_| nul())?);
        let mut reason = TextBuffer::new();
        // SAFETY: `self` owns a live `conf`, both strings are NUL-terminated, and `reason` has as many bytes as are said here.
        let result = unsafe {
            sys::rd_kafka_conf_set(self.0.as_ptr(), c_name.as_ptr(), c_value.as_ptr(), reason.as_mut_ptr(), TextBuffer::SIZE)
        };
        if result == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK { Ok(()) } else { Err(refused(Some(name), reason.text())) }
    }

    /// Makes the producer, which takes the settings over. `properties` are those of [`of_producer`](Self::of_producer).
    pub(super) fn into_producer(self, properties: &[(String, Secret)]) -> Result<NonNull<sys::rd_kafka_t>, SettingRefused> {
        self.into_client(sys::rd_kafka_type_t::RD_KAFKA_PRODUCER).map_err(|(settings, refused)| {
            settings.abandon(properties);
            refused
        })
    }

    /// Makes the consumer, which takes the settings over.
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

    /// Lets go of settings of which no producer could be made, without destroying them.
    ///
    /// librdkafka copies the settings as they are, and where it fails behind that, as over a certificate, it frees the interceptors of its copy
    /// (2.12, `rd_kafka_new`, behind `fail:`), which are those of the settings: to destroy these would free them again. So they are kept, some
    /// kilobytes for each attempt, but without passwords and keys.
    fn abandon(self, properties: &[(String, Secret)]) {
        for (name, _) in properties.iter().filter(|(name, _)| name.starts_with("sasl.") || name.starts_with("ssl.")) {
            // What has no empty value, such as a mechanism, stays as it is. Of the interceptors librdkafka looks only at those of settings, of
            // which there is none.
            let _ = self.set(name, "");
        }
        lock(&ABANDONED).push(self.0.as_ptr().expose_provenance());
        mem::forget(self);
    }
}

/// Whether librdkafka makes the tokens itself that nobody signs. It does so in a callback, which is called where its queue is served: on
/// librdkafka's background thread, since the delivery thread takes events.
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

/// Reads a property back from a running client, as librdkafka holds it.
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

/// Milliseconds for C, which counts them in an `int`: longer waits are cut to 24 days.
pub(super) fn milliseconds(duration: std::time::Duration) -> c_int {
    // Rounded up, so that a wait of half a millisecond is not a busy loop.
    c_int::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    #[test]
    fn what_no_producer_can_be_made_of_is_freed_no_more_than_once() {
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
