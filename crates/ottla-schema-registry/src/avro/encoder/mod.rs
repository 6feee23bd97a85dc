//! [`Encoder`]: a `serde::Serializer` for Avro's binary encoding (Avro specification: "Binary Encoding").
//!
//! It replaces `apache_avro::write_avro_datum_ref`, which (version 0.21) writes fields in the value's order and omits missing ones, so that the
//! bytes are invalid. It also cannot resolve a named type that is used twice, rejects decimals as strings, and chooses a type of a union by kind
//! and not by name. All four would have to change upstream. For a flat record of 20 fields this encoder is 1.4 times as fast (1.4 against 1.0
//! million records/s in a thread), for a nested record with unions 0.9 times (0.73 against 0.85), and about 15 times as fast as `to_avro_datum`
//! with its `Value`: medians of 201 interleaved rounds of CPU time.

mod binary;
mod candidates;
mod decimal;
mod fields;
mod items;
mod variant;

use serde::{Serialize, Serializer};

pub(super) use binary::{length, put_bytes};
use candidates::Candidates;
pub(super) use decimal::digits;
use decimal::{put_big_decimal, put_decimal, put_text, unscaled};
use fields::{Fields, InOrder};
use items::{Items, Kind};
use variant::Variant;

use super::{
    AvroError, datum,
    plan::{Fixed, FixedKind, Node, Plan},
};
use crate::zigzag;

/// Writes one value of one type.
pub(super) struct Encoder<'p, 'b> {
    plan: &'p Plan,
    node: &'p Node,
    buffer: &'b mut Vec<u8>,
    /// Inside a `Some`, so null is `None`.
    in_option: bool,
    /// The value is a record, not a map.
    is_record: bool,
    /// The value is an enum's symbol, not a string.
    is_symbol: bool,
    /// The variant whose payload is the value, if its name does not determine the type of the union.
    variant: Option<Variant>,
}

impl<'p, 'b> Encoder<'p, 'b> {
    pub(super) fn new(plan: &'p Plan, node: &'p Node, buffer: &'b mut Vec<u8>) -> Self {
        Self { plan, node, buffer, in_option: false, is_record: false, is_symbol: false, variant: None }
    }

