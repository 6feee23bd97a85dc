//! [`Readers`]: the schemas that a deserializer has met, each ready to read with.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{RegistryError, SchemaRegistry, client::Whole, frame::WireId};

/// So many are kept; one more, and they are looked up anew.
const CAPACITY: usize = 1000;

/// The schemas with which records were written, by the id that is in them.
#[derive(Debug)]
pub(crate) struct Readers<R> {
    registry: SchemaRegistry,
    known: RwLock<HashMap<WireId, Arc<R>>>,
}

impl<R> Readers<R> {
    pub(crate) fn new(registry: &SchemaRegistry) -> Self {
        Self { registry: registry.clone(), known: RwLock::default() }
    }

    /// Gives what reads records with this id; blocks while the registry is asked for it.
    pub(crate) fn get(
        &self,
        id: WireId,
        compile: impl FnOnce(&Whole) -> Result<R, RegistryError>,
    ) -> Result<Arc<R>, RegistryError> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(known));
        }
        let reader = Arc::new(compile(&self.registry.written_with(id).wait()?)?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() == CAPACITY {
            known.clear();
        }
        known.insert(id, Arc::clone(&reader));
        Ok(reader)
    }
}
