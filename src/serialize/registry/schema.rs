//! [`Schema`] and [`RegisteredSchema`]: what is registered, and what the registry makes of it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The language of a schema, by the names that Confluent's API has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum SchemaType {
    /// `AVRO`, which the API leaves out.
    #[default]
    Avro,
    /// `PROTOBUF`.
    Protobuf,
    /// `JSON`: JSON Schema.
    Json,
}

/// Another schema that a schema uses: an import in Protobuf, a named type in Avro, a `$ref` in JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchemaReference {
    /// How the schema names it: the import's path, the type's full name, or the URL of the `$ref`.
    pub name: String,
    /// The subject under which it is registered.
    pub subject: String,
    /// Its version there, from 1.
    pub version: i32,
}

/// A schema as it is registered: its text, its language, and the schemas that it uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schema {
    schema_type: SchemaType,
    text: Arc<str>,
    references: Vec<SchemaReference>,
}

impl Schema {
    /// A schema that uses no other.
    pub fn new(schema_type: SchemaType, text: impl Into<Arc<str>>) -> Self {
        Self { schema_type, text: text.into(), references: Vec::new() }
    }

    /// Adds what the schema uses.
    #[must_use]
    pub fn references(mut self, references: impl IntoIterator<Item = SchemaReference>) -> Self {
        self.references.extend(references);
        self
    }

    /// Its language.
    pub fn schema_type(&self) -> SchemaType {
        self.schema_type
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The schemas that it names itself; those may name more.
    pub fn uses(&self) -> &[SchemaReference] {
        &self.references
    }
}

/// A schema that the registry knows, with the ids under which it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredSchema {
    pub(super) id: Option<i32>,
    pub(super) guid: Option<Uuid>,
    pub(super) subject: Option<String>,
    pub(super) version: Option<i32>,
    pub(super) schema: Schema,
}

impl RegisteredSchema {
    /// The id that stands in front of a record's bytes; `None` if it was asked for by GUID.
    pub fn id(&self) -> Option<i32> {
        self.id
    }

    /// The id that stands in a record's header; `None` from a registry that has none (those before Confluent Platform 8.0, Apicurio).
    pub fn guid(&self) -> Option<Uuid> {
        self.guid
    }

    /// The subject that was asked for; `None` if it was asked for by id.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Its version under the subject, from 1, as far as the registry says it.
    pub fn version(&self) -> Option<i32> {
        self.version
    }

    /// The schema itself.
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
