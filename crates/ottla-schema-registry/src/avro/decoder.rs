//! [`decode`]: reads bytes of the writer's schema as a value of the reader's schema (Avro specification: "Schema Resolution").
//!
//! `apache-avro` resolves a type of a union by its fields, so a record may be read as another one with the same fields. It supports no
//! aliases, and keeps the digits of a decimal when the scale changes. Here a type of a union is matched by kind and full name, then by the
//! reader's aliases, then by the name without namespace. A record outside a union may have another name, as in Java.

use apache_avro::{BigDecimal, Decimal as Bytes, Duration, types::Value};

use super::{
    AvroError,
    blocks::blocks,
    decimal,
    plan::{Decimal, Fixed, FixedKind, IntegerKind, Node, Plan, Record, Symbols, TypeName},
};
use crate::zigzag;

/// Decodes bytes that [`Plan::validate`] has accepted.
pub(super) fn decode(writer: &Plan, reader: &Plan, bytes: &[u8]) -> Result<Value, AvroError> {
    let mut decoder = Decoder { writer, reader, is_same: std::ptr::eq(writer, reader), rest: bytes };
    decoder.value(writer.root(), reader.root())
}

struct Decoder<'a> {
    writer: &'a Plan,
    reader: &'a Plan,
    /// Writer and reader have the same schema: no resolution is needed.
    is_same: bool,
    rest: &'a [u8],
}

fn damaged() -> AvroError {
    AvroError::new("the bytes are not a value of the writer's schema")
}

impl<'a> Decoder<'a> {
    fn value(&mut self, written: &Node, wanted: &Node) -> Result<Value, AvroError> {
        if let Node::Union(branches) = written {
            let branch = usize::try_from(self.long()?).map_err(|_| damaged())?;
            let written = self.writer.node(*branches.get(branch).ok_or_else(damaged)?);
            if !self.is_same {
                let alike = branches.iter().filter(|place| is_same_category(written, self.writer.node(**place))).count();
                if alike > 1 && !matches!(wanted, Node::Union(_)) && !is_named_alike(written, wanted) {
                    return Err(other(written, wanted));
                }
                return self.value(written, wanted);
            }
            let value = self.value(written, written)?;
            return Ok(Value::Union(u32::try_from(branch).map_err(|_| damaged())?, Box::new(value)));
        }
        match wanted {
            Node::Union(branches) => {
                let branch = self.branch(written, branches)?;
                let wanted = self.reader.node(*branches.get(branch).ok_or_else(damaged)?);
                let value = self.value(written, wanted)?;
                Ok(Value::Union(u32::try_from(branch).map_err(|_| damaged())?, Box::new(value)))
            }
            wanted => self.single(written, wanted),
        }
    }

    /// Reads a value whose types are not unions.
    fn single(&mut self, written: &Node, wanted: &Node) -> Result<Value, AvroError> {
        let other = || other(written, wanted);
        Ok(match (written, wanted) {
            (Node::Null, Node::Null) => Value::Null,
            (Node::Boolean, Node::Boolean) => match self.take(1)? {
                [0] => Value::Boolean(false),
                [1] => Value::Boolean(true),
                _ => return Err(damaged()),
            },
            (Node::Int(from), wanted) => {
                let number = i32::try_from(self.long()?).map_err(|_| damaged())?;
                number_as(number.into(), *from, wanted)?.ok_or_else(other)?
            }
            (Node::Long(from), wanted @ (Node::Long(_) | Node::Float | Node::Double)) => {
                number_as(self.long()?, *from, wanted)?.ok_or_else(other)?
            }
            (Node::Float, Node::Float | Node::Double) => {
                let bytes = self.take(4)?.try_into().map_err(|_| damaged())?;
                let number = f32::from_le_bytes(bytes);
                if matches!(wanted, Node::Float) { Value::Float(number) } else { Value::Double(number.into()) }
            }
            (Node::Double, Node::Double) => Value::Double(f64::from_le_bytes(self.take(8)?.try_into().map_err(|_| damaged())?)),
            (Node::Bytes | Node::String | Node::Uuid | Node::BigDecimal, _) => {
                let bytes = self.bytes()?;
                bytes_as(bytes, written, wanted)?.ok_or_else(other)?
            }
            (Node::Fixed(fixed), Node::Fixed(into)) if fixed.size == into.size => fixed_as(self.take(fixed.size)?, into)?,
            (Node::Fixed(Fixed { size, .. }), Node::Decimal(into)) if into.fixed.as_ref().is_some_and(|(_, of)| of == size) => {
                Value::Decimal(Bytes::from(self.take(*size)?))
            }
            (Node::Decimal(from), wanted) => {
                let bytes = match &from.fixed {
                    Some((_, size)) => self.take(*size)?,
                    None => self.bytes()?,
                };
                decimal_as(bytes, from, wanted, self.is_same)?.ok_or_else(other)?
            }
            (Node::Enum(from), Node::Enum(into)) => {
                let index = usize::try_from(self.long()?).map_err(|_| damaged())?;
                let symbol = from.symbols.get(index).ok_or_else(damaged)?;
                symbol_as(symbol, into)?
            }
            (Node::Array(from), Node::Array(into)) => {
                let (from, into) = (self.writer.node(*from), self.reader.node(*into));
                let mut values = Vec::new();
                blocks(self, Self::long, |decoder| {
                    values.push(decoder.value(from, into)?);
                    Ok(())
                })?;
                Value::Array(values)
            }
            (Node::Map(from), Node::Map(into)) => {
                let (from, into) = (self.writer.node(*from), self.reader.node(*into));
                let mut entries = std::collections::HashMap::new();
                blocks(self, Self::long, |decoder| {
                    let key = decoder.text()?;
                    let value = decoder.value(from, into).map_err(|error| error.at("a map's value"))?;
                    entries.insert(key, value);
                    Ok(())
                })?;
                Value::Map(entries)
            }
            (Node::Record(from), Node::Record(into)) => self.record(from, into)?,
            _ => return Err(other()),
        })
    }

