//! [`to_json`]: writes a CSV row as a JSON object.

use crate::row::Columns;
use std::io;

/// The length up to which the JSON before a value is copied in one piece.
pub(super) const PADDING: usize = 32;

pub(super) struct Column {
    pub(super) name: String,
    /// The JSON before its value: `{"name":` or `,"name":`, and the quote that begins a string.
    pub(super) prefix: Vec<u8>,
    /// The same with zeros behind it, for [`put`].
    pub(super) padded_prefix: Vec<u8>,
}

pub(super) enum Fault<'a> {
    Columns,
    NotUtf8(&'a Column),
    Write(io::Error),
}

/// Writes the JSON object of a row to `json`.
pub(super) fn to_json<'a>(columns: &'a [Column], row: Columns<'_>, json: &mut Vec<u8>) -> Result<(), Fault<'a>> {
    let Columns { texts: fields, ends, gap, .. } = row;
    if ends.len() != columns.len() {
        return Err(Fault::Columns);
    }
    // The row is validated as a whole; fields are validated one by one only if that fails.
    let text = std::str::from_utf8(fields).ok();
    let is_verbatim = is_json_text(fields);
    // Without a delimiter between them, two fields that are not UTF-8 can be UTF-8 together.
    if text.is_some() && is_verbatim && (gap > 0 || fields.is_ascii()) {
        write_verbatim(columns, row, json);
        return Ok(());
    }
    json.clear();
    let mut start = 0;
    for (index, (column, &end)) in columns.iter().zip(ends).enumerate() {
        let field = &fields[start..end];
        if row.is_null(index, field) {
            let (_, name) = column.prefix.split_last().unwrap_or((&b'"', &[]));
            json.extend_from_slice(name);
            json.extend_from_slice(b"null");
        } else {
            let field = match text {
                Some(text) => text.get(start..end),
                None => std::str::from_utf8(field).ok(),
            };
            let field = field.ok_or(Fault::NotUtf8(column))?;
            json.extend_from_slice(&column.prefix);
            if is_verbatim || is_json_text(field.as_bytes()) {
                json.extend_from_slice(field.as_bytes());
                json.push(b'"');
            } else {
                json.pop();
                push_string(json, field).map_err(Fault::Write)?;
            }
        }
        start = end + gap;
    }
    json.push(b'}');
    Ok(())
}

/// Writes the JSON object of a row that has a text for each column, without characters to escape. The object is written in memory that is long
/// enough, because a `Vec` that grows checks its capacity at each field.
fn write_verbatim(columns: &[Column], row: Columns<'_>, json: &mut Vec<u8>) {
    let Columns { texts: fields, ends, gap, .. } = row;
    let names: usize = columns.iter().map(|column| column.prefix.len()).sum();
    // Each column has a quote or `null`, and what `put` writes too much is at the end.
    json.resize(names + fields.len() + 4 * columns.len() + PADDING, 0);
    let (mut start, mut at) = (0, 0);
    for (index, (column, &end)) in columns.iter().zip(ends).enumerate() {
        at = put::<PADDING>(json, at, &column.padded_prefix, column.prefix.len());
        if row.is_null(index, &fields[start..end]) {
            // Without the quote that begins a string.
            at = put::<4>(json, at - 1, b"null", 4);
        } else {
            at = put::<16>(json, at, &fields[start..], end - start);
            json[at] = b'"';
            at += 1;
        }
        start = end + gap;
    }
    json[at] = b'}';
    json.truncate(at + 1);
}

/// Copies the first `length` bytes to `at`, and returns the place after them. If that is `N` or less, `N` bytes are copied, if there are as many: a
/// copy of a constant size needs no call. The rest is overwritten by what follows.
fn put<const N: usize>(json: &mut [u8], at: usize, bytes: &[u8], length: usize) -> usize {
    let end = at + length;
    match bytes.first_chunk::<N>() {
        Some(chunk) if length <= N => json[at..at + N].copy_from_slice(chunk),
        _ => json[at..end].copy_from_slice(&bytes[..length]),
    }
    end
}

/// Whether a text is the same in a JSON string, without escapes. Inspects every byte, which is faster than stopping at the first.
fn is_json_text(text: &[u8]) -> bool {
    text.iter().fold(true, |is_text, &byte| is_text & (byte >= b' ') & (byte != b'"') & (byte != b'\\'))
}

/// Whether each field is UTF-8.
pub(super) fn are_texts(fields: &[u8], ends: &[usize]) -> bool {
    std::str::from_utf8(fields).is_ok_and(|text| ends.iter().all(|&end| text.is_char_boundary(end)))
}

pub(super) fn push_string(json: &mut Vec<u8>, text: &str) -> io::Result<()> {
    Ok(serde_json::to_writer(json, text)?)
}
