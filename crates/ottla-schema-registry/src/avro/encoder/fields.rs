//! [`Fields`]: encodes a struct or a map.

use serde::{Serialize, ser};

use super::{AvroError, Candidates, Encoder, Node, Plan, length, put_bytes};
use crate::{avro::plan::Record, zigzag};

/// The fields of a record, or the entries of a map.
pub(in crate::avro) enum Fields<'p, 'b> {
    /// `key` is the encoded name of the field whose value comes next.
    Record {
        fields: InOrder<'p, 'b>,
        key: Vec<u8>,
    },
    Map {
        plan: &'p Plan,
        values: &'p Node,
        buffer: &'b mut Vec<u8>,
        bytes: Vec<u8>,
        count: i64,
    },
    /// One of several records of a union.
    Several(Candidates<'p, 'b>),
}

/// Writes a record's fields in the schema's order, whatever the value's order.
pub(in crate::avro) struct InOrder<'p, 'b> {
    pub(super) plan: &'p Plan,
    pub(super) record: &'p Record,
    pub(super) buffer: &'b mut Vec<u8>,
    pub(super) next: usize,
    /// Encoded fields that came before their turn.
    pub(super) early: Vec<(usize, Vec<u8>)>,
}

impl InOrder<'_, '_> {
    /// `name` is bytes, since most names are equal to the next field's, which needs no check for UTF-8.
    fn put<T: Serialize + ?Sized>(&mut self, name: &[u8], value: &T) -> Result<(), AvroError> {
        let is_next = self.record.fields.get(self.next).is_some_and(|field| field.name.as_bytes() == name);
        let text = || std::str::from_utf8(name).unwrap_or_default();
        let place = if is_next { Some(self.next) } else { self.record.place(text()) };
        let field = place.and_then(|place| Some((place, self.record.fields.get(place)?)));
        let Some((place, field)) = field else {
            return Err(AvroError::new(format!(
                "unknown field: the schema's record {} does not have it",
                self.record.name.short()
            ))
            .at(text()));
        };
        let (node, name) = (self.plan.node(field.node), &field.name);
        if place == self.next {
            value.serialize(Encoder::new(self.plan, node, self.buffer)).map_err(|error| error.at(name))?;
            self.next += 1;
            while let Some(index) = self.early.iter().position(|(place, _)| *place == self.next) {
                let (_, bytes) = self.early.swap_remove(index);
                self.buffer.extend_from_slice(&bytes);
                self.next += 1;
            }
            return Ok(());
        }
        if place < self.next || self.early.iter().any(|(early, _)| *early == place) {
            return Err(AvroError::new("duplicate field").at(name));
        }
        let mut bytes = Vec::new();
        value.serialize(Encoder::new(self.plan, node, &mut bytes)).map_err(|error| error.at(name))?;
        self.early.push((place, bytes));
        Ok(())
    }

    /// Writes the remaining fields, with defaults for those the value lacks.
    fn finish(self) -> Result<(), AvroError> {
        for (place, field) in self.record.fields.iter().enumerate().skip(self.next) {
            let early = self.early.iter().find(|(early, _)| *early == place).map(|(_, bytes)| bytes);
            let bytes = early.or(field.default.as_ref()).ok_or_else(|| {
                let name = self.record.name.short();
                AvroError::new(format!("missing field, and the schema's record {name} has no default for it")).at(&field.name)
            })?;
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Fields<'_, '_> {
    fn finish(self) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, .. } => fields.finish(),
            Self::Map { buffer, bytes, count, .. } => {
                if count > 0 {
                    zigzag::put(count, buffer);
                    buffer.extend_from_slice(&bytes);
                }
                buffer.push(0);
                Ok(())
            }
            Self::Several(candidates) => candidates.finish(),
        }
    }

    fn put_field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, .. } => fields.put(name.as_bytes(), value),
            Self::Map { plan, values, bytes, count, .. } => {
                put_bytes(name.as_bytes(), bytes);
                *count += 1;
                value.serialize(Encoder::new(plan, values, bytes)).map_err(|error| error.at("a map's value"))
            }
            Self::Several(candidates) => {
                candidates.put(name, value);
                Ok(())
            }
        }
    }
}

impl ser::SerializeMap for Fields<'_, '_> {
    type Ok = ();
    type Error = AvroError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, key: name } => {
                name.clear();
                // Large enough for most names; the capacity is reused.
                name.reserve(64);
                key.serialize(Encoder::new(fields.plan, &Node::String, name))
            }
            Self::Map { plan, bytes, count, .. } => {
                *count += 1;
                key.serialize(Encoder::new(plan, &Node::String, bytes)).map_err(|error| error.at("a map's key"))
            }
            Self::Several(candidates) => candidates.put_key(key),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
        match self {
            Self::Record { fields, key } => fields.put(key.get(length(key)..).unwrap_or_default(), value),
            Self::Map { plan, values, bytes, .. } => {
                value.serialize(Encoder::new(plan, values, bytes)).map_err(|error| error.at("a map's value"))
            }
            Self::Several(candidates) => {
                candidates.put_value(value);
                Ok(())
            }
        }
    }

    fn end(self) -> Result<(), AvroError> {
        self.finish()
    }
}

macro_rules! fields {
    ($($of:ident),*) => {$(
        impl ser::$of for Fields<'_, '_> {
            type Ok = ();
            type Error = AvroError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), AvroError> {
                self.put_field(name, value)
            }

            fn end(self) -> Result<(), AvroError> {
                self.finish()
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
