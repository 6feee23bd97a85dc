//! The log: what the library and librdkafka say, on stderr.

use std::io;

use tracing_subscriber::EnvFilter;

/// What is logged without `RUST_LOG`: what is wrong reaches the command as errors, so that only the unexpected is said twice.
const DEFAULT: &str = "error";

/// Starts logging, at the levels that the environment variable `RUST_LOG` names (`RUST_LOG=ottla=debug`).
pub(crate) fn start() {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::ERROR.into());
    let filter = std::env::var("RUST_LOG").ok().and_then(|directives| filter.parse(directives).ok());
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(DEFAULT)))
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        // It would say so on stderr, with a panic where that is closed.
        .log_internal_errors(false)
        .init();
}
