//! The log: what the library and librdkafka say, on stderr.

use std::{
    collections::HashSet,
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::progress::CLEAR_LINE;

/// What is logged without `RUST_LOG`: what is wrong reaches the command as errors, so that only the unexpected is said twice.
const DEFAULT: &str = "error";
/// How many reasons are remembered. From then on every line is written.
const REMEMBERED: usize = 1000;

/// Starts logging, at the levels that the environment variable `RUST_LOG` names (`RUST_LOG=ottla=debug`). Without it each reason is said once,
/// however often librdkafka tries again.
pub(crate) fn start() {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::ERROR.into());
    let filter = std::env::var("RUST_LOG").ok().and_then(|directives| filter.parse(directives).ok());
    let said = filter.is_none().then(Arc::default);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(DEFAULT)))
        .with_writer(Log { said })
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        // It would say so on stderr, with a panic where that is closed.
        .log_internal_errors(false)
        .init();
}

/// Writes lines to stderr; none a second time if it remembers those that it has written.
#[derive(Clone)]
struct Log {
    said: Option<Arc<Mutex<HashSet<String>>>>,
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Log {
    /// Takes a whole line, as the subscriber gives it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_new = self.said.as_ref().is_none_or(|said| {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.len() >= REMEMBERED || said.insert(reason(&String::from_utf8_lossy(line)))
        });
        if is_new {
            let mut stderr = io::stderr().lock();
            // A progress line may be there.
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

/// What a line says, without its time and how long or how often something took place: `(after 3ms in state SSL_HANDSHAKE, 30 identical
/// error(s) suppressed)`.
fn reason(line: &str) -> String {
    let said = line.split_once(' ').map_or(line, |(_, said)| said);
    said.split("(after ").next().unwrap_or(said).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_is_recognised_whenever_it_is_said() {
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
