//! [`Protobuf`]: Protobuf messages with the schema in a registry.

mod error;
mod files;
mod indexes;
mod option_text;
mod text;

use std::{
    any::type_name,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};
use ottla::serialize::{BoxError, Deferred, DeserializeContext, Deserializer, Finish, SerializeContext, Serialized, Serializer};
use prost::{DecodeError, Message};
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, MessageDescriptor, ReflectMessage};

pub use error::ProtobufError;
/// The crate whose descriptors [`Protobuf`] accepts.
pub use prost_reflect;

use self::{files::ProtoFiles, indexes::MessageIndexes};
use super::{
    RegistryError, RegistryErrorKind, Schema, SchemaMismatch, SchemaReference, SchemaRegistry, SchemaType,
    client::SchemaWithReferences,
    config::LookupPolicy,
    deserializer_cache::DeserializerCache,
    error::About,
    serializer_cache::{CacheKey, Resolved, SchemaFormat, SerializerCache},
    wire_format::{self, WireFormatError},
};

/// Serializes and deserializes Protobuf messages, with the schema in a registry. Like Confluent's `KafkaProtobufSerializer` and
/// `KafkaProtobufDeserializer`, it writes the id of the schema, the message indexes (which message of the schema it is) and the message.
///
/// [`new`](Self::new) is for messages that `prost` generates with `prost-reflect`, [`with_descriptor`](Self::with_descriptor) for those that
/// `prost` generates alone, [`dynamic`](Protobuf::dynamic) for messages whose type is known only at run time.
///
/// The schema is the message's file. Imported files are registered before it, with the file's name as the subject (Confluent's
/// `DefaultReferenceSubjectNameStrategy`), except those of `google/protobuf/`, `google/type/` and `confluent/`, which every registry has
/// (`skip.known.types`).
///
/// The deserializer looks up the schema of each id once. The message must have the expected type; its fields may be those of another version.
/// Null is an error, see [`Optional`](ottla::serialize::Optional).
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), ottla::serialize::BoxError> {
/// use ottla::record::Headers;
/// use ottla_schema_registry::{Protobuf, SchemaRegistry, SchemaRegistryConfig, compile_proto, prost_reflect::{DynamicMessage, Value}};
/// use ottla::serialize::{DeserializeContext, Deserializer, SerializeContext, Serializer};
///
/// # let embedded = ottla_schema_registry::testing::EmbeddedRegistry::start()?;
/// # let url = embedded.url();
/// # #[cfg(any())]
/// let url = "http://localhost:8081";
/// let registry = SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", url)?)?;
/// let pool = compile_proto([("shop/order.proto", r#"
///     syntax = "proto3";
///     package shop;
///     message Order { string id = 1; }
/// "#)])?;
/// let mut order = DynamicMessage::new(pool.get_message_by_name("shop.Order").ok_or("no such message")?);
/// order.set_field_by_name("id", Value::String("o-1".to_owned()));
///
/// let protobuf = Protobuf::dynamic(&registry);
/// let (mut buffer, mut headers) = (Vec::new(), Headers::new());
/// protobuf.serialize(&order, &mut SerializeContext::new("orders", &mut headers, false), &mut buffer)?;
/// assert_eq!(buffer, b"\0\0\0\0\x01\0\x0a\x03o-1");
/// let read = protobuf.deserialize(Some(&buffer), &DeserializeContext::new("orders", &headers, false))?;
/// assert_eq!(read.get_field_by_name("id").as_deref(), Some(&Value::String("o-1".to_owned())));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub struct Protobuf<T> {
    serializer_cache: SerializerCache<ProtobufFormat>,
    deserializer_cache: DeserializerCache<FileDescriptor>,
    types: Types<T>,
}

