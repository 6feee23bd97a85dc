//! Random changes of a schema, and the expected value after resolution (Avro specification: "Schema Resolution").

use apache_avro::{Decimal, types::Value};
use ottla_schema_registry::apache_avro;
use serde_json::json;

use super::{
    exchange::unscaled,
    schema::{Field, Generator, Limits, Name, Type},
};

/// The change of a type.
#[derive(Debug, Clone)]
pub(super) enum Change {
    None,
    /// To another scalar.
    To(Type),
    /// To a decimal with a scale greater by this number.
    Scaled(u32),
    Array(Box<Self>),
    Map(Box<Self>),
    /// To a union with the type at this index.
    Into(u32, Box<Self>),
    /// For each type of a union, its index in the new union, or `None` if it was removed.
    Union(Vec<Option<(u32, Self)>>),
    /// To the union's type at this index.
    OutOf(usize, Box<Self>),
    /// To an enum with these symbols and default.
    Symbols(Vec<String>, Option<String>),
    Record(Vec<Slot>),
}

#[derive(Debug, Clone)]
pub(super) enum Slot {
    /// The field's old and new name.
    Field(String, String, Change),
    Default(String, Value),
}

impl Generator {
    pub(super) fn changed(&mut self, kind: &Type) -> (Type, Change) {
        if !matches!(kind, Type::Union(_)) && self.rng.u8(..8) == 0 {
            return self.make_union(kind);
        }
        match kind {
            Type::Array(items) => {
                let (items, change) = self.changed(items);
                (Type::Array(Box::new(items)), Change::Array(Box::new(change)))
            }
            Type::Map(values) => {
                let (values, change) = self.changed(values);
                (Type::Map(Box::new(values)), Change::Map(Box::new(change)))
            }
            Type::Union(branches) => self.changed_union(branches),
            Type::Record(name, fields) => {
                let (fields, slots) = self.changed_fields(fields);
                (Type::Record(self.changed_name(name), fields), Change::Record(slots))
            }
            Type::Enum(name, symbols, _) => {
                let mut symbols: Vec<String> = symbols.iter().filter(|_| self.rng.u8(..6) > 0).cloned().collect();
                let place = self.rng.usize(..=symbols.len());
                symbols.insert(place, format!("N{}", self.number()));
                let default = self.rng.bool().then(|| symbols[self.rng.usize(..symbols.len())].clone());
                let change = Change::Symbols(symbols.clone(), default.clone());
                (Type::Enum(self.changed_name(name), symbols, default), change)
            }
            Type::Fixed(name, size) => (Type::Fixed(self.changed_name(name), *size), Change::None),
            scalar => match self.promoted(scalar) {
                Some(to) if self.rng.u8(..3) == 0 => {
                    let change = match (scalar, &to) {
                        (Type::Decimal { scale, .. }, Type::Decimal { scale: more, .. }) => {
                            Change::Scaled(u32::try_from(more - scale).unwrap())
                        }
                        _ => Change::To(to.clone()),
                    };
                    (to, change)
                }
                _ => (scalar.clone(), Change::None),
            },
        }
    }

    fn promoted(&mut self, kind: &Type) -> Option<Type> {
        Some(match kind {
            Type::Int if self.rng.bool() => Type::Long,
            Type::Int => Type::Double,
            Type::Long => Type::Double,
            Type::Float => Type::Double,
            Type::String => Type::Bytes,
            Type::Bytes => Type::String,
            Type::TimestampMillis => Type::TimestampMicros,
            Type::Decimal { precision, scale } => {
                let more = self.rng.usize(..3);
                Type::Decimal { precision: precision + more, scale: scale + more }
            }
            _ => return None,
        })
    }

    fn changed_name(&mut self, name: &Name) -> Name {
        if self.rng.u8(..4) > 0 {
            return name.clone();
        }
        let mut new = self.name("New");
        new.aliases = vec![name.full()];
        new
    }

    fn make_union(&mut self, kind: &Type) -> (Type, Change) {
        let (kind, change) = match self.changed(kind) {
            (Type::Union(_), _) => (kind.clone(), Change::None),
            changed => changed,
        };
        let mut branches = vec![kind];
        let mut place = 0;
        for _ in 0..self.rng.usize(1..3) {
            let branch = if self.rng.bool() { Type::Null } else { self.kind(1) };
            if let Some(added) = self.insert_unrelated(&mut branches, branch) {
                place += u32::from(added <= place as usize);
            }
        }
        (Type::Union(branches), Change::Into(place, Box::new(change)))
    }

