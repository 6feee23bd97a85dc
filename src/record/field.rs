//! [`Field`]: a record's key or value.

use std::{borrow::Cow, fmt, sync::Arc};

/// A record's key or value, which may be null. [`ProducerRecord::key`](super::ProducerRecord::key) and
/// [`value`](super::ProducerRecord::value) accept all types that convert into a `Field`:
///
/// | Type of the key or value | Accepted types |
/// |---|---|
/// | any `T` | `&T`, `T`, `Arc<T>`, `Box<T>`, `Cow<T>`, and references to them |
/// | `str` | also `String` and `&String` |
/// | `[u8]` | also `Vec<u8>`, arrays, `&str`, `String`, with the feature `bytes` `bytes::Bytes`, and references to them |
/// | each of these | also an `Option` of it (`None` is null) |
///
/// A reference is kept until `send` has serialized it; nothing is copied or allocated. An owned value is moved into one shared allocation, so
/// that the record can be cloned. The contents of a `String`, `Vec<u8>` or `Bytes` are not copied.
///
/// To pass a custom type to `key` and `value`, implement `From` for `Field`:
///
/// ```
/// use ottla::{ProducerRecord, record::Field};
///
/// struct OrderId(String);
///
/// impl<'a> From<&'a OrderId> for Field<'a, str> {
///     fn from(id: &'a OrderId) -> Self {
///         id.0.as_str().into()
///     }
/// }
///
/// let id = OrderId("o-1".to_owned());
/// let record: ProducerRecord<'_, str, str> = ProducerRecord::to("orders").key(&id);
/// assert_eq!(record.key_ref(), Some("o-1"));
/// ```
pub struct Field<'a, T: ?Sized>(Held<'a, T>);

enum Held<'a, T: ?Sized> {
    Null,
    Borrowed(&'a T),
    Shared(Arc<T>),
    /// An owned value that implements `AsRef<T>`.
    Viewed(Arc<dyn AsRef<T> + Send + Sync>),
}

impl<T: ?Sized> Field<'_, T> {
    /// Null.
    pub const fn null() -> Self {
        Self(Held::Null)
    }

    /// An owned value that implements `AsRef<T>`, such as a custom buffer. It is moved; its contents are not copied.
    pub fn viewed(value: impl AsRef<T> + Send + Sync + 'static) -> Self {
        Self(Held::Viewed(Arc::new(value)))
    }

    /// The key or value, `None` for null.
    pub fn get(&self) -> Option<&T> {
        match &self.0 {
            Held::Null => None,
            Held::Borrowed(value) => Some(value),
            Held::Shared(value) => Some(value),
            Held::Viewed(value) => Some((**value).as_ref()),
        }
    }
}

impl<T: ?Sized> Clone for Field<'_, T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Held::Null => Held::Null,
            Held::Borrowed(value) => Held::Borrowed(value),
            Held::Shared(value) => Held::Shared(Arc::clone(value)),
            Held::Viewed(value) => Held::Viewed(Arc::clone(value)),
        })
    }
}

/// Null.
impl<T: ?Sized> Default for Field<'_, T> {
    fn default() -> Self {
        Self::null()
    }
}

/// Shows whether it is null, never its content.
impl<T: ?Sized> fmt::Debug for Field<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Held::Null => "null",
            _ => "..",
        })
    }
}

/// Conversions from a type and from an `Option` of it, with `None` as null.
macro_rules! conversions {
    ($([$($generics:tt)*] $source:ty => $target:ty: |$value:ident| $field:expr;)+) => {$(
        impl<'a, $($generics)*> From<$source> for Field<'a, $target> {
            fn from($value: $source) -> Self {
                $field
            }
        }

        impl<'a, $($generics)*> From<Option<$source>> for Field<'a, $target> {
            fn from(value: Option<$source>) -> Self {
                value.map_or(Self::null(), Self::from)
            }
        }
    )+};
}

conversions! {
    [T: ?Sized] &'a T => T: |value| Self(Held::Borrowed(value));
    [T: ?Sized] &'a &'a T => T: |value| Self(Held::Borrowed(*value));
    [T] T => T: |value| Self(Held::Shared(Arc::new(value)));
    [T: ?Sized] Arc<T> => T: |value| Self(Held::Shared(value));
    [T: ?Sized] &'a Arc<T> => T: |value| Self(Held::Borrowed(&**value));
    [T: ?Sized] Box<T> => T: |value| Self(Held::Shared(value.into()));
    [T: ?Sized] &'a Box<T> => T: |value| Self(Held::Borrowed(&**value));
    [T: ?Sized + ToOwned<Owned: Into<Field<'a, T>>>] Cow<'a, T> => T: |value| match value {
        Cow::Borrowed(value) => Self(Held::Borrowed(value)),
        Cow::Owned(value) => value.into(),
    };
    [T: ?Sized + ToOwned] &'a Cow<'a, T> => T: |value| Self(Held::Borrowed(&**value));

    [] String => str: |value| Self::viewed(value);
    [] &'a String => str: |value| Self(Held::Borrowed(value));

    [] Vec<u8> => [u8]: |value| Self::viewed(value);
    [] &'a Vec<u8> => [u8]: |value| Self(Held::Borrowed(value));
    [const N: usize] [u8; N] => [u8]: |value| Self::viewed(value);
    [const N: usize] &'a [u8; N] => [u8]: |value| Self(Held::Borrowed(value));
    [] String => [u8]: |value| Self::viewed(value);
    [] &'a String => [u8]: |value| Self(Held::Borrowed(value.as_bytes()));
    [] &'a str => [u8]: |value| Self(Held::Borrowed(value.as_bytes()));
}

#[cfg(feature = "bytes")]
conversions! {
    [] bytes::Bytes => [u8]: |value| Self::viewed(value);
    [] &'a bytes::Bytes => [u8]: |value| Self(Held::Borrowed(value));
}

impl<'a, T> From<&'a Option<T>> for Field<'a, T> {
    fn from(value: &'a Option<T>) -> Self {
        value.as_ref().into()
    }
}

impl<'a> From<&'a Option<String>> for Field<'a, str> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_deref().into()
    }
}

impl<'a> From<&'a Option<Vec<u8>>> for Field<'a, [u8]> {
    fn from(value: &'a Option<Vec<u8>>) -> Self {
        value.as_deref().into()
    }
}
