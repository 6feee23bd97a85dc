//! Bytes with a length prefix.

use crate::zigzag;

/// Appends the length and the bytes.
pub(in crate::avro) fn put_bytes(bytes: &[u8], buffer: &mut Vec<u8>) {
    zigzag::put(i64::try_from(bytes.len()).unwrap_or(i64::MAX), buffer);
    buffer.extend_from_slice(bytes);
}

/// The size of the length prefix.
pub(in crate::avro) fn length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1)
}