    fn record(&mut self, from: &Record, into: &Record) -> Result<Value, AvroError> {
        if self.is_same {
            let mut fields = Vec::with_capacity(from.fields.len());
            for field in &from.fields {
                let node = self.writer.node(field.node);
                fields.push((field.name.clone(), self.value(node, node).map_err(|error| error.at(&field.name))?));
            }
            return Ok(Value::Record(fields));
        }
        let mut values: Vec<Option<Value>> = std::iter::repeat_with(|| None).take(into.fields.len()).collect();
        for field in &from.fields {
            let node = self.writer.node(field.node);
            // An alias matches only if the writer's record has no field with the name itself.
            let place = into.place(&field.name).or_else(|| {
                into.fields.iter().position(|wanted| wanted.aliases.contains(&field.name) && from.place(&wanted.name).is_none())
            });
            let slot = place.and_then(|place| Some((into.fields.get(place)?, values.get_mut(place)?)));
            match slot {
                Some((wanted, slot)) if slot.is_none() => {
                    let value = self.value(node, self.reader.node(wanted.node));
                    *slot = Some(value.map_err(|error| error.at(&wanted.name))?);
                }
                _ => self.rest = self.writer.behind(node, self.rest).map_err(|_| damaged())?,
            }
        }
        let fields = into.fields.iter().zip(values).map(|(field, value)| {
            let value = match (value, &field.default) {
                (Some(value), _) => value,
                (None, Some(default)) => self.default(field.node, default).map_err(|error| error.at(&field.name))?,
                (None, None) => {
                    let message = "missing in the writer's schema, and without a default in the reader's schema";
                    return Err(AvroError::new(message).at(&field.name));
                }
            };
            Ok((field.name.clone(), value))
        });
        Ok(Value::Record(fields.collect::<Result<_, _>>()?))
    }

    fn default(&self, node: usize, bytes: &[u8]) -> Result<Value, AvroError> {
        let node = self.reader.node(node);
        Decoder { writer: self.reader, reader: self.reader, is_same: true, rest: bytes }.value(node, node)
    }

    /// The index of the type of the reader's union that matches the written type.
    fn branch(&self, written: &Node, branches: &[usize]) -> Result<usize, AvroError> {
        let nodes = || branches.iter().map(|place| self.reader.node(*place)).enumerate();
        let unknown = || {
            let kinds: Vec<_> = nodes().map(|(_, node)| node.kind()).collect();
            AvroError::new(format!("written as {}, cannot be read as {}", described(written), kinds.join(" or ")))
        };
        let Some(name) = written.name() else {
            let same = nodes().find(|(_, node)| is_same_type(written, node));
            let similar = || nodes().find(|(_, node)| written.type_name() == node.type_name());
            let promoted = || nodes().find(|(_, node)| is_promoted(written, node));
            return same.or_else(similar).or_else(promoted).map(|(index, _)| index).ok_or_else(unknown);
        };
        let found = |is: &dyn Fn(&TypeName) -> bool| {
            let mut found = nodes().filter(|(_, node)| is_same_category(written, node) && node.name().is_some_and(is));
            (found.next().map(|(index, _)| index), found.next().is_some())
        };
        if let (Some(index), _) = found(&|other| other.full == name.full) {
            return Ok(index);
        }
        if let (Some(index), _) = found(&|other| other.aliases.contains(&name.full)) {
            return Ok(index);
        }
        match found(&|other| other.short() == name.short()) {
            (Some(index), false) => Ok(index),
            _ => Err(unknown()),
        }
    }

