//! [`PendingSerialization`]: the parts of a waiting record that are not serialized yet.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use super::serializers::{append, failed, unserialized};
use crate::{
    Error,
    native::{Contained, PreparedRecord},
    panic::contain,
    serialize::{Deferred, Finish, Serialized},
};

/// The key and the value of a record, unless they are already in its buffer.
pub(crate) struct PendingSerialization {
    key: Part,
    value: Part,
}

/// A key or a value.
pub(crate) enum Part {
    /// In the buffer, or null.
    Done,
    /// Serialized, but the key before it is not.
    Written(Vec<u8>),
    /// Its serializer waits.
    Waits(Deferred),
    /// Its serializer is ready to write.
    Ready(Contained<Finish>),
}

impl PendingSerialization {
    pub(in crate::producer) fn new(key: Part, value: Part) -> Self {
        Self { key, value }
    }

    /// For a record that only waits behind others.
    pub(in crate::producer) fn nothing() -> Self {
        Self { key: Part::Done, value: Part::Done }
    }

    /// Whether all parts are serialized.
    pub(in crate::producer) fn is_nothing(&self) -> bool {
        matches!((&self.key, &self.value), (Part::Done, Part::Done))
    }

    /// Its size in memory, in bytes.
    pub(in crate::producer) fn held(&self) -> usize {
        self.key.held() + self.value.held()
    }

    /// A description of what the record waits for.
    pub(in crate::producer) fn what(&self) -> &str {
        match (&self.key, &self.value) {
            (Part::Waits(deferred), _) | (_, Part::Waits(deferred)) => deferred.what(),
            _ => "the records before it",
        }
    }

    /// Polls the serializers. Ready when all parts can be written.
    pub(in crate::producer) fn poll(&mut self, topic: &str, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Both are polled, so that both make progress.
        let (key, value) = (self.key.poll(topic, true, context), self.value.poll(topic, false, context));
        match (key, value) {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    /// Appends the remaining parts to the record's buffer.
    pub(in crate::producer) fn finish(self, topic: &str, record: &mut PreparedRecord) -> Result<(), Error> {
        if let Some(size) = self.key.finish(topic, true, record)? {
            record.key_size = size;
        }
        if let Some(size) = self.value.finish(topic, false, record)? {
            record.value_size = size;
        }
        Ok(())
    }
}

impl Part {
    fn held(&self) -> usize {
        match self {
            Self::Done | Self::Ready(_) => 0,
            Self::Written(bytes) => bytes.capacity(),
            Self::Waits(deferred) => deferred.held(),
        }
    }

    fn poll(&mut self, topic: &str, is_key: bool, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self::Waits(deferred) = self else { return Poll::Ready(Ok(())) };
        let polled = match contain(|| Pin::new(deferred).poll(context)) {
            Ok(polled) => ready!(polled),
            Err(panic) => return Poll::Ready(Err(failed(topic, is_key, ": its serializer panicked").with_source(panic))),
        };
        Poll::Ready(match polled {
            Ok(finish) => {
                *self = Self::Ready(Contained::new(finish));
                Ok(())
            }
            Err(error) => Err(unserialized(topic, is_key, error)),
        })
    }

    /// Returns the size of a part that was not in the buffer before.
    fn finish(self, topic: &str, is_key: bool, record: &mut PreparedRecord) -> Result<Option<Option<u32>>, Error> {
        let finish: Finish = match self {
            Self::Done => return Ok(None),
            Self::Ready(finish) => finish.into_inner(),
            Self::Written(bytes) => Box::new(move |_, buffer| {
                buffer.extend_from_slice(&bytes);
                Ok(Serialized::Bytes)
            }),
            Self::Waits(_) => return Err(failed(topic, is_key, ": its serializer still waits")),
        };
        let mut headers = mem::take(&mut record.headers);
        let size = append(finish, topic, is_key, &mut headers, &mut record.buffer);
        record.headers = headers;
        size.map(Some)
    }
}
