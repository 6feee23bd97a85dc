//! [`Interrupt`]: the first Ctrl-C stops the run, the second one ends the process.

use std::{
    fmt, process,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

use futures::channel::oneshot;
use nix::sys::signal::{SigSet, Signal};

use crate::{
    exit::{Exit, Failure},
    lock::{lock, unpoisoned},
};

/// How long the final action may take before the process exits without it: a blocked write may hold a lock.
const FINAL_ACTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether Ctrl-C was pressed, or SIGTERM or SIGHUP received. The second signal ends the process.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    pressed: AtomicBool,
    reactions: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    final_action: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    wake: Condvar,
}

impl Interrupt {
    /// Starts listening. Call it once per process, before other threads start: a thread that does not block the signals would
    /// receive them, and the process would end. Signals ignored at start stay ignored: `nohup` ignores SIGHUP, and a shell
    /// ignores SIGINT for background jobs.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let failed = |error: &dyn fmt::Display| Failure::new(Exit::Failed, format!("cannot listen for signals: {error}"));
        let ignored = ignored_signals();
        let handled = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|&signal| !is_in(ignored, signal));
        let signals: SigSet = handled.collect();
        // Threads started from here on inherit the mask, so only the thread that waits for the signals receives them.
        signals.thread_block().map_err(|error| failed(&error))?;
        let signalled = interrupt.clone();
        let listening = thread::Builder::new().name("ottla-signals".to_owned()).spawn(move || {
            while signals.wait().is_ok() {
                signalled.press();
            }
        });
        listening.map_err(|error| failed(&error))?;
        Ok(interrupt)
    }

    /// Handles a signal.
    pub(crate) fn press(&self) {
        if self.0.pressed.swap(true, Ordering::SeqCst) {
            self.run_final_action();
            process::exit(Exit::Interrupted as i32);
        }
        let reactions = std::mem::take(&mut *lock(&self.0.reactions));
        self.0.wake.notify_all();
        for reaction in reactions {
            reaction();
        }
    }

    /// Sets the action that runs before a second Ctrl-C ends the process.
    pub(crate) fn set_final_action(&self, action: impl FnOnce() + Send + 'static) {
        *lock(&self.0.final_action) = Some(Box::new(action));
    }

    /// Removes the action of [`set_final_action`](Self::set_final_action).
    pub(crate) fn clear_final_action(&self) {
        lock(&self.0.final_action).take();
    }

    fn run_final_action(&self) {
        let Some(action) = lock(&self.0.final_action).take() else { return };
        let (finished, done) = channel();
        let thread = thread::Builder::new().spawn(move || {
            action();
            let _ = finished.send(());
        });
        if thread.is_ok() {
            let _ = done.recv_timeout(FINAL_ACTION_TIMEOUT);
        }
    }

    /// Whether a signal was received.
    pub(crate) fn is_pressed(&self) -> bool {
        self.0.pressed.load(Ordering::SeqCst)
    }

    /// Calls `reaction` on the signal thread when a signal arrives, or now if one has arrived.
    pub(crate) fn react(&self, reaction: impl FnOnce() + Send + 'static) {
        let mut reactions = lock(&self.0.reactions);
        if self.is_pressed() {
            drop(reactions);
            reaction();
        } else {
            reactions.push(Box::new(reaction));
        }
    }

    /// A future that completes when a signal arrives.
    pub(crate) fn pressed(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.react(move || {
            // The receiver is dropped when the operation completed first.
            let _ = sender.send(());
        });
        receiver
    }

    /// Sleeps until the duration is over or a signal arrives.
    pub(crate) fn sleep(&self, duration: Duration) {
        let Some(end) = Instant::now().checked_add(duration) else { return };
        let mut reactions = lock(&self.0.reactions);
        while !self.is_pressed() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            reactions = unpoisoned(self.0.wake.wait_timeout(reactions, left)).0;
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.is_pressed()).finish()
    }
}

/// The ignored signals as a bit mask whose lowest bit is signal 1. Known on Linux only, and correct only before a handler is set.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(signals: u64, signal: Signal) -> bool {
    let bit = signal as i32 - 1;
    signals >> bit & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_from_the_mask() {
        use Signal::{SIGHUP, SIGINT, SIGTERM};
        assert!(is_in(0b1, SIGHUP) && is_in(0x4003, SIGINT) && is_in(0x4000, SIGTERM));
        assert!(!is_in(0x4000, SIGINT) && !is_in(0, SIGHUP) && !is_in(0x3, SIGTERM));
    }

    #[test]
    fn pressed_completes_before_and_after_the_signal() {
        let interrupt = Interrupt::default();
        let mut pressed = interrupt.pressed();
        assert_eq!(pressed.try_recv(), Ok(None));
        interrupt.press();
        assert_eq!(pressed.try_recv(), Ok(Some(())));
        assert_eq!(interrupt.pressed().try_recv(), Ok(Some(())), "the signal arrived before");
    }

    #[test]
    fn a_signal_ends_a_sleep() {
        let interrupt = Interrupt::default();
        let sleeper = interrupt.clone();
        let sleeping = thread::spawn(move || sleeper.sleep(Duration::from_secs(3600)));
        interrupt.press();
        sleeping.join().unwrap();
        interrupt.sleep(Duration::from_secs(3600));
    }
}
