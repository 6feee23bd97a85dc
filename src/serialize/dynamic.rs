//! Boxed and shared serializers and deserializers, for a choice at run time.

use super::{BoxError, Deferred, DeserializeContext, Deserializer, SerializeContext, Serialized, Serializer};
use std::sync::Arc;

macro_rules! dynamic {
    ($($pointer:ident),*) => {$(
        impl<T: ?Sized + 'static> Serializer<T> for $pointer<dyn Serializer<T>> {
            fn serialize(&self, data: &T, context: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
                (**self).serialize(data, context, buffer)
            }

            fn may_defer(&self) -> bool {
                (**self).may_defer()
            }

            fn defer(&self, data: &T, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
                (**self).defer(data, context)
            }
        }

        impl<T: 'static> Deserializer<T> for $pointer<dyn Deserializer<T>> {
            fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<T, BoxError> {
                (**self).deserialize(data, context)
            }
        }
    )*};
}

dynamic!(Box, Arc);