    /// Inserts a type that no other type can be promoted to.
    fn insert_unrelated(&mut self, branches: &mut Vec<Type>, branch: Type) -> Option<usize> {
        let is_scalar = matches!(branch.base(), "int" | "long" | "float" | "double" | "string" | "bytes");
        (!is_scalar).then(|| self.insert(branches, branch)).flatten()
    }

    fn changed_union(&mut self, branches: &[Type]) -> (Type, Change) {
        if self.rng.u8(..10) == 0 {
            let place = self.rng.usize(..branches.len());
            // Other types of the union might be promoted to a scalar.
            if matches!(branches[place].base(), "named" | "null" | "boolean") {
                let (kind, change) = self.changed(&branches[place]);
                if !matches!(kind, Type::Union(_)) {
                    return (kind, Change::OutOf(place, Box::new(change)));
                }
            }
        }
        let mut kept: Vec<(usize, Type, Change)> = Vec::new();
        for (place, branch) in branches.iter().enumerate() {
            // Scalars stay: a value of a removed one might be promoted to another.
            let may_go = matches!(branch.base(), "named" | "null" | "boolean" | "array" | "map");
            if may_go && self.rng.u8(..8) == 0 {
                continue;
            }
            let (kind, change) = match branch {
                Type::Record(..) | Type::Enum(..) | Type::Fixed(..) | Type::Array(_) | Type::Map(_) => self.changed(branch),
                other => (other.clone(), Change::None),
            };
            let (kind, change) = if matches!(kind, Type::Union(_)) { (branch.clone(), Change::None) } else { (kind, change) };
            let to = self.rng.usize(..=kept.len());
            kept.insert(to, (place, kind, change));
        }
        let mut union: Vec<(Option<(usize, Change)>, Type)> =
            kept.into_iter().map(|(place, kind, change)| (Some((place, change)), kind)).collect();
        for _ in 0..self.rng.usize(..3) {
            let twin = union.iter().find_map(|(_, branch)| match branch {
                Type::Record(name, fields) => Some((name.clone(), fields.clone())),
                _ => None,
            });
            let branch = match twin {
                // A record with the same fields, sometimes with the same name in another namespace.
                Some((name, fields)) if self.rng.bool() => {
                    let mut twin = self.name("Twin");
                    if self.limits == Limits::None && self.rng.bool() {
                        twin = Name { namespace: "elsewhere", ..name };
                        twin.aliases.clear();
                    }
                    Type::Record(twin, self.renamed(&fields))
                }
                _ => self.kind(1),
            };
            let mut kinds: Vec<Type> = union.iter().map(|(_, kind)| kind.clone()).collect();
            // A removed type must not be added again, because values would be read as that.
            let returns = branches.iter().any(|old| old.base() == branch.base() && old.base() != "named");
            if returns {
                continue;
            }
            if let Some(place) = self.insert_unrelated(&mut kinds, branch) {
                union.insert(place, (None, kinds.swap_remove(place)));
            }
        }
        if union.is_empty() {
            union.push((None, Type::Fixed(self.name("Fixed"), 3)));
        }
        let mut places = vec![None; branches.len()];
        for (now, (of, _)) in union.iter().enumerate() {
            if let Some((before, change)) = of {
                places[*before] = Some((u32::try_from(now).unwrap(), change.clone()));
            }
        }
        (Type::Union(union.into_iter().map(|(_, kind)| kind).collect()), Change::Union(places))
    }

