//! [`Secret`]: a text that may be a secret; and [`Secrets`], which clears the texts of others of them.
//!
//! Whether a value is a secret its setting's name says, and values are there before their names are known to be right. So every value of
//! a configuration is a [`Secret`] from the parser on, and what may be seen of it is decided in one place, `config::redacted`.

use zeroize::Zeroizing;

/// What is printed in place of a secret.
pub(crate) const HIDDEN: &str = "[hidden]";

/// A text that may be a secret: neither printed nor serialized, and overwritten when it is dropped.
///
/// It has no `Debug`, so that a derived one of what holds it does not compile.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The text, for who needs it and does not print it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// One text of several, in one piece from the start: a text that grows leaves a copy of itself where it was.
    pub(crate) fn join(parts: &[Self], separator: &str) -> Self {
        parts.iter().map(Self::expose).collect::<Vec<_>>().join(separator).into()
    }
}

impl From<String> for Secret {
    /// Takes the text where it lies, without another copy.
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// The secrets that a client was given, which librdkafka may repeat in what it says.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// The text without the secrets in it.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), HIDDEN))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.iter().any(|secret| secret.expose() == text)
    }

    pub(crate) fn insert(&mut self, secret: Secret) {
        *self = self.0.drain(..).chain([secret]).collect();
    }

    pub(crate) fn remove(&mut self, secret: &Secret) {
        self.0.retain(|known| known != secret);
    }
}

impl FromIterator<Secret> for Secrets {
    /// The longest first: of one that has another in it, nothing must be left over.
    fn from_iter<I: IntoIterator<Item = Secret>>(secrets: I) -> Self {
        let mut secrets: Vec<Secret> = secrets.into_iter().filter(|secret| !secret.expose().is_empty()).collect();
        secrets.sort_by(|a, b| b.expose().len().cmp(&a.expose().len()).then_with(|| a.expose().cmp(b.expose())));
        secrets.dedup();
        Self(secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does not compile once `Secret` has one of the traits that show it: then there are two answers to which `never` is meant.
    #[test]
    fn it_cannot_be_printed_or_serialized() {
        macro_rules! never {
            ($($shown:path),*) => {$({
                trait Never<Which> {
                    fn never() {}
                }
                struct Shown;
                impl<T> Never<()> for T {}
                impl<T: $shown> Never<Shown> for T {}
                <Secret as Never<_>>::never();
                <Secrets as Never<_>>::never();
            })*};
        }
        never!(std::fmt::Debug, std::fmt::Display, serde::Serialize, std::ops::Deref, AsRef<str>);
    }

    #[test]
    fn of_secrets_in_each_other_nothing_is_left() {
        let secrets: Secrets = ["hunter", "", "hunter2", "hunter", "2"].map(Secret::from).into_iter().collect();
        assert_eq!(secrets.redact("hunter2, hunter and 12"), "[hidden], [hidden] and 1[hidden]");
        let mut secrets = secrets;
        secrets.insert("hunter22".into());
        assert_eq!(secrets.redact("hunter22"), "[hidden]");
        secrets.remove(&"hunter22".into());
        assert!(!secrets.contains("hunter22") && secrets.contains("hunter2"));
        assert_eq!(secrets.redact("hunter22"), "[hidden][hidden]");
    }

    /// Looks at the memory that a secret had once it is dropped.
    #[cfg(target_os = "linux")]
    #[test]
    fn its_memory_is_overwritten() {
        use std::{fs::File, os::unix::fs::FileExt as _};

        let text = "hunter2-CORRECT.horse ".repeat(40);
        let length = text.len();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut seen = vec![0; length];
        let secret = Secret::from(text);
        let address = u64::try_from(secret.expose().as_ptr().addr()).unwrap();
        memory.read_exact_at(&mut seen, address).unwrap();
        assert!(seen.windows(7).any(|bytes| bytes == b"hunter2"), "the text does not lie there");
        drop(secret);
        memory.read_exact_at(&mut seen, address).unwrap();
        assert!(!seen.windows(7).any(|bytes| bytes == b"hunter2"), "the text lies there still");
    }
}
