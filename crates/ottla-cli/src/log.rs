//! The log of the library and librdkafka, on stderr.

use std::{
    collections::HashSet,
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{lock::lock, progress::CLEAR_LINE};

/// The default filter without `RUST_LOG`. Failures reach the command as errors, so the log has only what is unexpected.
const DEFAULT: &str = "error";
/// How many reasons are remembered. Above this every line is written.
const REMEMBERED: usize = 1000;

/// Starts logging at the levels in the environment variable `RUST_LOG` (`RUST_LOG=ottla=debug`). Without it each reason is logged
/// once, however often librdkafka retries.
pub(crate) fn start() {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::ERROR.into());
    let filter = std::env::var("RUST_LOG").ok().and_then(|directives| filter.parse(directives).ok());
    let written = filter.is_none().then(Arc::default);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(DEFAULT)))
        .with_writer(Log { written })
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        // These are written with `eprintln!`, which panics if stderr is closed.
        .log_internal_errors(false)
        .init();
}

/// Writes lines to stderr, each at most once if it remembers the written ones.
#[derive(Clone)]
struct Log {
    written: Option<Arc<Mutex<HashSet<String>>>>,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    /// Takes a whole line, as the subscriber passes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_new = self.written.as_ref().is_none_or(|written| {
            let mut written = lock(written);
            written.len() >= REMEMBERED || written.insert(reason(&String::from_utf8_lossy(line)))
        });
        if is_new {
            let mut stderr = io::stderr().lock();
            // The cursor may be behind a progress line.
            if stderr.is_terminal() {
                stderr.write_all(CLEAR_LINE.as_bytes())?;
            }
            stderr.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// The text of a line without its time, and without durations and counts such as `(after 3ms in state SSL_HANDSHAKE, 30 identical
/// error(s) suppressed)`.
fn reason(line: &str) -> String {
    let text = line.split_once(' ').map_or(line, |(_, text)| text);
    text.split("(after ").next().unwrap_or(text).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_reason_is_recognised() {
        let line =
            |time: &str, after: &str| format!("{time} ERROR ottla: ssl://a:1/bootstrap: SSL handshake failed: no ({after})\n");
        let one = reason(&line("2026-01-01T00:00:00Z", "after 3ms in state SSL_HANDSHAKE"));
        assert_eq!(one, "ERROR ottla: ssl://a:1/bootstrap: SSL handshake failed: no");
        assert_eq!(
            one,
            reason(&line("2026-01-01T00:00:09Z", "after 12ms in state SSL_HANDSHAKE, 30 identical error(s) suppressed"))
        );
        assert_ne!(one, reason("2026-01-01T00:00:00Z ERROR ottla: ssl://a:1/bootstrap: Connection refused\n"));
    }
}
