//! [`Schema`]: a schema to register, and [`RegisteredSchema`]: one with its ids.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The schema language, with the names of Confluent's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaType {
    /// `AVRO`, the API's default.
    #[default]
    Avro,
    /// `PROTOBUF`.
    Protobuf,
    /// `JSON`: JSON Schema.
    Json,
}

/// A reference from one schema to another: an import in Protobuf, a named type in Avro, a `$ref` in JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchemaReference {
    /// The name in the schema: the import's path, the type's full name, or the URL of the `$ref`.
    pub name: String,
    /// The subject that the referenced schema is registered under.
    pub subject: String,
    /// Its version under the subject, from 1.
    pub version: i32,
}

/// A schema: its text, its language and its references.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schema {
    schema_type: SchemaType,
    text: Arc<str>,
    references: Vec<SchemaReference>,
}

impl Schema {
    /// Creates a schema without references.
    pub fn new(schema_type: SchemaType, text: impl Into<Arc<str>>) -> Self {
        Self { schema_type, text: text.into(), references: Vec::new() }
    }

    /// Adds references.
    #[must_use]
    pub fn references(mut self, references: impl IntoIterator<Item = SchemaReference>) -> Self {
        self.references.extend(references);
        self
    }

    /// The schema language.
    pub fn schema_type(&self) -> SchemaType {
        self.schema_type
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The direct references, without the references of those.
    pub fn uses(&self) -> &[SchemaReference] {
        &self.references
    }
}

/// A registered schema with its ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredSchema {
    pub(super) id: Option<i32>,
    pub(super) guid: Option<Uuid>,
    pub(super) subject: Option<String>,
    pub(super) version: Option<i32>,
    pub(super) schema: Schema,
}

impl RegisteredSchema {
    /// The id that records carry in front of their bytes; `None` after a lookup by GUID.
    pub fn id(&self) -> Option<i32> {
        self.id
    }

    /// The GUID that records carry in a header; `None` from a registry without GUIDs (before Confluent Platform 8.0, Apicurio).
    pub fn guid(&self) -> Option<Uuid> {
        self.guid
    }

    /// The subject of the request; `None` after a lookup by id or GUID.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The version under the subject, from 1, if the registry returned it.
    pub fn version(&self) -> Option<i32> {
        self.version
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }
}

impl fmt::Display for SchemaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
        })
    }
}
