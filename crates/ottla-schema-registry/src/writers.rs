//! [`Writers`]: the cached schemas of a serializer, so that it looks up each only once.

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
pub(crate) trait Format: Send + Sync + 'static {
    /// A schema, prepared for writing.
    type Writer: Send + Sync + 'static;

    /// Looks up the schema of a subject and prepares it for writing. `record` is the one of the [`Place`].
    fn resolve(
        self: Arc<Self>,
        registry: SchemaRegistry,
        lookup_policy: LookupPolicy,
        subject: String,
        record: String,
    ) -> BoxFuture<'static, Result<Resolved<Self::Writer>, RegistryError>>;
}

/// A pending lookup, shared by all records of the same place.
pub(crate) type Search<W> = Shared<BoxFuture<'static, Result<Arc<Resolved<W>>, RegistryError>>>;

/// Keys or values of a topic with one record type. `record` is empty if the serializer writes a single type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) topic: &'a str,
    pub(crate) is_key: bool,
    pub(crate) record: &'a str,
}

/// The schemas that a serializer writes with.
pub(crate) struct Writers<F: Format>(Arc<Inner<F>>);

struct Inner<F: Format> {
    format: Arc<F>,
    registry: SchemaRegistry,
    lookup_policy: LookupPolicy,
    slots: RwLock<HashMap<String, Vec<Slot<F::Writer>>>>,
    searches: Mutex<Searches<F::Writer>>,
}

/// By topic, `is_key` and record type.
type Searches<W> = HashMap<(String, bool, String), Search<W>>;

struct Slot<W> {
    is_key: bool,
    record: String,
    resolved: Arc<Resolved<W>>,
    /// When to look up the latest version again.
    look_again: Option<Instant>,
}

impl<F: Format> Writers<F> {
    pub(crate) fn new(registry: &SchemaRegistry, lookup_policy: LookupPolicy, format: F) -> Self {
        let (slots, searches) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Inner { format: Arc::new(format), registry: registry.clone(), lookup_policy, slots, searches }))
    }

    /// Changes how schemas are looked up. Clears the cache.
    pub(crate) fn choose(&mut self, change: impl FnOnce(&mut LookupPolicy)) {
        let Inner { format, registry, lookup_policy, .. } = &*self.0;
        let (format, mut lookup_policy) = (Arc::clone(format), lookup_policy.clone());
        change(&mut lookup_policy);
        let (slots, searches) = (RwLock::default(), Mutex::default());
        self.0 = Arc::new(Inner { format, registry: registry.clone(), lookup_policy, slots, searches });
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

    /// Calls `write` with the schema of the place, if it is cached. Once the latest version has expired, starts or continues a lookup and
    /// uses the cached schema until the lookup ends.
    pub(crate) fn with<R>(
        &self,
        place: Place<'_>,
        name: Option<&str>,
        write: impl FnOnce(&Arc<Resolved<F::Writer>>) -> R,
    ) -> Option<R> {
        let slots = self.0.slots.read().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get(place.topic)?.iter().find(|slot| slot.is_for(place))?;
        if slot.look_again.is_none_or(|time| time > Instant::now()) {
            return Some(write(&slot.resolved));
        }
        // The end of the search locks the slots.
        let resolved = Arc::clone(&slot.resolved);
        drop(slots);
        let found = self.search(place, name).ok().and_then(FutureExt::now_or_never).and_then(Result::ok);
        Some(write(&found.unwrap_or(resolved)))
    }

    /// The pending search for the schema of a place; `None` if the schema is cached or found without waiting. `name` is the name of the record
    /// type.
    pub(crate) fn missing(&self, place: Place<'_>, name: Option<&str>) -> Result<Option<Search<F::Writer>>, BoxError> {
        if self.with(place, name, |_| ()).is_some() {
            return Ok(None);
        }
        let search = self.search(place, name)?;
        match search.clone().now_or_never() {
            None => Ok(Some(search)),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(error.into_box()),
        }
    }

    /// The schema of a place. Blocks if it is not cached.
    pub(crate) fn wait(&self, place: Place<'_>, name: Option<&str>) -> Result<Arc<Resolved<F::Writer>>, BoxError> {
        match self.with(place, name, Arc::clone) {
            Some(resolved) => Ok(resolved),
            None => block_on(self.search(place, name)?).map_err(RegistryError::into_box),
        }
    }

    /// The subject of a place. `name` is the name of the record type.
    pub(crate) fn subject(&self, place: Place<'_>, name: Option<&str>) -> Result<String, BoxError> {
        let lookup_policy = &self.0.lookup_policy;
        let strategy = if place.is_key { &lookup_policy.key_strategy } else { &lookup_policy.value_strategy };
        strategy.subject(place.topic, place.is_key, name)
    }

    /// Joins the pending search for the schema of a place, or starts one.
    fn search(&self, place: Place<'_>, name: Option<&str>) -> Result<Search<F::Writer>, BoxError> {
        let inner = &self.0;
        let key = (place.topic.to_owned(), place.is_key, place.record.to_owned());
        let mut searches = inner.searches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(search) = searches.get(&key) {
            return Ok(search.clone());
        }
        let subject = self.subject(place, name)?;
        let format = Arc::clone(&inner.format);
        let found = format.resolve(inner.registry.clone(), inner.lookup_policy.clone(), subject.clone(), key.2.clone());
        // A weak reference, because the serializer owns its searches.
        let (weak, ended) = (Arc::downgrade(inner), key.clone());
        let search = async move { Inner::end(&weak, ended, &subject, found.await.map(Arc::new)) };
        let search = search.boxed().shared();
        searches.insert(key, search.clone());
        Ok(search)
    }
}

impl<F: Format> Inner<F> {
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
        let ended = inner.searches.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let (topic, is_key, record) = key;
        let place = Place { topic: &topic, is_key, record: &record };
        let lifetime = inner.registry.latest_lifetime().filter(|_| inner.lookup_policy.follows_latest());
        let look_again = lifetime.and_then(|lifetime: Duration| Instant::now().checked_add(lifetime));
        let mut slots = inner.slots.write().unwrap_or_else(PoisonError::into_inner);
        let known = slots.get_mut(&topic).and_then(|slots| slots.iter_mut().find(|slot| slot.is_for(place)));
        match (&found, known) {
            (Ok(resolved), Some(slot)) => (slot.resolved, slot.look_again) = (Arc::clone(resolved), look_again),
            (Ok(resolved), None) => {
                let slot = Slot { is_key, record: record.clone(), resolved: Arc::clone(resolved), look_again };
                slots.entry(topic.clone()).or_default().push(slot);
            }
            (Err(error), Some(slot)) => {
                slot.look_again = look_again;
                emit!(warn, %error, subject, "looking up the latest version of the schema failed; the cached version is still used");
            }
            (Err(_), None) => {}
        }
        drop(slots);
        // `ended` is the future that runs this code; other owners may drop theirs in user code, so no lock may be held.
        drop(ended);
        found
    }
}

impl<W> Slot<W> {
    fn is_for(&self, place: Place<'_>) -> bool {
        self.is_key == place.is_key && self.record == place.record
    }
}

impl<F: Format> fmt::Debug for Writers<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writers").field("registry", &self.0.registry).finish_non_exhaustive()
    }
}
