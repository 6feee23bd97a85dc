//! Conformance tests of all pairs of serializer and deserializer, and a comparison with Java's bytes.

use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::{collections::BTreeMap, convert::Infallible, fmt::Debug, sync::Arc};

fn serialize<T: ?Sized>(serializer: &impl Serializer<T>, data: &T, buffer: &mut Vec<u8>) -> Serialized {
    let mut headers = Headers::new();
    let serialized = serializer.serialize(data, &mut SerializeContext::new("t", &mut headers, false), buffer).unwrap();
    assert!(headers.is_empty());
    serialized
}

fn deserialize<T>(deserializer: &impl Deserializer<T>, data: Option<&[u8]>) -> Result<T, BoxError> {
    let headers = Headers::new();
    deserializer.deserialize(data, &DeserializeContext::new("t", &headers, true))
}

/// Runs the tests for one pair: its values, the value of null (`None`: an error), and whether empty data is a value.
fn conforms<T, S>(pair: &S, values: &[T], null: Option<T>, empty_is_a_value: bool)
where
    T: PartialEq + Debug,
    S: Serializer<T> + Deserializer<T>,
{
    for value in values {
        let mut alone = Vec::new();
        let serialized = serialize(pair, value, &mut alone);
        let mut behind = b"before".to_vec();
        assert_eq!(serialize(pair, value, &mut behind), serialized);
        assert_eq!(behind.strip_prefix(b"before"), Some(&*alone), "{value:?} is not appended");
        match serialized {
            Serialized::Bytes => assert_eq!(&deserialize(pair, Some(&alone)).unwrap(), value),
            Serialized::Null => {
                assert_eq!(alone, b"", "{value:?} is null but has bytes");
                assert_eq!(&deserialize(pair, None).unwrap(), value);
            }
        }
    }
    match (deserialize(pair, None), null) {
        (Ok(read), Some(null)) => assert_eq!(read, null),
        (Err(error), None) => assert!(error.to_string().contains("got null"), "{error}"),
        (read, null) => panic!("null: expected {null:?}, got {read:?}"),
    }
    match deserialize(pair, Some(b"")) {
        Ok(value) => assert!(empty_is_a_value, "empty data became {value:?}"),
        Err(error) => {
            assert!(!empty_is_a_value, "{error}");
            assert!(error.to_string().contains("got 0 bytes"), "{error}");
        }
    }
    proptest!(|(garbage in proptest::collection::vec(any::<u8>(), 0..64))| {
        // An error must not show the content. `marked` is no UUID, number or UTF-8; its first twelve bytes are recognisable.
        let marked = [b"\xffhunter2\xff\xff\xff\xff".as_slice(), &garbage].concat();
        for data in [&garbage, &marked] {
            match deserialize(pair, Some(data)) {
                Ok(value) => {
                    let mut again = Vec::new();
                    serialize(pair, &value, &mut again);
                    prop_assert_eq!(deserialize(pair, Some(&again)).map_err(|error| error.to_string()), Ok(value));
                }
                Err(error) => {
                    let error = format!("{error} {error:?}");
                    prop_assert!(error.contains(&data.len().to_string()) && !error.contains("hunter2"), "{}", error);
                }
            }
        }
    });
}

/// Runs the tests for a type and for its `Option`.
fn conforms_and_optional<T, S>(pair: S, values: &[T], empty_is_a_value: bool)
where
    T: PartialEq + Debug + Clone,
    S: Serializer<T> + Deserializer<T> + Copy,
{
    conforms(&pair, values, None, empty_is_a_value);
    let optional: Vec<_> = values.iter().cloned().map(Some).chain([None]).collect();
    conforms(&Optional(pair), &optional, Some(None), empty_is_a_value);
}

#[test]
fn bytes() {
    let values = [vec![], vec![0], vec![0xff, 0, 1, 0x7f, 0x80]];
    conforms_and_optional(Bytes, &values, true);
    conforms_and_optional(Bytes, &values.clone().map(Vec::into_boxed_slice), true);
    conforms_and_optional(Bytes, &values.map(Arc::<[u8]>::from), true);
}

#[test]
fn utf8() {
    let values = ["", "o-1", "grüße 日本語 🚀", "nul\0inside"];
    conforms_and_optional(Utf8, &values.map(String::from), true);
    conforms_and_optional(Utf8, &values.map(Box::<str>::from), true);
    conforms_and_optional(Utf8, &values.map(Arc::<str>::from), true);
}

