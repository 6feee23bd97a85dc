//! [`ProtoFiles`]: compiles .proto files in the forms that a registry stores.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, prost_types::FileDescriptorProto};

use super::error::ProtobufError;

/// The folders of files that every registry and compiler includes, and that are therefore not registered (Confluent's `skip.known.types`).
const KNOWN: [&str; 3] = ["google/protobuf/", "google/type/", "confluent/"];

/// Whether a file is included in every registry and therefore not registered.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|folder| name.starts_with(folder))
}

/// The known file with the same package and messages. A record may be a message of a known file, which is then registered as a schema without
/// its name.
pub(super) fn known_as(text: &str) -> Option<FileDescriptor> {
    let file = parsed("", text).ok()?;
    let names =
        |file: &FileDescriptorProto| file.message_type.iter().map(|message| message.name().to_owned()).collect::<Vec<_>>();
    let is_same = |known: &FileDescriptor| {
        let known = known.file_descriptor_proto();
        is_known(known.name()) && known.package() == file.package() && names(known) == names(&file)
    };
    // A file without messages would match any other.
    if file.message_type.is_empty() { None } else { DescriptorPool::global().files().find(is_same) }
}

/// A file as a `FileDescriptorProto` in base64, which Confluent's registry and Apicurio accept, and Confluent's clients for Python and .NET
/// send.
pub(super) fn serialized(file: &FileDescriptor) -> String {
    // `encode_to_vec` keeps options that are extensions; `file_descriptor_proto` loses them.
    let bytes = file.encode_to_vec();
    BASE64_STANDARD.encode(without_source_info(&bytes).unwrap_or(bytes))
}

/// The file without comments and positions, which would make each formatting another schema; `None` if it has none.
fn without_source_info(file: &[u8]) -> Option<Vec<u8>> {
    let message = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorProto")?;
    let mut file = DynamicMessage::decode(message, file).ok()?;
    file.take_field_by_name("source_code_info")?;
    Some(file.encode_to_vec())
}

/// Files by the names that `import` uses, each as text or in the form of [`serialized`].
#[derive(Debug, Default)]
pub(super) struct ProtoFiles<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> FromIterator<(&'a str, &'a str)> for ProtoFiles<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

impl ProtoFiles<'_> {
    /// Compiles all files.
    pub(super) fn descriptors(&self) -> Result<DescriptorPool, ProtobufError> {
        let mut pool = DescriptorPool::new();
        // Only the known files: the program may have added another version of any other file to the global pool.
        let known = DescriptorPool::global();
        let known = known.files().filter(|file| is_known(file.name())).map(|file| file.file_descriptor_proto().clone());
        pool.add_file_descriptor_protos(known).map_err(ProtobufError::of_descriptors)?;
        for (name, text) in &self.0 {
            self.compile(name, text, &mut pool, &mut Vec::new())?;
        }
        Ok(pool)
    }

    /// Compiles a file after its imports.
    fn compile(
        &self,
        name: &str,
        text: &str,
        pool: &mut DescriptorPool,
        importers: &mut Vec<String>,
    ) -> Result<(), ProtobufError> {
        if pool.get_file_by_name(name).is_some() {
            return Ok(());
        }
        let wrong = |reason: String| ProtobufError::Proto { file: name.to_owned(), line_and_column: None, reason };
        if importers.iter().any(|importer| importer == name) {
            return Err(wrong(format!("import cycle through {}", importers.join(", "))));
        }
        let file = parsed(name, text)?;
        importers.push(name.to_owned());
        for import in &file.dependency {
            match self.0.get_key_value(import.as_str()) {
                Some((import, text)) => self.compile(import, text, pool, importers)?,
                None if pool.get_file_by_name(import).is_some() => {}
                None => return Err(wrong(format!("the imported file {import} is missing"))),
            }
        }
        importers.pop();
        pool.add_file_descriptor_proto(file).map_err(ProtobufError::of_descriptors)
    }
}

/// Parses a file of either form. It gets this name, which other files import, instead of its own.
fn parsed(name: &str, text: &str) -> Result<FileDescriptorProto, ProtobufError> {
    // .proto text contains spaces, so it is never valid base64.
    if let Ok(bytes) = BASE64_STANDARD.decode(text) {
        let file = FileDescriptorProto::decode(&*bytes).map_err(|error| ProtobufError::Proto {
            file: name.to_owned(),
            line_and_column: None,
            reason: format!("{} bytes in base64 are not a FileDescriptorProto: {error}", bytes.len()),
        })?;
        return Ok(FileDescriptorProto { name: Some(name.to_owned()), ..file });
    }
    protox_parse::parse(name, text).map_err(|error| ProtobufError::Proto {
        file: name.to_owned(),
        line_and_column: error.span().and_then(|span| position(text, span.start)),
        reason: error.to_string(),
    })
}

/// The line and the column of a byte, from 1.
fn position(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    Some((line, column))
}

impl ProtobufError {
    fn of_descriptors(error: prost_reflect::DescriptorError) -> Self {
        Self::Proto {
            file: error.file().unwrap_or("(unknown file)").to_owned(),
            line_and_column: error.line().zip(error.column()).map(|(line, column)| (line + 1, column + 1)),
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile_proto;

    fn error(files: &[(&str, &str)]) -> String {
        compile_proto(files.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn compile_errors_name_file_line_and_column() {
        let message = "syntax = \"proto3\";\nmessage A { B b = 1; }";
        assert_eq!(error(&[("a.proto", message)]), "a.proto:2:13: name 'B' is not defined");
        assert_eq!(error(&[("a.proto", "message A {\n  string = 1;\n}")]), "a.proto:2:10: expected an identifier, but found '='");
        assert_eq!(error(&[("a.proto", "import \"b.proto\";")]), "a.proto: the imported file b.proto is missing");
        let around = [("a.proto", "import \"b.proto\";"), ("b.proto", "import \"a.proto\";")];
        assert_eq!(error(&around), "a.proto: import cycle through a.proto, b.proto");
        assert!(error(&[("a.proto", "////")]).starts_with("a.proto: 3 bytes in base64 are not a FileDescriptorProto"));
    }
}
