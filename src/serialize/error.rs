//! [`DeserializeError`]: why bytes are not the value that was expected.

/// Why bytes are not the value that was expected. It tells their length, never what is in them.
///
/// This is what the deserializers of [this module](crate::serialize) fail with, inside a [`BoxError`](crate::serialize::BoxError).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeserializeError {
    /// A null where there must be a value.
    #[error("expected {expected}, got null; the deserializer Optional accepts null")]
    Null {
        /// What was expected, such as "an i32 of 4 bytes".
        expected: &'static str,
    },
    /// The wrong number of bytes.
    #[error("expected {expected}, got {length} bytes")]
    Length {
        /// What was expected, such as "an i32 of 4 bytes".
        expected: &'static str,
        /// How many bytes came.
        length: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("expected UTF-8 text, got {length} bytes that are not UTF-8 from byte {valid_up_to} on")]
    Utf8 {
        /// How many bytes came.
        length: usize,
        /// How many of them, from the first on, are UTF-8.
        valid_up_to: usize,
    },
    /// The right number of bytes, but not such a value.
    #[error("expected {expected}, got {length} bytes that are something else")]
    Content {
        /// What was expected, such as "a UUID as text".
        expected: &'static str,
        /// How many bytes came.
        length: usize,
    },
    /// Bytes that are not JSON, or JSON of another shape.
    #[error("expected JSON of a {expected}, got {length} bytes that are wrong at line {line} column {column}: {reason}")]
    Json {
        /// The Rust type that was expected.
        expected: &'static str,
        /// How many bytes came.
        length: usize,
        /// The line of the bytes where it went wrong, from 1.
        line: usize,
        /// The column of that line, from 1.
        column: usize,
        /// What went wrong there, such as "missing field `id`".
        reason: String,
    },
}
