//! [`Variant`]: an enum's variant, read from a type of a union, a symbol or a string.

use apache_avro::types::Value;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor, value::StrDeserializer};

use super::{AvroError, Deserializer, Typed};
use crate::avro::{
    branches::{Branches, is_called},
    plan::Node,
};

/// A variant and its payload.
struct Variant<'a> {
    name: &'static str,
    payload: Typed<'a>,
    /// The value is the variant's name, so there is no payload.
    is_symbol: bool,
}

impl<'a> Typed<'a> {
    pub(super) fn enumeration<'de, V: Visitor<'de>>(
        self,
        name: &str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, AvroError> {
        let (typed, branches) = self.inner();
        let symbol = |text: &str| variants.iter().find(|variant| **variant == text);
        let is_text = matches!(typed.value, Value::String(_));
        let placed = match branches {
            Some(branches) => typed.placed(branches, variants)?,
            None => None,
        };
        // A string of a union is a variant's name, unless the enum has a variant for strings or one for each type of the union.
        let is_counted = branches.is_some_and(|branches| branches.counted().count() == variants.len())
            || placed.is_some_and(|(variant, _)| is_called(typed.node, variant));
        match (typed.value, placed) {
            (Value::Enum(_, text), _) if symbol(text).is_some() && !typed.is_named(variants) => {
                self.check_name(name)?;
                visitor.visit_enum(Variant { name: symbol(text).copied().unwrap_or_default(), payload: typed, is_symbol: true })
            }
            (Value::String(text), placed) if symbol(text).is_some() && (placed.is_none() || !is_counted) => {
                visitor.visit_enum(Variant { name: symbol(text).copied().unwrap_or_default(), payload: typed, is_symbol: true })
            }
            (_, Some((variant, by_name))) => {
                let payload = Typed { in_option: false, by_name, ..typed };
                let is_symbol = is_text && matches!(typed.value, Value::String(text) if text == variant);
                visitor.visit_enum(Variant { name: variant, payload, is_symbol })
            }
            _ => match typed.node.name().and_then(|own| variants.iter().find(|variant| own.is(variant))) {
                Some(variant) => visitor.visit_enum(Variant { name: variant, payload: typed, is_symbol: false }),
                None => {
                    Err(AvroError::new(format!("expected {name}, one of {}, got {}", variants.join(", "), typed.node.kind())))
                }
            },
        }
    }

    fn is_named(self, variants: &[&str]) -> bool {
        self.node.name().is_some_and(|own| variants.iter().any(|variant| own.is(variant)))
    }

    /// The variant for the value's type, and whether it was matched by position only.
    fn placed(
        self,
        branches: Branches<'_>,
        variants: &'static [&'static str],
    ) -> Result<Option<(&'static str, bool)>, AvroError> {
        let is_this = |node: &Node| std::ptr::eq(node, self.node);
        let mut placed = None;
        for (index, variant) in (0_u32..).zip(variants) {
            match branches.named(variant)? {
                Some((_, node)) if is_this(node) => return Ok(Some((variant, false))),
                Some(_) => {}
                None => {
                    let is_placed = branches.placed(index, variant).is_some_and(|(_, node)| is_this(node));
                    placed = placed.or(is_placed.then_some((*variant, true)));
                }
            }
        }
        Ok(placed)
    }
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = AvroError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), AvroError> {
        let name: StrDeserializer<'_, AvroError> = StrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl Variant<'_> {
    fn has_payload(&self) -> Result<(), AvroError> {
        // A string that equals the name of a variant for strings is its payload.
        if self.is_symbol && !matches!(self.payload.value, Value::String(_)) {
            return Err(AvroError::new(format!("expected data for the variant {}, got a symbol", self.name)));
        }
        Ok(())
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = AvroError;

    fn unit_variant(self) -> Result<(), AvroError> {
        match self.payload.value {
            _ if self.is_symbol => Ok(()),
            Value::Null => Ok(()),
            Value::Record(fields) if fields.is_empty() => Ok(()),
            _ => Err(AvroError::new(format!("expected no data for the variant {}, got {}", self.name, self.payload.node.kind()))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, AvroError> {
        self.has_payload()?;
        seed.deserialize(self.payload)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, AvroError> {
        self.has_payload()?;
        self.payload.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, AvroError> {
        self.has_payload()?;
        self.payload.deserialize_struct(self.name, fields, visitor)
    }
}
