//! [`SchemaRegistry`]: the handle of a registry and its requests.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, channel::oneshot};
use ottla::config::{ConfigError, Problem};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    RegisteredSchema, RegistryError, RegistryErrorKind, ResponseFuture, Schema, SchemaReference, SchemaRegistryConfig,
    SchemaType,
    cache::{Cache, Key},
    config::LookupPolicy,
    error::About,
    http::{Call, Transport, encoded},
    thread_pool::ThreadPool,
    wire_format::WireId,
};

/// A schema registry with Confluent's API.
///
/// A handle: clones are cheap and share connections and caches, so pass one registry to all serializers and deserializers. Responses are
/// cached ([`cache.capacity`](ottla::config::schema_registry_settings)), and concurrent requests for the same schema share one request.
/// Requests run on the handle's own threads, which exit when no request is left.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ottla_schema_registry::{Schema, SchemaRegistry, SchemaRegistryConfig, SchemaType};
///
/// # let embedded = ottla_schema_registry::testing::EmbeddedRegistry::start()?;
/// # let url = embedded.url();
/// # #[cfg(any())]
/// let url = "http://localhost:8081";
/// let registry = SchemaRegistry::new(&SchemaRegistryConfig::new().set("schema.registry.url", url)?)?;
/// let registered = registry.register("names-value", &Schema::new(SchemaType::Avro, r#""string""#)).wait()?;
/// let latest = registry.latest("names-value").wait()?;
/// assert_eq!((latest.id(), latest.version()), (registered.id(), Some(1)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct SchemaRegistry(Arc<Inner>);

struct Inner {
    transport: Transport,
    lookup_policy: LookupPolicy,
    cache: Mutex<Cache>,
    latest_lifetime: Option<Duration>,
    thread_pool: Arc<ThreadPool>,
    urls: usize,
}

/// Whether a schema is compatible with the earlier versions of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Compatibility {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<String>,
}

impl Compatibility {
    /// Whether the schema may be registered.
    pub fn is_compatible(&self) -> bool {
        self.is_compatible
    }

    /// The registry's messages about the incompatibilities; empty if it sends none.
    pub fn messages(&self) -> &[String] {
        &self.messages
    }
}

/// A schema and all its direct and indirect references, each with the name that refers to it.
#[derive(Debug, Clone)]
pub(crate) struct SchemaWithReferences {
    pub(crate) schema: Arc<RegisteredSchema>,
    pub(crate) references: Vec<(String, Arc<RegisteredSchema>)>,
}

/// The body of a request with a schema.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SchemaRequest<'a> {
    schema: &'a str,
    #[serde(skip_serializing_if = "is_avro")]
    schema_type: SchemaType,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    references: &'a [SchemaReference],
}

/// The body of a response with a schema. The fields that are present depend on the request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SchemaResponse {
    id: Option<i32>,
    guid: Option<Uuid>,
    version: Option<i32>,
    schema: Option<String>,
    schema_type: Option<SchemaType>,
    references: Option<Vec<SchemaReference>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_avro(schema_type: &SchemaType) -> bool {
    *schema_type == SchemaType::Avro
}

fn schema_request(schema: &Schema) -> Vec<u8> {
    let schema_request = SchemaRequest { schema: schema.text(), schema_type: schema.schema_type(), references: schema.uses() };
    // Strings and numbers always serialize.
    serde_json::to_vec(&schema_request).unwrap_or_default()
}

impl SchemaRegistry {
    /// Creates the handle of a registry. Sends no request.
    ///
    /// # Errors
    /// All problems of the settings.
    pub fn new(config: &SchemaRegistryConfig) -> Result<Self, ConfigError> {
        let (connection, lookup_policy) = config.resolve()?;
        let transport = Transport::new(&connection)
            .map_err(|error| [Problem::new(None, None, error.message())].into_iter().collect::<ConfigError>())?;
        let cache = Mutex::new(Cache::new(connection.cache_capacity, connection.latest_lifetime));
        let (latest_lifetime, urls) = (connection.latest_lifetime, connection.urls.len());
        Ok(Self(Arc::new(Inner { transport, lookup_policy, cache, latest_lifetime, thread_pool: Arc::default(), urls })))
    }

