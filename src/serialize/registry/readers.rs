//! [`Readers`]: the schemas that a deserializer has met, each ready to read with.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::future::FutureExt;

use super::{RegistryError, SchemaRegistry, client::Whole, frame::WireId};
use crate::{
    block_on::{block_on, block_on_until},
    deadline::Deadline,
    serialize::{BoxError, SchemaPending},
};

/// So many are kept; one more, and they are looked up again.
const CAPACITY: usize = 1000;

/// How long the error of a lookup is kept for the lookups that follow.
const NEGATIVE: Duration = Duration::from_secs(1);

/// How long a lookup that has kept a record waiting is taken for one that goes on.
const PENDING: Duration = Duration::from_secs(10);

/// The schemas with which records were written, by the id that is in them.
#[derive(Debug)]
pub(crate) struct Readers<R> {
    registry: SchemaRegistry,
    known: RwLock<HashMap<WireId, Arc<R>>>,
    /// The ids that are not known, and were asked for.
    unknown: Mutex<HashMap<WireId, Unknown>>,
}

/// What came of the last lookup.
#[derive(Debug, Clone)]
enum Unknown {
    /// It goes on, and somebody has waited for it as long as one record may.
    Pending(Instant),
    Failed(RegistryError, Instant),
}

impl<R> Readers<R> {
    pub(crate) fn new(registry: &SchemaRegistry) -> Self {
        Self { registry: registry.clone(), known: RwLock::default(), unknown: Mutex::default() }
    }

    /// Gives what reads records with this id. While the registry is asked for it this blocks, for `patience` if that is given, and only
    /// while no lookup has taken longer than that.
    ///
    /// # Errors
    /// A [`RegistryError`], the same for a second after a lookup has failed; [`SchemaPending`] after `patience`.
    pub(crate) fn get(
        &self,
        id: WireId,
        patience: Option<Duration>,
        compile: impl FnOnce(&Whole) -> Result<R, RegistryError>,
    ) -> Result<Arc<R>, BoxError> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(known));
        }
        let unknown = self.unknown();
        if let Some(Unknown::Failed(error, since)) = unknown.get(&id) {
            if since.elapsed() < NEGATIVE {
                return Err(error.clone().into());
            }
        }
        // A registry that has kept one id waiting keeps others waiting.
        let is_pending = unknown.values().any(|it| matches!(it, Unknown::Pending(since) if since.elapsed() < PENDING));
        drop(unknown);
        // A lookup that is under way is joined.
        let lookup = self.registry.written_with(id);
        let answer = match patience {
            None => Some(block_on(lookup)),
            Some(_) if is_pending => lookup.now_or_never(),
            Some(patience) => block_on_until(lookup, Deadline::after(patience)),
        };
        let found = match answer {
            Some(answer) => answer.and_then(|whole| compile(&whole)),
            None => {
                self.remember(id, Unknown::Pending(Instant::now()));
                return Err(SchemaPending::new(id.to_string()).into());
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
                Err(error.into())
            }
        }
    }

    fn remember(&self, id: WireId, outcome: Unknown) {
        let mut unknown = self.unknown();
        // Ids that nobody has written with may be any number.
        if unknown.len() == CAPACITY {
            unknown.clear();
        }
        unknown.insert(id, outcome);
    }

    fn unknown(&self) -> MutexGuard<'_, HashMap<WireId, Unknown>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
