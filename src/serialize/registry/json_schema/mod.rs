//! [`JsonSchema`]: JSON whose schema stands in a registry.

mod error;
mod validator;

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use error::JsonSchemaError;

use self::validator::{Validator, parsed};
use super::{
    RegistryError, RegistryErrorKind, Schema, SchemaReference, SchemaRegistry, SchemaType,
    config::Finding,
    error::About,
    frame::{self, FrameError},
    readers::Readers,
    writers::{Format, Place, Resolved, Writers},
};
use crate::serialize::{
    BoxError, Deferred, DeserializeContext, Deserializer, Finish, Json, SerializeContext, Serialized, Serializer,
};

/// A `T` as JSON behind the id of its schema, as Confluent's `KafkaJsonSchemaSerializer` and `KafkaJsonSchemaDeserializer`, by its
/// `serde::Serialize` and `Deserialize`.
///
/// Each value is checked against the schema before it is written and when it is read, there against the schema with which it was
/// written; see [`validate`](Self::validate). A schema is of any draft from 4 to 2020-12; what it refers to stands in the registry, nothing is fetched from
/// elsewhere. Null is an error for a deserializer, see [`Optional`](crate::serialize::Optional).
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ottla::record::Headers;
/// use ottla::serialize::registry::{JsonSchema, SchemaRegistry, SchemaRegistryConfig};
/// use ottla::serialize::{SerializeContext, Serializer};
///
/// #[derive(serde::Serialize)]
/// struct Order {
///     id: &'static str,
///     quantity: i32,
/// }
///
/// # let embedded = ottla::testing::EmbeddedRegistry::start()?;
/// # let url = embedded.url();
/// # #[cfg(any())]
/// let url = "http://localhost:8081";
/// let registry = SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", url)?)?;
/// let json = JsonSchema::new(&registry, r#"{
///     "$schema": "https://json-schema.org/draft/2020-12/schema",
///     "title": "Order",
///     "type": "object",
///     "properties": { "id": { "type": "string" }, "quantity": { "type": "integer", "minimum": 1 } }
/// }"#)?;
/// let (mut buffer, mut headers) = (Vec::new(), ottla::Headers::new());
/// let mut context = SerializeContext::new("orders", &mut headers, false);
/// json.serialize(&Order { id: "o-1", quantity: 3 }, &mut context, &mut buffer)?;
/// assert_eq!(buffer, b"\0\0\0\0\x01{\"id\":\"o-1\",\"quantity\":3}");
///
/// let error = json.serialize(&Order { id: "o-2", quantity: 0 }, &mut context, &mut buffer).unwrap_err();
/// assert_eq!(error.to_string(), r#"the value at "/quantity" breaks the rule "/properties/quantity/minimum" of the schema"#);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct JsonSchema<T: ?Sized> {
    writers: Writers<Registered>,
    readers: Readers<Validator>,
    validate: bool,
    of: PhantomData<fn(&T)>,
}

/// The schema that is registered, or looked for.
struct Registered {
    /// `None` where the registry has it.
    schema: Option<Schema>,
    /// The schema's `title`, which the strategies take for the name of the record type.
    title: Option<String>,
}

impl<T: ?Sized> JsonSchema<T> {
    /// JSON of a `T` with this schema. A schema can be derived of a type with the crate `schemars`.
    ///
    /// # Errors
    /// [`JsonSchemaError::NotJson`]. What else is wrong with the schema is an error of the first record, since what it refers to has to be there.
    pub fn new(registry: &SchemaRegistry, schema: &str) -> Result<Self, JsonSchemaError> {
        let title = parsed(schema)?.get("title").and_then(Value::as_str).map(str::to_owned);
        Ok(Self::of(registry, Registered { schema: Some(Schema::new(SchemaType::Json, schema)), title }))
    }

    /// JSON of a `T` with the schema that the registry has: for reading, and for writing with `use.latest.version` or `use.schema.id` (and
    /// `auto.register.schemas=false`).
    pub fn registered(registry: &SchemaRegistry) -> Self {
        Self::of(registry, Registered { schema: None, title: None })
    }

