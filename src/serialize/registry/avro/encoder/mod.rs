//! [`Encoder`]: whatever serde can serialize, in Avro's binary encoding, as a [`Plan`] says (Avro specification: "Binary Encoding").

mod binary;
mod decimal;
mod fields;
mod items;

use serde::{Serialize, Serializer};

pub(super) use binary::{length, put_bytes};
use decimal::{put_decimal, unscaled};
use fields::{Fields, InOrder};
use items::{Items, Kind};

use super::{
    AvroError,
    plan::{Node, Plan},
};
use crate::serialize::registry::zigzag;

/// Writes one value of one type.
pub(super) struct Encoder<'p, 'b> {
    plan: &'p Plan,
    node: &'p Node,
    buffer: &'b mut Vec<u8>,
}

impl<'p, 'b> Encoder<'p, 'b> {
    pub(super) fn new(plan: &'p Plan, node: &'p Node, buffer: &'b mut Vec<u8>) -> Self {
        Self { plan, node, buffer }
    }

    /// The type to write as: the node itself, or the type of the union that fits best. `rank` says how well one fits, 0 the best.
    fn choose(&mut self, what: &str, rank: impl Fn(&Node) -> Option<u8>) -> Result<&'p Node, AvroError> {
        let Node::Union(branches) = self.node else {
            return match rank(self.node) {
                Some(_) => Ok(self.node),
                None => Err(AvroError::new(format!("expected {}, got {what}", self.node.kind()))),
            };
        };
        let ranked = branches.iter().enumerate().filter_map(|(index, place)| {
            let node = self.plan.node(*place);
            Some((rank(node)?, index, node))
        });
        match ranked.min_by_key(|(rank, index, _)| (*rank, *index)) {
            Some((_, index, node)) => {
                self.put_branch(index);
                Ok(node)
            }
            None => {
                let kinds: Vec<String> = branches.iter().map(|place| self.plan.node(*place).kind()).collect();
                Err(AvroError::new(format!("expected {}, got {what}", kinds.join(" or "))))
            }
        }
    }

    fn put_branch(&mut self, index: usize) {
        zigzag::put(i64::try_from(index).unwrap_or(i64::MAX), self.buffer);
    }

    /// The type at this place of the union: that of an enum's variant with data.
    fn branch(mut self, index: u32, variant: &str) -> Result<Self, AvroError> {
        let Node::Union(branches) = self.node else {
            return Err(AvroError::new(format!("expected {}, got the variant {variant} of an enum", self.node.kind())));
        };
        let place = branches.get(index as usize).ok_or_else(|| {
            AvroError::new(format!("the variant {variant} is number {index}, and the union has {} types", branches.len()))
        })?;
        self.put_branch(index as usize);
        self.node = self.plan.node(*place);
        Ok(self)
    }

    fn integer(mut self, number: i64, is_small: bool) -> Result<(), AvroError> {
        let fits = i32::try_from(number).is_ok();
        let what = if fits { "a whole number" } else { "a whole number beyond an int" };
        let node = self.choose(what, |node| match node {
            Node::Int if fits => Some(u8::from(!is_small)),
            Node::Long => Some(u8::from(is_small)),
            Node::Double => Some(2),
            Node::Float => Some(3),
            _ => None,
        })?;
        match node {
            #[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
            Node::Double => self.buffer.extend_from_slice(&(number as f64).to_le_bytes()),
            #[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
            Node::Float => self.buffer.extend_from_slice(&(number as f32).to_le_bytes()),
            _ => zigzag::put(number, self.buffer),
        }
        Ok(())
    }

    /// Items in a row: an array, or bytes that a type gives one by one.
    fn items(mut self, len: Option<usize>) -> Result<Items<'p, 'b>, AvroError> {
        let node = self.choose("a sequence", |node| match node {
            Node::Array(_) => Some(0),
            Node::Bytes => Some(1),
            Node::Fixed(_) | Node::Decimal { .. } => Some(2),
            _ => None,
        })?;
        let Self { plan, buffer, .. } = self;
        let items = match node {
            Node::Array(items) => match len {
                Some(0) => Kind::Counted { items: plan.node(*items), announced: 0 },
                Some(announced) => {
                    zigzag::put(i64::try_from(announced).unwrap_or(i64::MAX), buffer);
                    Kind::Counted { items: plan.node(*items), announced }
                }
                None => Kind::Gathered { items: plan.node(*items), bytes: Vec::new() },
            },
            node => Kind::Bytes { node, bytes: Vec::new() },
        };
        Ok(Items { plan, buffer, kind: items, count: 0 })
    }

    fn fields(mut self, name: Option<&str>, len: Option<usize>) -> Result<Fields<'p, 'b>, AvroError> {
        let what = if name.is_some() { "a struct" } else { "a map" };
        let node = self.choose(what, |node| match (node, name) {
            (Node::Record(record), Some(name)) if record.name == name => Some(0),
            (Node::Map(_), None) => Some(0),
            (Node::Record(_), _) => Some(1),
            (Node::Map(_), Some(_)) => Some(2),
            _ => None,
        })?;
        let Self { plan, buffer, .. } = self;
        Ok(match node {
            Node::Record(record) => {
                Fields::Record { fields: InOrder { plan, record, buffer, next: 0, early: Vec::new() }, key: Vec::new() }
            }
            Node::Map(values) => {
                let (values, bytes) = (plan.node(*values), Vec::with_capacity(len.unwrap_or(0).min(64) * 8));
                Fields::Map { plan, values, buffer, bytes, count: 0 }
            }
            node => return Err(AvroError::new(format!("expected {}, got {what}", node.kind()))),
        })
    }
}

