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
    RegistryError, RegistryErrorKind, Schema, SchemaMismatch, SchemaRegistry,
    config::LookupPolicy,
    error::About,
    frame::{self, FrameError},
    readers::Readers,
    writers::{Format, Place, Resolved, Writers},
};
use crate::serialize::{
    BoxError, Deferred, DeserializeContext, Deserializer, Finish, Json, SerializeContext, Serialized, Serializer,
};

/// A text that is nested no deeper than this can be read again: serde_json gives up at 128.
const READABLE_DEPTH: usize = 120;

/// A `T` as JSON behind the id of its schema, as Confluent's `KafkaJsonSchemaSerializer` and `KafkaJsonSchemaDeserializer`, by its
/// `serde::Serialize` and `Deserialize`.
///
/// Each value is checked against the schema before it is written and when it is read, there against the schema with which it was
/// written; see [`validate`](Self::validate). A schema is of any draft from 4 to 2020-12; what it refers to stands in the registry, nothing is fetched from
/// elsewhere. Null is an error for a deserializer, see [`Optional`](crate::serialize::Optional).
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), ottla::serialize::BoxError> {
/// use ottla::record::Headers;
/// use ottla::serialize::registry::{JsonSchema, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType};
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
/// let schema = Schema::new(SchemaType::Json, r#"{
///     "$schema": "https://json-schema.org/draft/2020-12/schema",
///     "title": "Order",
///     "type": "object",
///     "properties": { "id": { "type": "string" }, "quantity": { "type": "integer", "minimum": 1 } }
/// }"#);
/// let json = JsonSchema::with_schema(&registry, schema);
/// let (mut buffer, mut headers) = (Vec::new(), Headers::new());
/// let mut context = SerializeContext::new("orders", &mut headers, false);
/// json.serialize(&Order { id: "o-1", quantity: 3 }, &mut context, &mut buffer)?;
/// assert_eq!(buffer, b"\0\0\0\0\x01{\"id\":\"o-1\",\"quantity\":3}");
///
/// let error = json.serialize(&Order { id: "o-2", quantity: 0 }, &mut context, &mut buffer).unwrap_err();
/// assert_eq!(error.to_string(), "subject orders-value, schema id 1: not as the schema says");
/// let reason = error.source().ok_or("no reason")?.to_string();
/// assert_eq!(reason, r#"the value at "/quantity" breaks the rule "/properties/quantity/minimum" of the schema"#);
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
    /// JSON of a `T` with this schema, which may refer to others: the name of a reference is the URL of the `$ref`. A schema that is none is an
    /// error of the records. The crate `schemars` derives schemas of types.
    pub fn with_schema(registry: &SchemaRegistry, schema: Schema) -> Self {
        Self::of(registry, registry.lookup_policy().clone(), Some(schema))
    }

    /// JSON of a `T` with the schema that is registered: the subject's latest version, or what `use.schema.id` says.
    pub fn from_registry(registry: &SchemaRegistry) -> Self {
        let mut lookup_policy = registry.lookup_policy().clone();
        if lookup_policy.schema_id.is_none() {
            (lookup_policy.auto_register, lookup_policy.use_latest) = (false, true);
        }
        Self::of(registry, lookup_policy, None)
    }

    fn of(registry: &SchemaRegistry, lookup_policy: LookupPolicy, schema: Option<Schema>) -> Self {
        let title = schema.as_ref().and_then(|schema| parsed(schema.text()).ok()?.get("title")?.as_str().map(str::to_owned));
        let writers = Writers::new(registry, lookup_policy, Registered { schema, title });
        Self { writers, readers: Readers::new(registry), validate: true, of: PhantomData }
    }

    /// Whether values are checked against the schema, written and read: confluent-kafka-python's `validate`, Java's
    /// `json.fail.invalid.schema`.
    ///
    /// Defaults to true, as in Python; Java's default is false.
    #[must_use]
    pub fn validate(self, validate: bool) -> Self {
        Self { validate, ..self }
    }

    super::choices!(writers);

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
            let checked = value.as_ref().map_or(Ok(()), |value| found.writer.check(value));
            checked
                .map_err(|error| SchemaMismatch::written(self.writers.subject(place, self.name()).ok(), Some(found.id), error))?;
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
        let mut payload = serde_json::to_vec(data)?;
        payload.shrink_to_fit();
        // The value is far larger than its text, from which it is read again when the schema is there.
        let deep = self.value(data)?.map(|value| (weigh(&value), value)).filter(|((depth, _), _)| *depth > READABLE_DEPTH);
        let (validate, held) = (self.validate, payload.len() + deep.as_ref().map_or(0, |((_, size), _)| *size));
        let location = self.writers.location(place.is_key);
        let subject = self.writers.subject(place, self.name())?;
        let waits_for = format!("the schema of subject {subject}");
        let deferred = Deferred::new(async move {
            let found = search.await?;
            let finish: Finish = Box::new(move |context, buffer| {
                if validate {
                    let value = deep.map_or_else(|| serde_json::from_slice(&payload), |(_, value)| Ok(value))?;
                    let checked = found.writer.check(&value);
                    checked.map_err(|error| SchemaMismatch::written(Some(subject), Some(found.id), error))?;
                }
                frame::begin(location, &found, &[], context, buffer)?;
                buffer.extend_from_slice(&payload);
                Ok(Serialized::Bytes)
            });
            Ok(finish)
        });
        Ok(Some(deferred.waiting_for(waits_for).holding(held)))
    }
}

