//! Closures and functions as serializers and deserializers.

use super::{BoxError, DeserializeContext, Deserializer, SerializeContext, Serialized, Serializer};

/// A closure that appends its first argument to its second. It cannot return null: implement the trait for that, or wrap the closure in
/// [`Optional`](super::Optional).
impl<T, F, E> Serializer<T> for F
where
    T: ?Sized,
    F: Fn(&T, &mut Vec<u8>) -> Result<(), E> + Send + Sync + 'static,
    E: Into<BoxError>,
{
    fn serialize(&self, data: &T, _: &mut SerializeContext<'_>, buffer: &mut Vec<u8>) -> Result<Serialized, BoxError> {
        self(data, buffer).map_err(Into::into)?;
        Ok(Serialized::Bytes)
    }
}

/// A closure that gets the bytes, or `None` for null.
impl<T, F, E> Deserializer<T> for F
where
    F: Fn(Option<&[u8]>) -> Result<T, E> + Send + Sync + 'static,
    E: Into<BoxError>,
{
    fn deserialize(&self, data: Option<&[u8]>, _: &DeserializeContext<'_>) -> Result<T, BoxError> {
        self(data).map_err(Into::into)
    }
}