#[test]
fn integers() {
    conforms_and_optional(BigEndian, &[0, 1, -1, i8::MIN, i8::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, -1, i16::MIN, i16::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, -1, i32::MIN, i32::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, -1, i64::MIN, i64::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, -1, i128::MIN, i128::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, u8::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, u16::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, u32::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, u64::MAX], false);
    conforms_and_optional(BigEndian, &[0, 1, u128::MAX], false);
}

/// A float that is equal if its bits are, including NaN. All NaN of an f64 are equal, because writing them makes them equal.
#[derive(Debug, Clone, Copy)]
struct Bits<F>(F);

impl PartialEq for Bits<f32> {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl PartialEq for Bits<f64> {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || (self.0.is_nan() && other.0.is_nan())
    }
}

#[derive(Clone, Copy)]
struct BigEndianBits;

impl<F: 'static> Serializer<Bits<F>> for BigEndianBits
where
    BigEndian: Serializer<F>,
{
    fn serialize(
        &self,
        data: &Bits<F>,
        context: &mut SerializeContext<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        BigEndian.serialize(&data.0, context, buffer)
    }
}

impl<F: 'static> Deserializer<Bits<F>> for BigEndianBits
where
    BigEndian: Deserializer<F>,
{
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<Bits<F>, BoxError> {
        BigEndian.deserialize(data, context).map(Bits)
    }
}

#[test]
fn floats() {
    let values = [0.0, -0.0, 1.5, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, f32::NAN, f32::from_bits(0x7fc0_0001)];
    conforms_and_optional(BigEndianBits, &values.map(Bits), false);
    let values =
        [0.0, -0.0, 1.5, f64::MIN_POSITIVE, f64::MAX, f64::NEG_INFINITY, f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001)];
    conforms_and_optional(BigEndianBits, &values.map(Bits), false);
}

#[test]
fn boolean() {
    conforms_and_optional(Boolean, &[true, false], false);
    assert!(deserialize::<bool>(&Boolean, Some(&[2])).is_err());
}

#[cfg(feature = "uuid")]
#[test]
fn uuid_text() {
    let values = [uuid::Uuid::nil(), uuid::Uuid::max(), uuid::uuid!("6ba7b810-9dad-11d1-80b4-00c04fd430c8")];
    conforms_and_optional(UuidText, &values, false);
    for other_form in [
        "6ba7b8109dad11d180b400c04fd430c8",
        "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
        "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
    ] {
        assert!(deserialize::<uuid::Uuid>(&UuidText, Some(other_form.as_bytes())).is_err());
    }
}

#[test]
fn void() {
    conforms(&Void, &[()], Some(()), false);
}

#[test]
fn json() {
    conforms_and_optional(Json::new(), &["".to_owned(), "quote \" and 🚀".to_owned()], false);
    conforms_and_optional(Json::new(), &[BTreeMap::from([("id".to_owned(), vec![1_u64, u64::MAX])]), BTreeMap::new()], false);
    // An Option inside the JSON is JSON's null, not the record's.
    conforms(&Json::new(), &[Some(1_i32), None], None, false);
}

/// A separate serializer and deserializer.
#[derive(Clone, Copy)]
struct Pair<S, D>(S, D);

impl<T, S: Serializer<T>, D: Send + Sync + 'static> Serializer<T> for Pair<S, D> {
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        self.0.serialize(data, context, buffer)
    }
}

impl<T, S: Send + Sync + 'static, D: Deserializer<T>> Deserializer<T> for Pair<S, D> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
        self.1.deserialize(data, context)
    }
}

