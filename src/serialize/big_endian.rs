//! [`BigEndian`]: integers and floats.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};

/// The bytes of a number in big-endian order.
///
/// `i16`, `i32` and `i64` are written as by Java's `ShortSerializer`, `IntegerSerializer` and `LongSerializer`, `f32` and `f64` as by
/// `FloatSerializer` and `DoubleSerializer` (IEEE 754). As in Java, every `f64` NaN becomes `7ff8000000000000`, and an `f32` NaN keeps its
/// bits. Java has no serializer for the other integers.
///
/// As a deserializer it requires exactly the number of bytes of the type. Null is an error, see [`Optional`](super::Optional).
///
/// ```
/// use ottla::record::Headers;
/// use ottla::serialize::{BigEndian, SerializeContext, Serializer};
///
/// let mut buffer = Vec::new();
/// BigEndian.serialize(&258_i32, &mut SerializeContext::new("numbers", &mut Headers::new(), true), &mut buffer)?;
/// assert_eq!(buffer, [0, 0, 1, 2]);
/// # Ok::<(), ottla::serialize::BoxError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BigEndian;

/// The NaN that Java's `Double.doubleToLongBits` returns for every NaN.
const JAVA_NAN: u64 = 0x7ff8_0000_0000_0000;

macro_rules! big_endian {
    ($($type:ty, $expected:literal, $to_bytes:expr;)*) => {$(
        impl Serializer<$type> for BigEndian {
            fn serialize(&self, data: &$type, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
                let to_bytes: fn($type) -> [u8; size_of::<$type>()] = $to_bytes;
                buffer.extend_from_slice(&to_bytes(*data));
                Ok(Serialized::Bytes)
            }
        }

        impl Deserializer<$type> for BigEndian {
            fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<$type, BoxError> {
                let data = data.ok_or(DeserializeError::Null { expected: $expected })?;
                let bytes = data.try_into().map_err(|_| DeserializeError::Length { expected: $expected, length: data.len() })?;
                Ok(<$type>::from_be_bytes(bytes))
            }
        }
    )*};
}

big_endian! {
    i8, "an i8 of 1 byte", i8::to_be_bytes;
    i16, "an i16 of 2 bytes", i16::to_be_bytes;
    i32, "an i32 of 4 bytes", i32::to_be_bytes;
    i64, "an i64 of 8 bytes", i64::to_be_bytes;
    i128, "an i128 of 16 bytes", i128::to_be_bytes;
    u8, "a u8 of 1 byte", u8::to_be_bytes;
    u16, "a u16 of 2 bytes", u16::to_be_bytes;
    u32, "a u32 of 4 bytes", u32::to_be_bytes;
    u64, "a u64 of 8 bytes", u64::to_be_bytes;
    u128, "a u128 of 16 bytes", u128::to_be_bytes;
    f32, "an f32 of 4 bytes", f32::to_be_bytes;
    f64, "an f64 of 8 bytes", |number| if number.is_nan() { JAVA_NAN.to_be_bytes() } else { number.to_be_bytes() };
}