/// The message type of the values.
enum Types<T> {
    /// All values have this type.
    One(MessageDescriptor, fn(&[u8]) -> Result<T, DecodeError>),
    /// Each value has its own descriptor.
    Each(fn(&T) -> MessageDescriptor, fn(MessageDescriptor, &[u8]) -> Result<T, DecodeError>),
}

/// The schema language Protobuf.
struct ProtobufFormat {
    serialized: bool,
    /// The descriptors of written messages, by the `record` of their [`CacheKey`].
    known: Mutex<HashMap<String, MessageDescriptor>>,
}

/// Compiles .proto files, given by the name that `import` uses and the text, in any order. The files of `google/protobuf/` are included.
///
/// # Errors
/// [`ProtobufError::Proto`] with the file, line and column of the error, or with the file whose import is missing.
pub fn compile_proto<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<DescriptorPool, ProtobufError> {
    files.into_iter().collect::<ProtoFiles<'_>>().descriptors()
}

impl<T: ReflectMessage + Default + 'static> Protobuf<T> {
    /// Creates a serializer for messages of the type `T`, which has its own descriptor.
    pub fn new(registry: &SchemaRegistry) -> Self {
        Self::with_descriptor(registry, T::default().descriptor())
    }
}

impl<T: Message + Default + 'static> Protobuf<T> {
    /// Creates a serializer for messages of the type `T`, which was generated from the message with this descriptor.
    pub fn with_descriptor(registry: &SchemaRegistry, descriptor: MessageDescriptor) -> Self {
        Self::of(registry, Types::One(descriptor, |payload| T::decode(payload)))
    }
}

impl Protobuf<DynamicMessage> {
    /// Creates a serializer for messages of any type, also several types in one topic. Messages that are read have the descriptor that they were
    /// written with.
    pub fn dynamic(registry: &SchemaRegistry) -> Self {
        Self::of(registry, Types::Each(DynamicMessage::descriptor, |message, payload| DynamicMessage::decode(message, payload)))
    }
}

impl<T> Protobuf<T> {
    fn of(registry: &SchemaRegistry, types: Types<T>) -> Self {
        let messages = ProtobufFormat { serialized: false, known: Mutex::default() };
        let serializer_cache = SerializerCache::new(registry, registry.lookup_policy().clone(), messages);
        Self { serializer_cache, deserializer_cache: DeserializerCache::new(registry), types }
    }

    /// Whether to register the schema as a `FileDescriptorProto` in base64, like Confluent's clients for Python and .NET (the registry's format
    /// `serialized`), instead of .proto text, like Java's. Confluent's registry treats both as the same schema. Other registries store the
    /// text unchanged: Apicurio accepts base64 but checks the compatibility only of .proto text, and Python clients can read only base64 from
    /// it.
    ///
    /// Defaults to false.
    #[must_use]
    pub fn serialized(self, serialized: bool) -> Self {
        let messages = ProtobufFormat { serialized, known: Mutex::default() };
        Self { serializer_cache: self.serializer_cache.with_format(messages), ..self }
    }

    super::lookup_options!(serializer_cache);

    fn message(&self, data: &T) -> MessageDescriptor {
        match &self.types {
            Types::One(message, _) => message.clone(),
            Types::Each(of, _) => of(data),
        }
    }

    /// The cache key of a message of this type.
    fn cache_key<'a>(&self, topic: &'a str, is_key: bool, message: &'a MessageDescriptor) -> CacheKey<'a> {
        let record = match &self.types {
            Types::One(..) => "",
            Types::Each(..) => message.full_name(),
        };
        CacheKey { topic, is_key, record }
    }
}

