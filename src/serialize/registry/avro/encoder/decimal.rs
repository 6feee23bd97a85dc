//! Decimals: an unscaled number in two's complement.

use super::{AvroError, Node, put_bytes};

/// The number without its point: `12.5` of scale 2 is 1250. `None` if the text is no such number, or has digits beyond the scale.
pub(super) fn unscaled(text: &str, scale: usize) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    if !digits(unsigned) || !digits(fraction) || (unsigned.is_empty() && fraction.is_empty()) {
        return None;
    }
    let (fraction, surplus) = fraction.split_at(fraction.len().min(scale));
    if surplus.bytes().any(|digit| digit != b'0') {
        return None;
    }
    // No i128 has more digits.
    let missing = scale.checked_sub(fraction.len()).filter(|missing| *missing < 40)?;
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

/// Appends a number in two's complement, in as few bytes as hold it or in the type's fixed number of them.
pub(super) fn put_decimal(node: &Node, big_endian: &[u8], buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    let sign = if big_endian.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    // A leading byte goes if the next one has the sign as well.
    let surplus = big_endian
        .windows(2)
        .take_while(|pair| matches!(pair, [first, next] if *first == sign && (next ^ sign) & 0x80 == 0))
        .count();
    let least = big_endian.get(surplus..).unwrap_or_default();
    match node {
        Node::Decimal { size: Some(size), .. } => {
            let missing = size.checked_sub(least.len()).ok_or_else(|| {
                AvroError::new(format!("expected {}, got a number that takes more than {size} bytes", node.kind()))
            })?;
            buffer.resize(buffer.len() + missing, sign);
            buffer.extend_from_slice(least);
        }
        _ => put_bytes(if least.is_empty() { &[0] } else { least }, buffer),
    }
    Ok(())
}
