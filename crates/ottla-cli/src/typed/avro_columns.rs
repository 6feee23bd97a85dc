//! [`AvroColumns`]: converts CSV rows to Avro values without JSON.

use std::borrow::Cow;

use apache_avro::{Schema, types::Value};

use super::{AvroRows, Cell, Misfit, Unknown};
use crate::row::Columns;

/// Where the rows of a CSV input have the fields of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AvroColumns {
    /// The column of each field of the schema; `None` if the input has no such column.
    of_fields: Vec<Option<usize>>,
    /// The first column that the schema does not have.
    unknown: Option<String>,
}

impl AvroRows {
    /// Finds the fields of the schema among the columns of a CSV input. `None` if the schema is not a record: then its values are made of JSON.
    pub(crate) fn columns(&self, names: &[&str]) -> Option<AvroColumns> {
        let Schema::Record(record) = &self.schema else { return None };
        let of_fields = record.fields.iter().map(|field| names.iter().position(|name| *name == field.name)).collect();
        let is_known = |name: &str| record.fields.iter().any(|field| field.name == name);
        let unknown = names.iter().find(|name| !is_known(name)).map(|name| (*name).to_owned());
        Some(AvroColumns { of_fields, unknown })
    }

    /// Converts a CSV row to the value that [`value`](Self::value) makes of the row's JSON object.
    ///
    /// # Errors
    /// As for [`value`](Self::value).
    pub(crate) fn value_of_columns(&self, columns: &AvroColumns, row: Columns<'_>) -> Result<Value, Misfit> {
        let Schema::Record(record) = &self.schema else { return Err(Misfit::here("is not a record")) };
        // The reader accepts only UTF-8.
        let texts = std::str::from_utf8(row.texts).unwrap_or_default();
        let fields = self.fields(record, &None, |index, _| {
            let column = (*columns.of_fields.get(index)?)?;
            Some(match row.place(column) {
                Some(place) => Cell::Text(Cow::Borrowed(texts.get(place).unwrap_or_default())),
                None => Cell::Null,
            })
        })?;
        match &columns.unknown {
            Some(name) if self.unknown == Unknown::Refuse => Err(Misfit::not_in_schema().in_field(name)),
            _ => Ok(Value::Record(fields)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        collections::HashMap,
        io::Cursor,
    };

    use ottla::Headers;
    use ottla_schema_registry::{
        GenericAvro, Schema as RegistrySchema, SchemaRegistry, SchemaRegistryConfig, SchemaType, testing::EmbeddedRegistry,
    };
    use proptest::{
        collection::vec,
        option,
        prelude::{Strategy, any},
        prop_oneof,
        sample::{select, subsequence},
        test_runner::{Config, TestRunner},
    };

    use super::{AvroRows, Schema, Unknown};
    use crate::{
        encoder::{Encoder, Place},
        encoding::{Part, Unfit},
        input::{Format, Input, InputOptions, InputSettings, Step},
    };

    /// Types, each with a text of it.
    const TYPES: [(&str, &str); 14] = [
        (r#""string""#, r#"x"#),
        (r#"["null","string"]"#, r#"NA"#),
        (r#"["string","null"]"#, r#""#),
        (r#""long""#, r#"-7"#),
        (r#"["null","int"]"#, r#"1"#),
        (r#"["null","double","string"]"#, r#"2.50"#),
        (r#""float""#, r#"1"#),
        (r#""boolean""#, r#"true"#),
        (r#""bytes""#, r#"é"#),
        (r#"{"type":"array","items":"int"}"#, r#"[1,2]"#),
        (r#"{"type":"int","logicalType":"date"}"#, r#"2013-01-31"#),
        (r#"["null",{"type":"long","logicalType":"timestamp-millis"}]"#, r#"2013-01-31T10:00:00Z"#),
        (r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#, r#"2.50"#),
        (r#"{"type":"map","values":"string"}"#, r#"{"k":"v"}"#),
    ];
    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    /// A text that may fit no type. `NA` is null.
    fn text() -> impl Strategy<Value = String> {
        let usual = select(&["", "NA", "1", "true", "[1,2]", "2013-01-31", "{\"k\":\"v\"}", "é\"\\", "null"][..]);
        prop_oneof![usual.prop_map(str::to_owned), any::<String>()]
    }

    /// The records that an encoder makes of an input.
    fn encoded(encoder: &Encoder, topic: &str, csv: &str, makes_objects: bool) -> Vec<Result<Option<Vec<u8>>, Unfit>> {
        let mut settings = InputSettings::default();
        settings.put("null", "NA", 1).unwrap();
        let options = InputOptions {
            path: "rows.csv".into(),
            format: Some(Format::Csv),
            key: None,
            letters_format: None,
            settings,
            max_record: 1 << 20,
        };
        let mut input = Input::read(Box::new(Cursor::new(csv.to_owned())), &options).unwrap();
        let columns = encoder.columns(&input.columns().unwrap()).unwrap();
        if !makes_objects {
            input.build_no_objects();
        }
        let (place, mut records) = (Place { part: Part::Value, topic, format: Format::Csv }, Vec::new());
        loop {
            match input.next().unwrap() {
                Step::Row(row) => {
                    let (text, mut headers, mut buffer) = (row.value.unwrap(), Headers::new(), Vec::new());
                    let bytes = if makes_objects {
                        encoder.encode(place, text, &mut headers, &mut buffer)
                    } else {
                        encoder.encode_columns(place, (&columns, row.columns.unwrap()), text, &mut headers, &mut buffer)
                    };
                    records.push(bytes.map(|bytes| bytes.map(<[u8]>::to_vec)));
                }
                Step::End => return records,
                step => panic!("{step:?}"),
            }
        }
    }

    #[test]
    fn rows_become_the_same_bytes_and_errors_with_and_without_json() {
        let embedded = EmbeddedRegistry::start().unwrap();
        let fields = subsequence(&NAMES[..], 3..=NAMES.len()).prop_shuffle();
        let schema = (fields, vec((select(&TYPES[..]), any::<bool>()), NAMES.len()), any::<bool>());
        let columns = subsequence(&NAMES[..], 4..=NAMES.len()).prop_shuffle();
        // Without a text, the cell has the one of its type.
        let rows = vec(vec(option::weighted(0.08, text()), NAMES.len()), 1..20);
        let cases = Cell::new(0);
        let (records, failures, last_failure) = (Cell::new(0), Cell::new(0), RefCell::new(None));
        let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
        let compared = runner.run(&(schema, columns, rows), |((names, types, ignores), columns, rows)| {
            let fields = names.iter().zip(&types).map(|(name, ((avro, _), has_default))| {
                let default = if *has_default && avro.starts_with("[\"null\"") { ",\"default\":null" } else { "" };
                format!("{{\"name\":\"{name}\",\"type\":{avro}{default}}}")
            });
            let schema = format!("{{\"type\":\"record\",\"name\":\"R\",\"fields\":[{}]}}", fields.collect::<Vec<_>>().join(","));
            let mut csv = columns.join(",") + "\n";
            for row in &rows {
                let cells = row.iter().zip(&columns).map(|(cell, column)| {
                    let field = names.iter().position(|name| name == column);
                    let text = cell.as_deref().or_else(|| Some(types[field?].0.1)).unwrap_or_default();
                    let is_plain = !text.contains(['"', ',', '\n', '\r']);
                    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
                });
                csv += &(cells.collect::<Vec<_>>().join(",") + "\n");
            }
            // The registry compares the schemas of a topic.
            let topic = format!("rows-{}", cases.replace(cases.get() + 1));
            let unknown = if ignores { Unknown::Ignore } else { Unknown::Refuse };
            let encoder = || {
                let settings = [("schema.registry.url", embedded.url()), ("auto.register.schemas", "true")];
                let registry = SchemaRegistry::new(&SchemaRegistryConfig::from_pairs(settings).unwrap()).unwrap();
                let typed = AvroRows::new(Schema::parse_str(&schema).unwrap(), HashMap::new(), unknown);
                let serializer = GenericAvro::with_schema(&registry, RegistrySchema::new(SchemaType::Avro, &*schema));
                Encoder::Avro(Box::new(typed), serializer)
            };
            let (of_json, of_columns) = (encoded(&encoder(), &topic, &csv, true), encoded(&encoder(), &topic, &csv, false));
            assert_eq!(of_json.len(), rows.len());
            assert_eq!(of_json, of_columns, "{schema}\n{csv}");
            let are_records = of_json.iter().filter(|record| record.is_ok()).count();
            records.set(records.get() + are_records);
            failures.set(failures.get() + of_json.len() - are_records);
            last_failure.replace(of_json.into_iter().find_map(Result::err));
            Ok(())
        });
        compared.unwrap();
        let (records, failures) = (records.get(), failures.get());
        assert!(records > 20 && failures > 20, "{records} records, {failures} failures such as {last_failure:?}");
    }
}