    /// Registers a schema under a subject, if it is not registered yet: `POST /subjects/{subject}/versions`. A schema that the registry
    /// rejects with 409 is looked up once, because another client may have registered the same schema at the same moment.
    ///
    /// # Errors
    /// [`Incompatible`](RegistryErrorKind::Incompatible) and [`InvalidSchema`](RegistryErrorKind::InvalidSchema) with the registry's message, or an
    /// error of the request.
    pub fn register(&self, subject: &str, schema: &Schema) -> ResponseFuture<Arc<RegisteredSchema>> {
        self.register_as(subject, schema, self.0.lookup_policy.normalize)
    }

    pub(crate) fn register_as(&self, subject: &str, schema: &Schema, normalize: bool) -> ResponseFuture<Arc<RegisteredSchema>> {
        let path = format!("/subjects/{}/versions{}", encoded(subject), query(normalize));
        let key = Key::Register { subject: subject.to_owned(), schema: schema.clone(), normalize };
        self.ask_for_schema(key, About::Subject(subject.to_owned()), path, Some(schema))
    }

    /// Looks up a schema that is registered under a subject: `POST /subjects/{subject}`.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound) if it is not registered there, or an error of the request.
    pub fn find(&self, subject: &str, schema: &Schema) -> ResponseFuture<Arc<RegisteredSchema>> {
        self.find_as(subject, schema, self.0.lookup_policy.normalize)
    }

    pub(crate) fn find_as(&self, subject: &str, schema: &Schema, normalize: bool) -> ResponseFuture<Arc<RegisteredSchema>> {
        let path = find_path(subject, normalize);
        let key = Key::Find { subject: subject.to_owned(), schema: schema.clone(), normalize };
        self.ask_for_schema(key, About::Subject(subject.to_owned()), path, Some(schema))
    }

    /// Returns the latest version of a subject: `GET /subjects/{subject}/versions/latest`. Cached for `latest.cache.ttl.sec`, or until a
    /// schema is registered under the subject through this handle.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound), or an error of the request.
    pub fn latest(&self, subject: &str) -> ResponseFuture<Arc<RegisteredSchema>> {
        let path = format!("/subjects/{}/versions/latest", encoded(subject));
        self.ask_for_schema(Key::Latest { subject: subject.to_owned() }, About::Subject(subject.to_owned()), path, None)
    }

    /// Returns a version of a subject, counted from 1: `GET /subjects/{subject}/versions/{version}`.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound), or an error of the request.
    pub fn version(&self, subject: &str, version: i32) -> ResponseFuture<Arc<RegisteredSchema>> {
        let path = format!("/subjects/{}/versions/{version}", encoded(subject));
        let key = Key::Version { subject: subject.to_owned(), version };
        self.ask_for_schema(key, About::Subject(subject.to_owned()), path, None)
    }

    /// Lists the versions of a subject: `GET /subjects/{subject}/versions`.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound), or an error of the request.
    pub fn versions(&self, subject: &str) -> ResponseFuture<Vec<i32>> {
        let path = format!("/subjects/{}/versions", encoded(subject));
        self.ask(Call { about: About::Subject(subject.to_owned()), path, body: None })
    }

    /// Returns the schema with this id: `GET /schemas/ids/{id}`.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound), or an error of the request.
    pub fn by_id(&self, id: i32) -> ResponseFuture<Arc<RegisteredSchema>> {
        self.ask_for_schema(Key::Id(id), About::Id(id), format!("/schemas/ids/{id}"), None)
    }

    /// Returns the schema with this GUID: `GET /schemas/guids/{guid}`.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound), also from a registry without GUIDs, or an error of the request.
    pub fn by_guid(&self, guid: Uuid) -> ResponseFuture<Arc<RegisteredSchema>> {
        self.ask_for_schema(Key::Guid(guid), About::Guid(guid), format!("/schemas/guids/{guid}"), None)
    }

