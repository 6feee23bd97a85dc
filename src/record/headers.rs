//! [`Headers`]: a record's headers.

use std::fmt;

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
