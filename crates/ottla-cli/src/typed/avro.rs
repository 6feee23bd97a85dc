//! [`AvroRows`]: converts rows to Avro values.

use std::{borrow::Cow, cell::RefCell, collections::HashMap, str::FromStr};

use apache_avro::{
    BigDecimal, Days, Decimal, Duration, Millis, Months, Schema, Uuid,
    schema::{DecimalSchema, Name, Namespace, RecordField, RecordSchema, UnionSchema},
    types::Value,
};
use num_bigint::BigInt;
use serde_json::value::RawValue;

use super::{
    Cell, Misfit, Object, Unknown, float, number, structured,
    temporal::{Count, date, local_timestamp, time, timestamp},
};

/// Converts rows to Avro values.
///
/// A string is parsed as the schema's type: a number, `true` or `false`, an ISO 8601 date or time, a decimal, an enum symbol. A
/// string for `bytes` or `fixed` has one character per byte, as in Avro's JSON encoding; one for an array, a map or a record is
/// parsed as JSON. In a union the branch with the value's JSON type is used (a string for strings), else the first branch that
/// accepts the value. A missing field takes the schema's default, else null if that is allowed.
#[derive(Debug)]
pub(crate) struct AvroRows {
    pub(super) schema: Schema,
    /// The named types, including those of referenced schemas.
    names: HashMap<Name, Schema>,
    pub(super) unknown: Unknown,
    /// The fields of a written value: the next row reuses their names and the memory of their texts.
    written: RefCell<Vec<(String, Value)>>,
}

impl AvroRows {
    /// Creates the converter for `schema`; `names` are the types that it references.
    pub(crate) fn new(schema: Schema, names: HashMap<Name, Schema>, unknown: Unknown) -> Self {
        Self { schema, names, unknown, written: RefCell::default() }
    }

    /// Converts a row, which is JSON.
    ///
    /// # Errors
    /// The field that does not match the schema, and why.
    pub(crate) fn value(&self, row: &str) -> Result<Value, Misfit> {
        let cell = Cell::parse(row).map_err(|_| Misfit::here("is not JSON"))?;
        self.typed(&self.schema, &None, &cell)
    }

