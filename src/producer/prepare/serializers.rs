//! [`Serializers`]: serializes a record's key and value into its buffer.

use std::any::type_name;

use super::pending_serialization::{Part, PendingSerialization};
use crate::{
    Error, ErrorKind, Headers, ProducerRecord, Serializer,
    native::PreparedRecord,
    panic::contain,
    serialize::{BoxError, Deferred, SerializeContext, Serialized, SerializerName, Unavailable, named, natural},
};

/// The builder's serializer and the one named in the settings. As in Java, the builder's takes precedence.
type Choice<T> = (Option<Box<dyn Serializer<T>>>, Option<SerializerName>);

/// A producer's two serializers.
pub(crate) struct Serializers<K: ?Sized, V: ?Sized> {
    key: Box<dyn Serializer<K>>,
    value: Box<dyn Serializer<V>>,
    may_defer: bool,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Serializers<K, V> {
    pub(crate) fn new(key: Choice<K>, value: Choice<V>) -> Result<Self, Error> {
        let (key, value) = (serializer(key, "key")?, serializer(value, "value")?);
        let may_defer = key.may_defer() || value.may_defer();
        Ok(Self { key, value, may_defer })
    }

    /// Whether [`serialize_or_defer`](Self::serialize_or_defer) ever defers.
    pub(crate) fn may_defer(&self) -> bool {
        self.may_defer
    }

    /// Appends key and value to the record's buffer. Blocks if a serializer has to wait.
    pub(crate) fn serialize(&self, prepared: &mut PreparedRecord, record: &ProducerRecord<'_, K, V>) -> Result<(), Error> {
        if let Some(key) = record.key_ref() {
            prepared.key_size = serialize(&*self.key, key, record.topic(), true, &mut prepared.headers, &mut prepared.buffer)?;
        }
        if let Some(value) = record.value_ref() {
            prepared.value_size =
                serialize(&*self.value, value, record.topic(), false, &mut prepared.headers, &mut prepared.buffer)?;
        }
        Ok(())
    }

    /// [`serialize`](Self::serialize), but returns the parts whose serializer has to wait.
    pub(crate) fn serialize_or_defer(
        &self,
        prepared: &mut PreparedRecord,
        record: &ProducerRecord<'_, K, V>,
    ) -> Result<Option<Box<PendingSerialization>>, Error> {
        let key = defer(&*self.key, record.key_ref(), record.topic(), true, &mut prepared.headers)?;
        let value = defer(&*self.value, record.value_ref(), record.topic(), false, &mut prepared.headers)?;
        let (key, value) = match (key, value) {
            (None, None) => return self.serialize(prepared, record).map(|()| None),
            (None, Some(value)) => {
                if let Some(key) = record.key_ref() {
                    prepared.key_size =
                        serialize(&*self.key, key, record.topic(), true, &mut prepared.headers, &mut prepared.buffer)?;
                }
                (Part::Done, Part::Waits(value))
            }
            (Some(key), Some(value)) => (Part::Waits(key), Part::Waits(value)),
            (Some(key), None) => {
                let mut bytes = Vec::new();
                let value = record.value_ref();
                let size =
                    value.map(|value| serialize(&*self.value, value, record.topic(), false, &mut prepared.headers, &mut bytes));
                (Part::Waits(key), size.transpose()?.flatten().map_or(Part::Done, |_| Part::Written(bytes)))
            }
        };
        Ok(Some(Box::new(PendingSerialization::new(key, value))))
    }
}

fn serializer<T: ?Sized + 'static>((given, name): Choice<T>, part: &str) -> Result<Box<dyn Serializer<T>>, Error> {
    if let Some(given) = given {
        return Ok(given);
    }
    match name {
        Some(name) => named(name).map_err(|reason| Error::new(ErrorKind::Config, format!("{part}.serializer: {reason}"))),
        None => natural().ok_or_else(|| {
            let type_name = type_name::<T>();
            let message = format!("{type_name} has no default serializer: pass one to {part}_serializer of the builder");
            Error::new(ErrorKind::Config, message)
        }),
    }
}

/// The pending work of a serializer that has to wait; `None` if it has not.
fn defer<T: ?Sized + 'static>(
    serializer: &dyn Serializer<T>,
    data: Option<&T>,
    topic: &str,
    is_key: bool,
    headers: &mut Headers,
) -> Result<Option<Deferred>, Error> {
    let Some(data) = data else { return Ok(None) };
    let context = SerializeContext { topic, headers, is_key };
    match contain(|| serializer.defer(data, &context)) {
        Ok(Ok(deferred)) => Ok(deferred),
        Ok(Err(error)) => Err(unserialized(topic, is_key, error)),
        Err(panic) => Err(failed(topic, is_key, ": its serializer panicked").with_source(panic)),
    }
}

#[inline]
fn serialize<T: ?Sized + 'static>(
    serializer: &dyn Serializer<T>,
    data: &T,
    topic: &str,
    is_key: bool,
    headers: &mut Headers,
    buffer: &mut Vec<u8>,
) -> Result<Option<u32>, Error> {
    append(|context, buffer| serializer.serialize(data, context, buffer), topic, is_key, headers, buffer)
}

pub(in crate::producer) fn failed(topic: &str, is_key: bool, what: &str) -> Error {
    let part = if is_key { "key" } else { "value" };
    Error::new(ErrorKind::Serialization, format!("topic {topic}: the {part} could not be serialized{what}"))
}

/// The error of a value that could not be serialized, or whose serializer needs a service that is unavailable.
pub(in crate::producer) fn unserialized(topic: &str, is_key: bool, error: BoxError) -> Error {
    if !error.is::<Unavailable>() {
        return failed(topic, is_key, "").with_source(error);
    }
    let part = if is_key { "key" } else { "value" };
    Error::new(ErrorKind::SchemaRegistry, format!("topic {topic}: the schema of the {part} could not be looked up"))
        .with_source(error)
}

/// Appends one part of the record to the buffer. Returns its size, or `None` for null.
#[inline]
pub(in crate::producer) fn append(
    write: impl FnOnce(&mut SerializeContext<'_>, &mut Vec<u8>) -> Result<Serialized, BoxError>,
    topic: &str,
    is_key: bool,
    headers: &mut Headers,
    buffer: &mut Vec<u8>,
) -> Result<Option<u32>, Error> {
    let failed = |what: &str| failed(topic, is_key, what);
    let start = buffer.len();
    let mut context = SerializeContext { topic, headers, is_key };
    // Beside the result, because one with this byte in it is read back as words, and that waits until the byte is in the cache.
    let mut is_null = false;
    match contain(|| write(&mut context, buffer).map(|serialized| is_null = matches!(serialized, Serialized::Null))) {
        Ok(Ok(())) if !is_null => match buffer.len().checked_sub(start) {
            Some(size) => u32::try_from(size).map(Some).map_err(|_| failed(": it is larger than 4 GiB")),
            None => Err(failed(": its serializer removed bytes that it did not write")),
        },
        Ok(Ok(())) => {
            buffer.truncate(start);
            Ok(None)
        }
        Ok(Err(error)) => Err(unserialized(topic, is_key, error)),
        Err(panic) => Err(failed(": its serializer panicked").with_source(panic)),
    }
}
