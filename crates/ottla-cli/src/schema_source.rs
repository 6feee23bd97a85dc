//! [`SchemaSource`]: the schema of a run's keys or values, from a file or from the registry.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use ottla::config::ProducerConfig;
use ottla_schema_registry::{
    Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType, StrategyName, SubjectNameStrategy as _, compile_proto,
    prost_reflect::{DescriptorPool, MessageDescriptor},
};

use crate::{
    avro_names::parsed,
    encoding::Part,
    exit::Failure,
    job::PartJob,
    schema::{read, text_of},
};

/// A schema with everything it imports, and its registry.
pub(crate) struct SchemaSource {
    registry: SchemaRegistry,
    /// Its name in messages.
    name: String,
    schema: Schema,
    /// The texts of the imported schemas, by their import names.
    uses: Vec<(String, String)>,
    is_file: bool,
    message: Option<String>,
}

impl SchemaSource {
    /// Finds the schema: the file that `job` names, else `use.schema.id`, else the latest version of the topic's subject. The
    /// schema is requested from or registered with the registry here, so that errors are found before the first record is read.
    ///
    /// # Errors
    /// There is no registry or no such schema, or the registry rejects the schema.
    pub(crate) fn open(
        settings: &ProducerConfig,
        schema_type: SchemaType,
        part: Part,
        job: &PartJob,
        topic: &str,
    ) -> Result<Self, Failure> {
        let mut config = SchemaRegistryConfig::from_producer(settings);
        registry_url(&config, part)?;
        let by_id = config.get("use.schema.id").and_then(|id| id.parse::<i32>().ok()).filter(|id| *id >= 0);
        let from_registry = job.schema.is_none() || (by_id.is_some() || config.get("use.latest.version") == Some("true"));
        if from_registry {
            config = config.set("auto.register.schemas", "false")?;
            if by_id.is_none() {
                config = config.set("use.latest.version", "true")?;
            }
        }
        let registers = config.get("auto.register.schemas") != Some("false");
        let strategy: StrategyName =
            config.get(&format!("{part}.subject.name.strategy")).and_then(|name| name.parse().ok()).unwrap_or_default();
        let registry = SchemaRegistry::new(&config)?;
        let message = job.message.clone();
        if let Some(file) = job.schema.as_deref().filter(|_| !from_registry) {
            let schema = read(file, Some(schema_type))?;
            let uses = if schema_type == SchemaType::Protobuf { imports(file, schema.text())? } else { Vec::new() };
            let source = Self { registry, name: format!("schema {}", file.display()), schema, uses, is_file: true, message };
            source.settle(strategy, topic, part, registers)?;
            return Ok(source);
        }
        let found = match by_id {
            Some(id) => registry.by_id(id).wait()?,
            None => {
                let is_key = part == Part::Key;
                let subject = strategy.subject(topic, is_key, message.as_deref()).map_err(|error| {
                    Failure::usage(format!("{part}.subject.name.strategy: {error}; set `schema` in [{part}] to the schema file"))
                })?;
                registry.latest(&subject).wait()?
            }
        };
        let schema = found.schema().clone();
        let name = match (found.subject(), found.version(), found.id()) {
            (Some(subject), Some(version), _) => format!("schema {subject}, version {version}"),
            (_, _, id) => format!("schema id {}", id.unwrap_or_default()),
        };
        if schema.schema_type() != schema_type {
            return Err(Failure::usage(format!(
                "{name}: is {}, but the {part}'s serializer requires {schema_type}",
                schema.schema_type()
            )));
        }
        let uses = registry.uses(&schema).wait()?;
        let uses = uses.into_iter().map(|(name, used)| (name, used.schema().text().to_owned())).collect();
        Ok(Self { registry, name, schema, uses, is_file: false, message })
    }

    /// Registers the schema of a file, or looks it up, unless the subject depends on the record's type.
    fn settle(&self, strategy: StrategyName, topic: &str, part: Part, registers: bool) -> Result<(), Failure> {
        // The Protobuf serializer registers a message together with its imports.
        if strategy != StrategyName::Topic || self.schema.schema_type() == SchemaType::Protobuf {
            return Ok(());
        }
        let subject = strategy.subject(topic, part == Part::Key, None).map_err(Failure::usage)?;
        let answer =
            if registers { self.registry.register(&subject, &self.schema) } else { self.registry.find(&subject, &self.schema) };
        answer.wait()?;
        Ok(())
    }

