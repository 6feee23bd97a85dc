//! [`ProducerRecord`] and its headers.

mod field;
mod headers;
mod serialized;

use std::{borrow::Cow, fmt, mem};

pub(crate) use self::serialized::SerializedRecord;
pub use self::{
    field::Field,
    headers::{Header, Headers},
};

/// A record to send: Java's `ProducerRecord`.
///
/// Key and value are borrowed or moved. They are not copied before they are serialized. [`Field`] lists the types that they accept.
///
/// ```
/// use ottla::ProducerRecord;
///
/// let record: ProducerRecord<'_, str, [u8]> = ProducerRecord::to("orders")
///     .key("o-1")
///     .value(b"paid")
///     .header("source", "checkout");
/// assert_eq!(record.topic(), "orders");
/// assert_eq!(record.key_ref(), Some("o-1"));
/// ```
pub struct ProducerRecord<'a, K: ?Sized, V: ?Sized> {
    topic: Cow<'a, str>,
    key: Field<'a, K>,
    value: Field<'a, V>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    headers: Headers,
    changes: Changes<'a, K, V>,
}

/// What is known of the changes that an interceptor makes, so that they can be undone. Only one that changes something costs a copy.
enum Changes<'a, K: ?Sized, V: ?Sized> {
    Unwatched,
    None,
    /// There are some; this is the record before the first.
    Since(Box<ProducerRecord<'a, K, V>>),
}

impl<'a, K: ?Sized, V: ?Sized> ProducerRecord<'a, K, V> {
    /// A record for `topic`, with a null key, a null value (a tombstone), no partition, no timestamp and no headers.
    pub fn to(topic: impl Into<Cow<'a, str>>) -> Self {
        Self {
            topic: topic.into(),
            key: Field::null(),
            value: Field::null(),
            partition: None,
            timestamp: None,
            headers: Headers::new(),
            changes: Changes::Unwatched,
        }
    }

    /// Sets the key: anything that converts into a [`Field`], such as a reference, an owned value, or an `Option` (`None` is null).
    ///
    /// Records with equal serialized keys go to the same partition, which is the one that the Java client chooses.
    /// Defaults to null.
    #[must_use]
    pub fn key(mut self, key: impl Into<Field<'a, K>>) -> Self {
        self.key = key.into();
        self
    }

    /// Sets the value: anything that converts into a [`Field`], such as a reference, an owned value, or an `Option` (`None` is null).
    ///
    /// Defaults to null, which is a tombstone on a compacted topic.
    #[must_use]
    pub fn value(mut self, value: impl Into<Field<'a, V>>) -> Self {
        self.value = value.into();
        self
    }

