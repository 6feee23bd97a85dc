//! [`SerializerCache`]: the cached schemas of a serializer, so that it looks up each only once.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
    time::{Duration, Instant},
};

use futures::future::{BoxFuture, FutureExt, Shared};
use uuid::Uuid;

use super::{
    RegisteredSchema, RegistryError, RegistryErrorKind, SchemaIdLocation, SchemaRegistry, config::LookupPolicy, error::About,
};
use ottla::serialize::BoxError;

use crate::{block_on::block_on, panic::emit};

/// A schema that was looked up, and its writer.
#[derive(Debug)]
pub(crate) struct Resolved<W> {
    pub(crate) id: i32,
    pub(crate) guid: Option<Uuid>,
    pub(crate) writer: W,
}

impl<W> Resolved<W> {
    pub(crate) fn new(schema: &RegisteredSchema, writer: W) -> Self {
        // Only lookups by GUID have no id, and they are only for reading.
        Self { id: schema.id().unwrap_or_default(), guid: schema.guid(), writer }
    }
}

/// The part of a serializer that depends on the schema language.
pub(crate) trait SchemaFormat: Send + Sync + 'static {
    /// A schema, prepared for writing.
    type Writer: Send + Sync + 'static;

    /// Looks up the schema of a subject and prepares it for writing. `record` is the one of the [`CacheKey`].
    fn resolve(
        self: Arc<Self>,
        registry: SchemaRegistry,
        lookup_policy: LookupPolicy,
        subject: String,
        record: String,
    ) -> BoxFuture<'static, Result<Resolved<Self::Writer>, RegistryError>>;
}

/// A pending lookup, shared by all records of the same cache key.
pub(crate) type Lookup<W> = Shared<BoxFuture<'static, Result<Arc<Resolved<W>>, RegistryError>>>;

/// Keys or values of a topic with one record type. `record` is empty if the serializer writes a single type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheKey<'a> {
    pub(crate) topic: &'a str,
    pub(crate) is_key: bool,
    pub(crate) record: &'a str,
}

/// The schemas that a serializer writes with.
pub(crate) struct SerializerCache<F: SchemaFormat>(Arc<Inner<F>>);

struct Inner<F: SchemaFormat> {
    format: Arc<F>,
    registry: SchemaRegistry,
    lookup_policy: LookupPolicy,
    entries: RwLock<HashMap<String, Vec<Entry<F::Writer>>>>,
    lookups: Mutex<Lookups<F::Writer>>,
}

/// By topic, `is_key` and record type.
type Lookups<W> = HashMap<(String, bool, String), Lookup<W>>;

struct Entry<W> {
    is_key: bool,
    record: String,
    resolved: Arc<Resolved<W>>,
    /// When to look up the latest version again.
    refresh_at: Option<Instant>,
}

