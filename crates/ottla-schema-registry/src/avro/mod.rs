//! Avro: [`Avro`] for types that implement serde's traits, [`GenericAvro`] for values that only their schema describes.

mod blocks;
mod branches;
mod datum;
mod decimal;
mod decoder;
mod deserializer;
mod encoder;
mod error;
mod generic;
mod generic_writer;
mod heap_size;
mod integers;
mod parsed_schema;
mod plan;
mod planner;
mod references;
mod serde_value;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;
mod validate;

use std::{
    any::type_name,
    fmt,
    marker::PhantomData,
    sync::{Arc, OnceLock},
    time::Duration,
};

use apache_avro::AvroSchema;
use futures::future::{BoxFuture, FutureExt};
use ottla::serialize::{BoxError, Deferred, DeserializeContext, Deserializer, Finish, SerializeContext, Serialized, Serializer};
use serde::{Serialize, de::DeserializeOwned};

pub use error::AvroError;
pub use generic::GenericAvro;

use self::{datum::Datum, parsed_schema::ParsedSchema, plan::Plan, serde_value::SerdeValue};
use super::{
    RegistryError, RegistryErrorKind, Schema, SchemaMismatch, SchemaRegistry, SchemaType,
    client::SchemaWithReferences,
    config::LookupPolicy,
    deserializer_cache::DeserializerCache,
    error::About,
    serializer_cache::{CacheKey, Resolved, SchemaFormat, SerializerCache},
    wire_format::{self, WireId},
};
use crate::{
    block_on::{block_on, block_on_for},
    error::SchemaPending,
};

/// Serializes and deserializes a `T` as Avro through serde, with the schema in a registry.
///
/// [`new`](Self::new) takes the schema from the type (`#[derive(apache_avro::AvroSchema)]`), [`with_schema`](Self::with_schema) from its
/// argument, [`from_registry`](Self::from_registry) from the registry. Fields are written by name in the schema's order. A field that the value
/// lacks gets the schema's default. A decimal is a string (`"12.50"`) or the bytes of the unscaled number.
///
/// # Unions
/// An `Option` is a union with null. A variant of an enum is written as the first of these types of the union:
/// 1. the record, enum or fixed with the variant's name (`#[serde(rename = "shop.Created")]` for one with a namespace),
/// 2. the unnamed type with the variant's name (`Long`, `String`),
/// 3. the type at the variant's position, without counting null inside an `Option`. A record, an enum or a fixed there must also have the
///    name of the payload's type.
///
/// A struct is written as the record with its name. A value without a type name, such as a map, is written as the only record that has its
/// fields; several such records are an error.
///
/// # Reading
/// A record is read with the schema it was written with and resolved to the type's schema or the one passed to `with_schema` (Avro
/// specification: "Schema Resolution"). A type of a union is matched by kind and full name, then by the reader's aliases, then by the name without
/// namespace if that is unique. A record outside a union may have any name, as in Java. A decimal with another scale and a timestamp with
/// another unit are converted if the result is exact. A lookup of an uncached id blocks; a failed lookup is cached for a second.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), ottla::serialize::BoxError> {
/// use ottla::record::Headers;
/// use ottla::serialize::{DeserializeContext, Deserializer, SerializeContext, Serializer};
/// use ottla_schema_registry::{Avro, SchemaRegistry, SchemaRegistryConfig, apache_avro};
///
/// #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, apache_avro::AvroSchema)]
/// #[avro(namespace = "shop")]
/// struct Order {
///     id: String,
///     quantity: i32,
/// }
///
/// let embedded = ottla_schema_registry::testing::EmbeddedRegistry::start()?;
/// let config = SchemaRegistryConfig::new().set("schema.registry.url", embedded.url())?;
/// let registry = SchemaRegistry::new(&config)?;
/// let avro = Avro::<Order>::new(&registry);
///
/// let order = Order { id: "order-1".to_owned(), quantity: 3 };
/// let (mut headers, mut buffer) = (Headers::new(), Vec::new());
/// avro.serialize(&order, &mut SerializeContext::new("orders", &mut headers, false), &mut buffer)?;
/// assert_eq!(buffer, b"\0\0\0\0\x01\x0eorder-1\x06");
/// let read: Order = avro.deserialize(Some(&buffer), &DeserializeContext::new("orders", &headers, false))?;
/// assert_eq!(read, order);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct Avro<T: ?Sized> {
    codec: Codec,
    of: PhantomData<fn(&T)>,
}

impl<T: AvroSchema + ?Sized> Avro<T> {
    /// Creates a serializer with the schema of the type.
    pub fn new(registry: &SchemaRegistry) -> Self {
        let text = serde_json::to_string(&T::get_schema()).unwrap_or_default();
        Self::with_schema(registry, Schema::new(SchemaType::Avro, text))
    }
}

impl<T: ?Sized> Avro<T> {
    /// Creates a serializer with this schema, which may have references. An invalid schema fails the records, not this call.
    pub fn with_schema(registry: &SchemaRegistry, schema: Schema) -> Self {
        Self { codec: Codec::new(registry, Some(schema)), of: PhantomData }
    }

