//! [`Json`]: any serde type, as JSON.

use super::{BoxError, DeserializeContext, DeserializeError, Deserializer, SerializeContext, Serialized, Serializer};
use serde::{Serialize, de::DeserializeOwned};
use std::{any::type_name, fmt, marker::PhantomData};

/// A `T: serde::Serialize` as JSON without whitespace.
///
/// `None` becomes the four bytes `null`, which is not a null value. Use `Optional(Json::new())` to send `None` as null (a tombstone). As a
/// deserializer it needs a `T: DeserializeOwned`. Null is an error, see [`Optional`](super::Optional).
///
/// ```
/// use ottla::record::Headers;
/// use ottla::serialize::{Json, SerializeContext, Serializer};
///
/// #[derive(serde::Serialize)]
/// struct Order {
///     id: &'static str,
///     cents: u32,
/// }
///
/// let mut buffer = Vec::new();
/// let order = Order { id: "o-1", cents: 1250 };
/// Json::new().serialize(&order, &mut SerializeContext::new("orders", &mut Headers::new(), false), &mut buffer)?;
/// assert_eq!(buffer, br#"{"id":"o-1","cents":1250}"#);
/// # Ok::<(), ottla::serialize::BoxError>(())
/// ```
pub struct Json<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> Json<T> {
    /// A serializer and deserializer of `T`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ?Sized> Default for Json<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> Clone for Json<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Json<T> {}

impl<T: ?Sized> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json<{}>", type_name::<T>())
    }
}

impl<T: Serialize + ?Sized + 'static> Serializer<T> for Json<T> {
    fn serialize(&self, data: &T, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        serde_json::to_writer(buffer, data)?;
        Ok(Serialized::Bytes)
    }
}

impl<T: DeserializeOwned + 'static> Deserializer<T> for Json<T> {
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<T, BoxError> {
        let data = data.ok_or(DeserializeError::Null { expected: "JSON" })?;
        serde_json::from_slice(data).map_err(|error| {
            DeserializeError::Json {
                expected: type_name::<T>(),
                length: data.len(),
                line: error.line(),
                column: error.column(),
                reason: reason(&error),
            }
            .into()
        })
    }
}

/// serde_json's reason, without the data that it quotes.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if !error.is_data() || text.starts_with("missing field `") {
        return text.to_owned();
    }
    // serde's own errors are like "invalid type: string \"..\", expected u32" or "unknown variant `..`, expected `a` or `b`". The text after
    // the last "expected" comes from the type. Other texts come from hand-written implementations of Deserialize.
    let quotes_then_expected = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `", "unknown field `"];
    match text.rsplit_once(", expected ") {
        Some((_, expected)) if quotes_then_expected.iter().any(|start| text.starts_with(start)) => {
            format!("expected {expected}")
        }
        _ => "the JSON does not match the type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape is used")]
    struct Login {
        user: String,
        attempts: u32,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Web,
        App,
    }

    fn error(data: &[u8]) -> String {
        let headers = Headers::new();
        let result: Result<Login, _> = Json::new().deserialize(Some(data), &DeserializeContext::new("logins", &headers, false));
        result.unwrap_err().to_string()
    }

    #[test]
    fn errors_never_quote_the_data() {
        for (data, says) in [
            (r#"{"user":"hunter2"}"#, "missing field `attempts`"),
            (r#"{"user":"u","attempts":"hunter2"}"#, "expected u32"),
            (r#"{"user":"u","attempts":1,"kind":"hunter2"}"#, "expected `web` or `app`"),
            (r#"{"user":"u","attempts":1,"hunter2":0}"#, "expected one of `user`, `attempts`, `kind`"),
            (r#"{"user":"hunter2","#, "EOF while parsing a value"),
            (r#"{"user":"hunter2" "attempts"}"#, "expected `,` or `}`"),
            (r#""hunter2""#, "expected struct Login"),
            ("", "EOF while parsing a value"),
        ] {
            let error = error(data.as_bytes());
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains(&format!("got {} bytes", data.len())), "{error}");
        }
    }

    #[test]
    fn failure_leaves_earlier_bytes_in_the_buffer() {
        let mut buffer = b"before".to_vec();
        let unserializable = std::collections::BTreeMap::from([((1, 2), "a tuple is no JSON key")]);
        let mut headers = Headers::new();
        let mut context = SerializeContext::new("orders", &mut headers, false);
        let error = Json::new().serialize(&unserializable, &mut context, &mut buffer).unwrap_err();
        assert_eq!(error.to_string(), "key must be a string");
        assert!(buffer.starts_with(b"before"));
    }
}
