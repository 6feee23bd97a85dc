//! Decimals: an unscaled number in two's complement.

use std::str::FromStr;

use apache_avro::BigDecimal;

use super::{AvroError, put_bytes};
use crate::serialize::registry::{avro::plan::Decimal, zigzag};

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

/// Appends a number that is given as text.
pub(super) fn put_text(decimal: &Decimal, text: &str, buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    put_decimal(decimal, &unscaled(text, decimal.scale).unwrap_or_default().to_be_bytes(), buffer)
}

/// Appends a number in two's complement, in as few bytes as hold it or in the type's fixed number of them.
pub(super) fn put_decimal(decimal: &Decimal, big_endian: &[u8], buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    let sign = if big_endian.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    // A leading byte goes if the next one has the sign as well.
    let surplus = big_endian
        .windows(2)
        .take_while(|pair| matches!(pair, [first, next] if *first == sign && (next ^ sign) & 0x80 == 0))
        .count();
    let least = big_endian.get(surplus..).unwrap_or_default();
    let expected = |what: String| AvroError::new(format!("expected a decimal of scale {}, got a number {what}", decimal.scale));
    if digits(least) > decimal.precision {
        return Err(expected(format!("of more than {} digits, its precision", decimal.precision)));
    }
    match &decimal.fixed {
        Some((_, size)) => {
            let missing = size.checked_sub(least.len()).ok_or_else(|| expected(format!("that takes more than {size} bytes")))?;
            buffer.resize(buffer.len() + missing, sign);
            buffer.extend_from_slice(least);
        }
        None => put_bytes(if least.is_empty() { &[0] } else { least }, buffer),
    }
    Ok(())
}

/// How many digits a number in two's complement has.
pub(in crate::serialize::registry::avro) fn digits(big_endian: &[u8]) -> usize {
    let sign = if big_endian.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let Some(missing) = 16_usize.checked_sub(big_endian.len()) else {
        let decimal = BigDecimal::new(apache_avro::Decimal::from(big_endian).into(), 0);
        return usize::try_from(decimal.digits()).unwrap_or(usize::MAX);
    };
    let mut bytes = [sign; 16];
    if let Some(end) = bytes.get_mut(missing..) {
        end.copy_from_slice(big_endian);
    }
    i128::from_be_bytes(bytes).unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Appends a number with a scale of its own: bytes that are the unscaled number behind its length, and the scale.
pub(super) fn put_big_decimal(text: &str, buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    let decimal = BigDecimal::from_str(text).map_err(|_| AvroError::new("expected a decimal, as text, got a string"))?;
    let (unscaled, scale) = decimal.into_bigint_and_exponent();
    let mut bytes = Vec::new();
    put_bytes(&unscaled.to_signed_bytes_be(), &mut bytes);
    zigzag::put(scale, &mut bytes);
    put_bytes(&bytes, buffer);
    Ok(())
}
