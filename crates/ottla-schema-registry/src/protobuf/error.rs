//! [`ProtobufError`]: the error of a Protobuf message or its schema.

use super::super::{SchemaType, WireId};

/// Why a Protobuf message or its schema cannot be used. Contains names, positions and lengths, but no content of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtobufError {
    /// The message indexes are truncated.
    #[error("expected message indexes behind the schema id, got truncated ones")]
    TruncatedIndexes,
    /// A number of the message indexes has more than 10 bytes.
    #[error("expected message indexes behind the schema id, got a number of more than 10 bytes")]
    EndlessIndex,
    /// The count of message indexes is negative or greater than the number of bytes that follow.
    #[error("expected message indexes behind the schema id, got an invalid count, with {left} bytes left")]
    IndexCount {
        /// The number of bytes that follow the count.
        left: usize,
    },
    /// A message index is negative or too large.
    #[error("expected message indexes behind the schema id, got the invalid index {index}")]
    IndexRange {
        /// The index.
        index: i64,
    },
    /// The header has extra bytes behind the message indexes.
    #[error("expected no bytes behind the message indexes in the header, got {length}")]
    BehindIndexes {
        /// The number of extra bytes.
        length: usize,
    },
    /// The schema has no message with these indexes.
    #[error("{id} has no message with the indexes {indexes}")]
    NoMessage {
        /// The id of the schema.
        id: WireId,
        /// The message indexes, such as `[1, 0]`.
        indexes: String,
    },
    /// The record contains another message type than expected.
    #[error("expected the message {expected}, got {found} of {id}")]
    OtherMessage {
        /// The id of the schema.
        id: WireId,
        /// The full name of the expected message.
        expected: String,
        /// The full name of the record's message.
        found: String,
    },
    /// The registered schema does not contain the message to write.
    #[error("the schema under subject {subject} has no message {message}")]
    NotInSchema {
        /// The subject.
        subject: String,
        /// The full name of the message.
        message: String,
    },
    /// The payload cannot be decoded as the message.
    #[error("expected the message {message} of {id}, got {length} bytes that cannot be decoded: {source}")]
    Message {
        /// The id of the schema.
        id: WireId,
        /// The full name of the message.
        message: String,
        /// The number of bytes.
        length: usize,
        /// The error of `prost`.
        source: prost::DecodeError,
    },
    /// The schema is in another schema language.
    #[error("expected a schema of type PROTOBUF, got {found}")]
    OtherLanguage {
        /// The language of the schema.
        found: SchemaType,
    },
    /// A .proto file cannot be compiled.
    #[error("{file}{}: {reason}", position(.line_and_column))]
    Proto {
        /// The file's name.
        file: String,
        /// The line and the column in the text, from 1, if known.
        line_and_column: Option<(usize, usize)>,
        /// The reason.
        reason: String,
    },
}

fn position(line_and_column: &Option<(usize, usize)>) -> String {
    line_and_column.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
}
