//! [`to_json`]: writes a CSV row as a JSON object.

use crate::row::Columns;
use std::io;

pub(super) struct Column {
    pub(super) name: String,
    /// The JSON before its value: `{"name":` or `,"name":`, and the quote that begins a string.
    pub(super) prefix: Vec<u8>,
    /// The same with zeros behind it, for [`push_bytes`].
    pub(super) padded_prefix: Vec<u8>,
}

pub(super) enum Fault<'a> {
    Columns,
    NotUtf8(&'a Column),
    Write(io::Error),
}

/// Writes the JSON object of a row to `json`.
pub(super) fn to_json<'a>(columns: &'a [Column], row: Columns<'_>, json: &mut Vec<u8>) -> Result<(), Fault<'a>> {
    let Columns { texts: fields, ends, gap, nulls, quoted, null_fields } = row;
    if ends.len() != columns.len() {
        return Err(Fault::Columns);
    }
    json.clear();
    // The row is validated as a whole; fields are validated one by one only if that fails.
    let text = std::str::from_utf8(fields).ok();
    let is_verbatim = is_json_text(fields);
    let mut quoted = quoted.iter().peekable();
    let mut start = 0;
    for (index, ((column, null), &end)) in columns.iter().zip(nulls).zip(ends).enumerate() {
        let field = &fields[start..end];
        let is_quoted = quoted.next_if(|quoted| **quoted == index).is_some();
        if (!is_quoted && null.as_deref() == Some(field)) || null_fields.contains(&index) {
            let (_, name) = column.prefix.split_last().unwrap_or((&b'"', &[]));
            json.extend_from_slice(name);
            json.extend_from_slice(b"null");
        } else {
            let field = match text {
                Some(text) => text.get(start..end),
                None => std::str::from_utf8(field).ok(),
            };
            let field = field.ok_or(Fault::NotUtf8(column))?;
            push_bytes::<32>(json, &column.padded_prefix, column.prefix.len());
            if is_verbatim || is_json_text(field.as_bytes()) {
                push_bytes::<16>(json, fields.get(start..).unwrap_or_default(), end - start);
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

/// Appends the first `length` bytes. If that is `N` or less, `N` bytes are copied, if there are as many, and the rest is removed: a copy of a constant
/// size needs no call.
fn push_bytes<const N: usize>(json: &mut Vec<u8>, bytes: &[u8], length: usize) {
    match bytes.first_chunk::<N>() {
        Some(chunk) if length <= N => {
            let end = json.len() + length;
            json.extend_from_slice(chunk);
            json.truncate(end);
        }
        _ => json.extend_from_slice(bytes.get(..length).unwrap_or_default()),
    }
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
