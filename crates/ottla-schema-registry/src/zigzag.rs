//! Zigzag varints, the integers of Avro's binary encoding and of Protobuf's message indexes: seven bits a byte, the lowest first.

/// Why a number cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The bytes end before the number does.
    Short,
    /// The number has more than ten bytes.
    Endless,
}

/// Appends a number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the encoding is of bits")]
pub(super) fn put(number: i64, buffer: &mut Vec<u8>) {
    let mut bits = ((number << 1) ^ (number >> 63)) as u64;
    while bits >= 0x80 {
        buffer.push(bits as u8 | 0x80);
        bits >>= 7;
    }
    buffer.push(bits as u8);
}

/// Reads the number at the start of `bytes` and advances `bytes` past it.
pub(super) fn take(bytes: &mut &[u8]) -> Result<i64, Unreadable> {
    let mut bits = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Unreadable::Short)?;
        *bytes = rest;
        bits |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
        }
    }
    Err(Unreadable::Endless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for (number, size) in
            [(0, 1), (-1, 1), (63, 1), (-64, 1), (64, 2), (i64::from(u32::MAX), 5), (i64::MAX, 10), (i64::MIN, 10)]
        {
            let mut buffer = Vec::new();
            put(number, &mut buffer);
            assert_eq!(buffer.len(), size, "{number}");
            buffer.push(9);
            let mut bytes = &buffer[..];
            assert_eq!(take(&mut bytes), Ok(number));
            assert_eq!(bytes, [9], "{number}");
        }
    }
}
