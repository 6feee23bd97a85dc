//! [`RegistryError`]: why the registry did not give what it was asked for.

use std::{error::Error as StdError, fmt, sync::Arc};

use uuid::Uuid;

/// So much of what a registry answers is kept for the error, in bytes.
const KEPT_MESSAGE: usize = 2000;

/// Why a registry did not give what it was asked for. It names what was asked (the subject or the id), and has the registry's own words.
///
/// It is the [source](StdError::source) of the [`Error`](crate::Error) of a record. A handle: all records that waited for one request
/// share it.
#[derive(Clone)]
pub struct RegistryError(Arc<Inner>);

struct Inner {
    kind: RegistryErrorKind,
    /// What was asked for: `subject orders-value`.
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
    /// No registry could be reached, or the connection broke.
    Network,
    /// The registry did not answer in time.
    Timeout,
    /// The registry cannot answer now: HTTP status 408, 429 or 5xx.
    Unavailable,
    /// The registry's certificate is not trusted, or ours is not.
    Tls,
    /// The registry does not take the credentials, or wants some: 401.
    Authentication,
    /// The credentials are good, but not allowed to do this: 403.
    Authorization,
    /// There is no such subject, version or schema: 404, in the registry's own form.
    NotFound,
    /// The schema is not compatible with those before it under its subject: 409.
    Incompatible,
    /// The registry does not take the schema for one: 422.
    InvalidSchema,
    /// The registry answered something else than its API says, or refused the request for another reason.
    UnexpectedAnswer,
    /// The schema that the registry gave cannot be used here: it cannot be parsed, or is of another language.
    UnusableSchema,
    /// The request could not be made: the settings, or what was to be asked, are not right for it.
    Request,
}

/// What a request is about, for its errors.
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

    /// What the registry answered in place of what was asked for.
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
            // A proxy in front of the registry answers so as well, without the registry's code.
            404 if answer.error_code.is_some() => RegistryErrorKind::NotFound,
            408 | 429 | 500.. => RegistryErrorKind::Unavailable,
            409 => RegistryErrorKind::Incompatible,
            422 => RegistryErrorKind::InvalidSchema,
            _ => RegistryErrorKind::UnexpectedAnswer,
        };
        let code = answer.error_code.filter(|&code| code != i32::from(status));
        let message = answer.message.unwrap_or_else(|| format!("{} bytes that are not its own JSON", body.len()));
        let message = shortened(&message);
        let mut error = Self::new(kind, about, message);
        error.change(|inner| (inner.status, inner.code) = (Some(status), code));
        error
    }

    pub(super) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Box::new(source)));
        self
    }

    /// Nobody else has it yet when this is called.
    fn change(&mut self, change: impl FnOnce(&mut Inner)) {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> RegistryErrorKind {
        self.0.kind
    }

    /// The HTTP status, if the registry answered.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The registry's own code, such as 40401 for a subject that does not exist, where it says more than the status.
    pub fn code(&self) -> Option<i32> {
        self.0.code
    }

    /// The registry's own words, or what was wrong without an answer.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The subject that was asked for.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The id that was asked for.
    pub fn schema_id(&self) -> Option<i32> {
        self.0.id
    }

    /// Whether it is the registry that failed, and not what it was asked for: it is out of reach, does not let this client in, or answers
    /// what no registry does. A record is as good as before then; a producer reports it with
    /// [`ErrorKind::SchemaRegistry`](crate::ErrorKind::SchemaRegistry), and a consumer reads it again.
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

    /// Whether the same request may succeed later. It has been made again `max.retries` times by then.
    pub fn is_retriable(&self) -> bool {
        matches!(self.0.kind, RegistryErrorKind::Network | RegistryErrorKind::Timeout | RegistryErrorKind::Unavailable)
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
            RegistryErrorKind::Timeout => "the schema registry did not answer in time",
            RegistryErrorKind::Unavailable => "the schema registry cannot answer now",
            RegistryErrorKind::Tls => "no trusted connection to the schema registry",
            RegistryErrorKind::Authentication => "the schema registry does not take the credentials",
            RegistryErrorKind::Authorization => "the schema registry does not allow it",
            RegistryErrorKind::NotFound => "the schema registry does not have it",
            RegistryErrorKind::Incompatible => "the schema is not compatible with those registered before it",
            RegistryErrorKind::InvalidSchema => "the schema registry does not take the schema",
            RegistryErrorKind::UnexpectedAnswer => "the schema registry gave an unexpected answer",
            RegistryErrorKind::UnusableSchema => "the schema cannot be used",
            RegistryErrorKind::Request => "the request cannot be made",
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
    fn only_the_registry_itself_says_that_it_does_not_have_a_schema() {
        let answered = |status, body: &str| RegistryError::answered(&About::Id(7), status, body.as_bytes());
        let own = answered(404, r#"{"error_code":40403,"message":"Schema 7 not found"}"#);
        assert_eq!((own.kind(), own.is_outage()), (RegistryErrorKind::NotFound, false));
        for (status, body) in [(404, "default backend - 404"), (404, "{}"), (503, ""), (401, "")] {
            assert!(answered(status, body).is_outage(), "{status} {body}");
        }
    }
}
