//! [`Unavailable`]: a service that a serializer or deserializer needs cannot be asked; the value itself may be good.

use std::{error::Error as StdError, fmt};

use super::BoxError;

/// The error of a serializer or deserializer whose service, such as a schema registry or a key store, cannot be asked now.
///
/// Any other error of a [`Serializer`](super::Serializer) or [`Deserializer`](super::Deserializer) is about the value: the record is refused, or
/// skipped. This one is about the service, so the record may be retried:
/// - a producer reports [`ErrorKind::SchemaRegistry`](crate::ErrorKind::SchemaRegistry), which is retriable;
/// - a consumer keeps the record and those behind it in its partition, and reads it again until the service answers. It skips nothing.
///
/// The error that is given here becomes the [source](StdError::source) of the client's [`Error`](crate::Error).
///
/// ```
/// use ottla::Deserializer;
/// use ottla::serialize::{BoxError, DeserializeContext, Unavailable};
///
/// struct Encrypted {
///     keys: Result<[u8; 1], std::io::ErrorKind>, // of a client of a key store
/// }
///
/// impl Deserializer<Vec<u8>> for Encrypted {
///     fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<Vec<u8>, BoxError> {
///         let key = self.keys.map_err(|error| Unavailable::new(std::io::Error::from(error)))?;
///         Ok(data.ok_or("the value is null")?.iter().map(|byte| byte ^ key[0]).collect())
///     }
/// }
///
/// let headers = ottla::Headers::new();
/// let context = DeserializeContext::new("orders", &headers, false);
/// assert_eq!(Encrypted { keys: Ok([1]) }.deserialize(Some(b"ab"), &context)?, b"`c");
/// let error = Encrypted { keys: Err(std::io::ErrorKind::ConnectionRefused) }.deserialize(Some(b"ab"), &context).unwrap_err();
/// assert!(error.is::<Unavailable>());
/// # Ok::<(), BoxError>(())
/// ```
pub struct Unavailable {
    source: BoxError,
    is_pending: bool,
}

impl Unavailable {
    /// The service cannot be asked, or its answer is not one.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into(), is_pending: false }
    }

    /// The service has been asked and has not answered within [`DeserializeContext::max_block`](super::DeserializeContext::max_block); the request
    /// goes on. A consumer tells the program of it only when it lasts for ten seconds.
    pub fn pending(source: impl Into<BoxError>) -> Self {
        Self { source: source.into(), is_pending: true }
    }

    /// Whether the service has been asked and may still answer.
    pub fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// The error that was given.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }

    /// The error that was given.
    pub fn into_inner(self) -> BoxError {
        self.source
    }
}

/// As the error that was given.
impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unavailable").field("source", &self.source).field("is_pending", &self.is_pending).finish()
    }
}

/// Its `Display` is that of the error that was given, so its source is that error's source.
impl StdError for Unavailable {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}
