//! [`JsonSchema`]: JSON with the schema in a registry.

mod error;
mod validator;

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use ottla::serialize::{
    BoxError, Deferred, DeserializeContext, Deserializer, Finish, Json, SerializeContext, Serialized, Serializer,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use error::JsonSchemaError;

use self::validator::{Validator, parsed};
use super::{
    RegistryError, RegistryErrorKind, Schema, SchemaMismatch, SchemaRegistry,
    config::LookupPolicy,
    deserializer_cache::DeserializerCache,
    error::About,
    serializer_cache::{CacheKey, Resolved, SchemaFormat, SerializerCache},
    wire_format::{self, WireFormatError},
};

/// The deepest nesting of a value that is parsed again from its text; serde_json's limit is 128.
const READABLE_DEPTH: usize = 120;

/// Serializes and deserializes a `T` as JSON through serde, with the JSON Schema in a registry. Like Confluent's `KafkaJsonSchemaSerializer` and
/// `KafkaJsonSchemaDeserializer`, it writes the id of the schema in front of the JSON.
///
/// Values are validated before they are written, and when they are read, then against the schema that they were written with; see
/// [`validate`](Self::validate). Schemas may use the drafts 4 to 2020-12. References are looked up in the registry and nowhere else. The
/// deserializer rejects null, see [`Optional`](ottla::serialize::Optional).
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), ottla::serialize::BoxError> {
/// use ottla::record::Headers;
/// use ottla_schema_registry::{JsonSchema, Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType};
/// use ottla::serialize::{SerializeContext, Serializer};
///
/// #[derive(serde::Serialize)]
/// struct Order {
///     id: &'static str,
///     quantity: i32,
/// }
///
/// # let embedded = ottla_schema_registry::testing::EmbeddedRegistry::start()?;
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
/// assert_eq!(error.to_string(), "subject orders-value, schema id 1: does not match the schema");
/// let reason = error.source().ok_or("no reason")?.to_string();
/// assert_eq!(reason, r#"the value at "/quantity" violates "/properties/quantity/minimum" of the schema"#);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct JsonSchema<T: ?Sized> {
    serializer_cache: SerializerCache<JsonSchemaFormat>,
    deserializer_cache: DeserializerCache<Validator>,
    validate: bool,
    of: PhantomData<fn(&T)>,
}

/// The schema language JSON Schema, with the serializer's own schema.
struct JsonSchemaFormat {
    /// `None`: the registered one is used.
    schema: Option<Schema>,
    /// The schema's `title`, the record name for the subject name strategies.
    title: Option<String>,
}

impl<T: ?Sized> JsonSchema<T> {
    /// Creates a serializer with this schema, which may have references; the name of a reference is the URL of the `$ref`. An invalid schema
    /// fails the records, not this call. The crate `schemars` derives schemas from types.
    pub fn with_schema(registry: &SchemaRegistry, schema: Schema) -> Self {
        Self::of(registry, registry.lookup_policy().clone(), Some(schema))
    }

    /// Creates a serializer with the registered schema: the subject's latest version, or that of `use.schema.id`.
    pub fn from_registry(registry: &SchemaRegistry) -> Self {
        let mut lookup_policy = registry.lookup_policy().clone();
        if lookup_policy.schema_id.is_none() {
            (lookup_policy.auto_register, lookup_policy.use_latest) = (false, true);
        }
        Self::of(registry, lookup_policy, None)
    }

    fn of(registry: &SchemaRegistry, lookup_policy: LookupPolicy, schema: Option<Schema>) -> Self {
        let title = schema.as_ref().and_then(|schema| parsed(schema.text()).ok()?.get("title")?.as_str().map(str::to_owned));
        let serializer_cache = SerializerCache::new(registry, lookup_policy, JsonSchemaFormat { schema, title });
        Self { serializer_cache, deserializer_cache: DeserializerCache::new(registry), validate: true, of: PhantomData }
    }

    /// Whether to validate values against the schema when they are written and read: confluent-kafka-python's `validate`, Java's
    /// `json.fail.invalid.schema`.
    ///
    /// Defaults to true, as in Python; Java's default is false.
    #[must_use]
    pub fn validate(self, validate: bool) -> Self {
        Self { validate, ..self }
    }

