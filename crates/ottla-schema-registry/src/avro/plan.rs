//! [`Plan`]: an Avro schema, compiled for encoding and decoding.

use std::collections::HashMap;

use apache_avro::Schema;
use serde::Serialize;
use serde_json::Value;

use super::{
    AvroError,
    encoder::{Encoder, length, put_bytes},
    planner::Planner,
};
use crate::zigzag;

/// The types of a schema, each once. They refer to each other by index, so that encoding looks up no names and recursive types need no
/// special case.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: Vec<Node>,
    root: usize,
    name: Option<String>,
}

#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int(IntegerKind),
    Long(IntegerKind),
    Float,
    Double,
    Bytes,
    String,
    /// A UUID as a string.
    Uuid,
    Fixed(Fixed),
    /// An unscaled number, as `bytes` or as a `fixed`.
    Decimal(Decimal),
    /// An unscaled number with its scale.
    BigDecimal,
    Enum(Symbols),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Record),
}

/// The logical type of an `int` or a `long`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntegerKind {
    Plain,
    Days,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalMillis,
    LocalMicros,
    LocalNanos,
}

/// The name of a type, and its aliases.
#[derive(Debug)]
pub(super) struct TypeName {
    /// Including the namespace.
    pub(super) full: String,
    /// Including their namespaces.
    pub(super) aliases: Vec<String>,
}

impl TypeName {
    pub(super) fn short(&self) -> &str {
        self.full.rsplit_once('.').map_or(&*self.full, |(_, short)| short)
    }

    /// Whether a Rust type or variant with this name maps to this type.
    pub(super) fn is(&self, name: &str) -> bool {
        self.full == name || self.short() == name
    }
}

#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) name: TypeName,
    pub(super) size: usize,
    pub(super) holds: FixedKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FixedKind {
    Bytes,
    Duration,
    Uuid,
}

#[derive(Debug)]
pub(super) struct Decimal {
    pub(super) precision: usize,
    pub(super) scale: usize,
    /// The name and size of a `fixed`.
    pub(super) fixed: Option<(TypeName, usize)>,
}

#[derive(Debug)]
pub(super) struct Symbols {
    pub(super) name: TypeName,
    pub(super) symbols: Vec<String>,
    /// The index of the default symbol, for symbols that the reader lacks.
    pub(super) default: Option<usize>,
}

impl Symbols {
    pub(super) fn place(&self, symbol: &str) -> Option<usize> {
        self.symbols.iter().position(|known| known == symbol)
    }
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: TypeName,
    pub(super) fields: Vec<Field>,
    pub(super) places: HashMap<String, usize>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) node: usize,
    /// The encoded default, for values that lack the field.
    pub(super) default: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn place(&self, field: &str) -> Option<usize> {
        self.places.get(field).copied()
    }
}

impl Node {
    /// A description for errors.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean => "a boolean".to_owned(),
            Self::Int(_) => "an int".to_owned(),
            Self::Long(_) => "a long".to_owned(),
            Self::Float => "a float".to_owned(),
            Self::Double => "a double".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::String => "a string".to_owned(),
            Self::Uuid => "a UUID".to_owned(),
            Self::Fixed(fixed) => format!("{} bytes", fixed.size),
            Self::Decimal(decimal) => format!("a decimal of scale {}, as text", decimal.scale),
            Self::BigDecimal => "a decimal, as text".to_owned(),
            Self::Enum(symbols) => format!("one of {}", symbols.symbols.join(", ")),
            Self::Array(_) => "an array".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Union(_) => "a union".to_owned(),
            Self::Record(record) => format!("a record {}", record.name.short()),
        }
    }

    /// The name of a record, an enum or a fixed.
    pub(super) fn name(&self) -> Option<&TypeName> {
        match self {
            Self::Record(record) => Some(&record.name),
            Self::Enum(symbols) => Some(&symbols.name),
            Self::Fixed(fixed) => Some(&fixed.name),
            Self::Decimal(decimal) => decimal.fixed.as_ref().map(|(name, _)| name),
            _ => None,
        }
    }

    /// Avro's name of an unnamed type.
    pub(super) fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes | Self::BigDecimal => "bytes",
            Self::Decimal(decimal) if decimal.fixed.is_none() => "bytes",
            Self::String | Self::Uuid => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            _ => return None,
        })
    }
}

