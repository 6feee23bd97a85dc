//! [`Typed`]: a decoded value with `serde::Deserializer`, the inverse of [`Encoder`](super::encoder::Encoder).

mod access;
mod variant;

use apache_avro::types::Value;
use serde::{
    Deserializer,
    de::{Error, Unexpected, Visitor},
};

use access::{Bytes, Entries, Fields, Items};

use super::{
    AvroError,
    branches::Branches,
    decimal,
    integers::{int_value, long_value},
    plan::{Node, Plan},
};

/// A value and its Avro type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<'a> {
    plan: &'a Plan,
    node: &'a Node,
    value: &'a Value,
    /// Inside a `Some`, so null is `None`.
    in_option: bool,
    /// The Rust type must have the name of the Avro type, because the enum's variant was matched by position only.
    by_name: bool,
}

impl<'a> Typed<'a> {
    pub(super) fn new(plan: &'a Plan, value: &'a Value) -> Self {
        Self { plan, node: plan.root(), value, in_option: false, by_name: false }
    }

    fn of(self, node: usize, value: &'a Value) -> Self {
        Self { plan: self.plan, node: self.plan.node(node), value, in_option: false, by_name: false }
    }

    /// The value inside a union, and the union.
    fn inner(self) -> (Self, Option<Branches<'a>>) {
        match (self.node, self.value) {
            (Node::Union(branches), Value::Union(branch, value)) => {
                let place = usize::try_from(*branch).ok().and_then(|branch| branches.get(branch));
                let node = place.map_or(&Node::Null, |place| self.plan.node(*place));
                (Self { node, value, ..self }, Some(Branches::new(self.plan, branches, self.in_option)))
            }
            _ => (self, None),
        }
    }

    fn is_null(self) -> bool {
        matches!(self.inner().0.value, Value::Null)
    }

    /// The value as a string, if it has such a form.
    fn text(self) -> Option<String> {
        let (typed, _) = self.inner();
        Some(match (typed.node, typed.value) {
            (_, Value::String(text) | Value::Enum(_, text)) => text.clone(),
            (_, Value::Uuid(uuid)) => uuid.hyphenated().to_string(),
            (Node::Decimal(decimal), Value::Decimal(value)) => decimal::text(&Vec::try_from(value).ok()?, decimal.scale)?,
            (_, Value::BigDecimal(value)) => decimal::big_text(value),
            (_, Value::Bytes(bytes) | Value::Fixed(_, bytes)) => std::str::from_utf8(bytes).ok()?.to_owned(),
            _ => return None,
        })
    }

    fn bytes(self) -> Option<Vec<u8>> {
        Some(match self.inner().0.value {
            Value::Bytes(bytes) | Value::Fixed(_, bytes) => bytes.clone(),
            Value::Decimal(value) => Vec::try_from(value).ok()?,
            Value::Duration(value) => <[u8; 12]>::from(*value).to_vec(),
            Value::Uuid(uuid) => uuid.as_bytes().to_vec(),
            Value::String(text) => text.clone().into_bytes(),
            _ => return None,
        })
    }

    /// The integer that was promoted to a `float` or a `double`.
    fn whole(self) -> Option<i64> {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        #[expect(clippy::cast_possible_truncation, reason = "only integers in the range of i64")]
        let exact = |number: f64| (number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64);
        match self.inner().0.value {
            Value::Float(number) => exact(f64::from(*number)),
            Value::Double(number) => exact(*number),
            _ => None,
        }
    }

    /// Rejects a struct whose name is that of another record in the union.
    fn check_name(self, name: &str) -> Result<(), AvroError> {
        let (typed, branches) = self.inner();
        let Some(own) = typed.node.name() else { return Ok(()) };
        if own.is(name) {
            return Ok(());
        }
        let is_other = branches.is_some_and(|it| it.nodes().any(|(_, node)| node.name().is_some_and(|other| other.is(name))));
        if is_other || self.by_name {
            return Err(AvroError::new(format!("expected {name}, got a {}", own.short())));
        }
        Ok(())
    }

