//! Decimals as they are read.

use apache_avro::{BigDecimal, Decimal as Bytes};

use super::{encoder::digits, plan::Decimal};

/// The greatest scale of a number that is shown with all its digits.
const GREATEST_SCALE: i64 = 10_000;

/// The number in a decimal's bytes.
fn number(bytes: &[u8], scale: usize) -> BigDecimal {
    BigDecimal::new(Bytes::from(bytes).into(), i64::try_from(scale).unwrap_or(i64::MAX))
}

/// The digits of an unscaled number, with so many behind the point; `None` for a scale that nobody has.
pub(super) fn text(bytes: &[u8], scale: usize) -> Option<String> {
    let is_shown = i64::try_from(scale).is_ok_and(|scale| scale <= GREATEST_SCALE);
    is_shown.then(|| number(bytes, scale).to_plain_string())
}

/// The digits of a number with a scale of its own.
pub(super) fn big_text(decimal: &BigDecimal) -> String {
    let is_shown = decimal.fractional_digit_count().abs() <= GREATEST_SCALE;
    if is_shown { decimal.to_plain_string() } else { decimal.to_string() }
}

/// The unscaled number of another decimal; `None` if digits would be lost.
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
