//! [`Waiters`]: the tasks that wait for records.

use std::{mem, task::Waker};

/// The most wakers of streams. A stream cannot remove its waker, so at this number all are woken, and those that are alive register again.
const SHARED: usize = 1024;

/// The wakers of the tasks that wait for a record. The waker of a future is removed with the future. The waker of a stream stays until the
/// next record, so their number is limited.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    keyed: Vec<(u64, Waker)>,
    shared: Vec<Waker>,
    last_key: u64,
}

/// Wakers that the caller must wake or drop without a lock, because wakers are user code.
#[derive(Debug, Default)]
#[must_use]
pub(super) struct Replaced {
    pub(super) wake: Vec<Waker>,
    pub(super) drop: Option<Waker>,
}

impl Waiters {
    /// Sets the waker of the future with this key, replacing its previous one. A future without a key gets one.
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

    /// Adds the waker of a stream's task.
    pub(super) fn insert_shared(&mut self, waker: Waker) -> Replaced {
        if self.shared.iter().any(|known| known.will_wake(&waker)) {
            return Replaced { wake: Vec::new(), drop: Some(waker) };
        }
        let wake = if self.shared.len() >= SHARED { mem::take(&mut self.shared) } else { Vec::new() };
        self.shared.push(waker);
        Replaced { wake, drop: None }
    }

    /// Removes the waker of the future with this key. The caller drops it without a lock.
    pub(super) fn remove(&mut self, key: u64) -> Option<Waker> {
        let index = self.keyed.iter().position(|(known, _)| *known == key)?;
        Some(self.keyed.swap_remove(index).1)
    }

    /// Removes all wakers. The caller wakes them without a lock.
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
    fn future_has_one_waker_and_removes_it() {
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
    fn number_of_stream_wakers_is_limited() {
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
