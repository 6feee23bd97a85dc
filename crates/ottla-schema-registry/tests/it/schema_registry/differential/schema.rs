//! Random Avro schemas and values.

use std::collections::HashMap;

use apache_avro::{Decimal, types::Value};
use fastrand::Rng;
use ottla_schema_registry::{Uuid, apache_avro};
use serde_json::{Value as Json, json};

/// Limits of the generated schemas, so that other implementations support them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    /// No limits.
    None,
    /// Python has one type for integers and one for floating-point numbers, and fastavro identifies a type by its short name.
    Python,
}

#[derive(Debug, Clone)]
pub(super) enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    String,
    Bytes,
    Decimal { precision: usize, scale: usize },
    Date,
    TimeMillis,
    TimestampMillis,
    TimestampMicros,
    Uuid,
    Fixed(Name, usize),
    Enum(Name, Vec<String>, Option<String>),
    Array(Box<Self>),
    Map(Box<Self>),
    Union(Vec<Self>),
    Record(Name, Vec<Field>),
}

#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) namespace: &'static str,
    pub(super) short: String,
    pub(super) aliases: Vec<String>,
}

impl Name {
    pub(super) fn full(&self) -> String {
        format!("{}.{}", self.namespace, self.short)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) kind: Type,
    pub(super) default: Option<Json>,
}

impl Type {
    pub(super) fn json(&self) -> Json {
        let logical = |kind: &str, name: &str| json!({"type": kind, "logicalType": name});
        match self {
            Self::Null => json!("null"),
            Self::Boolean => json!("boolean"),
            Self::Int => json!("int"),
            Self::Long => json!("long"),
            Self::Float => json!("float"),
            Self::Double => json!("double"),
            Self::String => json!("string"),
            Self::Bytes => json!("bytes"),
            Self::Decimal { precision, scale } => {
                json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
            }
            Self::Date => logical("int", "date"),
            Self::TimeMillis => logical("int", "time-millis"),
            Self::TimestampMillis => logical("long", "timestamp-millis"),
            Self::TimestampMicros => logical("long", "timestamp-micros"),
            Self::Uuid => logical("string", "uuid"),
            Self::Fixed(name, size) => named("fixed", name, json!({"size": size})),
            Self::Enum(name, symbols, default) => {
                let mut schema = named("enum", name, json!({"symbols": symbols}));
                default.iter().for_each(|default| schema["default"] = json!(default));
                schema
            }
            Self::Array(items) => json!({"type": "array", "items": items.json()}),
            Self::Map(values) => json!({"type": "map", "values": values.json()}),
            Self::Union(branches) => branches.iter().map(Self::json).collect(),
            Self::Record(name, fields) => {
                named("record", name, json!({"fields": fields.iter().map(Field::json).collect::<Vec<_>>()}))
            }
        }
    }

    /// The type without its logical type, which a union may contain only once.
    pub(super) fn base(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int | Self::Date | Self::TimeMillis => "int",
            Self::Long | Self::TimestampMillis | Self::TimestampMicros => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::String | Self::Uuid => "string",
            Self::Bytes | Self::Decimal { .. } => "bytes",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Fixed(..) | Self::Enum(..) | Self::Record(..) => "named",
        }
    }

    pub(super) fn name(&self) -> Option<&Name> {
        match self {
            Self::Fixed(name, _) | Self::Enum(name, ..) | Self::Record(name, _) => Some(name),
            _ => None,
        }
    }
}

fn named(kind: &str, name: &Name, mut rest: Json) -> Json {
    rest["type"] = json!(kind);
    rest["name"] = json!(name.short);
    rest["namespace"] = json!(name.namespace);
    if !name.aliases.is_empty() {
        rest["aliases"] = json!(name.aliases);
    }
    rest
}

impl Field {
    fn json(&self) -> Json {
        let mut json = json!({"name": self.name, "type": self.kind.json()});
        if !self.aliases.is_empty() {
            json["aliases"] = json!(self.aliases);
        }
        self.default.iter().for_each(|default| json["default"] = default.clone());
        json
    }
}

