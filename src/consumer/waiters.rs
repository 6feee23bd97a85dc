//! [`Waiters`]: the tasks that wait for a record.

use std::{mem, task::Waker};

/// How many tasks may wait through the stream, which cannot take its waker back, before all of them are woken to show which are alive.
const SHARED: usize = 1024;

/// The wakers of the tasks that wait for a record. A future's is removed with the future; a stream's stays until the next record, so that
/// their number is limited.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    keyed: Vec<(u64, Waker)>,
    shared: Vec<Waker>,
    last_key: u64,
}

/// What registering a waker leaves to the caller, to be done where nothing is locked: wakers are the program's code.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Replaced {
    pub(super) wake: Vec<Waker>,
    pub(super) drop: Option<Waker>,
}

impl Waiters {
    /// Waits for the future with this key, in place of its waker before; a future without a key gets one.
    pub(super) fn insert(&mut self, key: &mut Option<u64>, waker: Waker) -> Replaced {
        let key = *key.get_or_insert_with(|| {
            self.last_key += 1;
            self.last_key
        });
        let drop = match self.keyed.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => Some(mem::replace(known, waker)),
            None => {
                self.keyed.push((key, waker));
                None
            }
        };
        Replaced { wake: Vec::new(), drop }
    }

    /// Waits for the task of a stream.
    pub(super) fn insert_shared(&mut self, waker: Waker) -> Replaced {
        if self.shared.iter().any(|known| known.will_wake(&waker)) {
            return Replaced { wake: Vec::new(), drop: Some(waker) };
        }
        let wake = if self.shared.len() >= SHARED { mem::take(&mut self.shared) } else { Vec::new() };
        self.shared.push(waker);
        Replaced { wake, drop: None }
    }

    /// The future with this key waits no longer; its waker, for the caller to drop where nothing is locked.
    pub(super) fn remove(&mut self, key: u64) -> Option<Waker> {
        let index = self.keyed.iter().position(|(known, _)| *known == key)?;
        Some(self.keyed.swap_remove(index).1)
    }

    /// All of them, for the caller to wake where nothing is locked.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        let keyed = self.keyed.drain(..).map(|(_, waker)| waker);
        keyed.chain(self.shared.drain(..)).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.keyed.len() + self.shared.len()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Wake};

    use super::*;

    struct Nothing;

    impl Wake for Nothing {
        fn wake(self: Arc<Self>) {}
    }

    fn waker() -> Waker {
        Arc::new(Nothing).into()
    }

    #[test]
    fn a_future_has_one_waker_and_takes_it_along() {
        let (mut waiters, mut first, mut second) = (Waiters::default(), None, None);
        assert!(waiters.insert(&mut first, waker()).drop.is_none());
        assert!(waiters.insert(&mut first, waker()).drop.is_some());
        assert!(waiters.insert(&mut second, waker()).drop.is_none());
        assert_eq!(waiters.len(), 2);
        assert!(waiters.remove(first.unwrap()).is_some());
        assert_eq!((waiters.len(), waiters.take().len(), waiters.len()), (1, 1, 0));
        assert!(waiters.remove(second.unwrap()).is_none());
    }

    #[test]
    fn the_wakers_of_streams_are_limited() {
        let mut waiters = Waiters::default();
        let known = waker();
        for _ in 0..3 {
            assert!(waiters.insert_shared(known.clone()).wake.is_empty());
        }
        assert_eq!(waiters.len(), 1);
        let mut woken = 0;
        for _ in 0..10 * SHARED {
            woken += waiters.insert_shared(waker()).wake.len();
            assert!(waiters.len() <= SHARED);
        }
        assert_eq!(woken + waiters.len(), 10 * SHARED + 1);
    }
}