    /// Creates a serializer with the registered schema: the subject's latest version, or that of `use.schema.id`. Records are read with the
    /// schema they were written with.
    pub fn from_registry(registry: &SchemaRegistry) -> Self {
        Self { codec: Codec::new(registry, None), of: PhantomData }
    }

    super::lookup_options!(codec);
}

impl<T: Serialize + ?Sized + 'static> Serializer<T> for Avro<T> {
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        self.codec.write(|plan, buffer| plan.write(data, buffer), context, buffer)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        self.codec.defer(data, context, || SerdeValue::new(data).map(PendingValue::Serde))
    }
}

impl<T: DeserializeOwned + 'static> Deserializer<T> for Avro<T> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
        let Read { id, value, schema } = self.codec.read(data, context)?;
        schema.typed(&value).map_err(|error| SchemaMismatch::read(id, error).into())
    }
}

impl<T: ?Sized> fmt::Debug for Avro<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Avro<{}>", type_name::<T>())
    }
}

/// The implementation of [`Avro`] and [`GenericAvro`].
struct Codec {
    registry: SchemaRegistry,
    serializer_cache: SerializerCache<AvroFormat>,
    deserializer_cache: DeserializerCache<ParsedSchema>,
}

/// The schema language Avro.
struct AvroFormat {
    local: Option<Local>,
}

/// The serializer's own schema.
struct Local {
    schema: Schema,
    /// `Ok(None)` for a schema with references, which must be looked up first.
    parsed: Result<Option<ParsedSchema>, AvroError>,
    /// The schema with its references, after their lookup.
    with_uses: OnceLock<ParsedSchema>,
}

/// A value that was read, resolved to `schema`.
struct Read {
    id: WireId,
    value: apache_avro::types::Value,
    schema: ParsedSchema,
}

impl Codec {
    fn new(registry: &SchemaRegistry, schema: Option<Schema>) -> Self {
        let mut lookup_policy = registry.lookup_policy().clone();
        if schema.is_none() && lookup_policy.schema_id.is_none() {
            (lookup_policy.auto_register, lookup_policy.use_latest) = (false, true);
        }
        let local = schema.map(|schema| {
            let parsed = if schema.uses().is_empty() { ParsedSchema::new(schema.text(), []).map(Some) } else { Ok(None) };
            Local { schema, parsed, with_uses: OnceLock::new() }
        });
        let serializer_cache = SerializerCache::new(registry, lookup_policy, AvroFormat { local });
        Self { registry: registry.clone(), serializer_cache, deserializer_cache: DeserializerCache::new(registry) }
    }

    fn change_policy(&mut self, change: impl FnOnce(&mut LookupPolicy)) {
        self.serializer_cache.change_policy(change);
    }

