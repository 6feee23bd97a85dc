//! Decimals: an unscaled number in two's complement.

use std::str::FromStr;

use apache_avro::BigDecimal;

use super::{AvroError, put_bytes};
use crate::{avro::plan::Decimal, zigzag};

/// The unscaled number: 1250 for `12.5` with scale 2. `None` if the text is not a decimal, or has digits beyond the scale.
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
    // An i128 has fewer than 40 digits.
    let missing = scale.checked_sub(fraction.len()).filter(|missing| *missing < 40)?;
    format!("{whole}{fraction}{}", "0".repeat(missing)).parse().ok()
}

/// Appends a number in decimal notation.
pub(super) fn put_text(decimal: &Decimal, text: &str, buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    put_decimal(decimal, &unscaled(text, decimal.scale).unwrap_or_default().to_be_bytes(), buffer)
}

/// Appends a number in two's complement, in as few bytes as possible or in the fixed size of the type.
pub(super) fn put_decimal(decimal: &Decimal, big_endian: &[u8], buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    let sign = if big_endian.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    // A leading byte is redundant if the next byte has the same sign bit.
    let surplus = big_endian
        .windows(2)
        .take_while(|pair| matches!(pair, [first, next] if *first == sign && (next ^ sign) & 0x80 == 0))
        .count();
    let least = big_endian.get(surplus..).unwrap_or_default();
    let expected = |what: String| AvroError::new(format!("expected a decimal of scale {}, got a number {what}", decimal.scale));
    if digits(least) > decimal.precision {
        return Err(expected(format!("with more digits than the precision {}", decimal.precision)));
    }
    match &decimal.fixed {
        Some((_, size)) => {
            let missing = size.checked_sub(least.len()).ok_or_else(|| expected(format!("of more than {size} bytes")))?;
            buffer.resize(buffer.len() + missing, sign);
            buffer.extend_from_slice(least);
        }
        None => put_bytes(if least.is_empty() { &[0] } else { least }, buffer),
    }
    Ok(())
}

/// The number of decimal digits of a number in two's complement.
pub(in crate::avro) fn digits(big_endian: &[u8]) -> usize {
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

/// Appends a `big-decimal`: bytes with the length of the unscaled number, the unscaled number, and the scale.
pub(super) fn put_big_decimal(text: &str, buffer: &mut Vec<u8>) -> Result<(), AvroError> {
    let decimal =
        BigDecimal::from_str(text).map_err(|_| AvroError::new("expected a decimal such as \"12.50\", got another string"))?;
    let (unscaled, scale) = decimal.into_bigint_and_exponent();
    let mut bytes = Vec::new();
    put_bytes(&unscaled.to_signed_bytes_be(), &mut bytes);
    zigzag::put(scale, &mut bytes);
    put_bytes(&bytes, buffer);
    Ok(())
}
