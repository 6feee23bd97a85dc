//! [`Store`]: the schemas of an [`EmbeddedRegistry`](super::EmbeddedRegistry) and its responses.

use std::collections::{BTreeMap, HashMap};

use apache_avro::schema_compatibility::SchemaCompatibility;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{Schema, SchemaReference, SchemaType, Uuid};

/// Schemas by id, from 1, and each subject's versions, from 1.
#[derive(Default)]
pub(super) struct Store {
    schemas: Vec<(Schema, Uuid)>,
    ids: HashMap<Schema, usize>,
    /// The versions as indexes of `schemas`.
    subjects: BTreeMap<String, Vec<usize>>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    schema: String,
    schema_type: Option<SchemaType>,
    #[serde(default)]
    references: Vec<SchemaReference>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(super) fn error(status: u16, code: i32, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "error_code": code, "message": message.into() }) }
    }
}

impl Store {
    pub(super) fn answer(&mut self, method: &str, target: &str, body: &[u8]) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parts: Vec<String> =
            path.trim_matches('/').split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let normalize = query.split('&').any(|part| part == "normalize=true");
        let answer = match (method, parts.as_slice()) {
            ("GET", ["subjects"]) => Ok(Answer::ok(json!(self.subjects.keys().collect::<Vec<_>>()))),
            ("GET", ["subjects", subject, "versions"]) => self.versions(subject).map(|versions| {
                let numbers: Vec<usize> = (1..=versions.len()).collect();
                Answer::ok(json!(numbers))
            }),
            ("GET", ["subjects", subject, "versions", version]) => self.version(subject, version),
            ("POST", ["subjects", subject, "versions"]) => {
                posted(body).and_then(|schema| self.register(subject, schema, normalize))
            }
            ("POST", ["subjects", subject]) => posted(body).and_then(|schema| self.find(subject, &schema, normalize)),
            ("POST", ["compatibility", "subjects", subject, "versions", _]) => posted(body).and_then(|schema| {
                self.versions(subject)?;
                let against = self.incompatibility(subject, &schema)?;
                let messages: Vec<&String> = against.iter().collect();
                Ok(Answer::ok(json!({ "is_compatible": against.is_none(), "messages": messages })))
            }),
            ("GET", ["schemas", "ids", id]) => self.by_id(id),
            ("GET", ["schemas", "guids", guid]) => self.by_guid(guid),
            ("GET", ["config"]) => Ok(Answer::ok(json!({ "compatibilityLevel": "BACKWARD" }))),
            _ => Err(Answer::error(404, 404, "HTTP 404 Not Found")),
        };
        answer.unwrap_or_else(|error| error)
    }

    fn versions(&self, subject: &str) -> Result<&Vec<usize>, Answer> {
        self.subjects.get(subject).ok_or_else(|| Answer::error(404, 40401, format!("Subject '{subject}' not found.")))
    }

    fn version(&self, subject: &str, version: &str) -> Result<Answer, Answer> {
        let versions = self.versions(subject)?;
        let number = if version == "latest" { Some(versions.len()) } else { version.parse().ok() };
        let found = number.and_then(|number: usize| Some((number, *versions.get(number.checked_sub(1)?)?)));
        match found {
            Some((number, index)) => Ok(Answer::ok(self.told(index, Some((subject, number))))),
            None => Err(Answer::error(404, 40402, format!("Version {version} not found."))),
        }
    }

    fn register(&mut self, subject: &str, schema: Schema, normalize: bool) -> Result<Answer, Answer> {
        if let Some((number, index)) = self.known(subject, &schema, normalize) {
            return Ok(Answer::ok(self.told(index, Some((subject, number)))));
        }
        if let Some(reason) = self.incompatibility(subject, &schema)? {
            let message = format!(
                "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: {reason}"
            );
            return Err(Answer::error(409, 409, message));
        }
        let index = match self.ids.get(&schema) {
            Some(index) => *index,
            None => {
                self.ids.insert(schema.clone(), self.schemas.len());
                self.schemas.push((schema, Uuid::from_u128(fastrand::u128(..))));
                self.schemas.len() - 1
            }
        };
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        versions.push(index);
        let number = versions.len();
        Ok(Answer::ok(self.told(index, Some((subject, number)))))
    }

    fn find(&self, subject: &str, schema: &Schema, normalize: bool) -> Result<Answer, Answer> {
        self.versions(subject)?;
        match self.known(subject, schema, normalize) {
            Some((number, index)) => Ok(Answer::ok(self.told(index, Some((subject, number))))),
            None => Err(Answer::error(404, 40403, "Schema not found")),
        }
    }

    /// The version of a schema under a subject, and its index.
    fn known(&self, subject: &str, schema: &Schema, normalize: bool) -> Option<(usize, usize)> {
        let same = |known: &Schema| known == schema || (normalize && self.normal(known) == self.normal(schema));
        let versions = self.subjects.get(subject)?;
        let mut numbered = versions.iter().enumerate();
        numbered.find_map(|(place, &index)| same(&self.schemas.get(index)?.0).then_some((place + 1, index)))
    }

    /// The normalized text of a schema.
    fn normal(&self, schema: &Schema) -> String {
        match (schema.schema_type(), self.avro(schema)) {
            (SchemaType::Avro, Ok(avro)) => avro.canonical_form(),
            _ => serde_json::from_str(schema.text()).map_or_else(|_| schema.text().to_owned(), |json: Value| json.to_string()),
        }
    }

    /// Why this schema cannot read data of the latest version; `None` if it can.
    fn incompatibility(&self, subject: &str, schema: &Schema) -> Result<Option<String>, Answer> {
        match schema.schema_type() {
            SchemaType::Avro => {
                self.avro(schema)?;
                let latest = self.subjects.get(subject).and_then(|versions| self.schemas.get(*versions.last()?));
                let Some((latest, _)) = latest.filter(|(latest, _)| latest.schema_type() == SchemaType::Avro) else {
                    return Ok(None);
                };
                // apache-avro considers any two decimals incompatible, so the underlying types are compared.
                let plain = |schema: &Schema| self.parsed(schema, without_logical_types);
                Ok(SchemaCompatibility::can_read(&plain(latest)?, &plain(schema)?).err().map(|error| error.to_string()))
            }
            SchemaType::Json => match serde_json::from_str::<Value>(schema.text()) {
                Ok(_) => Ok(None),
                Err(error) => Err(Answer::error(422, 42201, format!("Invalid schema: {error}"))),
            },
            SchemaType::Protobuf => Ok(None),
        }
    }

    fn avro(&self, schema: &Schema) -> Result<apache_avro::Schema, Answer> {
        self.parsed(schema, str::to_owned)
    }

    /// Parses a schema and its references, after `spelled` has changed each text.
    fn parsed(&self, schema: &Schema, spelled: fn(&str) -> String) -> Result<apache_avro::Schema, Answer> {
        let mut used: Vec<&str> = Vec::new();
        let mut open: Vec<&SchemaReference> = schema.uses().iter().collect();
        while let Some(reference) = open.pop() {
            let number = usize::try_from(reference.version).ok().and_then(|number| number.checked_sub(1));
            let found = self.subjects.get(&reference.subject).and_then(|versions| self.schemas.get(*versions.get(number?)?));
            let Some((found, _)) = found else {
                let message = format!(
                    "Invalid schema: no schema reference found for subject \"{}\" and version {}",
                    reference.subject, reference.version
                );
                return Err(Answer::error(422, 42201, message));
            };
            if !used.contains(&found.text()) {
                used.push(found.text());
                open.extend(found.uses());
            }
        }
        let used: Vec<String> = used.into_iter().map(spelled).collect();
        let parsed = apache_avro::Schema::parse_str_with_list(&spelled(schema.text()), used.iter().map(String::as_str));
        parsed.map(|(schema, _)| schema).map_err(|error| Answer::error(422, 42201, format!("Invalid schema: {error}")))
    }

    fn by_id(&self, id: &str) -> Result<Answer, Answer> {
        let index = id.parse().ok().and_then(|id: usize| id.checked_sub(1)).filter(|index| *index < self.schemas.len());
        match index {
            Some(index) => Ok(Answer::ok(self.told(index, None))),
            None => Err(Answer::error(404, 40403, format!("Schema {id} not found"))),
        }
    }

    fn by_guid(&self, guid: &str) -> Result<Answer, Answer> {
        match self.schemas.iter().position(|(_, known)| known.to_string() == guid) {
            Some(index) => Ok(Answer::ok(self.told(index, None))),
            None => Err(Answer::error(404, 40403, format!("Schema {guid} not found"))),
        }
    }

    fn told(&self, index: usize, version: Option<(&str, usize)>) -> Value {
        let Some((schema, guid)) = self.schemas.get(index) else { return Value::Null };
        let mut told = json!({ "guid": guid, "schema": schema.text() });
        if schema.schema_type() != SchemaType::Avro {
            told["schemaType"] = json!(schema.schema_type());
        }
        if !schema.uses().is_empty() {
            told["references"] = json!(schema.uses());
        }
        if let Some((subject, number)) = version {
            told["subject"] = json!(subject);
            told["version"] = json!(number);
            told["id"] = json!(index + 1);
        }
        told
    }
}

/// A schema's text without logical types.
fn without_logical_types(text: &str) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(object) => {
                object.remove("logicalType");
                object.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let Ok(mut json) = serde_json::from_str(text) else { return text.to_owned() };
    strip(&mut json);
    json.to_string()
}

fn posted(body: &[u8]) -> Result<Schema, Answer> {
    let posted: Posted =
        serde_json::from_slice(body).map_err(|error| Answer::error(422, 42201, format!("Unrecognized request: {error}")))?;
    Ok(Schema::new(posted.schema_type.unwrap_or_default(), posted.schema).references(posted.references))
}
