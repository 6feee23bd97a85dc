//! librdkafka's configuration object, filled from plain names and values.

use std::{
    ffi::{CString, c_char, c_int},
    mem,
    ptr::NonNull,
    sync::Mutex,
};

use rdkafka_sys as sys;
use zeroize::Zeroizing;

use super::{broker_message, callbacks::Callbacks, ffi, opaque::Opaque};
use crate::{lock::lock, secret::Secret};

/// librdkafka's buffer for its reasons.
const REASON_SIZE: usize = 512;

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
    /// # Safety
    /// `callbacks` is dropped after the producer that is made with these is destroyed.
    pub(super) unsafe fn new(properties: &[(String, Secret)], callbacks: &Opaque<Callbacks>) -> Result<Self, SettingRefused> {
        // SAFETY: takes nothing, returns an object that is ours to destroy.
        let conf = unsafe { sys::rd_kafka_conf_new() };
        let settings = Self(NonNull::new(conf).ok_or_else(|| refused(None, "out of memory".to_owned()))?);
        for (name, value) in properties {
            settings.set(name, value.expose())?;
        }
        settings.set("log.queue", "true")?;
        // SAFETY: `conf` is alive.
        unsafe { sys::rd_kafka_conf_enable_sasl_queue(settings.0.as_ptr(), c_int::from(makes_tokens(properties))) };
        let events = sys::RD_KAFKA_EVENT_DR
            | sys::RD_KAFKA_EVENT_ERROR
            | sys::RD_KAFKA_EVENT_LOG
            | sys::RD_KAFKA_EVENT_STATS
            | sys::RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH;
        // SAFETY: `conf` is alive; the flags are librdkafka's own.
        unsafe { sys::rd_kafka_conf_set_events(settings.0.as_ptr(), events) };
        // SAFETY: `conf` is alive, and `Client` sends no message without a slot.
        unsafe { broker_message::save_with(settings.0.as_ptr()) };
        // SAFETY: `conf` is alive, nobody has set its opaque, and the caller vouches for `callbacks`.
        unsafe { callbacks.watch(settings.0.as_ptr()) };
        Ok(settings)
    }

    fn set(&self, name: &str, value: &str) -> Result<(), SettingRefused> {
        let nul = || refused(Some(name), "the name or the value holds a NUL byte".to_owned());
        let c_name = CString::new(name).map_err(|_| nul())?;
        let c_value = Zeroizing::new(CString::new(value).map_err(|_| nul())?);
        let mut reason: [c_char; REASON_SIZE] = [0; REASON_SIZE];
        // SAFETY: `conf` is alive, both strings are NUL-terminated and the buffer is as long as it is said to be.
        let result = unsafe {
            sys::rd_kafka_conf_set(self.0.as_ptr(), c_name.as_ptr(), c_value.as_ptr(), reason.as_mut_ptr(), REASON_SIZE)
        };
        if result == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
            return Ok(());
        }
        // SAFETY: librdkafka terminates what it writes, and the buffer began as zeros.
        let reason = unsafe { ffi::text(reason.as_ptr()) };
        Err(refused(Some(name), reason))
    }

    /// Makes the producer, which takes the settings over. `properties` are those of [`new`](Self::new).
    pub(super) fn into_producer(self, properties: &[(String, Secret)]) -> Result<NonNull<sys::rd_kafka_t>, SettingRefused> {
        let mut reason: [c_char; REASON_SIZE] = [0; REASON_SIZE];
        // SAFETY: `conf` is alive and the buffer is as long as it is said to be; on success librdkafka owns `conf`.
        let client = unsafe {
            sys::rd_kafka_new(sys::rd_kafka_type_t::RD_KAFKA_PRODUCER, self.0.as_ptr(), reason.as_mut_ptr(), REASON_SIZE)
        };
        match NonNull::new(client) {
            Some(client) => {
                mem::forget(self);
                Ok(client)
            }
            None => {
                self.abandon(properties);
                // SAFETY: librdkafka terminates what it writes, and the buffer began as zeros.
                Err(refused(None, unsafe { ffi::text(reason.as_ptr()) }))
            }
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
        // SAFETY: ours, and not handed to a producer, be it in vain: `into_producer` forgets it then.
        unsafe { sys::rd_kafka_conf_destroy(self.0.as_ptr()) };
    }
}

fn refused(property: Option<&str>, reason: String) -> SettingRefused {
    SettingRefused { property: property.map(str::to_owned), reason }
}

/// Reads a property back from a running client, as librdkafka holds it.
///
/// # Safety
/// `client` is alive.
#[cfg(test)]
pub(super) unsafe fn property_of(client: NonNull<sys::rd_kafka_t>, name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: the caller vouches for `client`, which owns the configuration that it returns.
    let conf = unsafe { sys::rd_kafka_conf(client.as_ptr()) };
    let mut value = vec![0u8; 64 * 1024];
    let mut size = value.len();
    // SAFETY: `conf` lives as long as the client, the name is terminated, the buffer is `size` long.
    let result = unsafe { sys::rd_kafka_conf_get(conf, name.as_ptr(), value.as_mut_ptr().cast::<c_char>(), &raw mut size) };
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
            let settings = unsafe { Settings::new(&properties, &callbacks) };
            let error = settings.and_then(|settings| settings.into_producer(&properties)).unwrap_err();
            assert!(error.reason.contains("ssl.ca.location"), "{}", error.reason);
        }
        assert!(ABANDONED.lock().unwrap().len() >= 20);
    }
}
