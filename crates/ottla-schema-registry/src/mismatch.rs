//! [`SchemaMismatch`]: the error of a key or value that does not match its schema.

use std::{error::Error as StdError, fmt};

use super::{WireId, error::About};
use ottla::serialize::BoxError;

/// A key or a value does not match its schema, or bytes were not written with it.
///
/// The error names the schema. Its [source](StdError::source) says what is wrong and where, without the record's content: an
/// [`AvroError`](super::AvroError), `JsonSchemaError` or `ProtobufError`.
///
/// ```
/// use ottla::record::Headers;
/// use ottla_schema_registry::{AvroError, GenericAvro, Schema, SchemaMismatch, SchemaType, WireId, apache_avro::types::Value};
/// use ottla::serialize::{SerializeContext, Serializer};
///
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), ottla::serialize::BoxError> {
/// # use ottla_schema_registry::{SchemaRegistry, SchemaRegistryConfig};
/// # let embedded = ottla_schema_registry::testing::EmbeddedRegistry::start()?;
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
    /// A value to write. `id` is `None` before the lookup.
    pub(crate) fn written(subject: Option<String>, id: Option<i32>, reason: impl Into<BoxError>) -> Self {
        Self { subject, id: id.map(WireId::Id), reason: reason.into() }
    }

    /// Bytes to read.
    pub(crate) fn read(id: WireId, reason: impl Into<BoxError>) -> Self {
        Self { subject: None, id: Some(id), reason: reason.into() }
    }

    /// The subject of the schema; `None` for a record that was read, because it contains only the id.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// The id of the schema; `None` if the record failed before the lookup.
    pub fn schema_id(&self) -> Option<WireId> {
        self.id
    }

    /// The reason.
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
        f.write_str("does not match the schema")
    }
}

impl StdError for SchemaMismatch {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.reason)
    }
}
