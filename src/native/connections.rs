//! [`Connections`]: the state of the connections to brokers, and of the brokers' certificates, recorded on librdkafka's threads.
//!
//! librdkafka's events do not report that a connection is up, and of a certificate they report only that its verification failed. The
//! callbacks for both only observe: OpenSSL decides whether a certificate is valid.

use std::{
    collections::HashMap,
    ffi::{CStr, c_char, c_int, c_void},
    panic::catch_unwind,
    ptr,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use rdkafka_sys as sys;

use super::{callbacks::Callbacks, code, ffi, metadata_watch::MetadataWatch, opaque::Opaque, wording};
use crate::lock::{lock, unpoisoned};

const NAME: &CStr = c"ottla";

#[derive(Debug, Default)]
pub(crate) struct Connections {
    has_been_up: AtomicBool,
    noted: Mutex<Noted>,
    /// Notified when a connection is up.
    up: Condvar,
}

#[derive(Debug, Default)]
struct Noted {
    /// The addresses with a connection, by the thread of the connection. Neither address nor id would do as the key: librdkafka replaces
    /// the connection to a bootstrap server with another one to the same broker, and may end the old one after the new one is up.
    up: HashMap<ThreadId, String>,
    /// The addresses of the brokers, by id.
    brokers: HashMap<i32, String>,
    /// OpenSSL's last verification error (`X509_V_ERR_..`), by address.
    certificates: HashMap<String, i32>,
}

impl Connections {
    /// Makes all clients with these settings report their connections.
    ///
    /// # Safety
    /// `settings` is alive, and its opaque is the pointer of an [`Opaque<Callbacks>`](Opaque), which `opaque` is as well.
    pub(super) unsafe fn note_with(settings: *mut sys::rd_kafka_conf_t, opaque: *mut c_void) {
        // SAFETY: the caller guarantees live settings; the name is static and the function has C's signature.
        unsafe { ffi::rd_kafka_conf_interceptor_add_on_new(settings, NAME.as_ptr(), on_new, opaque) };
        // SAFETY: the caller guarantees live settings; the function has C's signature. A librdkafka without TLS refuses it, and then there are no certificates.
        unsafe { sys::rd_kafka_conf_set_ssl_cert_verify_cb(settings, Some(on_certificate)) };
    }

    /// Whether a connection, including its login, has ever been up.
    pub(crate) fn has_been_up(&self) -> bool {
        self.has_been_up.load(Ordering::Acquire)
    }

    /// Waits for a connection, for `timeout` at most. Returns whether there is one.
    pub(crate) fn wait_for_one(&self, timeout: Duration) -> bool {
        let waited = self.up.wait_timeout_while(lock(&self.noted), timeout, |noted| noted.up.is_empty());
        !unpoisoned(waited).0.up.is_empty()
    }

    /// The address of the broker with this id, as `host:port`.
    pub(crate) fn address(&self, id: i32) -> Option<String> {
        lock(&self.noted).brokers.get(&id).cloned()
    }

    /// The addresses with a connection, in order.
    pub(crate) fn addresses_up(&self) -> Vec<String> {
        let mut up: Vec<_> = lock(&self.noted).up.values().cloned().collect();
        up.sort_unstable();
        up.dedup();
        up
    }

    /// OpenSSL's error of the last certificate of the broker at this address.
    pub(crate) fn certificate_error(&self, address: &str) -> Option<i32> {
        lock(&self.noted).certificates.get(address).copied()
    }

    /// Records the state of the connection that has the current thread. `id` is negative for a bootstrap server.
    fn note_state(&self, address: String, id: i32, state: &CStr) {
        let mut noted = lock(&self.noted);
        if id >= 0 {
            noted.brokers.insert(id, address.clone());
        }
        if wording::is_up(state) {
            self.has_been_up.store(true, Ordering::Release);
            noted.up.insert(thread::current().id(), address);
            drop(noted);
            self.up.notify_all();
        } else if !wording::is_initial(state) {
            noted.up.remove(&thread::current().id());
        }
    }

    fn note_certificate(&self, address: String, error: i32) {
        lock(&self.noted).certificates.insert(address, error);
    }
}

unsafe extern "C" fn on_new(
    client: *mut sys::rd_kafka_t,
    _settings: *const sys::rd_kafka_conf_t,
    opaque: *mut c_void,
    _reason: *mut c_char,
    _reason_size: usize,
) -> c_int {
    // SAFETY: librdkafka calls this with a client that is being made, which is when interceptors may be added.
    let code = unsafe { ffi::rd_kafka_interceptor_add_on_broker_state_change(client, NAME.as_ptr(), on_state, opaque) };
    // SAFETY: the client is being made, and `note_with` was given the pointer of its callbacks, which `Client` drops after the client.
    unsafe { MetadataWatch::watch(client, NAME, opaque) };
    code
}

/// Called under the broker's lock, so it must not call librdkafka. Each broker of librdkafka has one connection and one thread, on which
/// this is called; only the initial state is reported by the thread that adds the broker.
unsafe extern "C" fn on_state(
    _client: *mut sys::rd_kafka_t,
    id: i32,
    _protocol: *const c_char,
    host: *const c_char,
    port: c_int,
    state: *const c_char,
    opaque: *mut c_void,
) -> c_int {
    // Without a port: librdkafka's internal thread, or a role such as a coordinator, whose broker is reported as well.
    if port == 0 || state.is_null() {
        return code::NO_ERROR;
    }
    let _ = catch_unwind(|| {
        // SAFETY: `note_with` was given the pointer of the client's callbacks, which `Client` drops after the client is destroyed.
        let connections = unsafe { &Opaque::<Callbacks>::from_ptr(opaque).connections };
        // SAFETY: librdkafka passes null or a NUL-terminated text that lives during this callback.
        let host = unsafe { ffi::text(host) };
        // SAFETY: not null, and a terminated text that is there during the call.
        let state = unsafe { CStr::from_ptr(state) };
        connections.note_state(format!("{host}:{port}"), id, state);
    });
    code::NO_ERROR
}

/// Called for each certificate of a broker, on the broker's thread, with OpenSSL's result (0 for success). Returns that result: whether the
/// certificate is valid.
unsafe extern "C" fn on_certificate(
    _client: *mut sys::rd_kafka_t,
    address: *const c_char,
    _id: i32,
    error: *mut c_int,
    _depth: c_int,
    _certificate: *const c_char,
    _size: usize,
    reason: *mut c_char,
    reason_size: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka lends the integer for the call.
    let error = unsafe { *error };
    if error == 0 {
        return 1;
    }
    let _ = catch_unwind(|| {
        // SAFETY: the settings' opaque is the client's callbacks, which `Client` drops after the client is destroyed.
        let connections = unsafe { &Opaque::<Callbacks>::from_ptr(opaque).connections };
        // SAFETY: librdkafka passes null or a NUL-terminated text that lives during this callback.
        let address = unsafe { ffi::text(address) };
        connections.note_certificate(address, error);
        let mut details = format!("OpenSSL's verification error {error}").into_bytes();
        details.truncate(reason_size.saturating_sub(1));
        details.push(0);
        if details.len() <= reason_size {
            // SAFETY: librdkafka passes a buffer of `reason_size` bytes, and `details` is no longer than that.
            unsafe { ptr::copy_nonoverlapping(details.as_ptr().cast(), reason, details.len()) };
        }
    });
    0
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Calls the callback as librdkafka would.
    fn tell(callbacks: &Opaque<Callbacks>, id: i32, port: c_int, state: &CStr) {
        let opaque = callbacks.as_ptr();
        // SAFETY: the texts and the callbacks are alive; the client is not looked at.
        unsafe { on_state(ptr::null_mut(), id, c"ssl".as_ptr(), c"kafka-1".as_ptr(), port, state.as_ptr(), opaque) };
    }

    /// The result for a certificate, and the text for librdkafka's log.
    fn verify(callbacks: &Opaque<Callbacks>, mut error: c_int, size: usize) -> (c_int, String) {
        let mut reason: [c_char; 64] = [0; 64];
        // SAFETY: the texts and the callbacks are alive, the client is not looked at, and the buffer is at least as long as it is said to be.
        let answer = unsafe {
            on_certificate(
                ptr::null_mut(),
                c"kafka-1:9093".as_ptr(),
                1,
                &raw mut error,
                0,
                ptr::null(),
                0,
                reason.as_mut_ptr(),
                size,
                callbacks.as_ptr(),
            )
        };
        // SAFETY: terminated: it began as zeros, and the last byte is not written.
        (answer, unsafe { ffi::text(reason.as_ptr()) })
    }

    #[test]
    fn connection_states_are_recorded() {
        let callbacks = Opaque::new(Callbacks::default());
        let connections = &callbacks.connections;
        tell(&callbacks, -1, 9093, c"TRY_CONNECT");
        assert!(!connections.has_been_up() && connections.addresses_up().is_empty());
        tell(&callbacks, -1, 0, c"UP");
        assert!(!connections.has_been_up(), "librdkafka's internal thread is not a broker");
        tell(&callbacks, -1, 9093, c"UP");
        assert_eq!(connections.addresses_up(), ["kafka-1:9093"]);
        assert!(connections.wait_for_one(Duration::MAX / 4));
        assert_eq!(connections.address(7), None);
        tell(&callbacks, 7, 9093, c"INIT");
        assert_eq!(connections.addresses_up(), ["kafka-1:9093"], "the thread of one broker adds another");
        tell(&callbacks, -1, 9093, c"DOWN");
        assert!(connections.has_been_up() && connections.addresses_up().is_empty());
        assert!(!connections.wait_for_one(Duration::ZERO));
        assert_eq!(connections.address(7).as_deref(), Some("kafka-1:9093"));
    }

    #[test]
    fn connection_that_replaces_another_is_up_when_the_other_ends() {
        for (old, new) in [(-1, 7), (7, 8), (8, 8)] {
            let callbacks = Opaque::new(Callbacks::default());
            let connections = &callbacks.connections;
            thread::scope(|scope| {
                let (end, ended) = mpsc::channel::<()>();
                let (callbacks, (up, is_up)) = (&callbacks, mpsc::channel());
                scope.spawn(move || {
                    tell(callbacks, old, 9093, c"UP");
                    up.send(()).unwrap();
                    ended.recv().unwrap_err();
                    tell(callbacks, old, 9093, c"DOWN");
                });
                is_up.recv().unwrap();
                scope
                    .spawn(move || {
                        tell(callbacks, new, 9093, c"UP");
                        drop(end);
                    })
                    .join()
                    .unwrap();
            });
            assert_eq!(connections.addresses_up(), ["kafka-1:9093"], "{old} is replaced by {new}");
            assert!(connections.wait_for_one(Duration::ZERO));
        }
    }

    #[test]
    fn certificate_is_valid_only_if_openssl_says_so() {
        let callbacks = Opaque::new(Callbacks::default());
        let connections = &callbacks.connections;
        assert_eq!(verify(&callbacks, 0, 64), (1, String::new()));
        assert_eq!(connections.certificate_error("kafka-1:9093"), None);
        assert_eq!(verify(&callbacks, 10, 64), (0, "OpenSSL's verification error 10".to_owned()));
        assert_eq!(connections.certificate_error("kafka-1:9093"), Some(10));
        assert_eq!(verify(&callbacks, 62, 8), (0, "OpenSSL".to_owned()));
        assert_eq!(verify(&callbacks, 62, 0), (0, String::new()));
    }
}
