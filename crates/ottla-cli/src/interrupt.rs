//! [`Interrupt`]: Ctrl-C, once to stop, twice to end at once.

use std::{
    fmt, process,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

use futures::channel::oneshot;
use nix::sys::signal::{SigSet, Signal};

use crate::exit::{Exit, Failure};

/// How long the last words may take before the process ends without them: a lock may be held by a write that waits.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whether Ctrl-C was pressed (or SIGTERM or SIGHUP sent). The second one ends the process.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    pressed: AtomicBool,
    reactions: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    last_words: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    wake: Condvar,
}

impl Interrupt {
    /// Listens from now on; once in a process, and before it has other threads, which would end it at a signal. A signal that was ignored
    /// when the process started stays so: `nohup` ignores SIGHUP, and a shell SIGINT for what runs in the background.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let failed = |error: &dyn fmt::Display| Failure::new(Exit::Failed, format!("signals cannot be listened for: {error}"));
        let ignored = ignored_signals();
        let heeded = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|&signal| !is_in(ignored, signal));
        let signals: SigSet = heeded.collect();
        // Every thread that is started from here on blocks them as well, so that they wait for the one that asks for them.
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

    /// What a signal does.
    pub(crate) fn press(&self) {
        if self.0.pressed.swap(true, Ordering::SeqCst) {
            self.say_last_words();
            process::exit(Exit::Interrupted as i32);
        }
        let reactions = std::mem::take(&mut *lock(&self.0.reactions));
        self.0.wake.notify_all();
        for reaction in reactions {
            reaction();
        }
    }

    /// Does this before a second Ctrl-C ends the process.
    pub(crate) fn before_the_end(&self, last_words: impl FnOnce() + Send + 'static) {
        *lock(&self.0.last_words) = Some(Box::new(last_words));
    }

    /// There is nothing more to say at a second Ctrl-C.
    pub(crate) fn nothing_left_to_say(&self) {
        lock(&self.0.last_words).take();
    }

    fn say_last_words(&self) {
        let Some(last_words) = lock(&self.0.last_words).take() else { return };
        let (said, done) = channel();
        let saying = thread::Builder::new().spawn(move || {
            last_words();
            let _ = said.send(());
        });
        if saying.is_ok() {
            let _ = done.recv_timeout(LAST_WORDS);
        }
    }

    /// Whether it was pressed.
    pub(crate) fn is_pressed(&self) -> bool {
        self.0.pressed.load(Ordering::SeqCst)
    }

    /// Does this when it is pressed, on the signal's thread; now if it has been.
    pub(crate) fn react(&self, reaction: impl FnOnce() + Send + 'static) {
        let mut reactions = lock(&self.0.reactions);
        if self.is_pressed() {
            drop(reactions);
            reaction();
        } else {
            reactions.push(Box::new(reaction));
        }
    }

    /// A future that is ready when it is pressed.
    pub(crate) fn pressed(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.react(move || {
            // Nobody waits for it any more: it came too late to matter.
            let _ = sender.send(());
        });
        receiver
    }

    /// Sleeps, unless it is pressed.
    pub(crate) fn sleep(&self, duration: Duration) {
        let Some(end) = Instant::now().checked_add(duration) else { return };
        let mut reactions = lock(&self.0.reactions);
        while !self.is_pressed() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            reactions = self.0.wake.wait_timeout(reactions, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interrupt").field(&self.is_pressed()).finish()
    }
}

/// The signals that are ignored, a bit each, the lowest for signal 1: of Linux alone, where nothing has changed them yet.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(signals: u64, signal: Signal) -> bool {
    let bit = signal as i32 - 1;
    signals >> bit & 1 == 1
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_a_bit_for_each_signal() {
        use Signal::{SIGHUP, SIGINT, SIGTERM};
        assert!(is_in(0b1, SIGHUP) && is_in(0x4003, SIGINT) && is_in(0x4000, SIGTERM));
        assert!(!is_in(0x4000, SIGINT) && !is_in(0, SIGHUP) && !is_in(0x3, SIGTERM));
    }

    #[test]
    fn it_reacts_once_before_and_after() {
        let interrupt = Interrupt::default();
        let mut pressed = interrupt.pressed();
        assert_eq!(pressed.try_recv(), Ok(None));
        interrupt.press();
        assert_eq!(pressed.try_recv(), Ok(Some(())));
        assert_eq!(interrupt.pressed().try_recv(), Ok(Some(())), "it was pressed before");
    }

    #[test]
    fn it_ends_a_sleep() {
        let interrupt = Interrupt::default();
        let sleeper = interrupt.clone();
        let sleeping = thread::spawn(move || sleeper.sleep(Duration::from_secs(3600)));
        interrupt.press();
        sleeping.join().unwrap();
        interrupt.sleep(Duration::from_secs(3600));
    }
}
