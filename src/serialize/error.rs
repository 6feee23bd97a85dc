//! [`DeserializeError`]: why bytes are not the expected value.

/// Why bytes are not the expected value. It shows the length of the data, never its content.
///
/// The deserializers of [this module](crate::serialize) return it in a [`BoxError`](crate::serialize::BoxError).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeserializeError {
    /// A null where a value was expected.
    #[error("expected {expected}, got null; use the deserializer Optional to accept null")]
    Null {
        /// What was expected, such as "an i32 of 4 bytes".
        expected: &'static str,
    },
    /// The wrong number of bytes.
    #[error("expected {expected}, got {length} bytes")]
    Length {
        /// What was expected, such as "an i32 of 4 bytes".
        expected: &'static str,
        /// The number of bytes in the data.
        length: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("expected UTF-8 text, got {length} bytes with invalid UTF-8 at byte {valid_up_to}")]
    Utf8 {
        /// The number of bytes in the data.
        length: usize,
        /// The length of the valid UTF-8 at its start, in bytes.
        valid_up_to: usize,
    },
    /// The right number of bytes, but not a valid value.
    #[error("expected {expected}, got {length} bytes with another content")]
    Content {
        /// What was expected, such as "a UUID as text".
        expected: &'static str,
        /// The number of bytes in the data.
        length: usize,
    },
    /// Invalid JSON, or JSON that is not the expected type.
    #[error("expected JSON of type {expected}, got {length} bytes with an error at line {line} column {column}: {reason}")]
    Json {
        /// The Rust type that was expected.
        expected: &'static str,
        /// The number of bytes in the data.
        length: usize,
        /// The line of the error, from 1.
        line: usize,
        /// The column of the error, from 1.
        column: usize,
        /// What is wrong, such as "missing field `id`".
        reason: String,
    },
}