impl Plan {
    pub(super) fn new(schema: &Schema) -> Result<Self, AvroError> {
        let mut planner = Planner::default();
        let root = planner.add(schema, &None)?;
        let name = schema.name().map(|name| name.fullname(None));
        let mut plan = Self { nodes: planner.nodes, root, name };
        for (record, field, json) in planner.defaults {
            let mut bytes = Vec::new();
            let node = plan.field(record, field).map(|field| field.node);
            // An invalid default, which the registry has accepted, is ignored: a value that lacks the field is then an error.
            if node.is_some_and(|node| plan.write_default(node, &json, 0, &mut bytes).is_some()) {
                if let Some(Node::Record(record)) = plan.nodes.get_mut(record) {
                    record.fields.get_mut(field).into_iter().for_each(|field| field.default = Some(bytes.clone()));
                }
            }
        }
        Ok(plan)
    }

    /// The full name of the root type.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the schema is `bytes`: Confluent's format writes these without their length.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.root(), Node::Bytes)
    }

    pub(super) fn root(&self) -> &Node {
        self.node(self.root)
    }

    pub(super) fn node(&self, place: usize) -> &Node {
        // The planner creates only valid indexes.
        self.nodes.get(place).unwrap_or(&Node::Null)
    }

    /// Appends a value. After an error the buffer may end with an incomplete value.
    pub(super) fn write<T: Serialize + ?Sized>(&self, data: &T, buffer: &mut Vec<u8>) -> Result<(), AvroError> {
        let start = buffer.len();
        data.serialize(Encoder::new(self, self.root(), buffer))?;
        if self.is_raw() {
            let prefix = length(buffer.get(start..).unwrap_or_default());
            buffer.drain(start..start + prefix);
        }
        Ok(())
    }

    fn field(&self, record: usize, field: usize) -> Option<&Field> {
        match self.node(record) {
            Node::Record(record) => record.fields.get(field),
            _ => None,
        }
    }

    /// Encodes a default of a schema: a union's default is of its first type, and bytes are a string of code points below 256.
    fn write_default(&self, place: usize, json: &Value, depth: usize, buffer: &mut Vec<u8>) -> Option<()> {
        /// Deeper than any real schema. Ends the recursion of a default that contains its own type.
        const DEEPEST: usize = 64;
        let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
        if depth > DEEPEST {
            return None;
        }
        match (self.node(place), json) {
            (Node::Union(branches), json) => {
                buffer.push(0);
                self.write_default(*branches.first()?, json, depth + 1, buffer)
            }
            (node @ (Node::Bytes | Node::Fixed(_) | Node::Decimal(_)), Value::String(text)) => {
                serde::Serializer::serialize_bytes(Encoder::new(self, node, buffer), &latin(text)?).ok()
            }
            (Node::Array(items), Value::Array(values)) => {
                if !values.is_empty() {
                    zigzag::put(i64::try_from(values.len()).ok()?, buffer);
                    values.iter().try_for_each(|value| self.write_default(*items, value, depth + 1, buffer))?;
                }
                buffer.push(0);
                Some(())
            }
            (Node::Map(values), Value::Object(object)) => {
                if !object.is_empty() {
                    zigzag::put(i64::try_from(object.len()).ok()?, buffer);
                    for (key, value) in object {
                        put_bytes(key.as_bytes(), buffer);
                        self.write_default(*values, value, depth + 1, buffer)?;
                    }
                }
                buffer.push(0);
                Some(())
            }
            (Node::Record(record), Value::Object(object)) => {
                record.fields.iter().try_for_each(|field| match (object.get(&field.name), &field.default) {
                    (Some(value), _) => self.write_default(field.node, value, depth + 1, buffer),
                    (None, Some(default)) => {
                        buffer.extend_from_slice(default);
                        Some(())
                    }
                    (None, None) => None,
                })
            }
            (node, json) => json.serialize(Encoder::new(self, node, buffer)).ok(),
        }
    }
}
