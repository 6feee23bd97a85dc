//! [`Plugins`]: the serializers and interceptors of a builder.

use std::sync::Arc;

use super::{Listeners, Serializers};
use crate::{
    Error, Serializer,
    intercept::{Acknowledge, Chain, Interceptor},
    serialize::SerializerName,
};

/// The plug-ins that depend on a record's types, for a real producer and for `MockProducer`.
pub(crate) struct Plugins<K: ?Sized, V: ?Sized> {
    pub(crate) key_serializer: Option<Box<dyn Serializer<K>>>,
    pub(crate) value_serializer: Option<Box<dyn Serializer<V>>>,
    pub(crate) interceptors: Vec<Box<dyn Interceptor<K, V>>>,
}

/// Installed [`Plugins`].
pub(crate) struct Installed<K: ?Sized, V: ?Sized> {
    pub(crate) serializers: Serializers<K, V>,
    pub(crate) interceptors: Option<Arc<Chain<K, V>>>,
    pub(crate) listeners: Listeners,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Plugins<K, V> {
    /// Installs the plug-ins. `key` and `value` are the serializers of the settings, for parts without one of the builder's.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) for a type that has no serializer.
    pub(crate) fn install(self, key: Option<SerializerName>, value: Option<SerializerName>) -> Result<Installed<K, V>, Error> {
        let serializers = Serializers::new((self.key_serializer, key), (self.value_serializer, value))?;
        let interceptors = Chain::new(self.interceptors);
        let listeners = Listeners::new(interceptors.as_ref().map(|chain| Arc::clone(chain) as Arc<dyn Acknowledge>));
        Ok(Installed { serializers, interceptors, listeners })
    }
}

impl<K: ?Sized, V: ?Sized> Default for Plugins<K, V> {
    fn default() -> Self {
        Self { key_serializer: None, value_serializer: None, interceptors: Vec::new() }
    }
}
