//! [`Lines`]: all log lines of a process.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// All log lines, from `tracing` and from `log`.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Receives all log lines of this process.
    pub fn start() -> Self {
        let lines = Self::default();
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(lines.clone()).init();
        log::set_boxed_logger(Box::new(lines.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        lines
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits until a line contains `what`.
    #[track_caller]
    pub fn wait_for(&self, what: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.text().contains(what) {
            assert!(Instant::now() < end, "{what:?} is not in the log:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(self.clone(), "log: {} {}: {}", record.level(), record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}
