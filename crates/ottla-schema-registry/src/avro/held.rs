//! The approximate heap size of a value that waits for its schema, which counts towards `buffer.memory`.

use apache_avro::types::Value;

use super::captured::Captured;

/// The heap size of a captured value.
pub(super) fn captured(value: &Captured) -> usize {
    let (mut held, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        held += match value {
            Captured::Str(text) => text.len(),
            Captured::Bytes(bytes) => bytes.len(),
            Captured::Some(value) | Captured::Newtype(_, value) | Captured::NewtypeVariant(_, value) => {
                left.push(value);
                size_of::<Captured>()
            }
            Captured::Seq(values) | Captured::Tuple(values) | Captured::TupleVariant(_, values) => {
                left.extend(values);
                size_of_val(&**values)
            }
            Captured::Map(entries) => {
                left.extend(entries.iter().flat_map(|(key, value)| [key, value]));
                size_of_val(&**entries)
            }
            Captured::Struct(_, fields) | Captured::StructVariant(_, fields) => {
                left.extend(fields.iter().map(|(_, value)| value));
                size_of_val(&**fields)
            }
            _ => 0,
        };
    }
    held
}

/// The heap size of a generic value.
pub(super) fn generic(value: &Value) -> usize {
    let (mut held, mut left) = (0, vec![value]);
    while let Some(value) = left.pop() {
        held += match value {
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
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_close_to_the_bytes_of_the_strings() {
        let text = "x".repeat(1000);
        for held in [
            captured(&Captured::new(&vec![Some(&text); 3]).unwrap()),
            generic(&Value::Array(vec![Value::String(text.clone()); 3])),
        ] {
            assert!((3000..3500).contains(&held), "{held}");
        }
        assert_eq!((captured(&Captured::Unit), generic(&Value::Null)), (0, 0));
    }
}
