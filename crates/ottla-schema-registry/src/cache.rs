//! Cached responses of a registry, and its pending requests.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::{BoxFuture, Shared};
use uuid::Uuid;

use super::{RegisteredSchema, RegistryError, Schema};

/// A pending request, shared by all callers with the same key.
pub(super) type PendingRequest = Shared<BoxFuture<'static, Result<Arc<RegisteredSchema>, RegistryError>>>;

/// Identifies a request: requests with equal keys have the same response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Register { subject: String, schema: Schema, normalize: bool },
    Find { subject: String, schema: Schema, normalize: bool },
    Version { subject: String, version: i32 },
    Latest { subject: String },
    Id(i32),
    Guid(Uuid),
}

/// Schemas to write with, schemas to read with, and each subject's latest version. Only the latest versions change, so only they expire.
pub(super) struct Cache {
    pub(super) pending: HashMap<Key, PendingRequest>,
    written: Bounded<(String, Schema, bool), Arc<RegisteredSchema>>,
    read: Bounded<Key, Arc<RegisteredSchema>>,
    latest: Bounded<String, (Arc<RegisteredSchema>, Instant)>,
    lifetime: Option<Duration>,
}

impl Cache {
    pub(super) fn new(capacity: usize, lifetime: Option<Duration>) -> Self {
        Self {
            pending: HashMap::new(),
            written: Bounded::new(capacity),
            read: Bounded::new(capacity),
            latest: Bounded::new(capacity),
            lifetime,
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<RegisteredSchema>> {
        match key {
            Key::Register { subject, schema, normalize } => {
                self.written.get(&(subject.clone(), schema.clone(), *normalize)).cloned()
            }
            // A registration's response may lack the version, which callers of `find` may need.
            Key::Find { subject, schema, normalize } => {
                let known = self.written.get(&(subject.clone(), schema.clone(), *normalize));
                known.filter(|known| known.version().is_some()).cloned()
            }
            Key::Latest { subject } => {
                let (known, since) = self.latest.get(subject)?;
                let is_fresh = self.lifetime.is_none_or(|lifetime| since.elapsed() < lifetime);
                is_fresh.then(|| Arc::clone(known))
            }
            Key::Version { .. } | Key::Id(_) | Key::Guid(_) => self.read.get(key).cloned(),
        }
    }

    pub(super) fn put(&mut self, key: Key, answer: &Arc<RegisteredSchema>) {
        let answer = Arc::clone(answer);
        match key {
            Key::Register { subject, schema, normalize } => {
                // The registration may have created a new version.
                self.latest.remove(&subject);
                self.written.put((subject, schema, normalize), answer);
            }
            Key::Find { subject, schema, normalize } => self.written.put((subject, schema, normalize), answer),
            Key::Latest { subject } => self.latest.put(subject, (answer, Instant::now())),
            Key::Version { .. } | Key::Id(_) | Key::Guid(_) => self.read.put(key, answer),
        }
    }
}

/// A map that evicts its oldest entry when it is full.
struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity: capacity.max(1) }
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    fn put(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity {
            if let Some(first) = self.order.pop_front() {
                self.entries.remove(&first);
            }
        }
    }

    fn remove(&mut self, key: &K) {
        if self.entries.remove(key).is_some() {
            self.order.retain(|other| other != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_evicted() {
        let mut map = Bounded::new(2);
        map.put(1, "one");
        map.put(2, "two");
        map.put(1, "uno");
        map.put(3, "three");
        assert_eq!((map.get(&1), map.get(&2), map.get(&3)), (None, Some(&"two"), Some(&"three")));
        map.remove(&2);
        map.put(4, "four");
        assert_eq!((map.get(&3), map.get(&4), map.order.len()), (Some(&"three"), Some(&"four"), 2));
    }
}
