//! [`Secret`]: a string that may be a secret. [`Secrets`]: removes secrets from other text.
//!
//! The name of a setting says whether its value is a secret, but values are parsed before names are checked. So every value of a
//! configuration is a [`Secret`] from the parser on. One place decides what may be shown of it: `config::redacted`.

use zeroize::Zeroizing;

/// What is printed in place of a secret.
pub(crate) const HIDDEN: &str = "[hidden]";

/// A string that may be a secret: it cannot be printed or serialized, and its memory is overwritten on drop.
///
/// It has no `Debug`, so deriving `Debug` for a type that contains it does not compile.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// The string. Callers must not print it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Joins `parts`. `[String]::join` allocates once; a string that grows would leave a copy of the secret in freed memory.
    pub(crate) fn join(parts: &[Self], separator: &str) -> Self {
        parts.iter().map(Self::expose).collect::<Vec<_>>().join(separator).into()
    }
}

impl From<String> for Secret {
    /// Takes over the allocation, without another copy.
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// A client's secrets, which librdkafka may quote in its log lines and errors.
#[derive(Default)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// `text` with each secret replaced by [`HIDDEN`].
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
    /// Sorted by length, the longest first: a secret that contains another one must be replaced as a whole.
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

    /// Does not compile if `Secret` implements one of these traits: `never` is then ambiguous.
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
    fn redact_replaces_secrets_that_contain_each_other() {
        let secrets: Secrets = ["hunter", "", "hunter2", "hunter", "2"].map(Secret::from).into_iter().collect();
        assert_eq!(secrets.redact("hunter2, hunter and 12"), "[hidden], [hidden] and 1[hidden]");
        let mut secrets = secrets;
        secrets.insert("hunter22".into());
        assert_eq!(secrets.redact("hunter22"), "[hidden]");
        secrets.remove(&"hunter22".into());
        assert!(!secrets.contains("hunter22") && secrets.contains("hunter2"));
        assert_eq!(secrets.redact("hunter22"), "[hidden][hidden]");
    }

    /// Reads the memory of a secret after its drop.
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
        assert!(seen.windows(7).any(|bytes| bytes == b"hunter2"), "the secret is not at its address");
        drop(secret);
        memory.read_exact_at(&mut seen, address).unwrap();
        assert!(!seen.windows(7).any(|bytes| bytes == b"hunter2"), "the secret is still in memory after its drop");
    }
}
