//! [`append_scalar`]: the text of a JSON string, number or boolean.

/// The kinds of JSON values that [`append_scalar`] distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Null, which has no text.
    Null,
    /// A string, a number or a boolean.
    Text,
    /// An object or an array, which has no text; its type for messages.
    Structured(&'static str),
}

/// Appends the text of a valid JSON value to `text`: the content of a string, or the JSON of a number or a boolean. Appends nothing
/// for other types.
///
/// # Errors
/// The value is a string that serde_json rejects.
pub(crate) fn append_scalar(value: &str, text: &mut Vec<u8>) -> Result<Scalar, serde_json::Error> {
    match value.as_bytes() {
        b"null" => return Ok(Scalar::Null),
        [b'"', content @ .., b'"'] if !content.contains(&b'\\') => text.extend_from_slice(content),
        [b'"', ..] => text.extend_from_slice(serde_json::from_str::<String>(value)?.as_bytes()),
        [b'{' | b'[', ..] => return Ok(Scalar::Structured(type_of(value))),
        content => text.extend_from_slice(content),
    }
    Ok(Scalar::Text)
}

/// The type of a valid JSON value, for messages.
pub(crate) fn type_of(json: &str) -> &'static str {
    match json.trim_ascii_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
