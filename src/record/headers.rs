//! [`Headers`]: the headers of a record.

use std::fmt;

/// The headers of a record (KIP-82). The order is kept, names may repeat, and a value is bytes or null.
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

    /// Appends a header. `None` is null.
    pub fn push(&mut self, name: impl Into<String>, value: Option<&[u8]>) {
        self.0.push(Header { name: name.into(), value: value.map(<[u8]>::to_vec) });
    }

    /// The last header with this name, which is the one that counts, as with Java's `lastHeader`.
    pub fn last(&self, name: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.name == name)
    }

    /// Removes all headers with this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| header.name != name);
    }

    /// An iterator over the headers, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// The number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The size of all names and values, in bytes.
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

/// Shows the names only: a value may be a secret.
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