    pub(crate) fn registry(&self) -> &SchemaRegistry {
        &self.registry
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The schema, if it comes from a file.
    pub(crate) fn file(&self) -> Option<&Schema> {
        self.is_file.then_some(&self.schema)
    }

    /// The texts of the imported schemas, by their import names.
    pub(crate) fn uses(&self) -> &[(String, String)] {
        &self.uses
    }

    /// The Protobuf message to write: the configured one, else the first.
    ///
    /// # Errors
    /// The schema cannot be compiled, or has no such message.
    pub(crate) fn message(&self) -> Result<MessageDescriptor, Failure> {
        let files = self.uses.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain([(OWN, self.schema.text())]);
        let pool: DescriptorPool = compile_proto(files).map_err(|error| Failure::usage(format!("{self}: {error}")))?;
        message_of(pool, self.message.as_deref()).map_err(|error| Failure::usage(format!("{self}: {error}")))
    }
}

/// Checks a part's schema as far as possible without the registry: a registry is configured, and the file is a valid schema.
///
/// # Errors
/// No registry is configured, or the file is missing or invalid.
pub(crate) fn check(settings: &ProducerConfig, schema_type: SchemaType, part: Part, job: &PartJob) -> Result<(), Failure> {
    let config = SchemaRegistryConfig::from_producer(settings);
    registry_url(&config, part)?;
    let Some(file) = job.schema.as_deref() else { return Ok(()) };
    let schema = read(file, Some(schema_type))?;
    let wrong = |error: &dyn fmt::Display| Failure::usage(format!("schema {}: {error}", file.display()));
    match schema_type {
        SchemaType::Avro => {
            drop(parsed(schema.text(), []).map_err(|error| wrong(&format_args!("invalid Avro schema: {error}")))?);
        }
        SchemaType::Protobuf => {
            let uses = imports(file, schema.text())?;
            let files = uses.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain([(OWN, schema.text())]);
            message_of(compile_proto(files).map_err(|error| wrong(&error))?, job.message.as_deref())
                .map_err(|message| wrong(&message))?;
        }
        SchemaType::Json => drop(
            serde_json::from_str::<serde_json::Value>(schema.text())
                .map_err(|error| wrong(&format_args!("invalid JSON: {error}")))?,
        ),
    }
    Ok(())
}

fn registry_url(config: &SchemaRegistryConfig, part: Part) -> Result<(), Failure> {
    match config.get("schema.registry.url") {
        Some(_) => Ok(()),
        None => Err(Failure::usage(format!(
            "the {part} has a schema, but no registry is configured: set `url` in [schema.registry], or schema.registry.url"
        ))),
    }
}

/// The name of the Protobuf schema's own file among its imports.
const OWN: &str = "ottla.schema.proto";

/// The configured message, else the first.
fn message_of(pool: DescriptorPool, name: Option<&str>) -> Result<MessageDescriptor, String> {
    let file = pool.get_file_by_name(OWN);
    let found = match name {
        Some(name) => pool.get_message_by_name(name),
        None => file.as_ref().and_then(|file| file.messages().next()),
    };
    found.ok_or_else(|| match name {
        Some(name) => {
            let names = file.iter().flat_map(|file| file.messages()).map(|message| message.full_name().to_owned());
            format!("has no message {name}; its messages are {}", names.collect::<Vec<_>>().join(", "))
        }
        None => "has no message".to_owned(),
    })
}

impl fmt::Display for SchemaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Reads the files that a .proto file imports, directly and indirectly, relative to its folder. Keyed by import name.
fn imports(file: &Path, text: &str) -> Result<Vec<(String, String)>, Failure> {
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    let mut found = BTreeMap::new();
    let mut open = imported(text);
    while let Some(name) = open.pop() {
        let path = folder.join(&name);
        // Registries and compilers include these, so the files need not exist.
        if found.contains_key(&name) || (name.starts_with("google/protobuf/") && !path.exists()) {
            continue;
        }
        let text = text_of(&path)
            .map_err(|error| Failure::usage(format!("schema {}: its import {}: {error}", file.display(), path.display())))?;
        open.extend(imported(&text));
        found.insert(name, text);
    }
    Ok(found.into_iter().collect())
}

/// The import names of a file. An invalid .proto file has none; the compiler reports its errors.
fn imported(text: &str) -> Vec<String> {
    protox_parse::parse(OWN, text).map(|file| file.dependency).unwrap_or_default()
}