    fn of(registry: &SchemaRegistry, registered: Registered) -> Self {
        let writers = Writers::new(registry, registry.finding().clone(), registered);
        Self { writers, readers: Readers::new(registry), validate: true, of: PhantomData }
    }

    /// Adds what the schema refers to: the name is the URL of the `$ref`. They have to be registered before.
    #[must_use]
    pub fn references(self, references: impl IntoIterator<Item = SchemaReference>) -> Self {
        let registered = self.writers.format();
        let schema = registered.schema.clone().map(|schema| schema.references(references));
        let registered = Registered { schema, title: registered.title.clone() };
        Self { writers: self.writers.with_format(registered), ..self }
    }

    /// Whether values are checked against the schema, written and read: confluent-kafka-python's `validate`, Java's
    /// `json.fail.invalid.schema`.
    ///
    /// Defaults to true, as in Python; Java's default is false.
    #[must_use]
    pub fn validate(self, validate: bool) -> Self {
        Self { validate, ..self }
    }

    fn name(&self) -> Option<&str> {
        self.writers.format().title.as_deref()
    }
}

impl<T: Serialize + ?Sized> JsonSchema<T> {
    /// The value as it is checked.
    fn value(&self, data: &T) -> Result<Option<Value>, serde_json::Error> {
        self.validate.then(|| serde_json::to_value(data)).transpose()
    }
}

impl<T: Serialize + ?Sized + 'static> Serializer<T> for JsonSchema<T> {
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        let place = Place { topic: context.topic, is_key: context.is_key, record: "" };
        let location = self.writers.location(place.is_key);
        let value = self.value(data)?;
        let mut begin = |found: &Arc<Resolved<Validator>>| {
            value.as_ref().map_or(Ok(()), |value| found.writer.check(value))?;
            frame::begin(location, found, &[], context, buffer)
        };
        match self.writers.with(place, self.name(), &mut begin) {
            Some(begun) => begun?,
            None => begin(&self.writers.wait(place, self.name())?)?,
        }
        serde_json::to_writer(buffer, data)?;
        Ok(Serialized::Bytes)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let place = Place { topic: context.topic, is_key: context.is_key, record: "" };
        let Some(search) = self.writers.missing(place, self.name())? else { return Ok(None) };
        let (payload, value) = (serde_json::to_vec(data)?, self.value(data)?);
        let location = self.writers.location(place.is_key);
        Ok(Some(Deferred::new(async move {
            let found = search.await?;
            let finish: Finish = Box::new(move |context, buffer| {
                value.as_ref().map_or(Ok(()), |value| found.writer.check(value))?;
                frame::begin(location, &found, &[], context, buffer)?;
                buffer.extend_from_slice(&payload);
                Ok(Serialized::Bytes)
            });
            Ok(finish)
        })))
    }
}

impl<T: DeserializeOwned + 'static> Deserializer<T> for JsonSchema<T> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
        let frame = frame::read(data.ok_or(FrameError::Null)?, context.headers, context.is_key)?;
        let about = frame.id.about();
        let validator = self.readers.get(frame.id, |whole| Validator::new(whole).map_err(|error| unusable(&about, error)))?;
        if self.validate {
            let value: Value = Json::new().deserialize(Some(frame.payload), context)?;
            validator.check(&value)?;
        }
        Json::new().deserialize(Some(frame.payload), context)
    }
}

impl Format for Registered {
    type Writer = Validator;

    fn resolve(
        self: Arc<Self>,
        registry: SchemaRegistry,
        finding: Finding,
        subject: String,
        _: String,
    ) -> BoxFuture<'static, Result<Resolved<Validator>, RegistryError>> {
        async move {
            let registered = registry.to_write(&finding, &subject, self.schema.as_ref()).await?;
            let whole = registry.whole(registered).await?;
            let validator = Validator::new(&whole).map_err(|error| unusable(&About::Subject(subject), error))?;
            Ok(Resolved::new(&whole.schema, validator))
        }
        .boxed()
    }
}

fn unusable(about: &About, error: JsonSchemaError) -> RegistryError {
    RegistryError::new(RegistryErrorKind::UnusableSchema, about, error.to_string())
}

impl<T: ?Sized> fmt::Debug for JsonSchema<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonSchema<{}>", type_name::<T>())
    }
}