impl<T: Message + 'static> Serializer<T> for Protobuf<T> {
    fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        let message = self.message(data);
        let cache_key = self.cache_key(context.topic, context.is_key, &message);
        let name = Some(message.full_name());
        let location = self.serializer_cache.location(cache_key.is_key);
        let begun = self
            .serializer_cache
            .with(cache_key, name, |found| wire_format::begin(location, found, &found.writer, context, buffer));
        match begun {
            Some(begun) => begun?,
            None => {
                self.serializer_cache.format().know(cache_key.record, &message);
                let found = self.serializer_cache.wait(cache_key, name)?;
                wire_format::begin(location, &found, &found.writer, context, buffer)?;
            }
        }
        data.encode(buffer)?;
        Ok(Serialized::Bytes)
    }

    fn may_defer(&self) -> bool {
        true
    }

    fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        let message = self.message(data);
        let cache_key = self.cache_key(context.topic, context.is_key, &message);
        let name = Some(message.full_name());
        if self.serializer_cache.with(cache_key, name, |_| ()).is_some() {
            return Ok(None);
        }
        self.serializer_cache.format().know(cache_key.record, &message);
        let Some(lookup) = self.serializer_cache.pending_lookup(cache_key, name)? else { return Ok(None) };
        let (payload, location) = (data.encode_to_vec(), self.serializer_cache.location(cache_key.is_key));
        let (subject, held) = (self.serializer_cache.subject(cache_key, name)?, payload.capacity());
        let deferred = Deferred::new(async move {
            let found = lookup.await.map_err(RegistryError::into_box)?;
            let finish: Finish = Box::new(move |context, buffer| {
                wire_format::begin(location, &found, &found.writer, context, buffer)?;
                buffer.extend_from_slice(&payload);
                Ok(Serialized::Bytes)
            });
            Ok(finish)
        });
        Ok(Some(deferred.description(format!("the schema of subject {subject}")).heap_size(held)))
    }
}

impl<T: 'static> Deserializer<T> for Protobuf<T> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
        let frame = wire_format::read(data.ok_or(WireFormatError::Null)?, context.headers, context.is_key)?;
        let id = frame.id;
        let unfit = |error: ProtobufError| SchemaMismatch::read(id, error);
        let (indexes, payload) = match frame.behind_id {
            None => MessageIndexes::read(frame.payload).map_err(unfit)?,
            Some(behind_id) => match MessageIndexes::read(behind_id).map_err(unfit)? {
                (indexes, []) => (indexes, frame.payload),
                (_, rest) => return Err(unfit(ProtobufError::BehindIndexes { length: rest.len() }).into()),
            },
        };
        let file = self
            .deserializer_cache
            .get(id, context.max_block(), |whole| compiled(whole).map_err(|error| unusable(&id.about(), error)))?;
        let message = indexes.find(&file).ok_or_else(|| ProtobufError::NoMessage { id, indexes: indexes.to_string() })?;
        let name = message.full_name().to_owned();
        let read = match &self.types {
            Types::One(expected, _) if expected.full_name() != name => {
                return Err(ProtobufError::OtherMessage { id, expected: expected.full_name().to_owned(), found: name }.into());
            }
            Types::One(_, decode) => decode(payload),
            Types::Each(_, decode) => decode(message, payload),
        };
        read.map_err(|source| ProtobufError::Message { id, message: name, length: payload.len(), source }.into())
    }
}

impl<T> fmt::Debug for Protobuf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protobuf<{}>", type_name::<T>())
    }
}

