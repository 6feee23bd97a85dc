//! `ottla schema`: checks and registers schemas.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::Path,
};

use ottla_schema_registry::{
    RegistryError, RegistryErrorKind, Schema, SchemaReference, SchemaRegistry, SchemaRegistryConfig, SchemaType,
};

use crate::{
    args::{Reference, SchemaArguments, SchemaCommand, SchemaFile},
    exit::{Exit, Failure, chain, written},
    settings::Settings,
};

/// The maximum size of a schema file in bytes. Registries accept far less.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// Runs a subcommand.
pub(crate) fn run(arguments: &SchemaArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        SchemaCommand::Check(file) => check(file),
        SchemaCommand::Register(file) => register(file),
    }
}

/// Tests whether the schema is compatible with the subject.
fn check(file: &SchemaFile) -> Result<Exit, Failure> {
    let (registry, schema) = open(file)?;
    let (path, subject) = (file.schema.display(), &file.subject);
    let compatibility = match registry.is_compatible(subject, &schema).wait() {
        Ok(compatibility) => compatibility,
        Err(error) if error.kind() == RegistryErrorKind::NotFound => {
            return written(writeln!(io::stdout(), "{path}: good: {subject} has no version yet"));
        }
        Err(error) => return Err(error.into()),
    };
    if compatibility.is_compatible() {
        return written(writeln!(io::stdout(), "{path}: good: compatible with the versions registered under {subject}"));
    }
    let why = compatibility.messages().join("\n");
    let why = if why.is_empty() { "the registry gave no reason".to_owned() } else { why };
    Err(Failure::new(Exit::Failed, format!("{path}: not compatible with the versions registered under {subject}: {why}")))
}

/// Registers the schema under the subject, if it is not there yet.
fn register(file: &SchemaFile) -> Result<Exit, Failure> {
    let (registry, schema) = open(file)?;
    let registered = registry.register(&file.subject, &schema).wait()?;
    // Some registries do not return the version on registration.
    let version = match registered.version() {
        Some(version) => Some(version),
        None => registry.find(&file.subject, &schema).wait()?.version(),
    };
    let id = registered.id().unwrap_or_default();
    let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
    written(writeln!(io::stdout(), "{}: id {id}{version}", file.subject))
}

fn open(file: &SchemaFile) -> Result<(SchemaRegistry, Schema), Failure> {
    let settings = Settings::read(file.config.as_deref(), &file.set)?;
    let mut config = SchemaRegistryConfig::from_producer(&settings.producer);
    if let Some(url) = &file.url {
        config = config.set("schema.registry.url", url)?;
    }
    if config.get("schema.registry.url").is_none() {
        return Err(Failure::usage("no schema registry: pass --url, or -c FILE with schema.registry.url"));
    }
    let registry = SchemaRegistry::new(&config)?;
    let references = file.reference.iter().map(|reference| used(&registry, reference)).collect::<Result<Vec<_>, _>>()?;
    Ok((registry, read(&file.schema, file.kind)?.references(references)))
}

/// Reads a schema from a file. Without `kind` the file extension determines the language.
///
/// # Errors
/// The file cannot be read, or the language is unknown.
pub(crate) fn read(path: &Path, kind: Option<SchemaType>) -> Result<Schema, Failure> {
    let by_name = || match path.extension()?.to_str()? {
        "avsc" => Some(SchemaType::Avro),
        "proto" => Some(SchemaType::Protobuf),
        "json" => Some(SchemaType::Json),
        _ => None,
    };
    let text = text_of(path).map_err(|error| Failure::usage(format!("schema {}: {error}", path.display())))?;
    let kind = kind.or_else(by_name).ok_or_else(|| {
        Failure::usage(format!(
            "schema {}: the extension must be one of .avsc, .proto, .json; otherwise pass --type",
            path.display()
        ))
    })?;
    Ok(Schema::new(kind, text))
}

/// Reads a schema file, which may be a pipe. The size is limited because the path may name any file.
pub(crate) fn text_of(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX_SIZE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_SIZE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "is larger than 16 MiB, the limit for a schema"));
    }
    String::from_utf8(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8"))
}

/// Resolves a reference; the version defaults to the latest of the subject.
fn used(registry: &SchemaRegistry, reference: &Reference) -> Result<SchemaReference, Failure> {
    let Reference { name, subject, version } = reference;
    let version = match version {
        Some(version) => *version,
        None => registry.latest(subject).wait()?.version().unwrap_or(1),
    };
    Ok(SchemaReference { name: name.clone(), subject: subject.clone(), version })
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::new(exit_of(error.kind()), chain(&error))
    }
}

/// The exit for an error of the registry.
fn exit_of(kind: RegistryErrorKind) -> Exit {
    match kind {
        RegistryErrorKind::Incompatible => Exit::Failed,
        RegistryErrorKind::NotFound
        | RegistryErrorKind::InvalidSchema
        | RegistryErrorKind::UnusableSchema
        | RegistryErrorKind::Request => Exit::Usage,
        _ => Exit::Unreachable,
    }
}
