//! The maximum size of a record on the wire, for the check against `max.request.size`.

use crate::{Error, ErrorKind, native::PreparedRecord};

/// The size of a batch's header: `DefaultRecordBatch.RECORD_BATCH_OVERHEAD` of the Java client.
const BATCH_OVERHEAD: usize = 61;

/// The maximum size of length, attributes, timestamp and offset: `DefaultRecord.MAX_RECORD_OVERHEAD`.
const RECORD_OVERHEAD: usize = 21;

/// Checks the record against `max.request.size` and `buffer.memory`. `cost` is its size in memory.
pub(in crate::producer) fn check(
    record: &PreparedRecord,
    cost: usize,
    max_request_size: usize,
    buffer_memory: usize,
) -> Result<(), Error> {
    let too_large = |size: usize, name: &str, limit: usize| {
        let topic = record.topic.as_ref().map_or("", |topic| topic.name());
        let message = format!("topic {topic}: the record takes {size} bytes, more than {name} allows ({limit})");
        Err(Error::new(ErrorKind::RecordTooLarge, message))
    };
    // Without headers the cost exceeds the size on the wire, which usually avoids the computation.
    if cost > max_request_size || !record.headers.is_empty() {
        let size = upper_bound(record);
        if size > max_request_size {
            return too_large(size, "max.request.size", max_request_size);
        }
    }
    if cost > buffer_memory { too_large(cost, "buffer.memory", buffer_memory) } else { Ok(()) }
}

/// The upper bound of the Java client (`AbstractRecords.estimateSizeInBytesUpperBound`, magic 2, uncompressed).
pub(in crate::producer) fn upper_bound(record: &PreparedRecord) -> usize {
    let headers: usize =
        record.headers.iter().map(|header| sized(Some(header.name().len())) + sized(header.value().map(<[u8]>::len))).sum();
    let (key, value) = (record.key().map(<[u8]>::len), record.value().map(<[u8]>::len));
    BATCH_OVERHEAD + RECORD_OVERHEAD + sized(key) + sized(value) + varint(record.headers.len()) + headers
}

/// The size of a length-prefixed field. Null is the length -1, one byte.
fn sized(length: Option<usize>) -> usize {
    length.map_or(1, |length| varint(length) + length)
}

/// The size of a non-negative zigzag varint.
fn varint(value: usize) -> usize {
    let bits = (usize::BITS - value.leading_zeros() + 1) as usize;
    bits.div_ceil(7).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_sizes_match_the_protocol() {
        for (value, length) in [(0, 1), (1, 1), (63, 1), (64, 2), (8191, 2), (8192, 3), (1_048_576, 4)] {
            assert_eq!(varint(value), length, "{value}");
        }
    }
}