    fn long(&mut self) -> Result<i64, AvroError> {
        zigzag::take(&mut self.rest).map_err(|_| damaged())
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], AvroError> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn bytes(&mut self) -> Result<&'a [u8], AvroError> {
        let size = usize::try_from(self.long()?).map_err(|_| damaged())?;
        self.take(size)
    }

    fn text(&mut self) -> Result<String, AvroError> {
        text_of(self.bytes()?)
    }
}

fn text_of(bytes: &[u8]) -> Result<String, AvroError> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| AvroError::new(format!("a string of {} bytes is not valid UTF-8", bytes.len())))
}

fn other(written: &Node, wanted: &Node) -> AvroError {
    AvroError::new(format!("written as {}, cannot be read as {}", described(written), described(wanted)))
}

/// Whether the types match by name, an alias of the reader's, or the name without namespace.
fn is_named_alike(written: &Node, wanted: &Node) -> bool {
    match (written.name(), wanted.name()) {
        (Some(from), Some(into)) => into.full == from.full || into.aliases.contains(&from.full) || into.short() == from.short(),
        (from, into) => from.is_none() && into.is_none(),
    }
}

fn described(node: &Node) -> String {
    match node {
        Node::Enum(Symbols { name, .. }) => format!("an enum {}", name.full),
        Node::Fixed(Fixed { name, .. }) => format!("a fixed {}", name.full),
        Node::Record(Record { name, .. }) => format!("a record {}", name.full),
        node => node.kind(),
    }
}

/// Whether the types are named types of the same kind, with any names.
fn is_same_category(written: &Node, wanted: &Node) -> bool {
    let is_fixed = |node: &Node| matches!(node, Node::Fixed(_) | Node::Decimal(_));
    match (written, wanted) {
        (Node::Record(_), Node::Record(_)) | (Node::Enum(_), Node::Enum(_)) => true,
        (written, wanted) => is_fixed(written) && is_fixed(wanted),
    }
}

/// Whether type and logical type are the same. The specification does not allow a type twice in a union, but registered schemas exist that
/// differ only in the logical type.
fn is_same_type(written: &Node, wanted: &Node) -> bool {
    match (written, wanted) {
        (Node::Int(from), Node::Int(into)) | (Node::Long(from), Node::Long(into)) => from == into,
        (written, wanted) => {
            std::mem::discriminant(written) == std::mem::discriminant(wanted) && written.type_name() == wanted.type_name()
        }
    }
}

fn is_promoted(written: &Node, wanted: &Node) -> bool {
    match (written.type_name(), wanted.type_name()) {
        (Some("int"), Some("long" | "float" | "double")) | (Some("long"), Some("float" | "double")) => true,
        (Some(from), Some(into)) => matches!((from, into), ("float", "double") | ("string", "bytes") | ("bytes", "string")),
        // Decimals of any sizes, since the number is converted.
        (Some("bytes"), None) => matches!((written, wanted), (Node::Decimal(_), Node::Decimal(_))),
        _ => false,
    }
}

/// The units per second of a time that can be converted. Times with the same first number convert into each other.
fn per_second(count: IntegerKind) -> Option<(u8, i64)> {
    Some(match count {
        IntegerKind::TimeMillis => (0, 1_000),
        IntegerKind::TimeMicros => (0, 1_000_000),
        IntegerKind::TimestampMillis => (1, 1_000),
        IntegerKind::TimestampMicros => (1, 1_000_000),
        IntegerKind::TimestampNanos => (1, 1_000_000_000),
        IntegerKind::LocalMillis => (2, 1_000),
        IntegerKind::LocalMicros => (2, 1_000_000),
        IntegerKind::LocalNanos => (2, 1_000_000_000),
        IntegerKind::Plain | IntegerKind::Days => return None,
    })
}