impl<F: SchemaFormat> SerializerCache<F> {
    pub(crate) fn new(registry: &SchemaRegistry, lookup_policy: LookupPolicy, format: F) -> Self {
        let (entries, lookups) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Inner { format: Arc::new(format), registry: registry.clone(), lookup_policy, entries, lookups }))
    }

    /// Changes how schemas are looked up. Clears the cache.
    pub(crate) fn change_policy(&mut self, change: impl FnOnce(&mut LookupPolicy)) {
        let Inner { format, registry, lookup_policy, .. } = &*self.0;
        let (format, mut lookup_policy) = (Arc::clone(format), lookup_policy.clone());
        change(&mut lookup_policy);
        let (entries, lookups) = (RwLock::default(), Mutex::default());
        self.0 = Arc::new(Inner { format, registry: registry.clone(), lookup_policy, entries, lookups });
    }

    /// The same settings with another format. Clears the cache.
    #[cfg(any(feature = "protobuf", feature = "json-schema"))]
    pub(crate) fn with_format(self, format: F) -> Self {
        Self::new(&self.0.registry, self.0.lookup_policy.clone(), format)
    }

    pub(crate) fn format(&self) -> &Arc<F> {
        &self.0.format
    }

    pub(crate) fn lookup_policy(&self) -> &LookupPolicy {
        &self.0.lookup_policy
    }

    /// Where a key or a value carries the id of its schema.
    pub(crate) fn location(&self, is_key: bool) -> SchemaIdLocation {
        if is_key { self.0.lookup_policy.key_location } else { self.0.lookup_policy.value_location }
    }

    /// Calls `write` with the schema of the cache key, if it is cached. Once the latest version has expired, starts or continues a lookup and
    /// uses the cached schema until the lookup ends.
    pub(crate) fn with<R>(
        &self,
        cache_key: CacheKey<'_>,
        name: Option<&str>,
        write: impl FnOnce(&Arc<Resolved<F::Writer>>) -> R,
    ) -> Option<R> {
        let entries = self.0.entries.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(cache_key.topic)?.iter().find(|entry| entry.is_for(cache_key))?;
        if entry.refresh_at.is_none_or(|time| time > Instant::now()) {
            return Some(write(&entry.resolved));
        }
        // The end of the lookup locks the entries.
        let resolved = Arc::clone(&entry.resolved);
        drop(entries);
        let found = self.lookup(cache_key, name).ok().and_then(FutureExt::now_or_never).and_then(Result::ok);
        Some(write(&found.unwrap_or(resolved)))
    }

    /// The pending lookup for the schema of a cache key; `None` if the schema is cached or found without waiting. `name` is the name of the record
    /// type.
    pub(crate) fn pending_lookup(
        &self,
        cache_key: CacheKey<'_>,
        name: Option<&str>,
    ) -> Result<Option<Lookup<F::Writer>>, BoxError> {
        if self.with(cache_key, name, |_| ()).is_some() {
            return Ok(None);
        }
        let lookup = self.lookup(cache_key, name)?;
        match lookup.clone().now_or_never() {
            None => Ok(Some(lookup)),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(error.into_box()),
        }
    }

    /// The schema of a cache key. Blocks if it is not cached.
    pub(crate) fn wait(&self, cache_key: CacheKey<'_>, name: Option<&str>) -> Result<Arc<Resolved<F::Writer>>, BoxError> {
        match self.with(cache_key, name, Arc::clone) {
            Some(resolved) => Ok(resolved),
            None => block_on(self.lookup(cache_key, name)?).map_err(RegistryError::into_box),
        }
    }

    /// The subject of a cache key. `name` is the name of the record type.
    pub(crate) fn subject(&self, cache_key: CacheKey<'_>, name: Option<&str>) -> Result<String, BoxError> {
        let lookup_policy = &self.0.lookup_policy;
        let strategy = if cache_key.is_key { &lookup_policy.key_strategy } else { &lookup_policy.value_strategy };
        strategy.subject(cache_key.topic, cache_key.is_key, name)
    }

    /// Joins the pending lookup for the schema of a cache key, or starts one.
    fn lookup(&self, cache_key: CacheKey<'_>, name: Option<&str>) -> Result<Lookup<F::Writer>, BoxError> {
        let inner = &self.0;
        let key = (cache_key.topic.to_owned(), cache_key.is_key, cache_key.record.to_owned());
        let mut lookups = inner.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookup) = lookups.get(&key) {
            return Ok(lookup.clone());
        }
        let subject = self.subject(cache_key, name)?;
        let format = Arc::clone(&inner.format);
        let found = format.resolve(inner.registry.clone(), inner.lookup_policy.clone(), subject.clone(), key.2.clone());
        // A weak reference, because the serializer owns its lookups.
        let (weak, ended) = (Arc::downgrade(inner), key.clone());
        let lookup = async move { Inner::end(&weak, ended, &subject, found.await.map(Arc::new)) };
        let lookup = lookup.boxed().shared();
        lookups.insert(key, lookup.clone());
        Ok(lookup)
    }
}

impl<F: SchemaFormat> Inner<F> {
    fn end(
        weak: &Weak<Self>,
        key: (String, bool, String),
        subject: &str,
        found: Result<Arc<Resolved<F::Writer>>, RegistryError>,
    ) -> Result<Arc<Resolved<F::Writer>>, RegistryError> {
        let Some(inner) = weak.upgrade() else {
            return Err(found.err().unwrap_or_else(|| {
                RegistryError::new(
                    RegistryErrorKind::Request,
                    &About::Subject(subject.to_owned()),
                    "the serializer was dropped during the lookup",
                )
            }));
        };
        let ended = inner.lookups.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let (topic, is_key, record) = key;
        let cache_key = CacheKey { topic: &topic, is_key, record: &record };
        let lifetime = inner.registry.latest_lifetime().filter(|_| inner.lookup_policy.follows_latest());
        let refresh_at = lifetime.and_then(|lifetime: Duration| Instant::now().checked_add(lifetime));
        let mut entries = inner.entries.write().unwrap_or_else(PoisonError::into_inner);
        let known = entries.get_mut(&topic).and_then(|entries| entries.iter_mut().find(|entry| entry.is_for(cache_key)));
        match (&found, known) {
            (Ok(resolved), Some(entry)) => (entry.resolved, entry.refresh_at) = (Arc::clone(resolved), refresh_at),
            (Ok(resolved), None) => {
                let entry = Entry { is_key, record: record.clone(), resolved: Arc::clone(resolved), refresh_at };
                entries.entry(topic.clone()).or_default().push(entry);
            }
            (Err(error), Some(entry)) => {
                entry.refresh_at = refresh_at;
                emit!(warn, %error, subject, "looking up the latest version of the schema failed; the cached version is still used");
            }
            (Err(_), None) => {}
        }
        drop(entries);
        // `ended` is the future that runs this code; other owners may drop theirs in user code, so no lock may be held.
        drop(ended);
        found
    }
}

impl<W> Entry<W> {
    fn is_for(&self, cache_key: CacheKey<'_>) -> bool {
        self.is_key == cache_key.is_key && self.record == cache_key.record
    }
}

impl<F: SchemaFormat> fmt::Debug for SerializerCache<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SerializerCache").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}
