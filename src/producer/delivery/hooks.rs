//! [`Hooks`]: functions of the program that hear of errors, log lines and statistics, for programs without `tracing`.

use std::fmt;

use crate::{
    Error,
    native::Contained,
    panic::{contain, emit},
};

/// A line of librdkafka's log: what [`ProducerBuilder::on_log`](crate::ProducerBuilder::on_log) is told. Secrets of the configuration are
/// cut out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLine<'a> {
    level: u8,
    facility: &'a str,
    message: &'a str,
}

impl<'a> LogLine<'a> {
    /// Its level as in syslog: 3 and less for errors, 4 for warnings, 5 and 6 for information, 7 for debugging.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The part of librdkafka that it is from, such as `FAIL` or `CONNECT`.
    pub fn facility(&self) -> &'a str {
        self.facility
    }

    /// The text.
    pub fn message(&self) -> &'a str {
        self.message
    }
}

type OnError = dyn Fn(&Error) + Send + Sync;
type OnLog = dyn Fn(&LogLine<'_>) + Send + Sync;
type OnStatistics = dyn Fn(&str) + Send + Sync;

#[derive(Default)]
pub(in crate::producer) struct Hooks {
    on_error: Option<Contained<Box<OnError>>>,
    on_log: Option<Contained<Box<OnLog>>>,
    on_statistics: Option<Contained<Box<OnStatistics>>>,
}

impl Hooks {
    pub(in crate::producer) fn on_error(&mut self, hook: impl Fn(&Error) + Send + Sync + 'static) {
        self.on_error = Some(Contained::new(Box::new(hook)));
    }

    pub(in crate::producer) fn on_log(&mut self, hook: impl Fn(&LogLine<'_>) + Send + Sync + 'static) {
        self.on_log = Some(Contained::new(Box::new(hook)));
    }

    pub(in crate::producer) fn on_statistics(&mut self, hook: impl Fn(&str) + Send + Sync + 'static) {
        self.on_statistics = Some(Contained::new(Box::new(hook)));
    }

    /// The error is made only if somebody wants to hear of it.
    pub(in crate::producer) fn tell_error(&self, error: impl FnOnce() -> Error) {
        if let Some(hook) = &self.on_error {
            call("on_error", || hook(&error()));
        }
    }

    pub(in crate::producer) fn tell_log(&self, level: i32, facility: &str, message: &str) {
        if let Some(hook) = &self.on_log {
            let level = u8::try_from(level).unwrap_or(7);
            call("on_log", || hook(&LogLine { level, facility, message }));
        }
    }

    pub(in crate::producer) fn tell_statistics(&self, json: &str) {
        if let Some(hook) = &self.on_statistics {
            call("on_statistics", || hook(json));
        }
    }
}

fn call(name: &str, hook: impl FnOnce()) {
    if let Err(panic) = contain(hook) {
        emit!(error, %panic, "what {name} calls panicked");
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_error", &self.on_error.as_ref().map(|_| ".."))
            .field("on_log", &self.on_log.as_ref().map(|_| ".."))
            .field("on_statistics", &self.on_statistics.as_ref().map(|_| ".."))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn hooks_hear_what_they_are_for_and_may_panic() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = |name: &'static str| {
            let heard = Arc::clone(&heard);
            move |text: &str| {
                heard.lock().unwrap().push(format!("{name}: {text}"));
                assert!(!text.contains("panic"), "as asked");
            }
        };
        let (error, log, statistics) = (hears("error"), hears("log"), hears("statistics"));
        let mut hooks = Hooks::default();
        hooks.tell_error(|| panic!("nobody wants to hear of it"));
        hooks.on_error(move |it| error(&it.to_string()));
        hooks.on_log(move |line| log(&format!("{} {} {}", line.level(), line.facility(), line.message())));
        hooks.on_statistics(statistics);
        hooks.tell_error(|| Error::new(ErrorKind::Network, "down, panic"));
        hooks.tell_error(|| Error::new(ErrorKind::Network, "down"));
        hooks.tell_log(4, "FAIL", "closed");
        hooks.tell_statistics("{}");
        assert_eq!(*heard.lock().unwrap(), ["error: down, panic", "error: down", "log: 4 FAIL closed", "statistics: {}"]);
    }
}
