//! [`Interrupt`]: Ctrl-C, once to stop, twice to end at once.

use std::{
    fmt, process,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::channel::oneshot;

use crate::exit::{Exit, Failure};

/// Whether Ctrl-C was pressed (or SIGTERM or SIGHUP sent). The second one ends the process.
#[derive(Clone, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    pressed: AtomicBool,
    reactions: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    wake: Condvar,
}

impl Interrupt {
    /// Listens from now on; once in a process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let interrupt = Self::default();
        let signalled = interrupt.clone();
        ctrlc::set_handler(move || signalled.press())
            .map_err(|error| Failure::new(Exit::Failed, format!("Ctrl-C cannot be listened for: {error}")))?;
        Ok(interrupt)
    }

    /// What a signal does.
    pub(crate) fn press(&self) {
        if self.0.pressed.swap(true, Ordering::SeqCst) {
            process::exit(Exit::Interrupted as i32);
        }
        let reactions = std::mem::take(&mut *lock(&self.0.reactions));
        self.0.wake.notify_all();
        for reaction in reactions {
            reaction();
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

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
