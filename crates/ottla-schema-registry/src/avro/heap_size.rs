//! The approximate heap size of a value that waits for its schema, which counts towards `buffer.memory`.

use apache_avro::types::Value;

use super::serde_value::SerdeValue;

/// The heap size of a serde value.
pub(super) fn serde_value(value: &SerdeValue) -> usize {
    let (mut size, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        size += match value {
            SerdeValue::Str(text) => text.len(),
            SerdeValue::Bytes(bytes) => bytes.len(),
            SerdeValue::Some(value) | SerdeValue::Newtype(_, value) | SerdeValue::NewtypeVariant(_, value) => {
                left.push(value);
                size_of::<SerdeValue>()
            }
            SerdeValue::Seq(values) | SerdeValue::Tuple(values) | SerdeValue::TupleVariant(_, values) => {
                left.extend(values);
                size_of_val(&**values)
            }
            SerdeValue::Map(entries) => {
                left.extend(entries.iter().flat_map(|(key, value)| [key, value]));
                size_of_val(&**entries)
            }
            SerdeValue::Struct(_, fields) | SerdeValue::StructVariant(_, fields) => {
                left.extend(fields.iter().map(|(_, value)| value));
                size_of_val(&**fields)
            }
            _ => 0,
        };
    }
    size
}

/// The heap size of a generic value.
pub(super) fn generic(value: &Value) -> usize {
    let (mut size, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        size += match value {
            Value::Bytes(bytes) | Value::Fixed(_, bytes) => bytes.len(),
            Value::String(text) | Value::Enum(_, text) => text.len(),
            Value::Union(_, value) => {
                left.push(value);
                size_of::<Value>()
            }
            Value::Array(values) => {
                left.extend(values);
                size_of_val(&**values)
            }
            Value::Map(values) => {
                left.extend(values.values());
                values.keys().map(|key| size_of::<(String, Value)>() + key.len()).sum()
            }
            Value::Record(fields) => {
                left.extend(fields.iter().map(|(_, value)| value));
                fields.iter().map(|(name, _)| size_of::<(String, Value)>() + name.len()).sum()
            }
            _ => 0,
        };
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_close_to_the_bytes_of_the_strings() {
        let text = "x".repeat(1000);
        for size in [
            serde_value(&SerdeValue::new(&vec![Some(&text); 3]).unwrap()),
            generic(&Value::Array(vec![Value::String(text.clone()); 3])),
        ] {
            assert!((3000..3500).contains(&size), "{size}");
        }
        assert_eq!((serde_value(&SerdeValue::Unit), generic(&Value::Null)), (0, 0));
    }
}