#[test]
fn closures() {
    let serializer = |data: &char, buffer: &mut Vec<u8>| -> Result<(), Infallible> {
        buffer.extend_from_slice(data.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    };
    let deserializer = |data: Option<&[u8]>| -> Result<char, String> {
        let data = data.ok_or("got null")?;
        let mut characters = std::str::from_utf8(data).unwrap_or_default().chars();
        characters.next().ok_or(format!("got {} bytes that do not start with a character", data.len()))
    };
    conforms_and_optional(Pair(serializer, deserializer), &['a', 'é', '🚀'], false);
}

#[test]
fn boxed_and_shared() {
    let boxed = (Box::new(BigEndian) as Box<dyn Serializer<i32>>, Box::new(BigEndian) as Box<dyn Deserializer<i32>>);
    conforms(&Pair(boxed.0, boxed.1), &[0, 1, -1], None, false);
    let shared = (Arc::new(Utf8) as Arc<dyn Serializer<String>>, Arc::new(Utf8) as Arc<dyn Deserializer<String>>);
    conforms(&Pair(shared.0, shared.1), &["a".to_owned()], None, true);
}

#[test]
fn closure_error_is_returned() {
    let refuse = |_: &str, buffer: &mut Vec<u8>| -> Result<(), &'static str> {
        buffer.push(0);
        Err("no")
    };
    let mut headers = Headers::new();
    let error = refuse.serialize("x", &mut SerializeContext::new("t", &mut headers, false), &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "no");
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn java() -> Value {
    serde_json::from_str(include_str!("../../tests/data/java-serializers.json")).unwrap()
}

#[test]
fn bytes_equal_java() {
    fn written<T: ?Sized + 'static>(name: SerializerName, data: &T) -> (Serialized, Vec<u8>) {
        let serializer = named::<T>(name).unwrap();
        let mut headers = Headers::new();
        let mut buffer = Vec::new();
        let serialized = serializer.serialize(data, &mut SerializeContext::new("t", &mut headers, false), &mut buffer);
        (serialized.unwrap(), buffer)
    }
    fn integer<T: TryFrom<i64, Error: Debug>>(value: &Value) -> T {
        value.as_i64().unwrap().try_into().unwrap()
    }
    let java = java();
    let vectors = java["serialized"].as_array().unwrap();
    assert!(vectors.len() > 50);
    for vector in vectors {
        let name: SerializerName = vector["serializer"].as_str().unwrap().parse().unwrap();
        let (value, bits) = (&vector["value"], vector["bits"].as_str().map(|bits| u64::from_str_radix(bits, 16).unwrap()));
        let (serialized, bytes) = match name {
            SerializerName::String => written(name, value.as_str().unwrap()),
            SerializerName::Bytes => written(name, &*hex(value.as_str().unwrap())),
            SerializerName::Short => written(name, &integer::<i16>(value)),
            SerializerName::Integer => written(name, &integer::<i32>(value)),
            SerializerName::Long => written(name, &integer::<i64>(value)),
            SerializerName::Float => written(name, &f32::from_bits(bits.unwrap().try_into().unwrap())),
            SerializerName::Double => written(name, &f64::from_bits(bits.unwrap())),
            SerializerName::Boolean => written(name, &value.as_bool().unwrap()),
            #[cfg(feature = "uuid")]
            SerializerName::Uuid => written(name, &uuid::Uuid::try_parse(value.as_str().unwrap()).unwrap()),
            #[cfg(not(feature = "uuid"))]
            SerializerName::Uuid => continue,
            SerializerName::Void => written(name, &()),
            name => panic!("no test for {name}"),
        };
        match vector["bytes"].as_str() {
            Some(expected) => assert_eq!((serialized, bytes), (Serialized::Bytes, hex(expected)), "{vector}"),
            None => assert_eq!(serialized, Serialized::Null, "{vector}"),
        }
    }
}

#[test]
fn data_that_java_rejects_is_rejected() {
    let java = java();
    let refused = java["refused"].as_array().unwrap();
    assert!(refused.len() > 60);
    for vector in refused {
        let bytes = hex(vector["bytes"].as_str().unwrap());
        let data = Some(&*bytes);
        let error = match vector["type"].as_str().unwrap() {
            "Short" => deserialize::<i16>(&BigEndian, data).err(),
            "Integer" => deserialize::<i32>(&BigEndian, data).err(),
            "Long" => deserialize::<i64>(&BigEndian, data).err(),
            "Float" => deserialize::<f32>(&BigEndian, data).err(),
            "Double" => deserialize::<f64>(&BigEndian, data).err(),
            "Boolean" => deserialize::<bool>(&Boolean, data).err(),
            #[cfg(feature = "uuid")]
            "UUID" => deserialize::<uuid::Uuid>(&UuidText, data).err(),
            #[cfg(not(feature = "uuid"))]
            "UUID" => continue,
            "Void" => deserialize::<()>(&Void, data).err(),
            other => panic!("no type {other}"),
        };
        let error = error.unwrap_or_else(|| panic!("accepted: {vector}"));
        assert!(error.to_string().contains(&format!("got {} bytes", bytes.len())), "{error}");
    }
}
