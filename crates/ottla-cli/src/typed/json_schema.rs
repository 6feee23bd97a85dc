//! [`JsonRows`]: converts rows to JSON with the types of a JSON Schema.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{Cell, Misfit, Object, number};

/// How many references are followed before they are considered circular.
const REFERENCES: usize = 32;

/// Converts rows to typed JSON: a string becomes a number, `true` or `false` if the schema requires that and does not accept a
/// string.
///
/// It does not validate: the serializer does. Values without a known type stay unchanged.
#[derive(Debug)]
pub(crate) struct JsonRows {
    schema: Value,
}

impl JsonRows {
    /// Creates the converter for this schema.
    pub(crate) fn new(schema: Value) -> Self {
        Self { schema }
    }

    /// Converts a row.
    ///
    /// # Errors
    /// The field whose string cannot be converted to the schema's type.
    pub(crate) fn value(&self, row: &str) -> Result<Value, Misfit> {
        let cell = Cell::parse(row).map_err(|_| Misfit::here("is not JSON"))?;
        self.typed(&self.schema, &cell)
    }

    /// Converts plain text that is not JSON, such as a key.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    pub(crate) fn value_of_text(&self, text: &str) -> Result<Value, Misfit> {
        self.typed(&self.schema, &Cell::Text(Cow::Borrowed(text)))
    }

    fn typed(&self, schema: &Value, cell: &Cell<'_>) -> Result<Value, Misfit> {
        let schema = self.resolved(schema);
        Ok(match cell {
            Cell::Null => Value::Null,
            Cell::Boolean(boolean) => Value::Bool(*boolean),
            Cell::Number(digits) => Value::Number(digits.parse::<Number>().map_err(|_| Misfit::expected("a number", cell))?),
            Cell::Text(text) => self.spelled(schema, text, cell)?,
            Cell::Array(items) => {
                let item_schema = schema.get("items").unwrap_or(&Value::Null);
                let item = |(index, raw): (usize, &&serde_json::value::RawValue)| {
                    self.typed(item_schema, &Cell::of(raw)).map_err(|misfit| misfit.in_item(index))
                };
                Value::Array(items.iter().enumerate().map(item).collect::<Result<_, _>>()?)
            }
            Cell::Object(Object(fields)) => {
                let mut object = Map::new();
                for (name, raw) in fields {
                    let value =
                        self.typed(self.property(schema, name), &Cell::of(raw)).map_err(|misfit| misfit.in_field(name))?;
                    object.insert(name.to_string(), value);
                }
                Value::Object(object)
            }
        })
    }

    /// Follows `$ref`s within the document.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        for _ in 0..REFERENCES {
            let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { break };
            match reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer)) {
                Some(referred) => schema = referred,
                None => break,
            }
        }
        schema
    }

    fn property<'a>(&'a self, schema: &'a Value, name: &str) -> &'a Value {
        let own = schema.get("properties").and_then(|properties| properties.get(name));
        let of_branches = || {
            let branches = ["allOf", "anyOf", "oneOf"].iter().filter_map(|word| schema.get(word)?.as_array()).flatten();
            branches.filter_map(|branch| self.resolved(branch).get("properties")?.get(name)).next()
        };
        own.or_else(of_branches).or_else(|| schema.get("additionalProperties")).unwrap_or(&Value::Null)
    }

    /// Converts a string to one of the types that the schema accepts.
    fn spelled(&self, schema: &Value, text: &str, cell: &Cell<'_>) -> Result<Value, Misfit> {
        let mut types = Vec::new();
        self.types(schema, &mut types, 0);
        if types.is_empty() || types.contains(&"string") {
            return Ok(Value::String(text.to_owned()));
        }
        for kind in &types {
            let value = match *kind {
                "integer" => {
                    number::<i64>(cell).map(Number::from).or_else(|| number::<u64>(cell).map(Number::from)).map(Value::Number)
                }
                "number" => text.trim().parse::<Number>().ok().map(Value::Number),
                "boolean" => cell.boolean().map(Value::Bool),
                "array" | "object" => match Cell::parse(text) {
                    Ok(inner @ (Cell::Array(_) | Cell::Object(_))) => Some(self.typed(schema, &inner)?),
                    _ => None,
                },
                _ => None,
            };
            if let Some(value) = value {
                return Ok(value);
            }
        }
        Err(Misfit::expected(&format!("of type {}", types.join(" or ")), cell))
    }

    fn types<'a>(&'a self, schema: &'a Value, types: &mut Vec<&'a str>, depth: usize) {
        let schema = self.resolved(schema);
        match schema.get("type") {
            Some(Value::String(one)) => types.push(one),
            Some(Value::Array(several)) => types.extend(several.iter().filter_map(Value::as_str)),
            _ => {}
        }
        // `enum` and `const` imply a type too.
        if schema.get("type").is_none() {
            let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
            if values.into_iter().any(Value::is_string) {
                types.push("string");
            }
        }
        if depth < REFERENCES {
            for branch in ["allOf", "anyOf", "oneOf"].iter().filter_map(|word| schema.get(word)?.as_array()).flatten() {
                self.types(branch, types, depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows() -> JsonRows {
        JsonRows::new(json!({
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "count": {"type": ["null", "integer"]},
                "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "open": {"$ref": "#/$defs/flag"},
                "tags": {"type": "array", "items": {"type": "integer"}},
                "colour": {"enum": ["1", "2"]},
            },
            "$defs": {"flag": {"type": "boolean"}},
        }))
    }

    #[test]
    fn strings_are_converted_to_the_schemas_type() {
        let row = r#"{"id":"7","count":"7","price":"1.5","open":"true","tags":"[\"1\",2]","colour":"1","other":"9"}"#;
        let wanted = json!({"id":"7","count":7,"price":1.5,"open":true,"tags":[1,2],"colour":"1","other":"9"});
        assert_eq!(rows().value(row), Ok(wanted));
        assert_eq!(rows().value(r#"{"count":null,"id":5}"#), Ok(json!({"count":null,"id":5})), "left to the validator");
    }

    #[test]
    fn errors_name_the_field_and_hide_the_value() {
        let misfit = rows().value(r#"{"count":"hunter2"}"#).unwrap_err();
        assert_eq!(misfit, Misfit { field: "count".to_owned(), message: "is not of type null or integer".to_owned() });
        assert_eq!(rows().value(r#"{"tags":["x"]}"#).unwrap_err().field, "tags[0]");
    }

    #[test]
    fn circular_references_end() {
        let rows = JsonRows::new(json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}));
        assert_eq!(rows.value(r#""x""#), Ok(json!("x")));
    }
}
