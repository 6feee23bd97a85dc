//! [`CsvDialect`]: the characters, the header and the null markers of CSV.

/// How CSV is written. The default is RFC 4180 with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CsvDialect {
    /// Between fields. Defaults to a comma, and to a tab for the file extensions `.tsv` and `.tab`.
    pub(crate) delimiter: Option<u8>,
    /// Around fields; `None` means that no character quotes.
    pub(crate) quote: Option<u8>,
    /// Before a character that is part of the text, inside and outside of quotes. A doubled quote is part of the text in any case.
    pub(crate) escape: Option<u8>,
    /// At the beginning of a line that is not a row.
    pub(crate) comment: Option<u8>,
    /// Where the column names come from.
    pub(crate) header: Header,
    /// The number of lines before the header, or before the first row if there is no header.
    pub(crate) skip_lines: u64,
    /// The texts that mean null.
    pub(crate) null: Nulls,
    /// Whether a quoted field can be null. If not, `""` is an empty text where an empty field is null.
    pub(crate) quoted_null: bool,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: Some(b'"'),
            escape: None,
            comment: None,
            header: Header::FirstRow,
            skip_lines: 0,
            null: Nulls::default(),
            quoted_null: true,
        }
    }
}

/// Where the names of CSV columns come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Header {
    /// The first row.
    FirstRow,
    /// There is no header: the columns are `column1`, `column2`, .., as many as the first row has.
    Numbered,
    /// The configuration; the first row is a record.
    Names(Vec<String>),
}

/// The texts that mean null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Nulls {
    /// For all columns without a marker of their own.
    pub(crate) all: Option<String>,
    /// By column.
    pub(crate) columns: Vec<(String, String)>,
}

impl Nulls {
    /// All of them.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.all.iter().chain(self.columns.iter().map(|(_, null)| null)).map(String::as_str)
    }
}

/// The characters of a CSV dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) escape: Option<u8>,
    pub(super) comment: Option<u8>,
}

impl Marks {
    /// The default.
    pub(super) const RFC_4180: Self = Self { delimiter: b',', quote: Some(b'"'), escape: None, comment: None };

    /// The setting whose character is the delimiter too.
    pub(super) fn equals_delimiter(&self) -> Option<&'static str> {
        let others = [("quote", self.quote), ("escape", self.escape), ("comment", self.comment)];
        others.into_iter().find(|(_, other)| *other == Some(self.delimiter)).map(|(name, _)| name)
    }
}

impl CsvDialect {
    /// The characters; `delimiter` is the one that the file's name implies.
    pub(super) fn marks(&self, delimiter: u8) -> Marks {
        let Self { quote, escape, comment, .. } = *self;
        Marks { delimiter: self.delimiter.unwrap_or(delimiter), quote, escape, comment }
    }
}