impl<'p, 'b> Serializer for Encoder<'p, 'b> {
    type Ok = ();
    type Error = AvroError;
    type SerializeSeq = Items<'p, 'b>;
    type SerializeTuple = Items<'p, 'b>;
    type SerializeTupleStruct = Items<'p, 'b>;
    type SerializeTupleVariant = Items<'p, 'b>;
    type SerializeMap = Fields<'p, 'b>;
    type SerializeStruct = Fields<'p, 'b>;
    type SerializeStructVariant = Fields<'p, 'b>;

    /// As `apache-avro` reads it back.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(mut self, value: bool) -> Result<(), AvroError> {
        self.choose("a boolean", |node| matches!(node, Node::Boolean).then_some(0))?;
        self.buffer.push(u8::from(value));
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_i16(self, value: i16) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_i32(self, value: i32) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_i64(self, value: i64) -> Result<(), AvroError> {
        self.integer(value, false)
    }

    fn serialize_u8(self, value: u8) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_u16(self, value: u16) -> Result<(), AvroError> {
        self.integer(value.into(), true)
    }

    fn serialize_u32(self, value: u32) -> Result<(), AvroError> {
        self.integer(value.into(), false)
    }

    fn serialize_u64(self, value: u64) -> Result<(), AvroError> {
        let value = i64::try_from(value)
            .map_err(|_| AvroError::new(format!("expected {}, got a number beyond a long", self.node.kind())))?;
        self.integer(value, false)
    }

    fn serialize_f32(mut self, value: f32) -> Result<(), AvroError> {
        match self.choose("a number with a fraction", |node| floating(node, true))? {
            Node::Double => self.buffer.extend_from_slice(&f64::from(value).to_le_bytes()),
            _ => self.buffer.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the schema asks for the smaller of the two")]
    fn serialize_f64(mut self, value: f64) -> Result<(), AvroError> {
        match self.choose("a number with a fraction", |node| floating(node, false))? {
            Node::Float => self.buffer.extend_from_slice(&(value as f32).to_le_bytes()),
            _ => self.buffer.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), AvroError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), AvroError> {
        let symbol = |symbols: &[String]| symbols.iter().position(|symbol| symbol == value);
        let node = self.choose("a string", |node| match node {
            Node::String => Some(0),
            Node::Enum(symbols) => symbol(symbols).map(|_| 1),
            Node::Uuid => Some(2),
            Node::Decimal { scale, .. } => unscaled(value, *scale).map(|_| 3),
            _ => None,
        })?;
        match node {
            Node::Enum(symbols) => self.put_branch(symbol(symbols).unwrap_or_default()),
            Node::Decimal { scale, .. } => {
                let number = unscaled(value, *scale).unwrap_or_default();
                put_decimal(node, &number.to_be_bytes(), self.buffer)?;
            }
            _ => put_bytes(value.as_bytes(), self.buffer),
        }
        Ok(())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), AvroError> {
        let what = format!("{} bytes", value.len());
        let node = self.choose(&what, |node| match node {
            Node::Bytes => Some(0),
            Node::Fixed(size) if *size == value.len() => Some(1),
            Node::Decimal { .. } => Some(2),
            Node::Uuid if value.len() == 16 => Some(3),
            _ => None,
        })?;
        match (node, <[u8; 16]>::try_from(value)) {
            (Node::Fixed(_), _) => self.buffer.extend_from_slice(value),
            (Node::Decimal { .. }, _) => put_decimal(node, value, self.buffer)?,
            (Node::Uuid, Ok(uuid)) => {
                let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                put_bytes(uuid::Uuid::from_bytes(uuid).hyphenated().encode_lower(&mut text).as_bytes(), self.buffer);
            }
            _ => put_bytes(value, self.buffer),
        }
        Ok(())
    }

    fn serialize_none(mut self) -> Result<(), AvroError> {
        self.choose("null", |node| matches!(node, Node::Null).then_some(0)).map(|_| ())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), AvroError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), AvroError> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), AvroError> {
        self.serialize_none()
    }

    fn serialize_unit_variant(mut self, _: &'static str, index: u32, variant: &'static str) -> Result<(), AvroError> {
        if let Node::Union(branches) = self.node {
            // An enum that stands for the union itself: its variant without data is the null.
            let place = branches.get(index as usize).map(|place| self.plan.node(*place));
            let has_symbol = branches.iter().any(|place| matches!(self.plan.node(*place), Node::Enum(_) | Node::String));
            if matches!(place, Some(Node::Null)) && !has_symbol {
                self.put_branch(index as usize);
                return Ok(());
            }
        }
        let symbol = |symbols: &[String]| symbols.iter().position(|symbol| symbol == variant);
        let what = format!("the variant {variant} of an enum");
        let node = self.choose(&what, |node| match node {
            Node::Enum(symbols) => symbol(symbols).map(|_| 0),
            Node::String => Some(1),
            _ => None,
        })?;
        match node {
            Node::Enum(symbols) => self.put_branch(symbol(symbols).unwrap_or_default()),
            _ => put_bytes(variant.as_bytes(), self.buffer),
        }
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), AvroError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), AvroError> {
        value.serialize(self.branch(index, variant)?)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, AvroError> {
        self.items(len)
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, AvroError> {
        self.items(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, AvroError> {
        self.items(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, AvroError> {
        self.branch(index, variant)?.items(Some(len))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, AvroError> {
        self.fields(None, len)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, AvroError> {
        self.fields(Some(name), Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, AvroError> {
        self.branch(index, variant)?.fields(Some(variant), Some(len))
    }
}

fn floating(node: &Node, is_single: bool) -> Option<u8> {
    match node {
        Node::Float => Some(u8::from(!is_single)),
        Node::Double => Some(u8::from(is_single)),
        _ => None,
    }
}
