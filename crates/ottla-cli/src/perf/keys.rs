//! [`Keys`]: the keys of the records.

use std::{fmt, num::NonZeroU64, str::FromStr};

use fastrand::Rng;

/// Which keys the records have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// None: the key is null.
    None,
    /// A random number of 64 bits, as 16 hexadecimal digits.
    Random,
    /// The numbers from 0 to below this one, in turn.
    RoundRobin(NonZeroU64),
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            "random" => Ok(Self::Random),
            _ => text
                .parse()
                .map(Self::RoundRobin)
                .map_err(|_| "must be none, random, or the number of different keys, such as 1000".to_owned()),
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Random => f.write_str("random"),
            Self::RoundRobin(keys) => write!(f, "{keys}"),
        }
    }
}

/// Writes one key after another, without an allocation for each.
pub(super) struct KeyWriter {
    keys: Keys,
    random: Rng,
    next: u64,
    text: String,
}

impl KeyWriter {
    pub(super) fn new(keys: Keys, seed: u64) -> Self {
        // Another sequence than that of the values.
        Self { keys, random: Rng::with_seed(!seed), next: 0, text: String::new() }
    }

    /// The next key; `None` is null.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        use fmt::Write as _;
        self.text.clear();
        let written = match self.keys {
            Keys::None => return None,
            Keys::Random => write!(self.text, "{:016x}", self.random.u64(..)),
            Keys::RoundRobin(keys) => {
                let key = self.next;
                self.next = (key + 1) % keys;
                write!(self.text, "{key}")
            }
        };
        // A `String` accepts everything.
        debug_assert!(written.is_ok());
        Some(self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(keys: &str, count: usize) -> Vec<String> {
        let mut keys = KeyWriter::new(keys.parse().unwrap(), 7);
        (0..count).map(|_| String::from_utf8(keys.next().unwrap().to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_number_of_keys_is_used_in_turn() {
        assert_eq!(first("3", 7), ["0", "1", "2", "0", "1", "2", "0"]);
        assert_eq!(KeyWriter::new(Keys::None, 7).next(), None);
    }

    #[test]
    fn random_keys_differ_and_repeat_with_the_seed() {
        let keys = first("random", 100);
        assert!(keys.iter().all(|key| key.len() == 16));
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert_eq!(keys, first("random", 100));
    }

    #[test]
    fn other_names_of_keys_are_refused() {
        for wrong in ["", "0", "-1", "some", "1.5"] {
            assert!(wrong.parse::<Keys>().is_err(), "{wrong}");
        }
    }
}
