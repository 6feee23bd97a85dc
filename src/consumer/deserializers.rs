//! [`Deserializers`]: the deserializers of key and value.

use std::{any::type_name, sync::Arc, time::Duration};

use super::{
    ConsumeError, ConsumerRecord, RawRecord,
    done::Window,
    record::{Head, TimestampType},
};
use crate::{
    Deserializer, Error, ErrorKind,
    native::Consumed,
    panic::contain,
    serialize::{DeserializeContext, SerializerName, Unavailable, named_deserializer, natural_deserializer},
};

/// The deserializer passed to the builder, and the name in the settings. As in Java the former takes precedence.
type Choice<T> = (Option<Box<dyn Deserializer<T>>>, Option<SerializerName>);

/// A consumer's two deserializers.
pub(super) struct Deserializers<K, V> {
    key: Box<dyn Deserializer<K>>,
    value: Box<dyn Deserializer<V>>,
}

impl<K: 'static, V: 'static> Deserializers<K, V> {
    pub(super) fn new(key: Choice<K>, value: Choice<V>) -> Result<Self, Error> {
        Ok(Self { key: deserializer(key, "key")?, value: deserializer(value, "value")? })
    }

    /// Deserializes the key, then the value.
    pub(super) fn read(
        &self,
        head: Head,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        window: Option<Arc<Window>>,
    ) -> Result<ConsumerRecord<K, V>, ConsumeError> {
        // The outer barrier contains the drop of a key whose value failed.
        let parts = contain(|| {
            let key = deserialize(&*self.key, key, &head, true)?;
            deserialize(&*self.value, value, &head, false).map(|value| (key, value))
        });
        match parts.unwrap_or_else(|panic| Err(failed(&head, false, ": its key panicked in its drop").with_source(panic))) {
            Ok((key, value)) => Ok(ConsumerRecord::new(head, key, value, window)),
            Err(error) => {
                let raw = ConsumerRecord::new(head, key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), window);
                Err(ConsumeError::of_record(error, raw))
            }
        }
    }

    /// Deserializes a record again.
    pub(super) fn read_again(&self, record: RawRecord) -> Result<ConsumerRecord<K, V>, ConsumeError> {
        let (head, key, value, window) = record.into_raw_parts();
        self.read(head, key.as_deref(), value.as_deref(), window)
    }
}

/// How long a deserializer may block the polling thread while it asks a service.
const MAX_BLOCK: Duration = Duration::from_millis(200);

/// The parts of a message besides key and value.
pub(super) fn head(message: &Consumed<'_>, topic: Arc<str>) -> Head {
    let size = |bytes: Option<&[u8]>| bytes.and_then(|bytes| u32::try_from(bytes.len()).ok());
    let timestamp = message.timestamp().map(|(of_broker, milliseconds)| {
        (if of_broker { TimestampType::LogAppendTime } else { TimestampType::CreateTime }, milliseconds)
    });
    Head {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        timestamp,
        leader_epoch: message.leader_epoch(),
        headers: message.headers(),
        key_size: size(message.key()),
        value_size: size(message.value()),
    }
}

fn deserializer<T: 'static>((given, name): Choice<T>, part: &str) -> Result<Box<dyn Deserializer<T>>, Error> {
    if let Some(given) = given {
        return Ok(given);
    }
    match name {
        Some(name) => {
            named_deserializer(name).map_err(|reason| Error::new(ErrorKind::Config, format!("{part}.deserializer: {reason}")))
        }
        None => natural_deserializer().ok_or_else(|| {
            let type_name = type_name::<T>();
            let message = format!("{type_name} has no default deserializer: pass one to the builder's {part}_deserializer");
            Error::new(ErrorKind::Config, message)
        }),
    }
}

