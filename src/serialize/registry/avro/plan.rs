//! [`Plan`]: an Avro schema in the form in which values are written with it.

use std::collections::HashMap;

use apache_avro::{
    Schema,
    schema::{Name, Namespace},
};
use serde::Serialize;
use serde_json::Value;

use super::{
    AvroError,
    encoder::{Encoder, length, put_bytes},
};
use crate::serialize::registry::zigzag;

/// A schema's types, each once, with their references as places in the list: so that writing looks no name up, and recursive types are no
/// exception.
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
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    /// A UUID, which is written as text.
    Uuid,
    Fixed(usize),
    /// An unscaled number, as bytes or in a fixed number of them.
    Decimal {
        scale: usize,
        size: Option<usize>,
    },
    Enum(Vec<String>),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Record),
}

#[derive(Debug)]
pub(super) struct Record {
    /// Without its namespace.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    places: HashMap<String, usize>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) node: usize,
    /// What is written for a value that does not have the field.
    pub(super) default: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn place(&self, field: &str) -> Option<usize> {
        self.places.get(field).copied()
    }
}

impl Node {
    /// What it takes, for errors.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean => "a boolean".to_owned(),
            Self::Int => "an int".to_owned(),
            Self::Long => "a long".to_owned(),
            Self::Float => "a float".to_owned(),
            Self::Double => "a double".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::String => "a string".to_owned(),
            Self::Uuid => "a UUID".to_owned(),
            Self::Fixed(size) => format!("{size} bytes"),
            Self::Decimal { scale, .. } => format!("a decimal of scale {scale}, as text"),
            Self::Enum(symbols) => format!("one of {}", symbols.join(", ")),
            Self::Array(_) => "an array".to_owned(),
            Self::Map(_) => "a map".to_owned(),
            Self::Union(_) => "a union".to_owned(),
            Self::Record(record) => format!("a record {}", record.name),
        }
    }
}

impl Plan {
    pub(super) fn new(schema: &Schema) -> Result<Self, AvroError> {
        let mut planner = Planner { nodes: Vec::new(), places: HashMap::new(), defaults: Vec::new() };
        let root = planner.add(schema, &None)?;
        let name = schema.name().map(|name| name.fullname(None));
        let mut plan = Self { nodes: planner.nodes, root, name };
        for (record, field, json) in planner.defaults {
            let mut bytes = Vec::new();
            let node = plan.field(record, field).map(|field| field.node);
            // A default that is none of its type is none: the registry has let it pass, and who leaves the field out is told.
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

    /// Whether values are bytes: these are written as they are, without their length.
    pub(super) fn is_raw(&self) -> bool {
        matches!(self.root(), Node::Bytes)
    }

    pub(super) fn root(&self) -> &Node {
        self.node(self.root)
    }

    pub(super) fn node(&self, place: usize) -> &Node {
        // Every place is one of the list.
        self.nodes.get(place).unwrap_or(&Node::Null)
    }

    /// Appends a value. What stood there before an error is left as it is; what was appended is not taken back.
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

    /// Writes a default as it stands in a schema: a union's is one of its first type, bytes are text of code points below 256.
    fn write_default(&self, place: usize, json: &Value, depth: usize, buffer: &mut Vec<u8>) -> Option<()> {
        /// Deeper than any schema that a person has written; a type that has itself for a default ends here.
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
            (node @ (Node::Bytes | Node::Fixed(_) | Node::Decimal { .. }), Value::String(text)) => {
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

struct Planner {
    nodes: Vec<Node>,
    /// Named types, by full name.
    places: HashMap<String, usize>,
    /// Record, field, and the default as it stands in the schema.
    defaults: Vec<(usize, usize, Value)>,
}

impl Planner {
    fn add(&mut self, schema: &Schema, namespace: &Namespace) -> Result<usize, AvroError> {
        let node = match schema {
            Schema::Null => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int | Schema::Date | Schema::TimeMillis => Node::Int,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Node::Long,
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes | Schema::BigDecimal => Node::Bytes,
            Schema::String => Node::String,
            Schema::Uuid => Node::Uuid,
            Schema::Duration => Node::Fixed(12),
            Schema::Decimal(decimal) => {
                let size = match &*decimal.inner {
                    Schema::Fixed(fixed) => Some(fixed.size),
                    _ => None,
                };
                Node::Decimal { scale: decimal.scale, size }
            }
            Schema::Array(array) => Node::Array(self.add(&array.items, namespace)?),
            Schema::Map(map) => Node::Map(self.add(&map.types, namespace)?),
            Schema::Union(union) => {
                Node::Union(union.variants().iter().map(|schema| self.add(schema, namespace)).collect::<Result<_, _>>()?)
            }
            Schema::Fixed(fixed) => return Ok(self.name(&fixed.name, namespace, Node::Fixed(fixed.size))),
            Schema::Enum(symbols) => return Ok(self.name(&symbols.name, namespace, Node::Enum(symbols.symbols.clone()))),
            Schema::Record(record) => {
                // In the list before its fields are: they may be of its own type.
                let place = self.name(&record.name, namespace, Node::Null);
                let inner = record.name.fully_qualified_name(namespace).namespace;
                let mut fields = Vec::with_capacity(record.fields.len());
                for (index, field) in record.fields.iter().enumerate() {
                    let node = self.add(&field.schema, &inner)?;
                    fields.push(Field { name: field.name.clone(), node, default: None });
                    self.defaults.extend(field.default.clone().map(|json| (place, index, json)));
                }
                let places = fields.iter().enumerate().map(|(place, field)| (field.name.clone(), place)).collect();
                if let Some(node) = self.nodes.get_mut(place) {
                    *node = Node::Record(Record { name: record.name.name.clone(), fields, places });
                }
                return Ok(place);
            }
            Schema::Ref { name } => {
                let full = name.fully_qualified_name(namespace).fullname(None);
                let place = self.places.get(&full).copied();
                return place.ok_or_else(|| AvroError::new(format!("the type {full} is not defined, here or in a reference")));
            }
        };
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn name(&mut self, name: &Name, namespace: &Namespace, node: Node) -> usize {
        self.nodes.push(node);
        let place = self.nodes.len() - 1;
        self.places.insert(name.fully_qualified_name(namespace).fullname(None), place);
        place
    }
}
