//! [`ProducerRecord`] and its headers.

use std::{borrow::Cow, fmt, sync::Arc};

/// A record on its way to a topic: what Java calls `ProducerRecord`.
///
/// Key and value are borrowed or shared, never copied before they are serialized.
///
/// ```
/// use ottla::ProducerRecord;
///
/// let record: ProducerRecord<'_, str, [u8]> = ProducerRecord::to("orders")
///     .key("o-1")
///     .value(b"paid".as_slice())
///     .header("source", "checkout");
/// assert_eq!(record.topic(), "orders");
/// assert_eq!(record.key_ref(), Some("o-1"));
/// ```
pub struct ProducerRecord<'a, K: ?Sized, V: ?Sized> {
    topic: Cow<'a, str>,
    key: Option<Field<'a, K>>,
    value: Option<Field<'a, V>>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    headers: Headers,
}

/// A key or a value: borrowed for as long as `send` takes to serialize it, or shared.
///
/// Made by `From` from `&T`, `Arc<T>`, `Box<T>`, and from `String` and `Vec<u8>`.
pub enum Field<'a, T: ?Sized> {
    /// Borrowed until it is serialized.
    Borrowed(&'a T),
    /// Shared, for records that must own what they carry (a [`Sink`](futures::Sink), an interceptor's replacement).
    Shared(Arc<T>),
}

impl<T: ?Sized> Field<'_, T> {
    fn get(&self) -> &T {
        match self {
            Self::Borrowed(value) => value,
            Self::Shared(value) => value,
        }
    }
}

impl<T: ?Sized> Clone for Field<'_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Borrowed(value) => Self::Borrowed(value),
            Self::Shared(value) => Self::Shared(Arc::clone(value)),
        }
    }
}

impl<'a, T: ?Sized> From<&'a T> for Field<'a, T> {
    fn from(value: &'a T) -> Self {
        Self::Borrowed(value)
    }
}

impl<T: ?Sized> From<Arc<T>> for Field<'_, T> {
    fn from(value: Arc<T>) -> Self {
        Self::Shared(value)
    }
}

impl<T: ?Sized> From<Box<T>> for Field<'_, T> {
    fn from(value: Box<T>) -> Self {
        Self::Shared(value.into())
    }
}

impl From<String> for Field<'_, str> {
    fn from(value: String) -> Self {
        Self::Shared(value.into())
    }
}

impl From<Vec<u8>> for Field<'_, [u8]> {
    fn from(value: Vec<u8>) -> Self {
        Self::Shared(value.into())
    }
}

impl<'a, K: ?Sized, V: ?Sized> ProducerRecord<'a, K, V> {
    /// A record for `topic`, without key (null), value (null: a tombstone), partition, timestamp or headers.
    pub fn to(topic: impl Into<Cow<'a, str>>) -> Self {
        Self { topic: topic.into(), key: None, value: None, partition: None, timestamp: None, headers: Headers::new() }
    }

    /// Sets the key. Records with equal serialized keys go to the same partition, the one that the Java client chooses.
    /// Defaults to null.
    #[must_use]
    pub fn key(mut self, key: impl Into<Field<'a, K>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the value. Defaults to null, which is a tombstone on a compacted topic.
    #[must_use]
    pub fn value(mut self, value: impl Into<Field<'a, V>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sends to this partition, past the partitioner. Defaults to the partitioner's choice.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sets the creation time, in milliseconds since the Unix epoch. Defaults to the time of `send`.
    ///
    /// librdkafka takes 0 for "now", so the epoch itself cannot be sent: `send` refuses 0 and what is below it.
    #[must_use]
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.timestamp = Some(milliseconds);
        self
    }

    /// Adds a header. Names may repeat; their order is kept.
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

    /// Sets all headers, in place of those it had.
    #[must_use]
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// The topic's name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The key, `None` for null.
    pub fn key_ref(&self) -> Option<&K> {
        self.key.as_ref().map(Field::get)
    }

    /// The value, `None` for null.
    pub fn value_ref(&self) -> Option<&V> {
        self.value.as_ref().map(Field::get)
    }

    /// The partition that was asked for, `None` for the partitioner's choice.
    pub fn explicit_partition(&self) -> Option<i32> {
        self.partition
    }

    /// The creation time that was set, in milliseconds since the Unix epoch.
    pub fn explicit_timestamp(&self) -> Option<i64> {
        self.timestamp
    }

    /// The headers.
    pub fn headers_ref(&self) -> &Headers {
        &self.headers
    }

    /// The headers, for an interceptor that adds one.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Replaces the key: for interceptors.
    pub fn set_key(&mut self, key: Option<Arc<K>>) {
        self.key = key.map(Field::Shared);
    }

    /// Replaces the value: for interceptors.
    pub fn set_value(&mut self, value: Option<Arc<V>>) {
        self.value = value.map(Field::Shared);
    }

    /// Replaces the topic: for interceptors.
    pub fn set_topic(&mut self, topic: impl Into<String>) {
        self.topic = Cow::Owned(topic.into());
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
        }
    }
}

/// Shows where the record goes and which parts it has, never what is in it.
impl<K: ?Sized, V: ?Sized> fmt::Debug for ProducerRecord<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerRecord")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("timestamp", &self.timestamp)
            .field("key", &self.key.as_ref().map(|_| ".."))
            .field("value", &self.value.as_ref().map(|_| ".."))
            .field("headers", &self.headers)
            .finish()
    }
}

impl<T: ?Sized> fmt::Debug for Field<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Borrowed(_) => "Borrowed(..)",
            Self::Shared(_) => "Shared(..)",
        })
    }
}

/// A record's headers: names in order, repeated as often as they were added, each with bytes or null (KIP-82).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

/// One header of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: Option<Vec<u8>>,
}

impl Header {
    /// The header's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The header's value, `None` for null.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header behind the others; `None` is null.
    pub fn push(&mut self, name: impl Into<String>, value: Option<&[u8]>) {
        self.0.push(Header { name: name.into(), value: value.map(<[u8]>::to_vec) });
    }

    /// The last header of this name: the one that counts, as Java's `lastHeader`.
    pub fn last(&self, name: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.name == name)
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| header.name != name);
    }

    /// The headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of all names and values.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|header| header.name.len() + header.value.as_ref().map_or(0, Vec::len)).sum()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<N: Into<String>, B: AsRef<[u8]>> FromIterator<(N, Option<B>)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, Option<B>)>>(headers: I) -> Self {
        let mut all = Self::new();
        for (name, value) in headers {
            all.push(name, value.as_ref().map(AsRef::as_ref));
        }
        all
    }
}

/// Shows the names only: a header's value may be anything.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