    /// Sets the partition and skips the partitioner. Defaults to the partitioner's choice.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets the creation time, in milliseconds since the Unix epoch. Defaults to the time of `send`.
    ///
    /// librdkafka reads 0 as "now", so the epoch itself cannot be sent: `send` rejects 0 and negative timestamps.
    #[must_use]
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.timestamp = Some(milliseconds);
        self
    }

    /// Adds a header. Names may repeat; the order is kept.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name, Some(value.as_ref()));
        self
    }

    /// Adds a header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name, None);
        self
    }

    /// Replaces all headers.
    #[must_use]
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// The topic name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The key, `None` for null.
    pub fn key_ref(&self) -> Option<&K> {
        self.key.get()
    }

    /// The value, `None` for null.
    pub fn value_ref(&self) -> Option<&V> {
        self.value.get()
    }

    /// The partition that was set, `None` for the partitioner's choice.
    pub fn explicit_partition(&self) -> Option<i32> {
        self.partition
    }

    /// The creation time that was set, in milliseconds since the Unix epoch; `None` for the time of `send`.
    pub fn explicit_timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// The headers.
    pub fn headers_ref(&self) -> &Headers {
        &self.headers
    }

    /// The headers, mutable: for interceptors that add or remove one.
    pub fn headers_mut(&mut self) -> &mut Headers {
        self.keep();
        &mut self.headers
    }

    /// Replaces the key, for interceptors. `None` is null.
    pub fn set_key(&mut self, key: impl Into<Field<'a, K>>) {
        self.keep();
        self.key = key.into();
    }

    /// Replaces the value, for interceptors. `None` is null.
    pub fn set_value(&mut self, value: impl Into<Field<'a, V>>) {
        self.keep();
        self.value = value.into();
    }

    /// Replaces the topic, for interceptors.
    pub fn set_topic(&mut self, topic: impl Into<String>) {
        self.keep();
        self.topic = Cow::Owned(topic.into());
    }

    /// Takes the headers away.
    pub(crate) fn take_headers(&mut self) -> Headers {
        mem::take(&mut self.headers)
    }

    /// Watches for changes from now on, and forgets those before.
    pub(crate) fn watch(&mut self) {
        self.changes = Changes::None;
    }

    /// Watches no longer, and keeps the changes.
    pub(crate) fn unwatch(&mut self) {
        self.changes = Changes::Unwatched;
    }

    /// Undoes the changes since [`watch`](Self::watch).
    pub(crate) fn undo(&mut self) {
        if let Changes::Since(before) = mem::replace(&mut self.changes, Changes::Unwatched) {
            *self = *before;
        }
    }

    /// Keeps the record as it is, before the first change.
    fn keep(&mut self) {
        if let Changes::None = self.changes {
            self.changes = Changes::Since(Box::new(self.clone()));
        }
    }
}

impl<K: ?Sized, V: ?Sized> Clone for ProducerRecord<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            topic: self.topic.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            partition: self.partition,
            timestamp: self.timestamp,
            headers: self.headers.clone(),
            changes: Changes::Unwatched,
        }
    }
}

/// Equal in every part: topic, key, value, partition, timestamp and headers.
impl<K: ?Sized + PartialEq, V: ?Sized + PartialEq> PartialEq for ProducerRecord<'_, K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.topic == other.topic
            && self.key_ref() == other.key_ref()
            && self.value_ref() == other.value_ref()
            && self.partition == other.partition
            && self.timestamp == other.timestamp
            && self.headers == other.headers
    }
}

impl<K: ?Sized + Eq, V: ?Sized + Eq> Eq for ProducerRecord<'_, K, V> {}

/// Shows where the record goes and which parts it has, never their content.
impl<K: ?Sized, V: ?Sized> fmt::Debug for ProducerRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("timestamp", &self.timestamp)
            .field("key", &self.key)
            .field("value", &self.value)
            .field("headers", &self.headers)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ProducerRecord<'static, str, [u8]> {
        ProducerRecord::to("orders").key("k").value(b"v").header("a", "1").partition(3)
    }

    #[test]
    fn changes_are_undone_and_a_record_that_is_not_changed_is_not_copied() {
        let mut watched = record();
        watched.watch();
        assert!(watched.headers_ref().len() == 1 && matches!(watched.changes, Changes::None));
        watched.set_topic("elsewhere");
        watched.set_key("other".to_owned());
        watched.set_value(None::<&[u8]>);
        watched.headers_mut().remove("a");
        assert!(watched != record() && watched.value_ref().is_none());
        watched.undo();
        assert_eq!(watched, record());

        watched.watch();
        watched.headers_mut().push("b", None);
        watched.unwatch();
        watched.undo();
        assert_eq!(watched, record().null_header("b"), "nothing is undone that is not watched");
    }

    #[test]
    fn records_are_equal_if_all_their_parts_are() {
        assert_eq!(record(), record().key("k".to_owned()));
        let none: Option<&str> = None;
        let others =
            [record().key("other"), record().key(none), record().value(b"w"), record().partition(4), record().timestamp(1)];
        assert!(others.iter().all(|other| *other != record()));
        assert_ne!(record(), record().header("a", "1"));
    }
}