    fn changed_fields(&mut self, fields: &[Field]) -> (Vec<Field>, Vec<Slot>) {
        let mut all: Vec<(Field, Slot)> = Vec::new();
        for field in fields {
            if self.rng.u8(..6) == 0 {
                continue;
            }
            let (kind, change) = self.changed(&field.kind);
            let mut now = Field { name: field.name.clone(), aliases: Vec::new(), kind, default: None };
            if self.rng.u8(..5) == 0 {
                now.name = format!("g{}", self.number());
                now.aliases = vec!["never".to_owned(), field.name.clone()];
            }
            let slot = Slot::Field(field.name.clone(), now.name.clone(), change);
            let place = self.rng.usize(..=all.len());
            all.insert(place, (now, slot));
        }
        for _ in 0..self.rng.usize(..2) {
            let name = format!("f{}", self.number());
            let (kind, default, value) = match self.rng.u8(..7) {
                0 => (Type::Int, json!(-7), Value::Int(-7)),
                1 => (Type::Long, json!(1_i64 << 40), Value::Long(1 << 40)),
                2 => (Type::String, json!("é"), Value::String("é".to_owned())),
                3 => (Type::Double, json!(1.5), Value::Double(1.5)),
                4 => (Type::Boolean, json!(true), Value::Boolean(true)),
                5 => (Type::Array(Box::new(self.kind(0))), json!([]), Value::Array(Vec::new())),
                _ => {
                    let union = Type::Union(vec![Type::Null, self.kind(0)]);
                    (union, json!(null), Value::Union(0, Box::new(Value::Null)))
                }
            };
            let field = Field { name: name.clone(), aliases: Vec::new(), kind, default: Some(default) };
            let place = self.rng.usize(..=all.len());
            all.insert(place, (field, Slot::Default(name, value)));
        }
        all.into_iter().unzip()
    }
}

impl Change {
    /// The value after resolution; `None` if it cannot be resolved.
    pub(super) fn of(&self, value: &Value) -> Option<Value> {
        Some(match (self, value) {
            (Self::None, value) => value.clone(),
            (Self::To(kind), value) => promoted(value, kind)?,
            (Self::Scaled(more), Value::Decimal(number)) => {
                let unscaled = unscaled(number) * 10_i128.pow(*more);
                Value::Decimal(Decimal::from(unscaled.to_be_bytes()))
            }
            (Self::Array(change), Value::Array(values)) => {
                Value::Array(values.iter().map(|it| change.of(it)).collect::<Option<_>>()?)
            }
            (Self::Map(change), Value::Map(entries)) => {
                Value::Map(entries.iter().map(|(key, it)| Some((key.clone(), change.of(it)?))).collect::<Option<_>>()?)
            }
            (Self::Into(place, change), value) => Value::Union(*place, Box::new(change.of(value)?)),
            (Self::Union(places), Value::Union(branch, value)) => {
                let (place, change) = places[*branch as usize].as_ref()?;
                Value::Union(*place, Box::new(change.of(value)?))
            }
            (Self::OutOf(place, change), Value::Union(branch, value)) if *branch as usize == *place => change.of(value)?,
            (Self::OutOf(..), _) => return None,
            (Self::Symbols(symbols, default), Value::Enum(_, symbol)) => {
                let place = |symbol| symbols.iter().position(|known| known == symbol);
                let place = place(symbol).or_else(|| place(default.as_ref()?))?;
                Value::Enum(u32::try_from(place).unwrap(), symbols[place].clone())
            }
            (Self::Record(slots), Value::Record(fields)) => {
                let fields = slots.iter().map(|slot| match slot {
                    Slot::Field(before, now, change) => {
                        let (_, value) = fields.iter().find(|(name, _)| name == before).unwrap();
                        Some((now.clone(), change.of(value)?))
                    }
                    Slot::Default(name, value) => Some((name.clone(), value.clone())),
                });
                Value::Record(fields.collect::<Option<_>>()?)
            }
            (change, value) => unreachable!("{change:?} {value:?}"),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "as the specification promotes a long")]
fn promoted(value: &Value, kind: &Type) -> Option<Value> {
    Some(match (value, kind) {
        (Value::Int(number), Type::Long) => Value::Long((*number).into()),
        (Value::Int(number), Type::Double) => Value::Double((*number).into()),
        (Value::Long(number), Type::Double) => Value::Double(*number as f64),
        (Value::Float(number), Type::Double) => Value::Double((*number).into()),
        (Value::String(text), Type::Bytes) => Value::Bytes(text.clone().into_bytes()),
        (Value::Bytes(bytes), Type::String) => Value::String(String::from_utf8(bytes.clone()).ok()?),
        (Value::TimestampMillis(time), Type::TimestampMicros) => Value::TimestampMicros(time * 1000),
        (value, kind) => unreachable!("{value:?} {kind:?}"),
    })
}
