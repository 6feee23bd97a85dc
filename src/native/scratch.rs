//! The buffer into which a thread serializes: always the same one, so that it stays in the cache.

use std::cell::Cell;

/// A buffer beyond this is not kept.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// This thread's buffer, empty; another one if it is in use.
pub(super) fn take() -> Vec<u8> {
    // A thread that ends has none any more.
    SCRATCH.try_with(Cell::take).unwrap_or_default()
}

/// Gives it back.
pub(super) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_CAPACITY {
        buffer.clear();
        let _ = SCRATCH.try_with(|scratch| scratch.set(buffer));
    }
}
