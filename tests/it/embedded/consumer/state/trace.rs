//! The log of the current program, for a failure that does not repeat.

use std::{
    env, fs,
    io::{self, Write},
    sync::{Mutex, Once},
};

/// What the current program has logged.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn file() -> Option<String> {
    env::var("OTTLA_TEST_STATE_TRACE").ok().filter(|file| !file.is_empty())
}

pub(super) fn is_on() -> bool {
    file().is_some()
}

/// A program begins: forgets the log of the last one.
pub(super) fn begin() {
    static SUBSCRIBER: Once = Once::new();
    if is_on() {
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_ansi(false);
            subscriber.with_writer(|| Log).init();
        });
        LOG.lock().unwrap().clear();
    }
}

pub(super) fn note(text: &str) {
    if is_on() {
        tracing::info!(target: "state", "{text}");
    }
}

/// Writes the log of the failed program to the file.
pub(super) fn write() {
    if let Some(file) = file() {
        fs::write(file, &*LOG.lock().unwrap()).unwrap();
    }
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
