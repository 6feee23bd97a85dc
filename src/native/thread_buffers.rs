//! The serialization buffer that a sending thread reuses for its records, so that it stays in the cache.

use std::cell::Cell;

/// Larger buffers are not kept.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Takes this thread's buffer, empty; a new one if it is in use.
pub(super) fn take() -> Vec<u8> {
    // While a thread ends, its thread-local is gone.
    BUFFER.try_with(Cell::take).unwrap_or_default()
}

/// Returns the buffer.
pub(super) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_CAPACITY {
        buffer.clear();
        let _ = BUFFER.try_with(|scratch| scratch.set(buffer));
    }
}
