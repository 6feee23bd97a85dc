//! [`LineDialect`]: headers and keys in lines, as Kafka's console producer reads them.

use std::ops::Range;

use crate::row::{HeaderPlace, RowErrorKind};

/// Which parts of a record a line has, and what separates them. The defaults are those of `kafka-console-producer`: the line is the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineDialect {
    /// Whether the key is before the value.
    pub(crate) parse_key: bool,
    pub(crate) key_separator: String,
    /// Whether the headers are before the key, or before the value if there is no key.
    pub(crate) parse_headers: bool,
    /// Between the headers and the rest.
    pub(crate) headers_delimiter: String,
    /// Between two headers.
    pub(crate) headers_separator: String,
    /// Between the name and the value of a header.
    pub(crate) headers_key_separator: String,
    /// The key, value, header value or headers that are null.
    pub(crate) null_marker: Option<String>,
    /// Whether a separator that is missing is no error.
    pub(crate) ignore_error: bool,
}

impl Default for LineDialect {
    fn default() -> Self {
        Self {
            parse_key: false,
            key_separator: "\t".to_owned(),
            parse_headers: false,
            headers_delimiter: "\t".to_owned(),
            headers_separator: ",".to_owned(),
            headers_key_separator: ":".to_owned(),
            null_marker: None,
            ignore_error: false,
        }
    }
}

/// The key and the value of a line; `None` is null.
pub(super) type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl LineDialect {
    /// Whether a line is the value, whatever it has.
    pub(super) fn is_plain(&self) -> bool {
        !self.parse_key && !self.parse_headers && self.null_marker.is_none()
    }

    /// Splits a line into key and value, and writes the places of its headers to `headers`.
    ///
    /// # Errors
    /// A separator is missing, or the name of a header is null or not UTF-8.
    pub(super) fn split<'a>(
        &self,
        line: &'a [u8],
        headers: &mut Vec<HeaderPlace>,
    ) -> Result<KeyAndValue<'a>, (RowErrorKind, String)> {
        headers.clear();
        let mut rest = 0;
        if self.parse_headers {
            let missing = (RowErrorKind::InvalidHeader, "headers_delimiter");
            if let Some(text) = self.part(line, &mut rest, &self.headers_delimiter, missing)? {
                if !self.is_null(&line[text.clone()]) {
                    self.split_headers(line, text, headers)?;
                }
            }
        }
        let mut key = None;
        if self.parse_key {
            let missing = (RowErrorKind::MissingKey, "key_separator");
            key = self.part(line, &mut rest, &self.key_separator, missing)?.map(|range| &line[range]);
        }
        let given = |text: &&[u8]| !self.is_null(text);
        Ok((key.filter(given), Some(&line[rest..]).filter(given)))
    }

    /// The part from `rest` to the next separator, after which the rest begins. `None` if there is no separator and that is no error.
    fn part(
        &self,
        line: &[u8],
        rest: &mut usize,
        separator: &str,
        (kind, setting): (RowErrorKind, &str),
    ) -> Result<Option<Range<usize>>, (RowErrorKind, String)> {
        let start = *rest;
        match find(&line[start..], separator) {
            Some(length) => {
                *rest = start + length + separator.len();
                Ok(Some(start..start + length))
            }
            None if self.ignore_error => Ok(None),
            None => Err((kind, format!("the line has no {separator:?}, which is `{setting}`"))),
        }
    }

    /// Splits the headers. As in Java, empty texts after the last one are dropped.
    fn split_headers(
        &self,
        line: &[u8],
        text: Range<usize>,
        headers: &mut Vec<HeaderPlace>,
    ) -> Result<(), (RowErrorKind, String)> {
        let mut places = vec![];
        let mut start = text.start;
        while let Some(length) = find(&line[start..text.end], &self.headers_separator) {
            places.push(start..start + length);
            start += length + self.headers_separator.len();
        }
        if places.is_empty() || start < text.end {
            places.push(start..text.end);
        } else {
            let used = places.iter().rposition(|place| !place.is_empty()).map_or(0, |last| last + 1);
            places.truncate(used);
        }
        for (number, place) in (1..).zip(places) {
            let wrong = |message: String| Err((RowErrorKind::InvalidHeader, format!("header {number} {message}")));
            let separator = &self.headers_key_separator;
            let (name, value) = match find(&line[place.clone()], separator) {
                Some(length) => {
                    let name = place.start..place.start + length;
                    (name.clone(), Some(name.end + separator.len()..place.end))
                }
                None if self.ignore_error => (place, None),
                None => return wrong(format!("has no {separator:?}, which is `headers_key_separator`")),
            };
            if value.is_some() && self.is_null(&line[name.clone()]) {
                return wrong("has the null marker as its name, which must not be null".to_owned());
            }
            if std::str::from_utf8(&line[name.clone()]).is_err() {
                return wrong("has a name that is not UTF-8".to_owned());
            }
            let value = value.filter(|value| !self.is_null(&line[value.clone()]));
            headers.push(HeaderPlace { name, value });
        }
        Ok(())
    }

    fn is_null(&self, text: &[u8]) -> bool {
        self.null_marker.as_ref().is_some_and(|marker| marker.as_bytes() == text)
    }
}

/// The position of the first `separator`, which is not empty.
fn find(text: &[u8], separator: &str) -> Option<usize> {
    match separator.as_bytes() {
        [one] => text.iter().position(|byte| byte == one),
        many => text.windows(many.len()).position(|window| window == many),
    }
}
