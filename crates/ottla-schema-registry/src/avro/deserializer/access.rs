//! Access to the parts of a value: items, entries, fields, bytes.

use std::{collections::hash_map, slice, vec};

use apache_avro::types::Value;
use serde::de::{
    DeserializeSeed, MapAccess, SeqAccess,
    value::{StrDeserializer, U8Deserializer},
};

use super::{AvroError, Typed};
use crate::avro::plan::{Node, Plan, Record};

/// The items of an array.
pub(super) struct Items<'a> {
    of: Typed<'a>,
    node: usize,
    values: slice::Iter<'a, Value>,
}

impl<'a> Items<'a> {
    pub(super) fn new(of: Typed<'a>, node: usize, values: &'a [Value]) -> Self {
        Self { of, node, values: values.iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = AvroError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, AvroError> {
        self.values.next().map(|value| seed.deserialize(self.of.of(self.node, value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.values.len())
    }
}

/// Bytes as a sequence.
pub(super) struct Bytes(vec::IntoIter<u8>);

impl Bytes {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into_iter())
    }
}

impl<'de> SeqAccess<'de> for Bytes {
    type Error = AvroError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, AvroError> {
        self.0.next().map(|byte| seed.deserialize(U8Deserializer::new(byte))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a map.
pub(super) struct Entries<'a> {
    of: Typed<'a>,
    node: usize,
    entries: hash_map::Iter<'a, String, Value>,
    next: Option<&'a Value>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(of: Typed<'a>, node: usize, entries: &'a std::collections::HashMap<String, Value>) -> Self {
        Self { of, node, entries: entries.iter(), next: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = AvroError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, AvroError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.next = Some(value);
        // A `Typed`, since keys may be newtypes and enums.
        let text = Value::String(key.clone());
        let key = Typed { plan: self.of.plan, node: &Node::String, value: &text, in_option: false, by_name: false };
        seed.deserialize(key).map(Some).map_err(|error| error.at("a map's key"))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, AvroError> {
        let value = self.next.take().unwrap_or(&Value::Null);
        seed.deserialize(self.of.of(self.node, value)).map_err(|error| error.at("a map's value"))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// The fields of a record.
pub(super) struct Fields<'a> {
    plan: &'a Plan,
    of: Typed<'a>,
    record: &'a Record,
    fields: std::iter::Enumerate<slice::Iter<'a, (String, Value)>>,
    next: Option<(usize, &'a Value)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(of: Typed<'a>, record: &'a Record, fields: &'a [(String, Value)]) -> Self {
        Self { plan: of.plan, of, record, fields: fields.iter().enumerate(), next: None }
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = AvroError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, AvroError> {
        let Some((place, (name, value))) = self.fields.next() else { return Ok(None) };
        self.next = Some((place, value));
        seed.deserialize(StrDeserializer::new(name)).map(Some).map_err(|error: AvroError| error.at(name))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, AvroError> {
        let (place, value) = self.next.take().unwrap_or((usize::MAX, &Value::Null));
        let Some(field) = self.record.fields.get(place) else {
            return seed.deserialize(Typed {
                plan: self.plan,
                node: &Node::Null,
                value: &Value::Null,
                in_option: false,
                by_name: false,
            });
        };
        seed.deserialize(self.of.of(field.node, value)).map_err(|error| error.at(&field.name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.fields.len())
    }
}