    /// Checks whether a schema may be registered under a subject: `POST /compatibility/subjects/{subject}/versions/latest`.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound) if the subject has no version, so that every schema is compatible, or an error of the request.
    pub fn is_compatible(&self, subject: &str, schema: &Schema) -> ResponseFuture<Compatibility> {
        let path = format!("/compatibility/subjects/{}/versions/latest?verbose=true", encoded(subject));
        self.ask(Call { about: About::Subject(subject.to_owned()), path, body: Some(schema_request(schema)) })
    }

    /// Returns the direct and indirect references of a schema, each once, with the name that refers to it: for programs that compile
    /// schemas themselves.
    ///
    /// # Errors
    /// [`NotFound`](RegistryErrorKind::NotFound) if a reference is not registered, or an error of the request.
    pub fn uses(&self, schema: &Schema) -> ResponseFuture<Vec<(String, Arc<RegisteredSchema>)>> {
        let (registry, schema) = (self.clone(), schema.clone());
        ResponseFuture::new(async move { registry.uses_of(&schema).await })
    }

    /// How serializers look up their schema, unless they override it.
    pub(crate) fn lookup_policy(&self) -> &LookupPolicy {
        &self.0.lookup_policy
    }

    /// How long a subject's latest version is cached; `None`: forever.
    pub(crate) fn latest_lifetime(&self) -> Option<Duration> {
        self.0.latest_lifetime
    }

    /// The schema that a record was written with, and its references.
    pub(crate) fn written_with(&self, id: WireId) -> ResponseFuture<SchemaWithReferences> {
        let answer = match id {
            WireId::Id(id) => self.by_id(id),
            WireId::Guid(guid) => self.by_guid(guid),
        };
        let registry = self.clone();
        ResponseFuture::new(async move { registry.with_references(answer.await?).await })
    }

