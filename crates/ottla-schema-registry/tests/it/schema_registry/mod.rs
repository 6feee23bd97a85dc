//! Test vectors of confluent-kafka-python's serializers, tests/data/schema-registry-vectors.json, in both directions.

mod avro_json;
mod avro_types;
mod bad_input;
mod differential;
mod interop;
mod tls;
mod vectors;

use std::collections::BTreeMap;

use ottla_schema_registry::{
    Schema, SchemaReference, SchemaRegistry, SchemaRegistryConfig, SchemaType, compile_proto,
    prost_reflect::{DynamicMessage, MessageDescriptor},
    testing::EmbeddedRegistry,
};
use serde::Deserialize;
use serde_json::Value;

/// A registry in the process, and a client of it.
fn start_registry() -> (EmbeddedRegistry, SchemaRegistry) {
    let embedded = EmbeddedRegistry::start().unwrap();
    let config = SchemaRegistryConfig::new().set("schema.registry.url", embedded.url()).unwrap();
    (embedded, SchemaRegistry::new(&config).unwrap())
}

/// A vector of the file, which tests/python/schema_registry_vectors.py describes.
#[derive(Debug, Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) format: SchemaType,
    pub(crate) topic: String,
    pub(crate) subject: String,
    pub(crate) id: i32,
    /// Protobuf only: the name of the file. `message` is the full name of the message.
    pub(crate) file: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) schema: String,
    /// The schema that Python registers, if it is different from `schema`.
    pub(crate) registered: Option<String>,
    #[serde(default)]
    pub(crate) references: Vec<Reference>,
    pub(crate) value: Value,
    #[serde(deserialize_with = "hex")]
    pub(crate) bytes: Vec<u8>,
    #[serde(default, deserialize_with = "some_hex")]
    pub(crate) header: Option<Vec<u8>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) schema: String,
    #[serde(default)]
    pub(crate) references: Vec<Self>,
}

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let file: File = serde_json::from_str(include_str!("../../data/schema-registry-vectors.json")).unwrap();
    file.vectors
}

fn hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect())
}

fn some_hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    hex(deserializer).map(Some)
}

impl Vector {
    pub(crate) fn is_key(&self) -> bool {
        self.subject.ends_with("-key")
    }

    /// The Avro or JSON schema. Registers its references.
    pub(crate) fn registered_schema(&self, registry: &SchemaRegistry) -> Schema {
        Schema::new(self.format, self.schema.as_str()).references(register(registry, self.format, &self.references))
    }

    /// The texts of all direct and indirect references, by name.
    pub(crate) fn referred(&self) -> BTreeMap<&str, &str> {
        fn add<'a>(references: &'a [Reference], to: &mut BTreeMap<&'a str, &'a str>) {
            for reference in references {
                to.insert(&reference.name, &reference.schema);
                add(&reference.references, to);
            }
        }
        let mut all = BTreeMap::new();
        add(&self.references, &mut all);
        all
    }

    /// The descriptor of a Protobuf message, compiled from .proto text.
    pub(crate) fn descriptor(&self) -> MessageDescriptor {
        let files = self.referred().into_iter().chain([(self.file.as_deref().unwrap(), self.schema.as_str())]);
        compile_proto(files).unwrap().get_message_by_name(self.message.as_deref().unwrap()).unwrap()
    }

    /// A Protobuf value.
    pub(crate) fn protobuf(&self) -> DynamicMessage {
        DynamicMessage::deserialize(self.descriptor(), &self.value).unwrap()
    }
}

fn register(registry: &SchemaRegistry, schema_type: SchemaType, references: &[Reference]) -> Vec<SchemaReference> {
    let register = |reference: &Reference| {
        let schema = Schema::new(schema_type, reference.schema.as_str()).references(register(
            registry,
            schema_type,
            &reference.references,
        ));
        registry.register(&reference.subject, &schema).wait().unwrap();
        let version = registry.find(&reference.subject, &schema).wait().unwrap().version().unwrap();
        SchemaReference { name: reference.name.clone(), subject: reference.subject.clone(), version }
    };
    references.iter().map(register).collect()
}
