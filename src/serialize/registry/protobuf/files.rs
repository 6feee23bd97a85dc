//! [`ProtoFiles`]: .proto files as a registry keeps them, and the descriptors that are made of them.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, prost_types::FileDescriptorProto};

use super::error::ProtobufError;

/// The files that every registry and every compiler has, and that are therefore not registered (Confluent's `skip.known.types`).
const KNOWN: [&str; 3] = ["google/protobuf/", "google/type/", "confluent/"];

/// Whether a file is one of those that are not registered.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.iter().any(|folder| name.starts_with(folder))
}

/// The file of those that is this one under another name: a message of Google's own may be all of a record, and then its file is a schema.
pub(super) fn known_as(text: &str) -> Option<FileDescriptor> {
    let file = parsed("", text).ok()?;
    let names =
        |file: &FileDescriptorProto| file.message_type.iter().map(|message| message.name().to_owned()).collect::<Vec<_>>();
    let is_same = |known: &FileDescriptor| {
        let known = known.file_descriptor_proto();
        is_known(known.name()) && known.package() == file.package() && names(known) == names(&file)
    };
    // One without messages could be any.
    if file.message_type.is_empty() { None } else { DescriptorPool::global().files().find(is_same) }
}

/// A file as it is registered: its `FileDescriptorProto` in base64, which Confluent's registry and Apicurio both take, and which is what
/// Confluent's clients for Python and .NET send.
pub(super) fn serialized(file: &FileDescriptor) -> String {
    // Unlike the FileDescriptorProto, this has options that are extensions.
    let bytes = file.encode_to_vec();
    BASE64_STANDARD.encode(without_source_info(&bytes).unwrap_or(bytes))
}

/// A file without comments and positions, which would make each spelling a schema of its own; `None` if it has none.
fn without_source_info(file: &[u8]) -> Option<Vec<u8>> {
    let message = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorProto")?;
    let mut file = DynamicMessage::decode(message, file).ok()?;
    file.take_field_by_name("source_code_info")?;
    Some(file.encode_to_vec())
}

/// Files by the names that `import` has for them; each as text, or as [`serialized`].
#[derive(Debug, Default)]
pub(super) struct ProtoFiles<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> FromIterator<(&'a str, &'a str)> for ProtoFiles<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

impl ProtoFiles<'_> {
    /// The descriptors of all of them.
    pub(super) fn descriptors(&self) -> Result<DescriptorPool, ProtobufError> {
        let mut pool = DescriptorPool::new();
        // What a program has put into the global pool itself may be another version of a file of the same name.
        let known = DescriptorPool::global();
        let known = known.files().filter(|file| is_known(file.name())).map(|file| file.file_descriptor_proto().clone());
        pool.add_file_descriptor_protos(known).map_err(ProtobufError::of_descriptors)?;
        for (name, text) in &self.0 {
            self.compile(name, text, &mut pool, &mut Vec::new())?;
        }
        Ok(pool)
    }

    /// Compiles a file, behind those that it imports.
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
            return Err(wrong(format!("it imports itself, through {}", importers.join(", "))));
        }
        let file = parsed(name, text)?;
        importers.push(name.to_owned());
        for import in &file.dependency {
            match self.0.get_key_value(import.as_str()) {
                Some((import, text)) => self.compile(import, text, pool, importers)?,
                None if pool.get_file_by_name(import).is_some() => {}
                None => return Err(wrong(format!("there is no file {import}, which it imports"))),
            }
        }
        importers.pop();
        pool.add_file_descriptor_proto(file).map_err(ProtobufError::of_descriptors)
    }
}

/// A file of either form, by this name whatever it calls itself, since that is what others import.
fn parsed(name: &str, text: &str) -> Result<FileDescriptorProto, ProtobufError> {
    // Text is never base64: it has spaces.
    if let Ok(bytes) = BASE64_STANDARD.decode(text) {
        let file = FileDescriptorProto::decode(&*bytes).map_err(|error| ProtobufError::Proto {
            file: name.to_owned(),
            line_and_column: None,
            reason: format!("{} bytes in base64 that are no FileDescriptorProto: {error}", bytes.len()),
        })?;
        return Ok(FileDescriptorProto { name: Some(name.to_owned()), ..file });
    }
    protox_parse::parse(name, text).map_err(|error| ProtobufError::Proto {
        file: name.to_owned(),
        line_and_column: error.span().and_then(|span| position(text, span.start)),
        reason: error.to_string(),
    })
}

/// The line and the column, from 1, of a byte.
fn position(text: &str, byte: usize) -> Option<(usize, usize)> {
    let before = text.get(..byte)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    Some((line, column))
}

impl ProtobufError {
    fn of_descriptors(error: prost_reflect::DescriptorError) -> Self {
        Self::Proto {
            file: error.file().unwrap_or("a file").to_owned(),
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
    fn what_is_wrong_with_a_file_is_told_with_its_place() {
        let message = "syntax = \"proto3\";\nmessage A { B b = 1; }";
        assert_eq!(error(&[("a.proto", message)]), "a.proto:2:13: name 'B' is not defined");
        assert_eq!(error(&[("a.proto", "message A {\n  string = 1;\n}")]), "a.proto:2:10: expected an identifier, but found '='");
        assert_eq!(error(&[("a.proto", "import \"b.proto\";")]), "a.proto: there is no file b.proto, which it imports");
        let around = [("a.proto", "import \"b.proto\";"), ("b.proto", "import \"a.proto\";")];
        assert_eq!(error(&around), "a.proto: it imports itself, through a.proto, b.proto");
        assert!(error(&[("a.proto", "////")]).starts_with("a.proto: 3 bytes in base64 that are no FileDescriptorProto"));
    }
}