/// Whether both types may be in the same union.
pub(super) fn go_together(a: &Type, b: &Type, limits: Limits) -> bool {
    let numbers = ["int", "long", "float", "double"];
    let texts = ["string", "bytes", "array"];
    match (a.base(), b.base()) {
        ("named", "named") => a.name().map(Name::full) != b.name().map(Name::full),
        // In Python both are a dict, and strings and bytes are sequences.
        ("named", "map") | ("map", "named") => limits == Limits::None,
        ("named", other) | (other, "named") => limits == Limits::None || !texts.contains(&other),
        (a, b) if a == b => false,
        (a, b) => {
            limits == Limits::None || !(numbers.contains(&a) && numbers.contains(&b) || texts.contains(&a) && texts.contains(&b))
        }
    }
}

pub(super) struct Generator {
    pub(super) rng: Rng,
    pub(super) limits: Limits,
    names: usize,
}

impl Generator {
    pub(super) fn new(seed: u64, limits: Limits) -> Self {
        Self { rng: Rng::with_seed(seed), limits, names: 0 }
    }

    pub(super) fn number(&mut self) -> usize {
        self.names += 1;
        self.names
    }

    pub(super) fn name(&mut self, kind: &str) -> Name {
        let short = format!("{kind}{}", self.number());
        Name { namespace: if self.rng.bool() { "shop" } else { "stock.old" }, short, aliases: Vec::new() }
    }

    /// A record, a union, or sometimes another type.
    pub(super) fn root(&mut self) -> Type {
        match self.rng.u8(..10) {
            0..6 => self.record(3),
            6..9 => self.union(3),
            _ => self.kind(3),
        }
    }

    pub(super) fn kind(&mut self, depth: usize) -> Type {
        let most = if depth == 0 { 16 } else { 21 };
        match self.rng.u8(..most) {
            0 => Type::Boolean,
            1 | 2 => Type::Int,
            3 => Type::Long,
            4 => Type::Float,
            5 => Type::Double,
            6 | 7 => Type::String,
            8 => Type::Bytes,
            9 => Type::Decimal { precision: self.rng.usize(4..30), scale: self.rng.usize(..5) },
            10 => Type::Date,
            11 => [Type::TimeMillis, Type::TimestampMillis, Type::TimestampMicros][self.rng.usize(..3)].clone(),
            12 => Type::Uuid,
            13 => Type::Fixed(self.name("Fixed"), self.rng.usize(1..8)),
            14 | 15 => {
                Type::Enum(self.name("Enum"), (0..self.rng.usize(1..5)).map(|number| format!("S{number}")).collect(), None)
            }
            16 => Type::Array(Box::new(self.kind(depth - 1))),
            17 => Type::Map(Box::new(self.kind(depth - 1))),
            18 => self.record(depth - 1),
            _ => self.union(depth - 1),
        }
    }

    fn record(&mut self, depth: usize) -> Type {
        let name = self.name("Record");
        let fields = (0..self.rng.usize(1..5)).map(|_| {
            let kind = self.kind(depth);
            Field { name: format!("f{}", self.number()), aliases: Vec::new(), kind, default: None }
        });
        let fields = fields.collect();
        Type::Record(name, fields)
    }

    /// A union, often with several records that have the same fields.
    pub(super) fn union(&mut self, depth: usize) -> Type {
        let mut branches = if self.rng.bool() { vec![Type::Null] } else { Vec::new() };
        for _ in 0..self.rng.usize(1..5) {
            let twin = branches.iter().find_map(|branch| match branch {
                Type::Record(_, fields) => Some(fields.clone()),
                _ => None,
            });
            let branch = match twin {
                Some(fields) if self.rng.bool() => Type::Record(self.name("Twin"), self.renamed(&fields)),
                _ if self.rng.u8(..3) == 0 && depth > 0 => self.record(depth - 1),
                _ => self.kind(depth.saturating_sub(1)),
            };
            self.insert(&mut branches, branch);
        }
        if branches.is_empty() { Type::Null } else { Type::Union(branches) }
    }

