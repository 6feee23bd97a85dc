//! Conversions of decimals that were read.

use apache_avro::{BigDecimal, Decimal as Bytes};

use super::{encoder::digits, plan::Decimal};

/// The greatest scale of a number that is written out in full.
const GREATEST_SCALE: i64 = 10_000;

/// The number of an unscaled number and its scale.
fn number(bytes: &[u8], scale: usize) -> BigDecimal {
    BigDecimal::new(Bytes::from(bytes).into(), i64::try_from(scale).unwrap_or(i64::MAX))
}

/// The number in decimal notation; `None` if the scale is beyond [`GREATEST_SCALE`].
pub(super) fn text(bytes: &[u8], scale: usize) -> Option<String> {
    let is_shown = i64::try_from(scale).is_ok_and(|scale| scale <= GREATEST_SCALE);
    is_shown.then(|| number(bytes, scale).to_plain_string())
}

/// A `big-decimal` in decimal notation.
pub(super) fn big_text(decimal: &BigDecimal) -> String {
    let is_shown = decimal.fractional_digit_count().abs() <= GREATEST_SCALE;
    if is_shown { decimal.to_plain_string() } else { decimal.to_string() }
}

/// Converts an unscaled number to the scale of another decimal; `None` if digits would be lost or the precision is exceeded.
pub(super) fn rescaled(bytes: &[u8], scale: usize, into: &Decimal) -> Option<Vec<u8>> {
    if scale == into.scale {
        return (digits(bytes) <= into.precision).then(|| bytes.to_vec());
    }
    let (from, scale) = (i64::try_from(scale).ok()?, i64::try_from(into.scale).ok()?);
    if from.max(scale) > GREATEST_SCALE {
        return None;
    }
    let number = BigDecimal::new(Bytes::from(bytes).into(), from);
    let other = number.with_scale(scale);
    if other != number {
        return None;
    }
    let bytes = other.into_bigint_and_exponent().0.to_signed_bytes_be();
    (digits(&bytes) <= into.precision).then_some(bytes)
}
