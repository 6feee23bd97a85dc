//! Numbers and bytes of the binary encoding.

/// Appends a number: zigzag, seven bits a byte, the lowest first.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the encoding is of bits")]
pub(in crate::serialize::registry::avro) fn put_long(number: i64, buffer: &mut Vec<u8>) {
    let mut bits = ((number << 1) ^ (number >> 63)) as u64;
    while bits >= 0x80 {
        buffer.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    buffer.push(bits as u8);
}

/// Appends bytes, behind their number.
pub(in crate::serialize::registry::avro) fn put_bytes(bytes: &[u8], buffer: &mut Vec<u8>) {
    put_long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), buffer);
    buffer.extend_from_slice(bytes);
}

/// How many bytes the number takes that stands first.
pub(in crate::serialize::registry::avro) fn length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| byte & 0x80 == 0).map_or(0, |last| last + 1)
}
