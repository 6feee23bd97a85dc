//! [`Serializers`]: a record's key and value into its buffer.

use std::any::type_name;

use crate::{
    Error, ErrorKind, Headers, ProducerRecord, Serializer,
    native::Body,
    panic::contain,
    serialize::{SerializeContext, Serialized, SerializerName, named, natural},
};

/// What was given to the builder, and the name that stands in the settings: as in Java the first comes before the second.
type Choice<T> = (Option<Box<dyn Serializer<T>>>, Option<SerializerName>);

/// A producer's two serializers.
pub(crate) struct Serializers<K: ?Sized, V: ?Sized> {
    key: Box<dyn Serializer<K>>,
    value: Box<dyn Serializer<V>>,
}

impl<K: ?Sized + 'static, V: ?Sized + 'static> Serializers<K, V> {
    pub(crate) fn new(key: Choice<K>, value: Choice<V>) -> Result<Self, Error> {
        Ok(Self { key: serializer(key, "key")?, value: serializer(value, "value")? })
    }

    /// Appends key, then value, to the body's buffer.
    pub(crate) fn fill(&self, body: &mut Body, record: &ProducerRecord<'_, K, V>) -> Result<(), Error> {
        if let Some(key) = record.key_ref() {
            body.key_size = serialize(&*self.key, key, record.topic(), true, &mut body.headers, &mut body.buffer)?;
        }
        if let Some(value) = record.value_ref() {
            body.value_size = serialize(&*self.value, value, record.topic(), false, &mut body.headers, &mut body.buffer)?;
        }
        Ok(())
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
            let message = format!("{type_name} has no serializer of its own: give one to the builder's {part}_serializer");
            Error::new(ErrorKind::Config, message)
        }),
    }
}

/// Appends one part of the record to the buffer; gives its size, or `None` for null.
fn serialize<T: ?Sized + 'static>(
    serializer: &dyn Serializer<T>,
    data: &T,
    topic: &str,
    is_key: bool,
    headers: &mut Headers,
    buffer: &mut Vec<u8>,
) -> Result<Option<u32>, Error> {
    let part = if is_key { "key" } else { "value" };
    let failed =
        |what: &str| Error::new(ErrorKind::Serialization, format!("topic {topic}: the {part} could not be serialized{what}"));
    let start = buffer.len();
    let mut context = SerializeContext { topic, headers, is_key };
    match contain(|| serializer.serialize(data, &mut context, buffer)) {
        Ok(Ok(Serialized::Bytes)) => match buffer.len().checked_sub(start) {
            Some(size) => u32::try_from(size).map(Some).map_err(|_| failed(": it is larger than 4 GiB")),
            None => Err(failed(": its serializer removed bytes that are not its own")),
        },
        Ok(Ok(Serialized::Null)) => {
            buffer.truncate(start);
            Ok(None)
        }
        Ok(Err(error)) => Err(failed("").with_source(error)),
        Err(panic) => Err(failed(": its serializer panicked").with_source(panic)),
    }
}