impl<T: DeserializeOwned + 'static> Deserializer<T> for JsonSchema<T> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
        let frame = frame::read(data.ok_or(FrameError::Null)?, context.headers, context.is_key)?;
        let about = frame.id.about();
        let validator = self
            .readers
            .get(frame.id, context.patience, |whole| Validator::new(whole).map_err(|error| unusable(&about, error)))?;
        let unfit = |error: BoxError| SchemaMismatch::read(frame.id, error);
        if self.validate {
            let value: Value = Json::new().deserialize(Some(frame.payload), context).map_err(unfit)?;
            validator.check(&value).map_err(|error| unfit(error.into()))?;
        }
        Ok(Json::new().deserialize(Some(frame.payload), context).map_err(unfit)?)
    }
}

impl Format for Registered {
    type Writer = Validator;

    fn resolve(
        self: Arc<Self>,
        registry: SchemaRegistry,
        lookup_policy: LookupPolicy,
        subject: String,
        _: String,
    ) -> BoxFuture<'static, Result<Resolved<Validator>, RegistryError>> {
        async move {
            let registered = registry.to_write(&lookup_policy, &subject, self.schema.as_ref()).await?;
            let whole = registry.whole(registered).await?;
            let validator = Validator::new(&whole).map_err(|error| unusable(&About::Subject(subject), error))?;
            Ok(Resolved::new(&whole.schema, validator))
        }
        .boxed()
    }
}

/// How deep the value is nested, and about how many bytes it takes on the heap.
fn weigh(value: &Value) -> (usize, usize) {
    let (mut deepest, mut size, mut left) = (0, 0, vec![(value, 1)]);
    while let Some((value, depth)) = left.pop() {
        deepest = deepest.max(depth);
        size += match value {
            Value::String(text) => text.len(),
            Value::Array(values) => {
                left.extend(values.iter().map(|value| (value, depth + 1)));
                size_of_val(&**values)
            }
            Value::Object(values) => {
                left.extend(values.values().map(|value| (value, depth + 1)));
                values.keys().map(|name| size_of::<(String, Value)>() + name.len()).sum()
            }
            _ => 0,
        };
    }
    (deepest, size)
}

fn unusable(about: &About, error: JsonSchemaError) -> RegistryError {
    RegistryError::new(RegistryErrorKind::UnusableSchema, about, error.to_string())
}

impl<T: ?Sized> fmt::Debug for JsonSchema<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonSchema<{}>", type_name::<T>())
    }
}
