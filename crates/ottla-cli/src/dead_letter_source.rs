//! [`LetterSource`]: the input that the records of dead letters were read from. [`EarlierLetter`]: a letter that is sent again.

use std::sync::Arc;

use crate::input::Format;

/// The input that the record of a dead letter was read from, so that the record can be read again without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LetterSource {
    /// The input's name.
    pub(crate) input: String,
    pub(crate) format: Format,
    /// The names of the columns of CSV.
    pub(crate) columns: Option<Vec<String>>,
}

/// The dead letter that a row was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlierLetter {
    pub(crate) source: Arc<LetterSource>,
    /// The line of the source where the record begins, counted from 1.
    pub(crate) line: u64,
    /// How often the record has failed.
    pub(crate) attempts: u64,
}
