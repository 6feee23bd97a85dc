//! [`Planner`]: makes the nodes of a [`Plan`](super::plan::Plan) from a schema.

use std::collections::HashMap;

use apache_avro::{
    Schema,
    schema::{Alias, Name, Namespace},
};
use serde_json::Value;

use super::{
    AvroError,
    plan::{Decimal, Field, Fixed, FixedKind, IntegerKind, Node, Record, Symbols, TypeName},
    references::{FIXED_DURATION, FIXED_UUID},
};

/// The nodes of a plan that is being made.
#[derive(Default)]
pub(super) struct Planner {
    pub(super) nodes: Vec<Node>,
    /// Named types, by full name.
    places: HashMap<String, usize>,
    /// Record, field, and the default in JSON.
    pub(super) defaults: Vec<(usize, usize, Value)>,
}

impl Planner {
    /// Adds the nodes of a schema. Returns the index of its own.
    pub(super) fn add(&mut self, schema: &Schema, namespace: &Namespace) -> Result<usize, AvroError> {
        let node = match schema {
            Schema::Null => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int => Node::Int(IntegerKind::Plain),
            Schema::Date => Node::Int(IntegerKind::Days),
            Schema::TimeMillis => Node::Int(IntegerKind::TimeMillis),
            Schema::Long => Node::Long(IntegerKind::Plain),
            Schema::TimeMicros => Node::Long(IntegerKind::TimeMicros),
            Schema::TimestampMillis => Node::Long(IntegerKind::TimestampMillis),
            Schema::TimestampMicros => Node::Long(IntegerKind::TimestampMicros),
            Schema::TimestampNanos => Node::Long(IntegerKind::TimestampNanos),
            Schema::LocalTimestampMillis => Node::Long(IntegerKind::LocalMillis),
            Schema::LocalTimestampMicros => Node::Long(IntegerKind::LocalMicros),
            Schema::LocalTimestampNanos => Node::Long(IntegerKind::LocalNanos),
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes => Node::Bytes,
            Schema::BigDecimal => Node::BigDecimal,
            Schema::String => Node::String,
            Schema::Uuid => Node::Uuid,
            // `preserve_fixed` has replaced the valid ones, because `apache-avro` drops their name.
            Schema::Duration => return Err(AvroError::new("a duration must be a fixed of 12 bytes")),
            Schema::Decimal(decimal) => {
                let fixed = match &*decimal.inner {
                    Schema::Fixed(fixed) => Some((type_name(&fixed.name, fixed.aliases.as_ref(), namespace), fixed.size)),
                    _ => None,
                };
                let full = fixed.as_ref().map(|(name, _)| name.full.clone());
                let place = self.push(Node::Decimal(Decimal { precision: decimal.precision, scale: decimal.scale, fixed }));
                self.places.extend(full.map(|full| (full, place)));
                return Ok(place);
            }
            Schema::Array(array) => Node::Array(self.add(&array.items, namespace)?),
            Schema::Map(map) => Node::Map(self.add(&map.types, namespace)?),
            Schema::Union(union) => {
                Node::Union(union.variants().iter().map(|schema| self.add(schema, namespace)).collect::<Result<_, _>>()?)
            }
            Schema::Fixed(fixed) => {
                let name = type_name(&fixed.name, fixed.aliases.as_ref(), namespace);
                let holds = match (fixed.attributes.get("logicalType").and_then(Value::as_str), fixed.size) {
                    (Some(FIXED_UUID), 16) => FixedKind::Uuid,
                    (Some(FIXED_DURATION), 12) => FixedKind::Duration,
                    _ => FixedKind::Bytes,
                };
                return Ok(self.named(name, |name| Node::Fixed(Fixed { name, size: fixed.size, holds })));
            }
            Schema::Enum(schema) => {
                let name = type_name(&schema.name, schema.aliases.as_ref(), namespace);
                let default =
                    schema.default.as_ref().and_then(|default| schema.symbols.iter().position(|known| known == default));
                return Ok(self.named(name, |name| Node::Enum(Symbols { name, symbols: schema.symbols.clone(), default })));
            }
            Schema::Record(record) => {
                // Added before its fields, which may have the record's own type.
                let name = type_name(&record.name, record.aliases.as_ref(), namespace);
                let place = self.push(Node::Null);
                self.places.insert(name.full.clone(), place);
                let inner = record.name.fully_qualified_name(namespace).namespace;
                let mut fields = Vec::with_capacity(record.fields.len());
                for (index, field) in record.fields.iter().enumerate() {
                    let node = self.add(&field.schema, &inner)?;
                    let aliases = field.aliases.clone().unwrap_or_default();
                    fields.push(Field { name: field.name.clone(), aliases, node, default: None });
                    self.defaults.extend(field.default.clone().map(|json| (place, index, json)));
                }
                let places = fields.iter().enumerate().map(|(place, field)| (field.name.clone(), place)).collect();
                if let Some(node) = self.nodes.get_mut(place) {
                    *node = Node::Record(Record { name, fields, places });
                }
                return Ok(place);
            }
            Schema::Ref { name } => {
                let full = name.fully_qualified_name(namespace).fullname(None);
                let place = self.places.get(&full).copied();
                return place.ok_or_else(|| {
                    AvroError::new(format!("the type {full} is defined neither in the schema nor in its references"))
                });
            }
        };
        Ok(self.push(node))
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn named(&mut self, name: TypeName, node: impl FnOnce(TypeName) -> Node) -> usize {
        let full = name.full.clone();
        let place = self.push(node(name));
        self.places.insert(full, place);
        place
    }
}

fn type_name(name: &Name, aliases: Option<&Vec<Alias>>, namespace: &Namespace) -> TypeName {
    let name = name.fully_qualified_name(namespace);
    let aliases = aliases.into_iter().flatten().map(|alias| alias.fullname(name.namespace.clone())).collect();
    TypeName { full: name.fullname(None), aliases }
}
