//! [`DeserializerCache`]: the cached schemas of a deserializer, prepared for reading.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::future::FutureExt;
use ottla::serialize::BoxError;

use super::{RegistryError, SchemaRegistry, client::SchemaWithReferences, wire_format::WireId};
use crate::{
    block_on::{block_on, block_on_for},
    error::SchemaPending,
};

/// The most entries a cache has; a full cache is cleared before the next entry.
const CAPACITY: usize = 1000;

/// How long the error of a lookup is cached.
const NEGATIVE: Duration = Duration::from_secs(1);

/// How long a lookup counts as pending after a record has waited for it in vain.
const PENDING: Duration = Duration::from_secs(10);

/// The schemas that records were written with, by the id in the records.
#[derive(Debug)]
pub(crate) struct DeserializerCache<R> {
    registry: SchemaRegistry,
    known: RwLock<HashMap<WireId, Arc<R>>>,
    /// The ids without a schema whose last lookup failed or is pending.
    unknown: Mutex<HashMap<WireId, Unknown>>,
}

/// The state of the last lookup.
#[derive(Debug, Clone)]
enum Unknown {
    /// Pending since a caller's `max_block` ran out.
    Pending(Instant),
    Failed(RegistryError, Instant),
}

impl<R> DeserializerCache<R> {
    pub(crate) fn new(registry: &SchemaRegistry) -> Self {
        Self { registry: registry.clone(), known: RwLock::default(), unknown: Mutex::default() }
    }

    /// Returns the reader for records with this id. Looks up an uncached schema and blocks meanwhile, for at most `max_block` if it is given.
    /// Does not block with `max_block` if another lookup has already taken longer than that.
    ///
    /// # Errors
    /// A [`RegistryError`], cached for a second; [`SchemaPending`] after `max_block`.
    pub(crate) fn get(
        &self,
        id: WireId,
        max_block: Option<Duration>,
        compile: impl FnOnce(&SchemaWithReferences) -> Result<R, RegistryError>,
    ) -> Result<Arc<R>, BoxError> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(known));
        }
        let unknown = self.unknown();
        if let Some(Unknown::Failed(error, since)) = unknown.get(&id) {
            if since.elapsed() < NEGATIVE {
                return Err(error.clone().into_box());
            }
        }
        // If one lookup is too slow, another would be too.
        let is_pending = unknown.values().any(|it| matches!(it, Unknown::Pending(since) if since.elapsed() < PENDING));
        drop(unknown);
        // Joins a pending lookup of the same id.
        let lookup = self.registry.written_with(id);
        let answer = match max_block {
            None => Some(block_on(lookup)),
            Some(_) if is_pending => lookup.now_or_never(),
            Some(max_block) => block_on_for(lookup, max_block),
        };
        let found = match answer {
            Some(answer) => answer.and_then(|whole| compile(&whole)),
            None => {
                self.remember(id, Unknown::Pending(Instant::now()));
                return Err(SchemaPending::boxed(id.to_string()));
            }
        };
        match found {
            Ok(reader) => {
                let reader = Arc::new(reader);
                self.unknown().remove(&id);
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                if known.len() == CAPACITY {
                    known.clear();
                }
                known.insert(id, Arc::clone(&reader));
                Ok(reader)
            }
            Err(error) => {
                self.remember(id, Unknown::Failed(error.clone(), Instant::now()));
                Err(error.into_box())
            }
        }
    }

    fn remember(&self, id: WireId, outcome: Unknown) {
        let mut unknown = self.unknown();
        // Corrupt records have arbitrary ids, so the map needs a limit.
        if unknown.len() == CAPACITY {
            unknown.clear();
        }
        unknown.insert(id, outcome);
    }

    fn unknown(&self) -> MutexGuard<'_, HashMap<WireId, Unknown>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
