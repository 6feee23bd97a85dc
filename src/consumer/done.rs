//! [`Window`]: the records of a partition that are done, with `explicit_done`.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::poll_wakeup::PollWakeup;
use crate::lock::lock;

/// The taken records of a partition that are not done, and those after the first of them that are.
///
/// A seek and a new assignment start a new window. A record of an old window no longer affects commits.
#[derive(Debug)]
pub(super) struct Window {
    state: Mutex<State>,
    awaited: Arc<Awaited>,
}

#[derive(Debug)]
struct State {
    /// The offset to commit: the first one that is not done.
    next: Option<i64>,
    /// Offsets in the order in which they were taken (ascending), and whether they are done. The first one is not.
    taken: VecDeque<(i64, bool)>,
}

/// Whether the polling thread waits for taken records to be processed.
#[derive(Debug)]
pub(super) struct Awaited {
    flag: AtomicBool,
    wakeup: Arc<PollWakeup>,
}

impl Awaited {
    pub(super) fn new(wakeup: Arc<PollWakeup>) -> Self {
        Self { flag: AtomicBool::new(false), wakeup }
    }

    /// Set before the waiting thread checks the progress. Cleared by a change after that.
    pub(super) fn set(&self, is_awaited: bool) {
        self.flag.store(is_awaited, Ordering::SeqCst);
    }

    /// Wakes the polling thread if it waits. Call it after a change.
    pub(super) fn wake(&self) {
        if self.flag.swap(false, Ordering::SeqCst) {
            self.wakeup.wake();
        }
    }
}

impl Window {
    /// An empty window. `next` is the offset to commit until a record is done, if it is known.
    pub(super) fn new(next: Option<i64>, awaited: Arc<Awaited>) -> Self {
        Self { state: Mutex::new(State { next, taken: VecDeque::new() }), awaited }
    }

    /// The program has received this record.
    pub(super) fn take(&self, offset: i64) {
        lock(&self.state).taken.push_back((offset, false));
    }

    /// The program has processed this record. Repeated calls have no effect.
    pub(super) fn done(&self, offset: i64) {
        let mut state = lock(&self.state);
        let Ok(index) = state.taken.binary_search_by_key(&offset, |(taken, _)| *taken) else { return };
        if let Some((_, is_done)) = state.taken.get_mut(index) {
            *is_done = true;
        }
        while let Some((offset, true)) = state.taken.front().copied() {
            state.taken.pop_front();
            state.next = Some(offset.saturating_add(1));
        }
        drop(state);
        self.awaited.wake();
    }

    /// The offset to commit, `None` before the first record is done.
    pub(super) fn next(&self) -> Option<i64> {
        lock(&self.state).next
    }

    /// Whether all taken records are done.
    pub(super) fn is_done(&self) -> bool {
        lock(&self.state).taken.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(next: Option<i64>) -> Window {
        Window::new(next, Arc::new(Awaited::new(Arc::default())))
    }

    #[test]
    fn next_is_the_first_offset_that_is_not_done() {
        let window = window(None);
        [3, 4, 7, 9].into_iter().for_each(|offset| window.take(offset));
        for (done, next) in [(4, None), (9, None), (3, Some(5)), (3, Some(5)), (100, Some(5)), (7, Some(10))] {
            window.done(done);
            assert_eq!(window.next(), next, "after {done}");
        }
        assert!(window.is_done());
        window.take(12);
        assert!(!window.is_done());
        assert_eq!(window.next(), Some(10));
    }

    proptest! {
        #[test]
        fn next_never_passes_an_offset_that_is_not_done(
            order in Just((0..40).collect::<Vec<i64>>()).prop_shuffle(),
            steps in 1_i64..4,
        ) {
            let window = window(Some(0));
            (0..40).for_each(|n| window.take(n * steps));
            let mut done = [false; 40];
            for n in order {
                window.done(n * steps);
                done[usize::try_from(n).unwrap()] = true;
                let before_gap = done.iter().take_while(|done| **done).count();
                let next = before_gap.checked_sub(1).map_or(0, |last| i64::try_from(last).unwrap() * steps + 1);
                prop_assert_eq!(window.next(), Some(next));
            }
            prop_assert!(window.is_done());
        }
    }
}