    /// The cache key of a record, and the name of its record type.
    fn cache_key<'a>(&'a self, topic: &'a str, is_key: bool) -> (CacheKey<'a>, Option<&'a str>) {
        let local = self.serializer_cache.format().local.as_ref();
        let name = local.and_then(|local| local.parsed.as_ref().ok()?.as_ref()?.plan.name());
        (CacheKey { topic, is_key, record: "" }, name)
    }

    /// `write_value` appends the value.
    fn write(
        &self,
        write_value: impl Fn(&Plan, &mut Vec<u8>) -> Result<(), AvroError>,
        context: &mut SerializeContext<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        let location = self.serializer_cache.location(context.is_key);
        let (cache_key, name) = self.cache_key(context.topic, context.is_key);
        let mut write = |resolved: &Arc<Resolved<Arc<Plan>>>| {
            wire_format::begin(location, resolved, &[], context, buffer)?;
            let written = write_value(&resolved.writer, buffer);
            written.map_err(|error| {
                BoxError::from(SchemaMismatch::written(
                    self.serializer_cache.subject(cache_key, name).ok(),
                    Some(resolved.id),
                    error,
                ))
            })
        };
        match self.serializer_cache.with(cache_key, name, &mut write) {
            Some(written) => written?,
            None => write(&self.serializer_cache.wait(cache_key, name)?)?,
        }
        Ok(Serialized::Bytes)
    }

    fn defer<T: Serialize + ?Sized>(
        &self,
        data: &T,
        context: &SerializeContext<'_>,
        value: impl FnOnce() -> Result<PendingValue, AvroError>,
    ) -> Result<Option<Deferred>, BoxError> {
        let (cache_key, name) = self.cache_key(context.topic, context.is_key);
        let Some(lookup) = self.serializer_cache.pending_lookup(cache_key, name)? else { return Ok(None) };
        let location = self.serializer_cache.location(context.is_key);
        let local =
            self.serializer_cache.format().local.as_ref().filter(|_| self.serializer_cache.lookup_policy().writes_local());
        let subject = self.serializer_cache.subject(cache_key, name)?;
        let unwritable = |error| SchemaMismatch::written(Some(subject.clone()), None, error);
        let owned = match local.map(|local| &local.parsed) {
            Some(Ok(Some(parsed))) => {
                let mut payload = Vec::new();
                parsed.plan.write(data, &mut payload).map_err(unwritable)?;
                PendingValue::Payload(payload)
            }
            _ => value().map_err(unwritable)?,
        };
        let (waits_for, heap_size) = (format!("the schema of subject {subject}"), owned.heap_size());
        let unwritable = |id, subject| move |error| SchemaMismatch::written(Some(subject), Some(id), error);
        let deferred = Deferred::new(async move {
            let resolved = lookup.await.map_err(RegistryError::into_box)?;
            let finish: Finish = Box::new(move |context, buffer| {
                wire_format::begin(location, &resolved, &[], context, buffer)?;
                match owned {
                    PendingValue::Payload(payload) => buffer.extend_from_slice(&payload),
                    PendingValue::Serde(value) => {
                        resolved.writer.write(&value, buffer).map_err(unwritable(resolved.id, subject))?;
                    }
                    PendingValue::Generic(value) => {
                        resolved.writer.write(&Datum { value: &value }, buffer).map_err(unwritable(resolved.id, subject))?;
                    }
                }
                Ok(Serialized::Bytes)
            });
            Ok(finish)
        });
        Ok(Some(deferred.description(waits_for).heap_size(heap_size)))
    }

    fn read(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<Read, BoxError> {
        let data = data.ok_or(wire_format::WireFormatError::Null)?;
        let frame = wire_format::read(data, context.headers, context.is_key)?;
        let writer =
            self.deserializer_cache.get(frame.id, context.max_block(), |whole| ParsedSchema::of(whole, &frame.id.about()))?;
        let wanted = match self.serializer_cache.format().local.as_ref() {
            None => None,
            Some(local) => match &local.parsed {
                Ok(Some(parsed)) => Some(parsed.clone()),
                Ok(None) => Some(self.with_uses(local, context.max_block())?),
                Err(error) => return Err(error.clone().into()),
            },
        };
        let value = writer.read(frame.payload, wanted.as_ref()).map_err(|error| SchemaMismatch::read(frame.id, error))?;
        Ok(Read { id: frame.id, value, schema: wanted.unwrap_or_else(|| ParsedSchema::clone(&writer)) })
    }

    /// The serializer's own schema with its references. Blocks during their lookup.
    fn with_uses(&self, local: &Local, max_block: Option<Duration>) -> Result<ParsedSchema, BoxError> {
        if let Some(parsed) = local.with_uses.get() {
            return Ok(parsed.clone());
        }
        let lookup = self.registry.uses_of(&local.schema);
        let used = match max_block {
            None => block_on(lookup),
            Some(max_block) => block_on_for(lookup, max_block)
                .ok_or_else(|| SchemaPending::boxed("the references of the reader's schema".to_owned()))?,
        }
        .map_err(RegistryError::into_box)?;
        let parsed = ParsedSchema::new(local.schema.text(), used.iter().map(|(_, used)| used.schema().text()))?;
        Ok(local.with_uses.get_or_init(|| parsed).clone())
    }
}

/// A value that waits for its schema.
enum PendingValue {
    /// Already encoded; only the id of the schema is unknown.
    Payload(Vec<u8>),
    /// The schema is unknown.
    Serde(SerdeValue),
    /// A generic value whose schema is unknown.
    Generic(apache_avro::types::Value),
}

impl PendingValue {
    /// The size on the heap in bytes.
    fn heap_size(&self) -> usize {
        match self {
            Self::Payload(payload) => payload.capacity(),
            Self::Serde(value) => heap_size::serde_value(value),
            Self::Generic(value) => heap_size::generic(value),
        }
    }
}

impl SchemaFormat for AvroFormat {
    type Writer = Arc<Plan>;

    fn resolve(
        self: Arc<Self>,
        registry: SchemaRegistry,
        lookup_policy: LookupPolicy,
        subject: String,
        _: String,
    ) -> BoxFuture<'static, Result<Resolved<Arc<Plan>>, RegistryError>> {
        async move {
            let about = About::Subject(subject.clone());
            let unusable = |error: &AvroError| RegistryError::new(RegistryErrorKind::UnusableSchema, &about, error.to_string());
            let local = self.local.as_ref();
            if let Some(Err(error)) = local.map(|local| &local.parsed) {
                return Err(unusable(error));
            }
            let registered = registry.to_write(&lookup_policy, &subject, local.map(|local| &local.schema)).await?;
            if let Some(Local { schema, parsed: Ok(Some(parsed)), .. }) = local {
                if registered.schema() == schema {
                    return Ok(Resolved::new(&registered, Arc::clone(&parsed.plan)));
                }
            }
            let whole: SchemaWithReferences = registry.with_references(registered).await?;
            let parsed = ParsedSchema::of(&whole, &about)?;
            Ok(Resolved::new(&whole.schema, parsed.plan))
        }
        .boxed()
    }
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("registry", &self.registry).finish_non_exhaustive()
    }
}