    /// Converts plain text that is not JSON, such as a key.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    pub(crate) fn value_of_text(&self, text: &str) -> Result<Value, Misfit> {
        self.typed(&self.schema, &None, &Cell::Text(Cow::Borrowed(text)))
    }

    /// Returns a written value, so that the next row reuses its field names and the memory of its texts.
    pub(crate) fn reuse(&self, value: Value) {
        if let Value::Record(fields) = value {
            self.written.replace(fields);
        }
    }

    fn typed(&self, schema: &Schema, namespace: &Namespace, cell: &Cell<'_>) -> Result<Value, Misfit> {
        let misfit = |what: &str| Misfit::expected(what, cell);
        Ok(match schema {
            Schema::Null => match cell {
                Cell::Null => Value::Null,
                _ => return Err(misfit("null")),
            },
            Schema::Boolean => Value::Boolean(cell.boolean().ok_or_else(|| misfit("true or false"))?),
            Schema::Int => Value::Int(number(cell).ok_or_else(|| misfit("an int (32 bits)"))?),
            Schema::Long => Value::Long(number(cell).ok_or_else(|| misfit("a long (64 bits)"))?),
            Schema::Float => Value::Float(float(cell, f32::is_finite).ok_or_else(|| misfit("a float"))?),
            Schema::Double => Value::Double(float(cell, f64::is_finite).ok_or_else(|| misfit("a double"))?),
            Schema::String => Value::String(cell.text().ok_or_else(|| misfit("a string"))?.to_owned()),
            Schema::Bytes => {
                Value::Bytes(bytes(cell).ok_or_else(|| misfit("a string with one character (U+0000 to U+00FF) per byte"))?)
            }
            Schema::Fixed(fixed) => {
                let bytes = bytes(cell).filter(|bytes| bytes.len() == fixed.size);
                let bytes = bytes
                    .ok_or_else(|| misfit(&format!("a string of {} characters (U+0000 to U+00FF), one per byte", fixed.size)))?;
                Value::Fixed(fixed.size, bytes)
            }
            Schema::Enum(schema) => {
                let symbol = cell.text().and_then(|text| schema.symbols.iter().position(|symbol| symbol == text));
                let index = symbol.and_then(|index| u32::try_from(index).ok().map(|code| (index, code)));
                let (index, code) = index.ok_or_else(|| misfit(&format!("one of {}", schema.symbols.join(", "))))?;
                Value::Enum(code, schema.symbols[index].clone())
            }
            Schema::Array(array) => match &*structured(cell) {
                Cell::Array(items) => Value::Array(
                    items
                        .iter()
                        .enumerate()
                        .map(|(index, item)| {
                            self.typed(&array.items, namespace, &Cell::of(item)).map_err(|misfit| misfit.in_item(index))
                        })
                        .collect::<Result<_, _>>()?,
                ),
                _ => return Err(misfit("an array")),
            },
            Schema::Map(map) => match &*structured(cell) {
                Cell::Object(Object(entries)) => Value::Map(
                    entries
                        .iter()
                        .map(|(name, value)| {
                            let value = self.typed(&map.types, namespace, &Cell::of(value));
                            Ok((name.to_string(), value.map_err(|misfit| misfit.in_field(name))?))
                        })
                        .collect::<Result<_, _>>()?,
                ),
                _ => return Err(misfit("an object")),
            },
            Schema::Union(union) => self.branch(union, namespace, cell)?,
            Schema::Record(record) => match &*structured(cell) {
                Cell::Object(object) => self.record(record, namespace, object)?,
                _ => return Err(misfit("an object")),
            },
            Schema::Decimal(schema) => Value::Decimal(decimal(cell, schema).ok_or_else(|| {
                misfit(&format!("a decimal with at most {} digits, {} of them after the point", schema.precision, schema.scale))
            })?),
            Schema::BigDecimal => Value::BigDecimal(
                cell.digits().and_then(|digits| BigDecimal::from_str(digits).ok()).ok_or_else(|| misfit("a decimal"))?,
            ),
            Schema::Uuid => {
                Value::Uuid(cell.text().and_then(|text| Uuid::parse_str(text.trim()).ok()).ok_or_else(|| misfit("a UUID"))?)
            }
            Schema::Date => Value::Date(date(cell).ok_or_else(|| misfit(DATE))?),
            Schema::TimeMillis => {
                let time = time(cell, Count::Milliseconds).and_then(|time| i32::try_from(time).ok());
                Value::TimeMillis(time.ok_or_else(|| misfit(TIME))?)
            }
            Schema::TimeMicros => Value::TimeMicros(time(cell, Count::Microseconds).ok_or_else(|| misfit(TIME))?),
            Schema::TimestampMillis => {
                Value::TimestampMillis(timestamp(cell, Count::Milliseconds).ok_or_else(|| misfit(TIMESTAMP))?)
            }
            Schema::TimestampMicros => {
                Value::TimestampMicros(timestamp(cell, Count::Microseconds).ok_or_else(|| misfit(TIMESTAMP))?)
            }
            Schema::TimestampNanos => {
                Value::TimestampNanos(timestamp(cell, Count::Nanoseconds).ok_or_else(|| misfit(TIMESTAMP))?)
            }
            Schema::LocalTimestampMillis => {
                Value::LocalTimestampMillis(local_timestamp(cell, Count::Milliseconds).ok_or_else(|| misfit(LOCAL))?)
            }
            Schema::LocalTimestampMicros => {
                Value::LocalTimestampMicros(local_timestamp(cell, Count::Microseconds).ok_or_else(|| misfit(LOCAL))?)
            }
            Schema::LocalTimestampNanos => {
                Value::LocalTimestampNanos(local_timestamp(cell, Count::Nanoseconds).ok_or_else(|| misfit(LOCAL))?)
            }
            Schema::Duration => {
                Value::Duration(duration(&structured(cell)).ok_or_else(|| misfit("an object with months, days and millis"))?)
            }
            Schema::Ref { name } => {
                let full = name.fully_qualified_name(namespace);
                let schema =
                    self.names.get(&full).ok_or_else(|| misfit(&format!("of a defined type: the schema has no type {full}")))?;
                self.typed(schema, &full.namespace, cell)?
            }
        })
    }

    fn record(&self, schema: &RecordSchema, namespace: &Namespace, object: &Object<'_>) -> Result<Value, Misfit> {
        let Object(cells) = object;
        let mut used = 0;
        let fields = self.fields(schema, namespace, |index, field| {
            // Rows usually have the fields in the schema's order.
            let same = cells.get(index).filter(|(name, _)| *name == field.name);
            let (_, raw) = same.or_else(|| cells.iter().find(|(name, _)| *name == field.name))?;
            used += 1;
            Some(Cell::of(raw))
        })?;
        if used < cells.len() && self.unknown == Unknown::Refuse {
            let is_known = |name: &str| schema.fields.iter().any(|field| field.name == name);
            if let Some((name, _)) = cells.iter().find(|(name, _)| !is_known(name)) {
                return Err(Misfit::not_in_schema().in_field(name));
            }
        }
        Ok(Value::Record(fields))
    }

    /// Converts the fields of a record. `cell` returns the cell of a field; `None` if the row has none.
    pub(super) fn fields<'a>(
        &self,
        schema: &RecordSchema,
        namespace: &Namespace,
        mut cell: impl FnMut(usize, &RecordField) -> Option<Cell<'a>>,
    ) -> Result<Vec<(String, Value)>, Misfit> {
        let namespace = if schema.name.namespace.is_some() { &schema.name.namespace } else { namespace };
        let mut fields = self.written.take();
        for (index, field) in schema.fields.iter().enumerate() {
            let known = fields.get_mut(index).filter(|(name, _)| *name == field.name);
            let value = match (cell(index, field), known) {
                (Some(Cell::Text(text)), Some((_, Value::String(written)))) if is_text(&field.schema) => {
                    written.clear();
                    written.push_str(&text);
                    continue;
                }
                (Some(cell), _) => self.typed(&field.schema, namespace, &cell),
                (None, _) => match &field.default {
                    Some(default) => self.default(&field.schema, namespace, default),
                    None => self
                        .typed(&field.schema, namespace, &Cell::Null)
                        .map_err(|_| Misfit::here("is missing and has no default")),
                },
            };
            let value = value.map_err(|misfit| misfit.in_field(&field.name))?;
            match fields.get_mut(index) {
                Some((name, place)) if *name == field.name => *place = value,
                Some(other) => *other = (field.name.clone(), value),
                None => fields.push((field.name.clone(), value)),
            }
        }
        fields.truncate(schema.fields.len());
        Ok(fields)
    }

    /// Avro's rule: a default is a value of the union's first branch.
    fn default(&self, schema: &Schema, namespace: &Namespace, default: &serde_json::Value) -> Result<Value, Misfit> {
        let json = default.to_string();
        let cell = Cell::parse(&json).map_err(|_| Misfit::here("has no usable default"))?;
        match schema {
            Schema::Union(union) => match union.variants().first() {
                Some(first) => Ok(Value::Union(0, Box::new(self.typed(first, namespace, &cell)?))),
                None => self.typed(schema, namespace, &cell),
            },
            schema => self.typed(schema, namespace, &cell),
        }
    }

    fn branch(&self, union: &UnionSchema, namespace: &Namespace, cell: &Cell<'_>) -> Result<Value, Misfit> {
        let is_null = |schema: &Schema| matches!(schema, Schema::Null);
        // A union of null and one other type, the most common case: the value alone determines the branch.
        match (union.variants(), cell) {
            ([null, _] | [_, null], Cell::Null) if is_null(null) => return Ok(Value::Null),
            ([null, other] | [other, null], _) if is_null(null) => return self.typed(other, namespace, cell),
            _ => {}
        }
        let variants = || union.variants().iter().zip(0_u32..);
        let exact = variants().filter(|(schema, _)| {
            matches!(
                (schema, cell),
                (Schema::Null, Cell::Null) | (Schema::String, Cell::Text(_)) | (Schema::Boolean, Cell::Boolean(_))
            )
        });
        let mut last = None;
        for (schema, index) in exact.chain(variants()) {
            match self.typed(schema, namespace, cell) {
                Ok(value) => return Ok(Value::Union(index, Box::new(value))),
                Err(misfit) if !is_null(schema) => last = Some(misfit),
                Err(_) => {}
            }
        }
        let others = union.variants().iter().filter(|schema| !is_null(schema)).count();
        match last {
            // With a single other branch its error says what was expected.
            Some(misfit) if others == 1 => Err(misfit),
            _ => Err(Misfit::expected(&format!("any of the union's {} types", union.variants().len()), cell)),
        }
    }
}