    /// The same fields, with other names for the named types in them.
    pub(super) fn renamed(&mut self, fields: &[Field]) -> Vec<Field> {
        fields.iter().map(|field| Field { kind: self.copy(&field.kind), ..field.clone() }).collect()
    }

    fn copy(&mut self, kind: &Type) -> Type {
        match kind {
            Type::Fixed(_, size) => Type::Fixed(self.name("Fixed"), *size),
            Type::Enum(_, symbols, default) => Type::Enum(self.name("Enum"), symbols.clone(), default.clone()),
            Type::Array(items) => Type::Array(Box::new(self.copy(items))),
            Type::Map(values) => Type::Map(Box::new(self.copy(values))),
            Type::Union(branches) => Type::Union(branches.iter().map(|branch| self.copy(branch)).collect()),
            Type::Record(_, fields) => Type::Record(self.name("Record"), self.renamed(fields)),
            other => other.clone(),
        }
    }

    /// Inserts a type into a union at a random index, if the union may contain it.
    pub(super) fn insert(&mut self, branches: &mut Vec<Type>, branch: Type) -> Option<usize> {
        let fits = !matches!(branch, Type::Union(_)) && branches.iter().all(|other| go_together(other, &branch, self.limits));
        let place = self.rng.usize(..=branches.len());
        fits.then(|| branches.insert(place, branch)).map(|()| place)
    }

    pub(super) fn value(&mut self, kind: &Type) -> Value {
        let rng = &mut self.rng;
        match kind {
            Type::Null => Value::Null,
            Type::Boolean => Value::Boolean(rng.bool()),
            Type::Int => Value::Int(if rng.bool() { rng.i32(..) } else { rng.i32(-70..70) }),
            Type::Long => Value::Long(if rng.bool() { rng.i64(..) } else { rng.i64(-70..70) }),
            Type::Float => Value::Float(rng.f32() * 1000.0 - 500.0),
            Type::Double => Value::Double(rng.f64() * 1e6 - 5e5),
            Type::String => Value::String((0..rng.usize(..6)).map(|_| ['a', 'é', '☃', '"', '𝄞'][rng.usize(..5)]).collect()),
            Type::Bytes => Value::Bytes((0..rng.usize(..6)).map(|_| if rng.bool() { rng.u8(..) } else { b'x' }).collect()),
            Type::Decimal { precision, .. } => {
                let digits = u32::try_from(rng.usize(1..=*precision)).unwrap();
                let limit = 10_i128.pow(digits) - 1;
                Value::Decimal(Decimal::from(rng.i128(-limit..=limit).to_be_bytes()))
            }
            Type::Date => Value::Date(rng.i32(-100_000..100_000)),
            Type::TimeMillis => Value::TimeMillis(rng.i32(0..86_400_000)),
            Type::TimestampMillis => Value::TimestampMillis(rng.i64(-10_000_000_000..10_000_000_000_000)),
            Type::TimestampMicros => Value::TimestampMicros(rng.i64(-10_000_000_000..10_000_000_000_000_000)),
            Type::Uuid => Value::Uuid(Uuid::from_u128(rng.u128(..))),
            Type::Fixed(_, size) => Value::Fixed(*size, (0..*size).map(|_| rng.u8(..)).collect()),
            Type::Enum(_, symbols, _) => {
                let place = rng.usize(..symbols.len());
                Value::Enum(u32::try_from(place).unwrap(), symbols[place].clone())
            }
            Type::Array(items) => {
                let count = rng.usize(..4);
                Value::Array((0..count).map(|_| self.value(items)).collect())
            }
            Type::Map(values) => {
                let count = rng.usize(..3);
                Value::Map((0..count).map(|key| (format!("k{key}"), self.value(values))).collect::<HashMap<_, _>>())
            }
            Type::Union(branches) => {
                let place = rng.usize(..branches.len());
                Value::Union(u32::try_from(place).unwrap(), Box::new(self.value(&branches[place])))
            }
            Type::Record(_, fields) => {
                Value::Record(fields.iter().map(|field| (field.name.clone(), self.value(&field.kind))).collect())
            }
        }
    }
}