    /// The schema to write with, in Java's order: register it, the configured id, the latest version, the schema that is already registered.
    pub(crate) async fn to_write(
        &self,
        lookup_policy: &LookupPolicy,
        subject: &str,
        local: Option<&Schema>,
    ) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let missing = || {
            let message = "no schema to register or to look up: pass one to the serializer, or set auto.register.schemas=false and \
                           either use.latest.version=true or use.schema.id";
            RegistryError::new(RegistryErrorKind::Request, &About::Subject(subject.to_owned()), message)
        };
        match (lookup_policy.schema_id, local) {
            (_, Some(schema)) if lookup_policy.auto_register => self.register_as(subject, schema, lookup_policy.normalize).await,
            (_, None) if lookup_policy.auto_register => Err(missing()),
            (Some(id), _) => self.by_id(id).await,
            (None, _) if lookup_policy.use_latest => self.latest(subject).await,
            (None, Some(schema)) => self.find_as(subject, schema, lookup_policy.normalize).await,
            (None, None) => Err(missing()),
        }
    }

    /// Adds the references of a schema.
    pub(crate) async fn with_references(&self, schema: Arc<RegisteredSchema>) -> Result<SchemaWithReferences, RegistryError> {
        let references = self.uses_of(&schema.schema).await?;
        Ok(SchemaWithReferences { schema, references })
    }

    /// The direct and indirect references of a schema, each once.
    pub(crate) async fn uses_of(&self, schema: &Schema) -> Result<Vec<(String, Arc<RegisteredSchema>)>, RegistryError> {
        let mut seen = HashSet::new();
        let mut open: Vec<SchemaReference> = schema.uses().to_vec();
        let mut references = Vec::new();
        while let Some(reference) = open.pop() {
            if !seen.insert(reference.clone()) {
                continue;
            }
            let used = self.version(&reference.subject, reference.version).await?;
            open.extend_from_slice(used.schema.uses());
            references.push((reference.name, used));
        }
        Ok(references)
    }

    fn ask_for_schema(
        &self,
        key: Key,
        about: About,
        path: String,
        sent: Option<&Schema>,
    ) -> ResponseFuture<Arc<RegisteredSchema>> {
        let mut cache = self.lock();
        if let Some(known) = cache.get(&key) {
            return ResponseFuture::known(Ok(known));
        }
        if let Some(request) = cache.pending.get(&key) {
            return ResponseFuture::new(request.clone());
        }
        let (sender, receiver) = oneshot::channel();
        let stopped = RegistryError::new(RegistryErrorKind::Network, &about, "a thread for the request could not be started");
        let request = receiver.map(|answer| answer.unwrap_or(Err(stopped))).boxed().shared();
        cache.pending.insert(key.clone(), request.clone());
        drop(cache);
        let call = Call { about, path, body: sent.map(schema_request) };
        let (registry, sent) = (self.clone(), sent.cloned());
        let removed = RemovePending { registry: self.clone(), key: key.clone() };
        self.0.thread_pool.run(move || {
            let answer = registry.call(&key, &call).and_then(|got| read(got, &call.about, &key, sent)).map(Arc::new);
            if let Ok(answer) = &answer {
                registry.lock().put(key, answer);
            }
            // Before the waiters are woken, so that their next call starts a new request.
            drop(removed);
            let _ = sender.send(answer);
        });
        ResponseFuture::new(request)
    }

    /// Sends a request for a schema. If another client registers the same schema at the same moment, a registry may reject a registration
    /// with the status of an incompatible schema, as Apicurio does ("already exists"). So a rejected schema is looked up, once.
    fn call(&self, key: &Key, call: &Call) -> Result<SchemaResponse, RegistryError> {
        let answer = self.0.transport.call(call);
        match (&answer, key) {
            (Err(refused), Key::Register { subject, normalize, .. }) if refused.kind() == RegistryErrorKind::Incompatible => {
                let path = find_path(subject, *normalize);
                self.0.transport.call(&Call { about: call.about.clone(), path, body: call.body.clone() }).or(answer)
            }
            _ => answer,
        }
    }

    fn ask<T: DeserializeOwned + Send + 'static>(&self, call: Call) -> ResponseFuture<T> {
        let (sender, receiver) = oneshot::channel();
        let stopped =
            RegistryError::new(RegistryErrorKind::Network, &call.about, "a thread for the request could not be started");
        let registry = self.clone();
        self.0.thread_pool.run(move || drop(sender.send(registry.0.transport.call(&call))));
        ResponseFuture::new(receiver.map(|answer| answer.unwrap_or(Err(stopped))))
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a request from the pending ones when it ends, also by a panic.
struct RemovePending {
    registry: SchemaRegistry,
    key: Key,
}

impl Drop for RemovePending {
    fn drop(&mut self) {
        let request = self.registry.lock().pending.remove(&self.key);
        drop(request);
    }
}

fn find_path(subject: &str, normalize: bool) -> String {
    format!("/subjects/{}{}", encoded(subject), query(normalize))
}

fn query(normalize: bool) -> &'static str {
    if normalize { "?normalize=true" } else { "" }
}

fn read(got: SchemaResponse, about: &About, key: &Key, sent: Option<Schema>) -> Result<RegisteredSchema, RegistryError> {
    let lacks =
        |what: &str| RegistryError::new(RegistryErrorKind::UnexpectedAnswer, about, format!("the response has no {what}"));
    let (subject, id, guid) = match key {
        Key::Register { subject, .. } | Key::Find { subject, .. } | Key::Latest { subject } | Key::Version { subject, .. } => {
            (Some(subject.clone()), Some(got.id.ok_or_else(|| lacks("id"))?), got.guid)
        }
        Key::Id(id) => (None, Some(*id), got.guid),
        Key::Guid(guid) => (None, got.id, Some(*guid)),
    };
    let schema = match (got.schema, sent) {
        // The registry may reformat the text; values are written with the schema that was sent.
        (_, Some(sent)) => sent,
        (Some(text), None) => {
            Schema::new(got.schema_type.unwrap_or_default(), text).references(got.references.unwrap_or_default())
        }
        (None, None) => return Err(lacks("schema")),
    };
    Ok(RegisteredSchema { id, guid, subject, version: got.version, schema })
}

impl fmt::Debug for SchemaRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemaRegistry").field("urls", &self.0.urls).finish_non_exhaustive()
    }
}