/// Converts an `int` or a `long`; `None` if the types do not match.
fn number_as(number: i64, from: IntegerKind, wanted: &Node) -> Result<Option<Value>, AvroError> {
    let (into, is_int) = match wanted {
        Node::Int(into) => (*into, true),
        Node::Long(into) => (*into, false),
        #[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
        Node::Float => return Ok(Some(Value::Float(number as f32))),
        #[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
        Node::Double => return Ok(Some(Value::Double(number as f64))),
        _ => return Ok(None),
    };
    let number = if from == into || from == IntegerKind::Plain || into == IntegerKind::Plain {
        number
    } else {
        let (Some((kind, from)), Some((other, into))) = (per_second(from), per_second(into)) else { return Ok(None) };
        if kind != other {
            return Ok(None);
        }
        let exact = if into >= from {
            number.checked_mul(into / from)
        } else {
            (number % (from / into) == 0).then(|| number / (from / into))
        };
        exact.ok_or_else(|| AvroError::new("the time cannot be converted exactly to the unit of the reader's schema"))?
    };
    if is_int {
        let number = i32::try_from(number).map_err(|_| AvroError::new("the time is out of range for an int"))?;
        return Ok(Some(match into {
            IntegerKind::Days => Value::Date(number),
            IntegerKind::TimeMillis => Value::TimeMillis(number),
            _ => Value::Int(number),
        }));
    }
    Ok(Some(match into {
        IntegerKind::TimeMicros => Value::TimeMicros(number),
        IntegerKind::TimestampMillis => Value::TimestampMillis(number),
        IntegerKind::TimestampMicros => Value::TimestampMicros(number),
        IntegerKind::TimestampNanos => Value::TimestampNanos(number),
        IntegerKind::LocalMillis => Value::LocalTimestampMillis(number),
        IntegerKind::LocalMicros => Value::LocalTimestampMicros(number),
        IntegerKind::LocalNanos => Value::LocalTimestampNanos(number),
        IntegerKind::Plain | IntegerKind::Days | IntegerKind::TimeMillis => Value::Long(number),
    }))
}

/// Converts bytes or a string; `None` if the types do not match.
fn bytes_as(bytes: &[u8], written: &Node, wanted: &Node) -> Result<Option<Value>, AvroError> {
    Ok(Some(match (written, wanted) {
        (Node::BigDecimal, Node::BigDecimal) => Value::BigDecimal(big_decimal(bytes)?),
        (_, Node::Bytes) => Value::Bytes(bytes.to_vec()),
        (_, Node::String) => Value::String(text_of(bytes)?),
        (Node::Bytes, Node::Decimal(decimal)) if decimal.fixed.is_none() => Value::Decimal(Bytes::from(bytes)),
        (Node::Uuid | Node::String, Node::Uuid) => {
            let uuid = match <[u8; 16]>::try_from(bytes) {
                Ok(bytes) => Some(uuid::Uuid::from_bytes(bytes)),
                Err(_) => uuid::Uuid::try_parse_ascii(bytes).ok(),
            };
            Value::Uuid(uuid.ok_or_else(|| AvroError::new("the string is not a UUID"))?)
        }
        _ => return Ok(None),
    }))
}

fn fixed_as(bytes: &[u8], into: &Fixed) -> Result<Value, AvroError> {
    Ok(match into.holds {
        FixedKind::Bytes => Value::Fixed(into.size, bytes.to_vec()),
        FixedKind::Duration => Value::Duration(Duration::from(<[u8; 12]>::try_from(bytes).map_err(|_| damaged())?)),
        FixedKind::Uuid => Value::Uuid(uuid::Uuid::from_slice(bytes).map_err(|_| damaged())?),
    })
}

fn symbol_as(symbol: &str, into: &Symbols) -> Result<Value, AvroError> {
    let index = into.place(symbol).or(into.default);
    let (index, symbol) = index
        .and_then(|index| Some((u32::try_from(index).ok()?, into.symbols.get(index)?)))
        .ok_or_else(|| AvroError::new("the symbol is missing in the reader's schema, which has no default"))?;
    Ok(Value::Enum(index, symbol.clone()))
}

/// Converts a decimal; `None` if the types do not match.
fn decimal_as(bytes: &[u8], from: &Decimal, wanted: &Node, is_same: bool) -> Result<Option<Value>, AvroError> {
    Ok(Some(match wanted {
        Node::Decimal(_) if is_same => Value::Decimal(Bytes::from(bytes)),
        Node::Decimal(into) => {
            let scaled = decimal::rescaled(bytes, from.scale, into);
            Value::Decimal(Bytes::from(scaled.ok_or_else(|| {
                AvroError::new(format!(
                    "the number does not fit a decimal of precision {} and scale {}",
                    into.precision, into.scale
                ))
            })?))
        }
        Node::Bytes if from.fixed.is_none() => Value::Bytes(bytes.to_vec()),
        Node::Fixed(into) if from.fixed.as_ref().is_some_and(|(_, size)| *size == into.size) => fixed_as(bytes, into)?,
        _ => return Ok(None),
    }))
}

/// Decodes a `big-decimal`: the length of the unscaled number, the unscaled number, and the scale.
fn big_decimal(mut bytes: &[u8]) -> Result<BigDecimal, AvroError> {
    let size = zigzag::take(&mut bytes).ok().and_then(|size| usize::try_from(size).ok()).ok_or_else(damaged)?;
    let (unscaled, mut rest) = bytes.split_at_checked(size).ok_or_else(damaged)?;
    let scale = zigzag::take(&mut rest).map_err(|_| damaged())?;
    Ok(BigDecimal::new(Bytes::from(unscaled).into(), scale))
}
