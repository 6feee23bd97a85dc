//! [`Payloads`]: the values of the records.

use std::{ops::Range, path::Path};

use fastrand::Rng;

use super::arguments::{PerfArguments, Sizes};
use crate::exit::Failure;

/// Makes one value after another, without an allocation for each.
#[derive(Debug)]
pub(super) struct Payloads {
    random: Rng,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Random capital letters, new for each record, so that compression does not find an earlier record again.
    Letters { sizes: Sizes, value: Vec<u8> },
    /// Values of a file.
    File { content: Vec<u8>, values: Vec<Range<usize>> },
}

impl Payloads {
    /// # Errors
    /// The file of the values cannot be read, or has none.
    pub(super) fn new(arguments: &PerfArguments) -> Result<Self, Failure> {
        let source = match &arguments.payload_file {
            None => Source::Letters { sizes: arguments.size.clone(), value: Vec::new() },
            Some(path) => Source::read(path, arguments.payload_delimiter.as_deref().unwrap_or("\n").as_bytes())?,
        };
        Ok(Self { random: Rng::with_seed(arguments.seed), source })
    }

    /// The next value.
    pub(super) fn next(&mut self) -> &[u8] {
        match &mut self.source {
            Source::Letters { sizes, value } => {
                value.resize(self.random.usize(sizes.0.clone()), 0);
                self.random.fill(value);
                value.iter_mut().for_each(|byte| *byte = letter(*byte));
                value
            }
            Source::File { content, values } => {
                content.get(values[self.random.usize(..values.len())].clone()).unwrap_or_default()
            }
        }
    }
}

/// One of the 26 letters, which are almost equally likely for a random byte.
fn letter(byte: u8) -> u8 {
    // The upper byte of the product is at most 25.
    let [letter, _] = (u16::from(byte) * 26).to_be_bytes();
    b'A' + letter
}

impl Source {
    fn read(path: &Path, delimiter: &[u8]) -> Result<Self, Failure> {
        let refuse = |reason: &str| Failure::usage(format!("--payload-file {}: {reason}", path.display()));
        if delimiter.is_empty() {
            return Err(Failure::usage("--payload-delimiter: must not be empty"));
        }
        let content = std::fs::read(path).map_err(|error| refuse(&format!("cannot be read: {error}")))?;
        let values = split(&content, delimiter);
        if values.is_empty() {
            return Err(refuse("is empty; give a file with at least one value"));
        }
        Ok(Self::File { content, values })
    }
}

/// The places of the values. The last one may end with a delimiter.
fn split(content: &[u8], delimiter: &[u8]) -> Vec<Range<usize>> {
    let (mut values, mut start, mut at) = (Vec::new(), 0, 0);
    while at < content.len() {
        if content[at..].starts_with(delimiter) {
            values.push(start..at);
            at += delimiter.len();
            start = at;
        } else {
            at += 1;
        }
    }
    if start < content.len() {
        values.push(start..content.len());
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(sizes: &str, count: usize) -> Vec<Vec<u8>> {
        let source = Source::Letters { sizes: sizes.parse().unwrap(), value: Vec::new() };
        let mut payloads = Payloads { random: Rng::with_seed(3), source };
        (0..count).map(|_| payloads.next().to_vec()).collect()
    }

    #[test]
    fn values_are_different_letters_that_repeat_with_the_seed() {
        let values = letters("40", 100);
        assert!(values.iter().all(|value| value.len() == 40 && value.iter().all(u8::is_ascii_uppercase)));
        assert_eq!(values.iter().collect::<std::collections::BTreeSet<_>>().len(), 100);
        assert_eq!(values, letters("40", 100));
        assert_eq!((letter(0), letter(255)), (b'A', b'Z'));
    }

    #[test]
    fn sizes_are_in_their_range() {
        let sizes: std::collections::BTreeSet<usize> = letters("2-5", 500).iter().map(Vec::len).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(letters("0", 1), [b""]);
    }

    #[test]
    fn files_are_split_at_the_delimiter() {
        let split = |content: &str, delimiter: &str| {
            let values = split(content.as_bytes(), delimiter.as_bytes());
            values.into_iter().map(|range| content[range].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(split("a\nbb\n\nc", "\n"), ["a", "bb", "", "c"]);
        assert_eq!(split("a\nbb\n", "\n"), ["a", "bb"]);
        assert_eq!(split("a--b-c", "--"), ["a", "b-c"]);
        assert!(split("", "\n").is_empty());
    }
}
