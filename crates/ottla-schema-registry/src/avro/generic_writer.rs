//! Writes generic values: fields of simple types without serde, which costs several times as much.

use apache_avro::types::Value;
use serde::Serialize;

use super::{
    AvroError,
    datum::Datum,
    encoder::{Encoder, put_bytes},
    integers::{int_value, long_value},
    plan::{Node, Plan},
};
use crate::zigzag;

impl Plan {
    /// Appends a generic value: the same bytes and errors as those of [`write`](Self::write) with its [`Datum`].
    pub(super) fn write_generic(&self, value: &Value, buffer: &mut Vec<u8>) -> Result<(), AvroError> {
        let (Node::Record(record), Value::Record(values)) = (self.root(), value) else {
            return self.write(&Datum { value }, buffer);
        };
        let fields = || record.fields.iter().zip(values);
        // A field that is missing or in another place needs the encoder.
        if record.fields.len() != values.len() || fields().any(|(field, (name, _))| field.name != *name) {
            return self.write(&Datum { value }, buffer);
        }
        for (field, (name, value)) in fields() {
            let node = self.node(field.node);
            if !self.put_simple(node, value, buffer) {
                Datum { value }.serialize(Encoder::new(self, node, buffer)).map_err(|error| error.at(name))?;
            }
        }
        Ok(())
    }

    /// Appends a value of a simple type that is exactly the node's, or that of a union with null. Returns `false` for others, and then has
    /// appended nothing.
    fn put_simple(&self, node: &Node, value: &Value, buffer: &mut Vec<u8>) -> bool {
        match (node, value) {
            (Node::String, Value::String(text)) => put_bytes(text.as_bytes(), buffer),
            (Node::Int(_), int_value!(number)) => zigzag::put((*number).into(), buffer),
            (Node::Long(_), long_value!(number)) => zigzag::put(*number, buffer),
            (Node::Double, Value::Double(number)) => buffer.extend_from_slice(&number.to_le_bytes()),
            (Node::Float, Value::Float(number)) => buffer.extend_from_slice(&number.to_le_bytes()),
            (Node::Boolean, Value::Boolean(boolean)) => buffer.push((*boolean).into()),
            (Node::Union(branches), value) => return self.put_nullable(branches, value, buffer),
            _ => return false,
        }
        true
    }

    /// Appends a value of a union of null and one other type.
    fn put_nullable(&self, branches: &[usize], value: &Value, buffer: &mut Vec<u8>) -> bool {
        let &[first, second] = branches else { return false };
        let (null_index, node) = match (self.node(first), self.node(second)) {
            (Node::Null, Node::Null | Node::Union(_)) => return false,
            (Node::Null, node) => (0, node),
            (node, Node::Null) => (1, node),
            _ => return false,
        };
        let start = buffer.len();
        let index = if matches!(value, Value::Null) { null_index } else { 1 - null_index };
        zigzag::put(index, buffer);
        let is_put = index == null_index || self.put_simple(node, value, buffer);
        if !is_put {
            buffer.truncate(start);
        }
        is_put
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::{Schema, schema::RecordSchema};

    use super::*;

    fn field(avro: &str, value: Value) -> (Plan, Value) {
        let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f","type":{avro},"default":null}}]}}"#);
        let schema = Schema::parse_str(&schema.replace(r#","default":null"#, "")).unwrap();
        assert!(matches!(&schema, Schema::Record(RecordSchema { fields, .. }) if fields.len() == 1));
        (Plan::new(&schema).unwrap(), Value::Record(vec![("f".to_owned(), value)]))
    }

    fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<(), AvroError>) -> Result<Vec<u8>, String> {
        let mut buffer = b"before".to_vec();
        write(&mut buffer).map(|()| buffer).map_err(|error| error.to_string())
    }

    #[test]
    fn simple_and_other_values_become_the_bytes_and_errors_of_the_encoder() {
        let values = || {
            [
                Value::Null,
                Value::Boolean(true),
                Value::Int(-5),
                Value::Long(1 << 40),
                Value::Date(7),
                Value::TimestampMillis(-1),
                Value::Float(1.5),
                Value::Double(-2.5),
                Value::String("A".to_owned()),
                Value::Enum(0, "A".to_owned()),
                Value::Bytes(vec![1, 2]),
                Value::Union(1, Box::new(Value::String("x".to_owned()))),
                Value::Union(0, Box::new(Value::Null)),
                Value::Array(vec![Value::Int(1)]),
            ]
        };
        let (mut put, mut refused) = (0, 0);
        for avro in [
            r#""null""#,
            r#""boolean""#,
            r#""int""#,
            r#""long""#,
            r#""float""#,
            r#""double""#,
            r#""string""#,
            r#""bytes""#,
            r#"["null","string"]"#,
            r#"["string","null"]"#,
            r#"["null","int"]"#,
            r#"["long","null"]"#,
            r#"["null","double","string"]"#,
            r#"["int","long"]"#,
            r#"["null",{"type":"enum","name":"E","symbols":["A","B"]}]"#,
            r#"["null",{"type":"long","logicalType":"timestamp-millis"}]"#,
            r#"{"type":"int","logicalType":"date"}"#,
            r#"{"type":"array","items":"int"}"#,
        ] {
            for value in values() {
                let (plan, record) = field(avro, value);
                let expected = written(|buffer| plan.write(&Datum { value: &record }, buffer));
                assert_eq!(written(|buffer| plan.write_generic(&record, buffer)), expected, "{record:?} as {avro}");
                put += usize::from(expected.is_ok());
                refused += usize::from(expected.is_err());
            }
        }
        assert!(put > 20 && refused > 20, "{put} written, {refused} refused");
    }

    #[test]
    fn fields_in_another_order_and_missing_ones_are_written_by_the_encoder() {
        let schema =
            r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"string","default":"x"}]}"#;
        let plan = Plan::new(&Schema::parse_str(schema).unwrap()).unwrap();
        let write = |fields: &[(&str, Value)]| {
            let record = Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
            written(|buffer| plan.write_generic(&record, buffer))
        };
        let (a, b) = (("a", Value::Int(1)), ("b", Value::String("y".to_owned())));
        assert_eq!(write(&[a.clone(), b.clone()]), Ok(b"before\x02\x02y".to_vec()));
        assert_eq!(write(&[b, a.clone()]), Ok(b"before\x02\x02y".to_vec()));
        assert_eq!(write(std::slice::from_ref(&a)), Ok(b"before\x02\x02x".to_vec()));
        assert!(write(&[a, ("c", Value::Null)]).unwrap_err().contains("unknown field"));
    }
}
