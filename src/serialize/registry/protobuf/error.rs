//! [`ProtobufError`]: why a Protobuf message or its schema cannot be used.

use super::super::{SchemaType, WireId};

/// Why a Protobuf message or its schema cannot be used. It has names, positions and lengths, never what is in a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtobufError {
    /// The bytes end within the message indexes.
    #[error("expected message indexes behind the schema id, got bytes that end within them")]
    TruncatedIndexes,
    /// A number of the message indexes takes more bytes than any has.
    #[error("expected message indexes behind the schema id, got one that takes more than 10 bytes")]
    EndlessIndex,
    /// There are to be more message indexes than bytes follow, or fewer than none.
    #[error("expected message indexes behind the schema id, got a count that cannot be, with {left} bytes left")]
    IndexCount {
        /// How many bytes follow the count.
        left: usize,
    },
    /// An index that no message has.
    #[error("expected message indexes behind the schema id, got {index} as one of them")]
    IndexRange {
        /// The index.
        index: i64,
    },
    /// Something stands behind the message indexes in a header.
    #[error("expected nothing behind the message indexes in the header, got {length} bytes more")]
    BehindIndexes {
        /// How many bytes there are.
        length: usize,
    },
    /// The schema has no message where the indexes lead to.
    #[error("{id} has no message {indexes}")]
    NoMessage {
        /// The id of the schema.
        id: WireId,
        /// The message indexes, such as `[1, 0]`.
        indexes: String,
    },
    /// The record is another message than the one that is read.
    #[error("expected the message {expected}, got {found} of {id}")]
    OtherMessage {
        /// The id of the schema.
        id: WireId,
        /// The full name of the message that is read.
        expected: String,
        /// The full name of the message that the record is.
        found: String,
    },
    /// The registered schema does not have the message that is to be written.
    #[error("the schema under subject {subject} has no message {message}")]
    NotInSchema {
        /// The subject.
        subject: String,
        /// The full name of the message.
        message: String,
    },
    /// The payload is not such a message.
    #[error("expected the message {message} of {id}, got {length} bytes that are something else: {source}")]
    Message {
        /// The id of the schema.
        id: WireId,
        /// The full name of the message.
        message: String,
        /// How many bytes came.
        length: usize,
        /// What prost says of them.
        source: prost::DecodeError,
    },
    /// The schema is of another language.
    #[error("expected a schema of PROTOBUF, got one of {found}")]
    OtherLanguage {
        /// The language that it is of.
        found: SchemaType,
    },
    /// A .proto file that cannot be compiled.
    #[error("{file}{}: {reason}", position(.line_and_column))]
    Proto {
        /// The file's name.
        file: String,
        /// Where in its text, both from 1, as far as it is known.
        line_and_column: Option<(usize, usize)>,
        /// What is wrong there.
        reason: String,
    },
}

fn position(line_and_column: &Option<(usize, usize)>) -> String {
    line_and_column.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
}