    /// Rejects a named type that was matched by position: its name must match too, which only [`check_name`](Self::check_name) can tell.
    fn check_place(self) -> Result<(), AvroError> {
        match self.inner().0.node.name() {
            Some(own) if self.by_name => Err(AvroError::new(format!(
                "the enum has no variant {}: name a variant after the type with #[serde(rename = \"..\")]",
                own.short()
            ))),
            _ => Ok(()),
        }
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        self.check_place()?;
        let (typed, _) = self.inner();
        match typed.value {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(*value),
            int_value!(value) => visitor.visit_i32(*value),
            long_value!(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f32(*value),
            Value::Double(value) => visitor.visit_f64(*value),
            Value::String(text) | Value::Enum(_, text) => visitor.visit_str(text),
            Value::Uuid(_) | Value::Decimal(_) | Value::BigDecimal(_) => match typed.text() {
                Some(text) => visitor.visit_string(text),
                None => typed.bytes_one_by_one(visitor),
            },
            // As a sequence, since few types accept bytes.
            Value::Bytes(_) | Value::Fixed(..) | Value::Duration(_) => typed.bytes_one_by_one(visitor),
            Value::Array(values) => match typed.node {
                Node::Array(items) => visitor.visit_seq(Items::new(typed, *items, values)),
                _ => Err(unexpected("an array", &visitor)),
            },
            Value::Map(entries) => match typed.node {
                Node::Map(values) => visitor.visit_map(Entries::new(typed, *values, entries)),
                _ => Err(unexpected("a map", &visitor)),
            },
            Value::Record(fields) => match typed.node {
                Node::Record(record) => visitor.visit_map(Fields::new(typed, record, fields)),
                _ => Err(unexpected("a record", &visitor)),
            },
            Value::Union(_, value) => Typed { value, ..typed }.any(visitor),
        }
    }

    fn bytes_one_by_one<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        match self.bytes() {
            Some(bytes) => visitor.visit_seq(Bytes::new(bytes)),
            None => Err(unexpected("a number", &visitor)),
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        match self.whole() {
            Some(number) => visitor.visit_i64(number),
            None => self.any(visitor),
        }
    }

    fn string<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        match self.text() {
            Some(text) => {
                self.check_place()?;
                visitor.visit_string(text)
            }
            None => self.any(visitor),
        }
    }

    fn raw<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        match self.bytes() {
            Some(bytes) => {
                self.check_place()?;
                visitor.visit_byte_buf(bytes)
            }
            None => self.any(visitor),
        }
    }

    fn sequence<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        match self.inner().0.value {
            // The encoder writes a sequence as the bytes of the decimal.
            Value::Decimal(_) => {
                self.check_place()?;
                self.bytes_one_by_one(visitor)
            }
            _ => self.any(visitor),
        }
    }
}

fn unexpected<'de>(what: &'static str, visitor: &impl Visitor<'de>) -> AvroError {
    AvroError::invalid_type(Unexpected::Other(what), visitor)
}

macro_rules! forward {
    ($to:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
            self.$to(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Typed<'_> {
    type Error = AvroError;

    /// The same as the encoder's.
    fn is_human_readable(&self) -> bool {
        false
    }

    forward!(any: deserialize_any deserialize_bool deserialize_f32 deserialize_f64 deserialize_map deserialize_unit);
    forward!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128);
    forward!(integer: deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128);
    forward!(string: deserialize_str deserialize_string deserialize_char deserialize_identifier);
    forward!(raw: deserialize_bytes deserialize_byte_buf);
    forward!(sequence: deserialize_seq);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(Self { in_option: true, ..self }) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, AvroError> {
        self.any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, AvroError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, AvroError> {
        self.sequence(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, AvroError> {
        self.sequence(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, AvroError> {
        self.check_name(name)?;
        Self { by_name: false, ..self }.any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, AvroError> {
        self.enumeration(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, AvroError> {
        visitor.visit_unit()
    }
}