    super::lookup_options!(serializer_cache);

    fn name(&self) -> Option<&str> {
        self.serializer_cache.format().title.as_deref()
    }
}

impl<T: Serialize + ?Sized> JsonSchema<T> {
    /// The value to validate; `None` if values are not validated.
    fn value(&self, data: &T) -> Result<Option<Value>, serde_json::Error> {
        self.validate.then(|| serde_json::to_value(data)).transpose()
    }
}

impl<T: Serialize + ?Sized + 'static> Serializer<T> for JsonSchema<T> {
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        let cache_key = CacheKey { topic: context.topic, is_key: context.is_key, record: "" };
        let location = self.serializer_cache.location(cache_key.is_key);
        let value = self.value(data)?;
        let mut begin = |found: &Arc<Resolved<Validator>>| {
            let checked = value.as_ref().map_or(Ok(()), |value| found.writer.check(value));
            checked.map_err(|error| {
                SchemaMismatch::written(self.serializer_cache.subject(cache_key, self.name()).ok(), Some(found.id), error)
            })?;
            wire_format::begin(location, found, &[], context, buffer)
        };
        match self.serializer_cache.with(cache_key, self.name(), &mut begin) {
            Some(begun) => begun?,
            None => begin(&self.serializer_cache.wait(cache_key, self.name())?)?,
        }
        serde_json::to_writer(buffer, data)?;
        Ok(Serialized::Bytes)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let cache_key = CacheKey { topic: context.topic, is_key: context.is_key, record: "" };
        let Some(lookup) = self.serializer_cache.pending_lookup(cache_key, self.name())? else { return Ok(None) };
        let mut payload = serde_json::to_vec(data)?;
        payload.shrink_to_fit();
        // Only the text is kept, because it is far smaller than the value; the value is parsed from it again once the schema is known.
        let deep = self.value(data)?.map(|value| (weigh(&value), value)).filter(|((depth, _), _)| *depth > READABLE_DEPTH);
        let (validate, held) = (self.validate, payload.len() + deep.as_ref().map_or(0, |((_, size), _)| *size));
        let location = self.serializer_cache.location(cache_key.is_key);
        let subject = self.serializer_cache.subject(cache_key, self.name())?;
        let waits_for = format!("the schema of subject {subject}");
        let deferred = Deferred::new(async move {
            let found = lookup.await.map_err(RegistryError::into_box)?;
            let finish: Finish = Box::new(move |context, buffer| {
                if validate {
                    let value = deep.map_or_else(|| serde_json::from_slice(&payload), |(_, value)| Ok(value))?;
                    let checked = found.writer.check(&value);
                    checked.map_err(|error| SchemaMismatch::written(Some(subject), Some(found.id), error))?;
                }
                wire_format::begin(location, &found, &[], context, buffer)?;
                buffer.extend_from_slice(&payload);
                Ok(Serialized::Bytes)
            });
            Ok(finish)
        });
        Ok(Some(deferred.description(waits_for).heap_size(held)))
    }
}

impl<T: DeserializeOwned + 'static> Deserializer<T> for JsonSchema<T> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
        let frame = wire_format::read(data.ok_or(WireFormatError::Null)?, context.headers, context.is_key)?;
        let about = frame.id.about();
        let validator = self
            .deserializer_cache
            .get(frame.id, context.max_block(), |whole| Validator::new(whole).map_err(|error| unusable(&about, error)))?;
        let unfit = |error: BoxError| SchemaMismatch::read(frame.id, error);
        if self.validate {
            let value: Value = Json::new().deserialize(Some(frame.payload), context).map_err(unfit)?;
            validator.check(&value).map_err(|error| unfit(error.into()))?;
        }
        Ok(Json::new().deserialize(Some(frame.payload), context).map_err(unfit)?)
    }
}

impl SchemaFormat for JsonSchemaFormat {
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
            let whole = registry.with_references(registered).await?;
            let validator = Validator::new(&whole).map_err(|error| unusable(&About::Subject(subject), error))?;
            Ok(Resolved::new(&whole.schema, validator))
        }
        .boxed()
    }
}

/// The depth of the value, and its approximate heap size in bytes.
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
