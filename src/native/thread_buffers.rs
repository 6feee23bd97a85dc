//! What a thread that sends uses for one record after the other, so that it stays in the cache: a body, and the buffer into which it
//! serializes.

use std::cell::Cell;

use super::prepared_record::PreparedRecord;

/// A buffer beyond this is not kept.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static RECORD: Cell<Option<Box<PreparedRecord>>> = const { Cell::new(None) };
}

/// This thread's buffer, empty; another one if it is in use.
pub(super) fn take() -> Vec<u8> {
    // A thread that ends has none any more.
    BUFFER.try_with(Cell::take).unwrap_or_default()
}

/// Gives it back.
pub(super) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() <= KEPT_CAPACITY {
        buffer.clear();
        let _ = BUFFER.try_with(|scratch| scratch.set(buffer));
    }
}

/// This thread's body, with its buffer; another one if it is in use.
pub(super) fn take_record() -> Box<PreparedRecord> {
    let mut record = RECORD.try_with(Cell::take).ok().flatten().unwrap_or_default();
    record.buffer = take();
    record
}

/// Gives it back. Nothing of the record stays in it, nor its topic.
pub(super) fn give_record(mut record: Box<PreparedRecord>) {
    give(std::mem::take(&mut record.buffer));
    record.reset();
    let _ = RECORD.try_with(|scratch| scratch.set(Some(record)));
}