impl ProtobufFormat {
    /// Stores the descriptor of a message for the lookup of its schema.
    fn know(&self, record: &str, message: &MessageDescriptor) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains_key(record) {
            known.insert(record.to_owned(), message.clone());
        }
    }

    /// The schema of a file. Registers or looks up its imports.
    fn schema<'a>(
        &'a self,
        registry: &'a SchemaRegistry,
        lookup_policy: &'a LookupPolicy,
        file: FileDescriptor,
    ) -> BoxFuture<'a, Result<Schema, RegistryError>> {
        async move {
            let mut references = Vec::new();
            let imports: Vec<_> = file.dependencies().filter(|import| !files::is_known(import.name())).collect();
            for import in imports {
                let name = import.name().to_owned();
                let schema = self.schema(registry, lookup_policy, import).await?;
                let registered = match lookup_policy.auto_register {
                    true => registry.register_as(&name, &schema, lookup_policy.normalize).await?,
                    false => registry.find_as(&name, &schema, lookup_policy.normalize).await?,
                };
                // Older registries return only the id of a registration.
                let version = match registered.version() {
                    Some(version) => Some(version),
                    None => registry.find_as(&name, &schema, lookup_policy.normalize).await?.version(),
                };
                let lacks = || {
                    RegistryError::new(
                        RegistryErrorKind::UnexpectedAnswer,
                        &About::Subject(name.clone()),
                        "the response has no version",
                    )
                };
                references.push(SchemaReference { version: version.ok_or_else(lacks)?, subject: name.clone(), name });
            }
            let text = if self.serialized { files::serialized(&file) } else { text::proto_text(&file) };
            Ok(Schema::new(SchemaType::Protobuf, text).references(references))
        }
        .boxed()
    }
}

impl SchemaFormat for ProtobufFormat {
    /// The encoded message indexes.
    type Writer = Box<[u8]>;

    fn resolve(
        self: Arc<Self>,
        registry: SchemaRegistry,
        lookup_policy: LookupPolicy,
        subject: String,
        record: String,
    ) -> BoxFuture<'static, Result<Resolved<Self::Writer>, RegistryError>> {
        async move {
            let about = About::Subject(subject.clone());
            let message = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&record).cloned();
            // `know` was called before the lookup.
            let message = message.ok_or_else(|| {
                RegistryError::new(RegistryErrorKind::Request, &about, "the descriptor of the message is unknown")
            })?;
            if lookup_policy.writes_local() {
                let schema = self.schema(&registry, &lookup_policy, message.parent_file()).await?;
                let registered = registry.to_write(&lookup_policy, &subject, Some(&schema)).await?;
                return Ok(Resolved::new(&registered, framed(&message)));
            }
            // The message may have other indexes in the registered file.
            let registered = registry.to_write(&lookup_policy, &subject, None).await?;
            let whole = registry.with_references(registered).await?;
            let file = compiled(&whole).map_err(|error| unusable(&about, error))?;
            let found = file.parent_pool().get_message_by_name(message.full_name()).filter(|found| found.parent_file() == file);
            let name = message.full_name().to_owned();
            let found = found.ok_or_else(|| unusable(&about, ProtobufError::NotInSchema { subject, message: name }))?;
            Ok(Resolved::new(&whole.schema, framed(&found)))
        }
        .boxed()
    }
}

fn framed(message: &MessageDescriptor) -> Box<[u8]> {
    let mut buffer = Vec::new();
    MessageIndexes::of(message).write(&mut buffer);
    buffer.into()
}

/// The name for a registered file, which has none in the registry. Not a possible import.
const ROOT: &str = "(schema)";

/// Compiles a registered schema.
fn compiled(whole: &SchemaWithReferences) -> Result<FileDescriptor, ProtobufError> {
    let schema = whole.schema.schema();
    if schema.schema_type() != SchemaType::Protobuf {
        return Err(ProtobufError::OtherLanguage { found: schema.schema_type() });
    }
    if let Some(known) = files::known_as(schema.text()) {
        return Ok(known);
    }
    let imports = whole.references.iter().map(|(name, used)| (name.as_str(), used.schema().text()));
    let pool = imports.chain([(ROOT, schema.text())]).collect::<ProtoFiles<'_>>().descriptors()?;
    let lacks =
        || ProtobufError::Proto { file: ROOT.to_owned(), line_and_column: None, reason: "the file was not compiled".to_owned() };
    pool.get_file_by_name(ROOT).ok_or_else(lacks)
}

fn unusable(about: &About, error: ProtobufError) -> RegistryError {
    RegistryError::new(RegistryErrorKind::UnusableSchema, about, error.to_string())
}
