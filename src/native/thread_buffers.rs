//! The buffers that a sending thread reuses for its records, so that they stay in the cache: a prepared record, and the serialization buffer.

use std::cell::Cell;

use super::prepared_record::PreparedRecord;

/// Larger buffers are not kept.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static RECORD: Cell<Option<Box<PreparedRecord>>> = const { Cell::new(None) };
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

/// Takes this thread's prepared record, with its buffer; a new one if it is in use.
pub(super) fn take_record() -> Box<PreparedRecord> {
    let mut record = RECORD.try_with(Cell::take).ok().flatten().unwrap_or_default();
    record.buffer = take();
    record
}

/// Returns the prepared record, cleared.
pub(super) fn give_record(mut record: Box<PreparedRecord>) {
    give(std::mem::take(&mut record.buffer));
    record.reset();
    let _ = RECORD.try_with(|scratch| scratch.set(Some(record)));
}