fn deserialize<T: 'static>(
    deserializer: &dyn Deserializer<T>,
    data: Option<&[u8]>,
    head: &Head,
    is_key: bool,
) -> Result<T, Error> {
    let context = DeserializeContext::new(&head.topic, &head.headers, is_key).with_max_block(MAX_BLOCK);
    match contain(|| deserializer.deserialize(data, &context)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.is::<Unavailable>() => Err(waits_for_registry(head, is_key).with_source(error)),
        Ok(Err(error)) => Err(failed(head, is_key, "").with_source(error)),
        Err(panic) => Err(failed(head, is_key, ": its deserializer panicked").with_source(panic)),
    }
}

/// The error of a record that waits for a schema registry.
fn waits_for_registry(head: &Head, is_key: bool) -> Error {
    let part = if is_key { "key" } else { "value" };
    let Head { topic, partition, offset, .. } = head;
    let message = format!(
        "topic {topic}, partition {partition}, offset {offset}: the schema of the {part} cannot be fetched; this record and the next \
         ones wait until the registry answers"
    );
    Error::new(ErrorKind::SchemaRegistry, message)
}

fn failed(head: &Head, is_key: bool, what: &str) -> Error {
    let part = if is_key { "key" } else { "value" };
    let Head { topic, partition, offset, .. } = head;
    let message = format!("topic {topic}, partition {partition}, offset {offset}: the {part} could not be deserialized{what}");
    Error::new(ErrorKind::Deserialization, message)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::Headers;

    fn head() -> Head {
        Head {
            topic: "orders".into(),
            partition: 2,
            offset: 17,
            timestamp: None,
            leader_epoch: None,
            headers: Headers::new(),
            key_size: Some(1),
            value_size: Some(2),
        }
    }

    #[test]
    fn failed_record_is_returned_with_position_and_reason() {
        let deserializers = Deserializers::<String, i32>::new((None, None), (None, None)).unwrap();
        let record = deserializers.read(head(), Some(b"k"), Some(&[0, 0, 1, 2]), None).unwrap();
        assert_eq!(record.into_parts(), ("k".to_owned(), 258));
        let error = deserializers.read(head(), Some(b"k"), Some(&[0xff, 0xfe]), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deserialization);
        assert_eq!(error.to_string(), "topic orders, partition 2, offset 17: the value could not be deserialized");
        assert_eq!(error.source().unwrap().to_string(), "expected an i32 of 4 bytes, got 2 bytes");
        let raw = error.into_record().unwrap();
        assert_eq!((raw.offset(), raw.key().as_deref(), raw.value().as_deref()), (17, Some(&b"k"[..]), Some(&[0xff, 0xfe][..])));
        let error = deserializers.read(head(), None, None, None).unwrap_err();
        assert!(error.to_string().contains("the key could not be deserialized"), "{error}");
    }

    #[test]
    fn panic_in_a_deserializer_fails_one_record() {
        let value = |_: Option<&[u8]>| -> Result<i32, std::fmt::Error> { panic!("no") };
        let deserializers = Deserializers::<(), i32>::new((None, None), (Some(Box::new(value)), None)).unwrap();
        let error = deserializers.read(head(), None, None, None).unwrap_err();
        assert!(error.to_string().ends_with("the value could not be deserialized: its deserializer panicked"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), "no");
    }

    #[test]
    fn null_needs_a_type_that_accepts_it() {
        let deserializers = Deserializers::<Option<String>, Option<i64>>::new((None, None), (None, None)).unwrap();
        assert_eq!(deserializers.read(head(), None, None, None).unwrap().into_parts(), (None, None));
        let read = deserializers.read(head(), Some(b"k"), Some(&[0; 8]), None).unwrap();
        assert_eq!(read.into_parts(), (Some("k".to_owned()), Some(0)));
    }

    #[test]
    fn type_without_deserializer_and_wrong_name_are_rejected() {
        let error = Deserializers::<Vec<u16>, i32>::new((None, None), (None, None)).err().unwrap();
        assert!(error.to_string().contains("pass one to the builder's key_deserializer"), "{error}");
        let error = Deserializers::<(), i32>::new((None, None), (None, Some(SerializerName::String))).err().unwrap();
        assert!(error.to_string().starts_with("value.deserializer: StringDeserializer reads String"), "{error}");
    }
}