    /// The type to write: the node itself, or the type of the union with the lowest rank. Rank 0 is the best fit, such as a type with the name
    /// of the value; `None` does not fit.
    fn choose(&mut self, what: &str, rank: impl Fn(&Node) -> Option<u8>) -> Result<&'p Node, AvroError> {
        let Some(branches) = self.branches() else {
            return match rank(self.node) {
                Some(_) => Ok(self.node),
                None => Err(AvroError::new(format!("expected {}, got {what}", self.node.kind()))),
            };
        };
        let ranked = branches.nodes().filter_map(|(index, node)| Some((rank(node)?, index, node)));
        let best = match self.variant {
            None => ranked.min_by_key(|(rank, index, _)| (*rank, *index)),
            Some(variant) => ranked.into_iter().find(|(rank, index, node)| variant.may_be(branches, *index, node, *rank)),
        };
        match (best, self.variant) {
            (Some((_, index, node)), _) => {
                self.put_branch(index);
                Ok(node)
            }
            (None, None) => Err(AvroError::new(format!("expected {}, got {what}", branches.kinds()))),
            (None, Some(variant)) => Err(variant.unknown(branches, what)),
        }
    }

    fn put_branch(&mut self, index: usize) {
        zigzag::put(i64::try_from(index).unwrap_or(i64::MAX), self.buffer);
    }

    fn integer(mut self, number: i64, is_small: bool) -> Result<(), AvroError> {
        let fits = i32::try_from(number).is_ok();
        let what = if fits { "an integer" } else { "an integer out of range for an int" };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "compared to see whether the conversion is exact"
        )]
        let (double, float) = (i128::from(number) == (number as f64) as i128, i128::from(number) == (number as f32) as i128);
        let node = self.choose(what, |node| match node {
            Node::Int(_) if fits => Some(u8::from(!is_small)),
            Node::Long(_) => Some(u8::from(is_small)),
            Node::Double if double => Some(2),
            Node::Float if float => Some(3),
            _ => None,
        })?;
        match node {
            #[expect(clippy::cast_precision_loss, reason = "the conversion is exact")]
            Node::Double => self.buffer.extend_from_slice(&(number as f64).to_le_bytes()),
            #[expect(clippy::cast_precision_loss, reason = "the conversion is exact")]
            Node::Float => self.buffer.extend_from_slice(&(number as f32).to_le_bytes()),
            _ => zigzag::put(number, self.buffer),
        }
        Ok(())
    }

    /// A sequence: an array, or bytes given one by one.
    fn items(mut self, len: Option<usize>) -> Result<Items<'p, 'b>, AvroError> {
        let node = self.choose("a sequence", |node| match node {
            Node::Array(_) => Some(0),
            Node::Bytes => Some(1),
            Node::Fixed(fixed) if len.is_none_or(|len| len == fixed.size) => Some(2),
            Node::Decimal(_) => Some(3),
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

    /// A struct or a map. `name` is the name of a struct, which chooses the record of a union.
    fn fields(mut self, name: Option<&str>, len: Option<usize>) -> Result<Fields<'p, 'b>, AvroError> {
        let what = if name.is_some() { "a struct" } else { "a map" };
        let is_record = self.is_record;
        let rank = |node: &Node| match (node, name) {
            (Node::Record(record), Some(name)) if record.name.is(name) => Some(0),
            (Node::Map(_), None) if !is_record => Some(0),
            (Node::Record(_), _) => Some(1),
            (Node::Map(_), Some(_)) => Some(2),
            _ => None,
        };
        if let (Some(branches), None) = (self.branches(), self.variant) {
            let of_rank = |wanted| branches.nodes().filter(move |(_, node)| rank(node) == Some(wanted)).count();
            // Without a type name, the fields determine the record.
            if of_rank(0) != 1 && of_rank(1) > 1 {
                return Ok(Fields::Several(Candidates::new(self.plan, branches, self.buffer)));
            }
        }
        let node = self.choose(what, rank)?;
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

    /// The same as the deserializer's.
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
            .map_err(|_| AvroError::new(format!("expected {}, got an integer out of range for a long", self.node.kind())))?;
        self.integer(value, false)
    }

    fn serialize_f32(mut self, value: f32) -> Result<(), AvroError> {
        match self.choose("a floating-point number", |node| floating(node, true))? {
            Node::Double => self.buffer.extend_from_slice(&f64::from(value).to_le_bytes()),
            _ => self.buffer.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "the schema's type is a float")]
    fn serialize_f64(mut self, value: f64) -> Result<(), AvroError> {
        let is_beyond = value.is_finite() && (value as f32).is_infinite();
        let what = if is_beyond { "a number out of range for a float" } else { "a floating-point number" };
        let fits = |node: &Node| floating(node, false).filter(|_| !(is_beyond && matches!(node, Node::Float)));
        match self.choose(what, fits)? {
            Node::Float => self.buffer.extend_from_slice(&(value as f32).to_le_bytes()),
            _ => self.buffer.extend_from_slice(&value.to_le_bytes()),
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), AvroError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), AvroError> {
        let uuid = || uuid::Uuid::try_parse(value).ok();
        let is_symbol = self.is_symbol;
        let node = self.choose("a string", |node| match node {
            Node::String => Some(if is_symbol { 5 } else { 0 }),
            Node::Enum(symbols) => symbols.place(value).map(|_| 1),
            Node::Uuid => Some(2),
            Node::Fixed(Fixed { holds: FixedKind::Uuid, .. }) => uuid().map(|_| 2),
            Node::Decimal(decimal) => unscaled(value, decimal.scale).map(|_| 3),
            Node::BigDecimal => Some(4),
            _ => None,
        })?;
        match node {
            Node::Enum(symbols) => self.put_branch(symbols.place(value).unwrap_or_default()),
            Node::Decimal(decimal) => put_text(decimal, value, self.buffer)?,
            Node::BigDecimal => put_big_decimal(value, self.buffer)?,
            Node::Fixed(_) => self.buffer.extend_from_slice(uuid().unwrap_or_default().as_bytes()),
            Node::Uuid if uuid().is_none() => return Err(AvroError::new("expected a UUID, got a string")),
            _ => put_bytes(value.as_bytes(), self.buffer),
        }
        Ok(())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), AvroError> {
        let what = format!("{} bytes", value.len());
        let node = self.choose(&what, |node| match node {
            Node::Bytes => Some(0),
            Node::Fixed(fixed) if fixed.size == value.len() => Some(1),
            Node::Decimal(_) => Some(2),
            Node::Uuid if value.len() == 16 => Some(3),
            _ => None,
        })?;
        match (node, <[u8; 16]>::try_from(value)) {
            (Node::Fixed(_), _) => self.buffer.extend_from_slice(value),
            (Node::Decimal(decimal), _) => put_decimal(decimal, value, self.buffer)?,
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

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), AvroError> {
        self.in_option = true;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), AvroError> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), AvroError> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<(), AvroError> {
        self.unit_variant(name, Variant { index, name: variant })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Result<(), AvroError> {
        self.is_record |= name == datum::RECORD;
        self.is_symbol |= name == datum::SYMBOL;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), AvroError> {
        if name == datum::BRANCH {
            return value.serialize(self.at_branch(index)?);
        }
        value.serialize(self.in_variant(Variant { index, name: variant })?)
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
        self.in_variant(Variant { index, name: variant })?.items(Some(len))
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
        self.in_variant(Variant { index, name: variant })?.fields(Some(variant), Some(len))
    }
}

fn floating(node: &Node, is_single: bool) -> Option<u8> {
    match node {
        Node::Float => Some(u8::from(!is_single)),
        Node::Double => Some(u8::from(is_single)),
        _ => None,
    }
}
