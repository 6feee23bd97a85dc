//! [`ObjectWriter`]: makes a JSON object of some fields of a row.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{column_type::ColumnType, fields::RowFields};

/// Makes a JSON object of some fields of a row.
#[derive(Debug)]
pub(super) enum ObjectWriter {
    /// Columns of a CSV row.
    Columns(Vec<Column>),
    /// Fields of a JSON object, each with its index in the list of the configuration's fields.
    Fields(Vec<(Name, usize)>),
    /// All members of a JSON object except those with these names.
    Without(Vec<String>),
}

/// A column of an object.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: Name,
    pub(super) index: usize,
    pub(super) column_type: ColumnType,
}

/// The name of a member, and the JSON before its value: `"name":`.
#[derive(Debug)]
pub(super) struct Name {
    text: String,
    json: String,
}

impl Name {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), json: format!("{}:", serde_json::Value::from(text)) }
    }

    fn append(&self, json: &mut Vec<u8>) {
        if json.len() > 1 {
            json.push(b',');
        }
        json.extend_from_slice(self.json.as_bytes());
    }
}

/// A field that cannot be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ObjectFault<'a> {
    pub(super) field: &'a str,
    pub(super) message: &'static str,
}

impl ObjectWriter {
    /// Writes the object to `json`, which is cleared before. `object` is the row itself if it is JSON.
    ///
    /// # Errors
    /// A column that is not of its type, or a field that is missing.
    pub(super) fn write(&self, row: &RowFields<'_>, object: &str, json: &mut Vec<u8>) -> Result<(), ObjectFault<'_>> {
        json.clear();
        json.push(b'{');
        match self {
            Self::Columns(members) => {
                for Column { name, index, column_type } in members {
                    let fault = |message| ObjectFault { field: &name.text, message };
                    name.append(json);
                    let RowFields::Columns { columns, .. } = row else { return Err(fault("is missing")) };
                    match columns.get(*index) {
                        None => json.extend_from_slice(b"null"),
                        Some(text) => {
                            let text = std::str::from_utf8(text).map_err(|_| fault("is not UTF-8"))?;
                            column_type.append(text, json).map_err(fault)?;
                        }
                    }
                }
            }
            Self::Fields(members) => {
                for (name, field) in members {
                    let fault = |message| ObjectFault { field: &name.text, message };
                    name.append(json);
                    json.extend_from_slice(row.json(*field).ok_or(fault("is missing"))?.as_bytes());
                }
            }
            Self::Without(names) => {
                let copied = serde_json::Deserializer::from_str(object).deserialize_map(Others { names, json });
                copied.map_err(|_| ObjectFault { field: "", message: "is not a JSON object" })?;
            }
        }
        json.push(b'}');
        Ok(())
    }
}

/// Copies the members of an object except those with these names.
struct Others<'a> {
    names: &'a [String],
    json: &'a mut Vec<u8>,
}

impl<'de> Visitor<'de> for Others<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if self.names.iter().any(|other| is_string(name.get(), other)) {
                continue;
            }
            if self.json.len() > 1 {
                self.json.push(b',');
            }
            self.json.extend_from_slice(name.get().as_bytes());
            self.json.push(b':');
            self.json.extend_from_slice(value.get().as_bytes());
        }
        Ok(())
    }
}

/// Whether a JSON string has this content.
fn is_string(json: &str, content: &str) -> bool {
    match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => plain == content,
        _ => serde_json::from_str::<String>(json).is_ok_and(|text| text == content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::json_fields::JsonFields, row::Columns};

    fn write<'a>(writer: &'a ObjectWriter, row: &RowFields<'_>, object: &str) -> Result<String, ObjectFault<'a>> {
        let mut json = b"left over".to_vec();
        writer.write(row, object, &mut json)?;
        serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        Ok(String::from_utf8(json).unwrap())
    }

    #[test]
    fn columns_have_their_type_and_the_given_order() {
        let column = |name: &str, index, column_type| Column { name: Name::new(name), index, column_type };
        let writer = ObjectWriter::Columns(vec![
            column("c\"", 2, ColumnType::String),
            column("a", 0, ColumnType::Long),
            column("b", 1, ColumnType::Infer),
        ]);
        let nulls = [None, None, Some(b"NA".to_vec())];
        let row = |texts, ends| RowFields::Columns {
            columns: Columns { texts, ends, gap: 0, nulls: &nulls, quoted: &[], null_fields: &[] },
            indexes: &[],
        };
        assert_eq!(
            write(&writer, &row(b"1.5xNA", &[0, 4, 6]), ""),
            Err(ObjectFault { field: "a", message: "is not a long (an integer of 64 bits)" })
        );
        assert_eq!(write(&writer, &row(b"12.5NA", &[1, 4, 6]), ""), Ok(r#"{"c\"":null,"a":1,"b":2.5}"#.to_owned()));
    }

    #[test]
    fn fields_keep_their_json() {
        let object = r#"{"a": {"b": [1, 2]}, "c": "é\n", "d": 1.50}"#;
        let mut fields = JsonFields::new(&["a.b".to_owned(), "d".to_owned(), "x".to_owned()]);
        let found = fields.find(object).unwrap();
        let row = RowFields::Json { object, found };
        let writer = ObjectWriter::Fields(vec![(Name::new("d"), 1), (Name::new("a.b"), 0)]);
        assert_eq!(write(&writer, &row, object), Ok(r#"{"d":1.50,"a.b":[1, 2]}"#.to_owned()));
        let missing = ObjectWriter::Fields(vec![(Name::new("x"), 2)]);
        assert_eq!(write(&missing, &row, object), Err(ObjectFault { field: "x", message: "is missing" }));
    }

    #[test]
    fn the_other_members_are_copied_unchanged() {
        let object = r#" {"a": 1, "\u0062" : {"a": 2}, "c": "é\n", "a" :3} "#;
        let without = |names: &[&str]| ObjectWriter::Without(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(write(&without(&["a"]), &RowFields::Line, object), Ok(r#"{"\u0062":{"a": 2},"c":"é\n"}"#.to_owned()));
        assert_eq!(write(&without(&["a", "b", "c"]), &RowFields::Line, object), Ok("{}".to_owned()));
        assert_eq!(write(&without(&["x"]), &RowFields::Line, "{}"), Ok("{}".to_owned()));
    }
}
