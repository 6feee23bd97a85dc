//! [`RegistryError`]: the error of a request to a registry.

use std::{error::Error as StdError, fmt, sync::Arc};

use ottla::serialize::{BoxError, Unavailable};
use uuid::Uuid;

/// The longest message that is kept, in bytes.
const KEPT_MESSAGE: usize = 2000;

/// The error of a request to a schema registry. It names the subject or the id of the request and contains the registry's message.
///
/// It is the [source](StdError::source) of a record's [`Error`](ottla::Error). A handle: all records that waited for the same request
/// share the error.
#[derive(Clone)]
pub struct RegistryError(Arc<Inner>);

struct Inner {
    kind: RegistryErrorKind,
    /// The subject or the id of the request: `subject orders-value`.
    asked: String,
    message: String,
    status: Option<u16>,
    code: Option<i32>,
    subject: Option<String>,
    id: Option<i32>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`RegistryError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistryErrorKind {
    /// No registry could be reached, or the connection was lost.
    Network,
    /// The registry did not respond in time.
    Timeout,
    /// The registry is unavailable: HTTP status 408, 429 or 5xx.
    Unavailable,
    /// The registry's certificate or the client's certificate is not trusted.
    Tls,
    /// The credentials are missing or invalid: 401.
    Authentication,
    /// The credentials are valid but do not permit the request: 403.
    Authorization,
    /// The subject, version or schema does not exist: 404 with an error code of the registry.
    NotFound,
    /// The schema is not compatible with the earlier versions of the subject: 409.
    Incompatible,
    /// The registry rejected the schema as invalid: 422.
    InvalidSchema,
    /// The response does not follow the registry's API, or has another status.
    UnexpectedAnswer,
    /// The registered schema cannot be used: it cannot be parsed, or is in another schema language.
    UnusableSchema,
    /// The request could not be sent: the settings or the arguments are invalid.
    Request,
}

/// The subject or the id of a request, for its errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    Subject(String),
    Id(i32),
    Guid(Uuid),
    Registry,
}

impl RegistryError {
    pub(super) fn new(kind: RegistryErrorKind, about: &About, message: impl Into<String>) -> Self {
        let (subject, id) = match about {
            About::Subject(subject) => (Some(subject.clone()), None),
            About::Id(id) => (None, Some(*id)),
            About::Guid(_) | About::Registry => (None, None),
        };
        let (asked, message) = (about.to_string(), message.into());
        Self(Arc::new(Inner { kind, asked, message, status: None, code: None, subject, id, source: None }))
    }

    /// The error of a response with an error status.
    pub(super) fn answered(about: &About, status: u16, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Answer {
            error_code: Option<i32>,
            message: Option<String>,
        }
        let answer = serde_json::from_slice(body).unwrap_or(Answer { error_code: None, message: None });
        let kind = match status {
            401 => RegistryErrorKind::Authentication,
            403 => RegistryErrorKind::Authorization,
            // A 404 without the registry's code may come from a proxy in front of it.
            404 if answer.error_code.is_some() => RegistryErrorKind::NotFound,
            408 | 429 | 500.. => RegistryErrorKind::Unavailable,
            409 => RegistryErrorKind::Incompatible,
            422 => RegistryErrorKind::InvalidSchema,
            _ => RegistryErrorKind::UnexpectedAnswer,
        };
        let code = answer.error_code.filter(|&code| code != i32::from(status));
        let message = answer.message.unwrap_or_else(|| format!("{} bytes that are not the registry's JSON", body.len()));
        let message = shortened(&message);
        let mut error = Self::new(kind, about, message);
        error.change(|inner| (inner.status, inner.code) = (Some(status), code));
        error
    }

    pub(super) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Box::new(source)));
        self
    }

    /// Called before the error is shared, so `get_mut` succeeds.
    fn change(&mut self, change: impl FnOnce(&mut Inner)) {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
    }

    /// The kind of the error.
    pub fn kind(&self) -> RegistryErrorKind {
        self.0.kind
    }

    /// The HTTP status, if the registry responded.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The registry's error code, such as 40401 for a subject that does not exist; `None` if it is equal to the status.
    pub fn code(&self) -> Option<i32> {
        self.0.code
    }

    /// The registry's message, or the reason why there was no response.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The subject of the request.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The schema id of the request.
    pub fn schema_id(&self) -> Option<i32> {
        self.0.id
    }

    /// Whether the registry failed, and not the request: it is unreachable, rejects this client's credentials, or sends invalid responses.
    /// The record itself is not at fault: a producer reports [`ErrorKind::SchemaRegistry`](ottla::ErrorKind::SchemaRegistry), and a consumer
    /// reads the record again.
    pub fn is_outage(&self) -> bool {
        !matches!(
            self.0.kind,
            RegistryErrorKind::NotFound
                | RegistryErrorKind::Incompatible
                | RegistryErrorKind::InvalidSchema
                | RegistryErrorKind::UnusableSchema
                | RegistryErrorKind::Request
        )
    }

    /// Whether the same request may succeed later. It has already been retried `max.retries` times.
    pub fn is_retriable(&self) -> bool {
        matches!(self.0.kind, RegistryErrorKind::Network | RegistryErrorKind::Timeout | RegistryErrorKind::Unavailable)
    }
}

impl RegistryError {
    /// Returns the error of a serializer or deserializer that has asked the registry: [`Unavailable`] for an [outage](Self::is_outage), so
    /// that the client retries the record, else this error.
    pub fn into_box(self) -> BoxError {
        if self.is_outage() { Unavailable::new(self).into() } else { self.into() }
    }
}

/// The registry has not responded within the time that one record may wait. The lookup continues.
#[derive(Debug, thiserror::Error)]
#[error("{0}: the schema registry has not answered yet")]
pub(crate) struct SchemaPending(String);

impl SchemaPending {
    /// `asked`: the subject or the id of the lookup.
    pub(crate) fn boxed(asked: String) -> BoxError {
        Unavailable::pending(Self(asked)).into()
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().find(|(index, _)| *index >= KEPT_MESSAGE) {
        Some((end, _)) => format!("{}..", &message[..end]),
        None => message.to_owned(),
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(subject) => write!(f, "subject {subject}"),
            Self::Id(id) => write!(f, "schema id {id}"),
            Self::Guid(guid) => write!(f, "schema GUID {guid}"),
            Self::Registry => f.write_str("the registry's settings"),
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, asked, message, status, code, .. } = &*self.0;
        write!(f, "{asked}: ")?;
        f.write_str(match kind {
            RegistryErrorKind::Network => "the schema registry cannot be reached",
            RegistryErrorKind::Timeout => "the schema registry did not respond in time",
            RegistryErrorKind::Unavailable => "the schema registry is unavailable",
            RegistryErrorKind::Tls => "TLS to the schema registry failed",
            RegistryErrorKind::Authentication => "the schema registry rejected the credentials",
            RegistryErrorKind::Authorization => "not authorized by the schema registry",
            RegistryErrorKind::NotFound => "not found in the schema registry",
            RegistryErrorKind::Incompatible => "the schema is not compatible with the earlier versions",
            RegistryErrorKind::InvalidSchema => "the schema registry rejected the schema as invalid",
            RegistryErrorKind::UnexpectedAnswer => "unexpected response from the schema registry",
            RegistryErrorKind::UnusableSchema => "the schema cannot be used",
            RegistryErrorKind::Request => "the request could not be sent",
        })?;
        match (status, code) {
            (Some(status), Some(code)) => write!(f, " ({status}, code {code})")?,
            (Some(status), None) => write!(f, " ({status})")?,
            (None, _) => {}
        }
        write!(f, ": {message}")
    }
}

impl fmt::Debug for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, asked, message, status, code, source, .. } = &*self.0;
        f.debug_struct("RegistryError")
            .field("kind", kind)
            .field("asked", asked)
            .field("message", message)
            .field("status", status)
            .field("code", code)
            .field("source", source)
            .finish()
    }
}

impl StdError for RegistryError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_404_is_not_found_only_with_the_registrys_error_code() {
        let answered = |status, body: &str| RegistryError::answered(&About::Id(7), status, body.as_bytes());
        let own = answered(404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#);
        assert_eq!((own.kind(), own.is_outage()), (RegistryErrorKind::NotFound, false));
        for (status, body) in [(404, "default backend - 404"), (404, "{}"), (503, ""), (401, "")] {
            assert!(answered(status, body).is_outage(), "{status} {body}");
        }
    }
}
