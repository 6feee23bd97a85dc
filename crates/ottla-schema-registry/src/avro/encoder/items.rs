//! [`Items`]: encodes a sequence or a tuple.

use serde::{Serialize, Serializer as _, ser};

use super::{AvroError, Encoder, Node, Plan};
use crate::{avro::plan::IntegerKind, zigzag};

/// The items of an array, or bytes given one by one.
pub(in crate::avro) struct Items<'p, 'b> {
    pub(super) plan: &'p Plan,
    pub(super) buffer: &'b mut Vec<u8>,
    pub(super) kind: Kind<'p>,
    pub(super) count: usize,
}

pub(in crate::avro) enum Kind<'p> {
    /// The number was known in advance and is already written.
    Counted {
        items: &'p Node,
        announced: usize,
    },
    /// The number is known only at the end.
    Gathered {
        items: &'p Node,
        bytes: Vec<u8>,
    },
    Bytes {
        node: &'p Node,
        bytes: Vec<u8>,
    },
}

impl Items<'_, '_> {
    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
        self.count += 1;
        match &mut self.kind {
            Kind::Counted { items, .. } => value.serialize(Encoder::new(self.plan, items, self.buffer)),
            Kind::Gathered { items, bytes } => value.serialize(Encoder::new(self.plan, items, bytes)),
            Kind::Bytes { node, bytes } => {
                let mut number = Vec::new();
                value.serialize(Encoder::new(self.plan, &Node::Int(IntegerKind::Plain), &mut number))?;
                // Undoes the zigzag encoding: twice the byte, in groups of seven bits.
                let bits = number.iter().rev().fold(0_u32, |bits, byte| (bits << 7) | u32::from(byte & 0x7f));
                let byte = u8::try_from(bits / 2).ok().filter(|_| bits % 2 == 0);
                bytes.push(
                    byte.ok_or_else(|| {
                        AvroError::new(format!("expected {}, got a number out of range for a byte", node.kind()))
                    })?,
                );
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), AvroError> {
        match self.kind {
            Kind::Counted { announced, .. } if announced != self.count => {
                return Err(AvroError::new(format!(
                    "the Serialize implementation announced {announced} items and gave {}",
                    self.count
                )));
            }
            Kind::Counted { .. } => self.buffer.push(0),
            Kind::Gathered { bytes, .. } => {
                if self.count > 0 {
                    zigzag::put(i64::try_from(self.count).unwrap_or(i64::MAX), self.buffer);
                    self.buffer.extend_from_slice(&bytes);
                }
                self.buffer.push(0);
            }
            Kind::Bytes { node, bytes } => return Encoder::new(self.plan, node, self.buffer).serialize_bytes(&bytes),
        }
        Ok(())
    }
}

macro_rules! items {
    ($($of:ident::$put:ident),*) => {$(
        impl ser::$of for Items<'_, '_> {
            type Ok = ();
            type Error = AvroError;

            fn $put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), AvroError> {
                self.put(value)
            }

            fn end(self) -> Result<(), AvroError> {
                self.finish()
            }
        }
    )*};
}

items!(SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field);
items!(SerializeTupleVariant::serialize_field);
