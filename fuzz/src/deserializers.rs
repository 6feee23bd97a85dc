//! The deserializers that need no registry, and the frame with a record's schema id, before the payload or in a header.

use std::fmt::Debug;

use ottla::{
    Deserializer, Headers, Serializer,
    serialize::{BigEndian, Boolean, Bytes, DeserializeContext, Json, Optional, SerializeContext, Serialized, Utf8, Void},
};
use ottla_schema_registry::WireId;

/// Reads the bytes as every type. A value that is written again has the same bytes, if it has one encoding only.
pub(crate) fn run(data: &[u8]) {
    same(&Utf8, data, |value: &String| value.as_str());
    same(&Bytes, data, |value: &Vec<u8>| value.as_slice());
    same(&BigEndian, data, |value: &i16| value);
    same(&BigEndian, data, |value: &i32| value);
    same(&BigEndian, data, |value: &i64| value);
    same(&BigEndian, data, |value: &u8| value);
    // Java writes one NaN, whichever NaN was read.
    if data.try_into().is_ok_and(|bytes| !f32::from_be_bytes(bytes).is_nan()) {
        same(&BigEndian, data, |value: &f32| value);
    }
    if data.try_into().is_ok_and(|bytes| !f64::from_be_bytes(bytes).is_nan()) {
        same(&BigEndian, data, |value: &f64| value);
    }
    same(&Boolean, data, |value: &bool| value);
    let headers = Headers::new();
    let context = DeserializeContext::new("t", &headers, false);
    let json: Result<serde_json::Value, _> = Json::new().deserialize(Some(data), &context);
    if let Ok(json) = json {
        let written = json.to_string();
        let again: Result<serde_json::Value, _> = Json::new().deserialize(Some(written.as_bytes()), &context);
        assert!(again.is_ok(), "{written}");
    }
    let optional: Result<Option<String>, _> = Optional(Utf8).deserialize(Some(data), &context);
    assert_eq!(optional.is_ok(), std::str::from_utf8(data).is_ok());
    let _: Result<(), _> = Void.deserialize(Some(data), &context);
    frames(data);
}

fn same<D, T, B>(both: &D, data: &[u8], borrowed: impl Fn(&T) -> &B)
where
    D: Deserializer<T> + Serializer<B>,
    B: Debug + ?Sized,
{
    let mut headers = Headers::new();
    if let Ok(value) = both.deserialize(Some(data), &DeserializeContext::new("t", &headers, false)) {
        let mut written = Vec::new();
        let made = both.serialize(borrowed(&value), &mut SerializeContext::new("t", &mut headers, false), &mut written);
        assert!(made.is_ok_and(|made| made == Serialized::Bytes));
        assert_eq!(written, data, "{:?}", borrowed(&value));
    }
}

/// The frame before the bytes; and, with the first byte as a length, in headers.
fn frames(data: &[u8]) {
    let none = Headers::new();
    let found = WireId::read(data, &none, true);
    assert_eq!(found.is_ok(), data.len() >= 5 && data[0] == 0, "{found:?}");
    let Some((&length, rest)) = data.split_first() else { return };
    let (header, payload) = rest.split_at(rest.len().min(usize::from(length)));
    for is_key in [false, true] {
        let mut headers = Headers::new();
        headers.push(if is_key { "__key_schema_id" } else { "__value_schema_id" }, Some(header));
        let found = WireId::read(payload, &headers, is_key);
        assert_eq!(found.is_ok(), header.len() >= 17 && header[0] == 1, "{found:?}");
        let other = WireId::read(payload, &headers, !is_key);
        assert_eq!(other, WireId::read(payload, &none, !is_key), "the id of a value is not the id of the key");
    }
}
