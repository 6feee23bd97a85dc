//! The prepared record that a sending thread reuses with its serialization buffer, so that both stay in the cache.

use std::{cell::Cell, mem};

use super::prepared_record::PreparedRecord;

/// Larger buffers are not kept.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static RECORD: Cell<Option<Box<PreparedRecord>>> = const { Cell::new(None) };
}

/// Takes this thread's record, empty; a new one if it is in use.
pub(super) fn take() -> Box<PreparedRecord> {
    // While a thread ends, its thread-local is gone.
    RECORD.try_with(Cell::take).ok().flatten().unwrap_or_default()
}

/// Returns the record. Only its buffer is kept.
pub(super) fn give(mut record: Box<PreparedRecord>) {
    let mut buffer = mem::take(&mut record.buffer);
    if buffer.capacity() <= KEPT_CAPACITY {
        buffer.clear();
        *record = PreparedRecord { buffer, ..PreparedRecord::default() };
        let _ = RECORD.try_with(|reused| reused.set(Some(record)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    #[test]
    fn only_the_buffer_of_a_record_is_reused() {
        let mut headers = Headers::new();
        headers.push("name", None);
        let used = PreparedRecord {
            buffer: vec![7; 100],
            key_size: Some(1),
            value_size: Some(99),
            partition: Some(3),
            headers,
            ..PreparedRecord::default()
        };
        give(Box::new(used));
        let mut record = take();
        assert!(record.buffer.is_empty() && record.buffer.capacity() >= 100);
        assert!((record.key(), record.value(), record.partition, record.headers.len()) == (None, None, None, 0));
        record.buffer.reserve(2 * KEPT_CAPACITY);
        give(record);
        assert_eq!(take().buffer.capacity(), 0, "a large buffer is not kept");
    }
}
