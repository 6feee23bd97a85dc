//! [`Optional`]: `None` as null.

use super::{BoxError, Deferred, DeserializeContext, Deserializer, SerializeContext, Serialized, Serializer};

/// Makes a serializer (or deserializer) of `Option<T>` from one of `T`. `None` is null; a null value is a tombstone on a compacted topic.
/// `Some` is passed to the inner serializer.
///
/// ```
/// use ottla::record::Headers;
/// use ottla::serialize::{BigEndian, Optional, SerializeContext, Serialized, Serializer};
///
/// let mut headers = Headers::new();
/// let mut context = SerializeContext::new("counts", &mut headers, false);
/// let mut buffer = Vec::new();
/// assert_eq!(Optional(BigEndian).serialize(&None::<i64>, &mut context, &mut buffer)?, Serialized::Null);
/// assert_eq!(Optional(BigEndian).serialize(&Some(1_i16), &mut context, &mut buffer)?, Serialized::Bytes);
/// assert_eq!(buffer, [0, 1]);
/// # Ok::<(), ottla::serialize::BoxError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Optional<S>(
    /// The serializer or deserializer of `T`.
    pub S,
);

impl<T, S: Serializer<T>> Serializer<Option<T>> for Optional<S> {
    fn serialize(
        &self,
        data: &Option<T>,
        context: &mut SerializeContext<'_>,
        buffer: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        match data {
            Some(data) => self.0.serialize(data, context, buffer),
            None => Ok(Serialized::Null),
        }
    }

    fn may_defer(&self) -> bool {
        self.0.may_defer()
    }

    fn defer(&self, data: &Option<T>, context: &SerializeContext<'_>) -> Result<Option<Deferred>, BoxError> {
        data.as_ref().map_or(Ok(None), |data| self.0.defer(data, context))
    }
}

impl<T, D: Deserializer<T>> Deserializer<Option<T>> for Optional<D> {
    fn deserialize(&self, data: Option<&[u8]>, context: &DeserializeContext<'_>) -> Result<Option<T>, BoxError> {
        match data {
            Some(_) => self.0.deserialize(data, context).map(Some),
            None => Ok(None),
        }
    }
}
