//! [`Secret`]: a value of the settings, which may be a secret.

use zeroize::Zeroizing;

/// A text that is neither printed nor serialized, and is overwritten when it is dropped.
///
/// It has no `Debug`, so that a derived one of what holds it does not compile.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for code that needs it and does not print it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    /// Takes the text where it is, without another copy.
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}