const DATE: &str = "a date such as 2013-01-31, or a number of days since 1970-01-01";
const TIME: &str = "a time of day such as 23:59:59, with no more precision than the schema";
const TIMESTAMP: &str = "a time with an offset such as 2013-01-31T23:59:59Z, with no more precision than the schema";
const LOCAL: &str = "a time without an offset such as 2013-01-31T23:59:59, with no more precision than the schema";

/// Whether every text is a string of this type, without an index of a union.
fn is_text(schema: &Schema) -> bool {
    match schema {
        Schema::String => true,
        Schema::Union(union) => matches!(union.variants(), [Schema::Null, Schema::String] | [Schema::String, Schema::Null]),
        _ => false,
    }
}

/// One byte per character, each below U+0100.
fn bytes(cell: &Cell<'_>) -> Option<Vec<u8>> {
    cell.text()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// The unscaled value; `None` if it exceeds the schema's precision or scale.
fn decimal(cell: &Cell<'_>, schema: &DecimalSchema) -> Option<Decimal> {
    let digits = cell.digits()?;
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) || fraction.len() > schema.scale {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() + schema.scale > schema.precision.max(schema.scale) {
        return None;
    }
    let sign = if digits.starts_with('-') { "-" } else { "" };
    let unscaled = format!("{sign}{}{fraction:0<width$}", if whole.is_empty() { "0" } else { whole }, width = schema.scale);
    let unscaled = BigInt::from_str(&unscaled).ok()?.to_signed_bytes_be();
    match &*schema.inner {
        Schema::Fixed(fixed) if unscaled.len() > fixed.size => None,
        Schema::Fixed(fixed) => {
            // Two's complement is extended with its sign.
            let fill = if unscaled.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
            let mut wide = vec![fill; fixed.size - unscaled.len()];
            wide.extend_from_slice(&unscaled);
            Some(Decimal::from(wide))
        }
        _ => Some(Decimal::from(unscaled)),
    }
}

fn duration(cell: &Cell<'_>) -> Option<Duration> {
    let Cell::Object(Object(fields)) = cell else { return None };
    let part = |wanted: &str| {
        let raw: &RawValue = fields.iter().find(|(name, _)| name == wanted)?.1;
        number::<u32>(&Cell::of(raw))
    };
    Some(Duration::new(Months::new(part("months")?), Days::new(part("days")?), Millis::new(part("millis")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(schema: &str, unknown: Unknown) -> AvroRows {
        AvroRows::new(Schema::parse_str(schema).unwrap(), HashMap::new(), unknown)
    }

    fn typed(schema: &str, row: &str) -> Result<Value, Misfit> {
        rows(schema, Unknown::Refuse).value(row)
    }

    fn field(schema: &str, json: &str) -> Result<Value, Misfit> {
        let record = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{schema}}}]}}"#);
        typed(&record, &format!(r#"{{"f":{json}}}"#)).map(|value| match value {
            Value::Record(mut fields) => fields.remove(0).1,
            other => other,
        })
    }

    #[test]
    fn strings_are_converted_to_the_schemas_type() {
        let hundred = || Decimal::from(BigInt::from(12_300).to_signed_bytes_be());
        for (schema, json, wanted) in [
            (r#""int""#, r#""-5""#, Value::Int(-5)),
            (r#""long""#, "9000000000", Value::Long(9_000_000_000)),
            (r#""double""#, r#""1.5""#, Value::Double(1.5)),
            (r#""boolean""#, r#""true""#, Value::Boolean(true)),
            (r#""string""#, r#""12""#, Value::String("12".to_owned())),
            (r#""bytes""#, r#""\u00ff\u0000""#, Value::Bytes(vec![255, 0])),
            (r#"["null","int"]"#, "null", Value::Null),
            (r#"["null","int"]"#, r#""7""#, Value::Int(7)),
            (r#"["int","null"]"#, "null", Value::Null),
            (r#"["null","int","string"]"#, "null", Value::Union(0, Box::new(Value::Null))),
            (r#"["int","string"]"#, r#""7""#, Value::Union(1, Box::new(Value::String("7".to_owned())))),
            (r#"["null","long","double"]"#, "1.5", Value::Union(2, Box::new(Value::Double(1.5)))),
            (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, r#""B""#, Value::Enum(1, "B".to_owned())),
            (r#"{"type":"fixed","name":"F","size":2}"#, r#""ab""#, Value::Fixed(2, b"ab".to_vec())),
            (r#"{"type":"array","items":"int"}"#, r#"["1",2]"#, Value::Array(vec![Value::Int(1), Value::Int(2)])),
            (r#"{"type":"array","items":"int"}"#, r#""[1,2]""#, Value::Array(vec![Value::Int(1), Value::Int(2)])),
            (r#"{"type":"int","logicalType":"date"}"#, r#""1970-01-02""#, Value::Date(1)),
            (r#"{"type":"long","logicalType":"timestamp-millis"}"#, r#""1970-01-01T00:00:01Z""#, Value::TimestampMillis(1000)),
            (r#"{"type":"int","logicalType":"time-millis"}"#, r#""00:00:01""#, Value::TimeMillis(1000)),
            (r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#, r#""123""#, Value::Decimal(hundred())),
            (r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#, "123.0", Value::Decimal(hundred())),
        ] {
            assert_eq!(field(schema, json), Ok(wanted), "{json} as {schema}");
        }
    }

    #[test]
    fn errors_name_the_field_and_hide_the_value() {
        for (schema, json, message) in [
            (r#""int""#, r#""hunter2""#, "is not an int (32 bits)"),
            (r#""int""#, "3000000000", "is not an int (32 bits)"),
            (r#""int""#, "1.5", "is not an int (32 bits)"),
            (r#""float""#, "1e99", "is not a float"),
            (r#""string""#, "null", "is null, not a string"),
            (r#""bytes""#, r#""€""#, "is not a string with one character (U+0000 to U+00FF) per byte"),
            (r#"["null","int"]"#, r#""x""#, "is not an int (32 bits)"),
            (r#"["null","int","boolean"]"#, r#""x""#, "is not any of the union's 3 types"),
            (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, r#""C""#, "is not one of A, B"),
            (
                r#"{"type":"fixed","name":"F","size":2}"#,
                r#""abc""#,
                "is not a string of 2 characters (U+0000 to U+00FF), one per byte",
            ),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
                "1.234",
                "is not a decimal with at most 4 digits, 2 of them after the point",
            ),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
                "123.4",
                "is not a decimal with at most 4 digits, 2 of them after the point",
            ),
        ] {
            assert_eq!(
                field(schema, json),
                Err(Misfit { field: "f".to_owned(), message: message.to_owned() }),
                "{json} as {schema}"
            );
        }
        let nested = r#"{"type":"record","name":"R","fields":[{"name":"stops","type":{"type":"array","items":
            {"type":"record","name":"Stop","fields":[{"name":"minutes","type":"int"}]}}}]}"#;
        let misfit = typed(nested, r#"{"stops":[{"minutes":1},{"minutes":"soon"}]}"#).unwrap_err();
        assert_eq!(misfit.field, "stops[1].minutes");
    }

    #[test]
    fn fields_may_have_any_order_and_missing_ones_take_defaults() {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},
            {"name":"b","type":["string","null"],"default":"none"},{"name":"c","type":["null","int"]}]}"#;
        let b = |text: &str| Value::String(text.to_owned());
        let default = || Value::Union(0, Box::new(b("none")));
        let record = |b| Value::Record(vec![("a".to_owned(), Value::Int(1)), ("b".to_owned(), b), ("c".to_owned(), Value::Null)]);
        assert_eq!(typed(schema, r#"{"b":"x","a":1}"#), Ok(record(b("x"))));
        assert_eq!(typed(schema, r#"{"a":1}"#), Ok(record(default())));
        assert_eq!(typed(schema, "{}").unwrap_err().message, "is missing and has no default");
        let misfit = typed(schema, r#"{"a":1,"z":2}"#).unwrap_err();
        assert!(misfit.field == "z" && misfit.message.contains("not in the schema"), "{misfit:?}");
        assert_eq!(rows(schema, Unknown::Ignore).value(r#"{"a":1,"z":2}"#), Ok(record(default())));
    }

    #[test]
    fn reused_fields_do_not_leak_into_the_next_row() {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":["null","string"]}]}"#;
        let rows = rows(schema, Unknown::Refuse);
        let first = rows.value(r#"{"a":1,"b":"x"}"#).unwrap();
        rows.reuse(Value::Record(vec![("z".to_owned(), Value::Null)]));
        assert_eq!(rows.value(r#"{"a":1,"b":"x"}"#).unwrap(), first);
        rows.reuse(first);
        let second = vec![("a".to_owned(), Value::Int(2)), ("b".to_owned(), Value::Null)];
        assert_eq!(rows.value(r#"{"a":2}"#).unwrap(), Value::Record(second));
    }

    #[test]
    fn type_references_are_resolved() {
        let schema = r#"{"type":"record","name":"Node","namespace":"n","fields":[{"name":"value","type":"int"},
            {"name":"next","type":["null","Node"]}]}"#;
        let parsed = Schema::parse_str(schema).unwrap();
        let names = HashMap::from([(Name::new("n.Node").unwrap(), parsed.clone())]);
        let value = AvroRows::new(parsed, names, Unknown::Refuse).value(r#"{"value":1,"next":{"value":"2"}}"#).unwrap();
        let Value::Record(fields) = value else { panic!() };
        assert!(matches!(&fields[1].1, Value::Record(inner) if inner[0].1 == Value::Int(2)));
    }

    #[test]
    fn logical_types_are_encoded_as_avro_specifies() {
        let schema = r#"{"type":"record","name":"R","fields":[
            {"name":"price","type":{"type":"fixed","name":"P","size":8,"logicalType":"decimal","precision":10,"scale":2}},
            {"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}]}"#;
        let parsed = Schema::parse_str(schema).unwrap();
        let value = rows(schema, Unknown::Refuse).value(r#"{"price":"-1.50","at":"1970-01-01T00:00:00.000001Z"}"#).unwrap();
        let bytes = apache_avro::to_avro_datum(&parsed, value.resolve(&parsed).unwrap()).unwrap();
        assert_eq!(bytes, [255, 255, 255, 255, 255, 255, 255, 106, 2, 2]);
    }
}
