//! `ottla schema`: schemas and the registry in which they stand.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::Path,
};

use ottla::serialize::registry::{
    RegistryError, RegistryErrorKind, Schema, SchemaReference, SchemaRegistry, SchemaRegistryConfig, SchemaType,
};

use crate::{
    args::{Reference, SchemaArguments, SchemaCommand, SchemaFile},
    exit::{Exit, Failure, chain, written},
    settings::Settings,
};

/// The largest file that is read as a schema, in bytes: a registry takes none that is nearly as large.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Runs a subcommand.
pub(crate) fn run(arguments: &SchemaArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        SchemaCommand::Check(file) => check(file),
        SchemaCommand::Register(file) => register(file),
    }
}

/// Asks whether the schema may be registered under the subject.
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
        return written(writeln!(io::stdout(), "{path}: good: compatible with what is registered under {subject}"));
    }
    let why = compatibility.messages().join("\n");
    let why = if why.is_empty() { "the registry does not say why".to_owned() } else { why };
    Err(Failure::new(Exit::Failed, format!("{path}: not compatible with what is registered under {subject}: {why}")))
}

/// Registers the schema under the subject, unless it is there.
fn register(file: &SchemaFile) -> Result<Exit, Failure> {
    let (registry, schema) = open(file)?;
    let registered = registry.register(&file.subject, &schema).wait()?;
    // Not every registry tells the version when it registers.
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
    let mut config = SchemaRegistryConfig::of(&settings.producer);
    if let Some(url) = &file.url {
        config = config.set("schema.registry.url", url)?;
    }
    if config.get("schema.registry.url").is_none() {
        return Err(Failure::usage("there is no schema registry: give --url, or -c with schema.registry.url"));
    }
    let registry = SchemaRegistry::new(&config)?;
    let references = file.reference.iter().map(|reference| used(&registry, reference)).collect::<Result<Vec<_>, _>>()?;
    Ok((registry, read(&file.schema, file.kind)?.references(references)))
}

/// A schema from a file, whose extension tells the language if `kind` does not.
///
/// # Errors
/// The file cannot be read, or nothing tells the language.
pub(crate) fn read(path: &Path, kind: Option<SchemaType>) -> Result<Schema, Failure> {
    let by_name = || match path.extension()?.to_str()? {
        "avsc" => Some(SchemaType::Avro),
        "proto" => Some(SchemaType::Protobuf),
        "json" => Some(SchemaType::Json),
        _ => None,
    };
    let text = text_of(path).map_err(|error| Failure::usage(format!("schema {}: {error}", path.display())))?;
    let kind = kind
        .or_else(by_name)
        .ok_or_else(|| Failure::usage(format!("schema {}: is none of .avsc, .proto and .json: give --type", path.display())))?;
    Ok(Schema::new(kind, text))
}

/// The text of a schema's file, which may be a pipe. The size has a bound, since a path may be that of anything.
pub(crate) fn text_of(path: &Path) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "is larger than 16 MiB, which no schema is"));
    }
    String::from_utf8(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8"))
}

/// What the schema uses; the latest version of its subject, unless one is named.
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

/// What an error of the registry means for how the command ends.
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
