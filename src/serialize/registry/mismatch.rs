//! [`SchemaMismatch`]: which schema a key or a value does not go with.

use std::{error::Error as StdError, fmt};

use super::{WireId, error::About};
use crate::serialize::BoxError;

/// A key or a value is not as its schema says, or bytes are not what was written with it.
///
/// It names the schema; its [source](StdError::source) says what is wrong and where, never what is in the record: an
/// [`AvroError`](super::AvroError), or what stands for it in the other formats (`JsonSchemaError`, `ProtobufError`).
///
/// ```
/// use ottla::record::Headers;
/// use ottla::serialize::registry::{AvroError, GenericAvro, Schema, SchemaMismatch, SchemaType, WireId, apache_avro::types::Value};
/// use ottla::serialize::{SerializeContext, Serializer};
///
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), ottla::serialize::BoxError> {
/// # use ottla::serialize::registry::{SchemaRegistry, SchemaRegistryConfig};
/// # let embedded = ottla::testing::EmbeddedRegistry::start()?;
/// # let registry = SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", embedded.url())?)?;
/// let avro = GenericAvro::with_schema(&registry, Schema::new(SchemaType::Avro, r#""string""#));
/// let (mut headers, mut buffer) = (Headers::new(), Vec::new());
/// let error = avro.serialize(&Value::Int(1), &mut SerializeContext::new("orders", &mut headers, false), &mut buffer).unwrap_err();
/// let error: &SchemaMismatch = error.downcast_ref().ok_or("another error")?;
/// assert_eq!((error.subject(), error.schema_id()), (Some("orders-value"), Some(WireId::Id(1))));
/// assert!(error.reason().is::<AvroError>());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct SchemaMismatch {
    subject: Option<String>,
    id: Option<WireId>,
    reason: BoxError,
}

impl SchemaMismatch {
    /// What was to be written; the id is `None` if the registry was not asked yet.
    pub(crate) fn written(subject: Option<String>, id: Option<i32>, reason: impl Into<BoxError>) -> Self {
        Self { subject, id: id.map(WireId::Id), reason: reason.into() }
    }

    /// What was to be read.
    pub(crate) fn read(id: WireId, reason: impl Into<BoxError>) -> Self {
        Self { subject: None, id: Some(id), reason: reason.into() }
    }

    /// The subject whose schema was to write the record; `None` of one that was read, which has only the id with it.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The id of the schema; `None` if the record was refused before the registry was asked for it.
    pub fn schema_id(&self) -> Option<WireId> {
        self.id
    }

    /// What is wrong.
    pub fn reason(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.reason
    }
}

impl fmt::Display for SchemaMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject.clone().map(About::Subject);
        match (subject, self.id) {
            (Some(subject), Some(id)) => write!(f, "{subject}, {id}: ")?,
            (Some(subject), None) => write!(f, "{subject}: ")?,
            (None, Some(id)) => write!(f, "{id}: ")?,
            (None, None) => {}
        }
        f.write_str("not as the schema says")
    }
}

impl StdError for SchemaMismatch {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.reason)
    }
}
