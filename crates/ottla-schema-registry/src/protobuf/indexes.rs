//! [`MessageIndexes`]: the position of a message in its file.

use prost_reflect::{FileDescriptor, MessageDescriptor};

use super::error::ProtobufError;
use crate::zigzag::{self, Unreadable};

/// The path to a message in its file: the index of the top-level message, the index among its nested messages, and so on. Encoded between the
/// schema's id and the message as zigzag varints, the count first. `[0]`, the most frequent path, is encoded as a single 0 (Confluent's
/// [wire format](https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageIndexes(Vec<u32>);

impl MessageIndexes {
    /// The path to this message.
    pub(super) fn of(message: &MessageDescriptor) -> Self {
        // Every second number of a descriptor's path is the tag of the field that contains the message.
        Self(message.path().iter().skip(1).step_by(2).map(|index| index.unsigned_abs()).collect())
    }

    /// Appends the encoded form.
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        if self.0 == [0] {
            return buffer.push(0);
        }
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        for number in std::iter::once(count).chain(self.0.iter().copied()) {
            zigzag::put(number.into(), buffer);
        }
    }

    /// Reads the encoded form from the start of `data`. Also returns the rest of `data`.
    pub(super) fn read(mut data: &[u8]) -> Result<(Self, &[u8]), ProtobufError> {
        let count = take(&mut data)?;
        if count == 0 {
            return Ok((Self(vec![0]), data));
        }
        // Each index has at least one byte, so the allocation cannot exceed the size of the data.
        let count = usize::try_from(count).ok().filter(|&count| count <= data.len());
        let count = count.ok_or(ProtobufError::IndexCount { left: data.len() })?;
        let mut indexes = Vec::with_capacity(count);
        for _ in 0..count {
            let index = take(&mut data)?;
            indexes.push(u32::try_from(index).map_err(|_| ProtobufError::IndexRange { index })?);
        }
        Ok((Self(indexes), data))
    }

    /// The message at the path.
    pub(super) fn find(&self, file: &FileDescriptor) -> Option<MessageDescriptor> {
        let (first, rest) = self.0.split_first()?;
        let first = file.messages().nth(usize::try_from(*first).ok()?)?;
        rest.iter().try_fold(first, |message, &index| message.child_messages().nth(usize::try_from(index).ok()?))
    }
}

/// Confluent's notation: `[1, 0]`.
impl std::fmt::Display for MessageIndexes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

fn take(data: &mut &[u8]) -> Result<i64, ProtobufError> {
    zigzag::take(data).map_err(|unreadable| match unreadable {
        Unreadable::Short => ProtobufError::TruncatedIndexes,
        Unreadable::Endless => ProtobufError::EndlessIndex,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(indexes: &[u32]) -> Vec<u8> {
        let mut buffer = Vec::new();
        MessageIndexes(indexes.to_vec()).write(&mut buffer);
        buffer
    }

    #[test]
    fn indexes_round_trip_in_confluents_encoding() {
        for (indexes, bytes) in [
            (&[0][..], &[0][..]),
            (&[1], &[2, 2]),
            (&[0, 0], &[4, 0, 0]),
            (&[1, 0], &[4, 2, 0]),
            (&[2, 1], &[4, 4, 2]),
            (&[0, 1, 2], &[6, 0, 2, 4]),
            (&[63], &[2, 0x7e]),
            (&[64], &[2, 0x80, 1]),
            (&[u32::MAX], &[2, 0xfe, 0xff, 0xff, 0xff, 0x1f]),
        ] {
            assert_eq!(written(indexes), bytes);
            let data = [bytes, b"message"].concat();
            let (read, rest) = MessageIndexes::read(&data).unwrap();
            assert_eq!((read.0.as_slice(), rest), (indexes, &b"message"[..]));
        }
        assert_eq!(MessageIndexes::read(&[2, 0]).unwrap(), (MessageIndexes(vec![0]), &[][..]));
    }

    #[test]
    fn invalid_indexes_are_errors_and_allocate_nothing() {
        let error = |data: &[u8]| MessageIndexes::read(data).unwrap_err();
        assert_eq!(error(&[]), ProtobufError::TruncatedIndexes);
        assert_eq!(error(&[0x80]), ProtobufError::TruncatedIndexes);
        assert_eq!(error(&[2, 0x80]), ProtobufError::TruncatedIndexes);
        assert_eq!(error(&[4, 0]), ProtobufError::IndexCount { left: 1 });
        assert_eq!(error(&[1]), ProtobufError::IndexCount { left: 0 });
        assert_eq!(error(&[0xff; 11]), ProtobufError::EndlessIndex);
        assert_eq!(error(&[&[0xfe; 9][..], &[1], &[0; 40]].concat()), ProtobufError::IndexCount { left: 40 });
        assert_eq!(error(&[2, 1]), ProtobufError::IndexRange { index: -1 });
        assert_eq!(error(&[2, 0x80, 0x80, 0x80, 0x80, 0x20]), ProtobufError::IndexRange { index: 1 << 32 });
    }
}
