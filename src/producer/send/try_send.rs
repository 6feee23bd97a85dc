//! Sending without waiting: the steps of [`Producer::try_send`] and [`Producer::send_with`], and [`TrySendError`].

use std::{error::Error as StdError, fmt};

use crate::{
    Error, ErrorKind, Headers, Producer, ProducerRecord,
    native::{Completion, Draft, code},
    producer::{producer_state::topic_of, untyped_producer::Rejected},
};

impl<K: ?Sized + 'static, V: ?Sized + 'static> Producer<K, V> {
    /// Sends a record that is not to wait, and gives it back if it is refused. `accepted` makes the result of a draft that is about to be sent.
    pub(in crate::producer) fn try_start<'a, T>(
        &self,
        mut record: ProducerRecord<'a, K, V>,
        completion: Completion,
        accepted: impl FnOnce(&Draft) -> T,
    ) -> Result<T, TrySendError<'a, K, V>> {
        let given = Given::new(&record, self.0.interceptors.is_some());
        let sent = self.prepare_now(&mut record, completion).and_then(|draft| {
            let accepted = accepted(&draft);
            self.accept_now(draft).map(|()| accepted)
        });
        sent.map_err(|error| TrySendError::new(error, given.restore(record)))
    }

    fn accept_now(&self, draft: Draft) -> Result<(), Error> {
        let untyped = &self.0.untyped;
        if untyped.state.admission.buffer_memory.try_take(draft.charge()) {
            // Checked only now, when the record cannot be behind others that wait for memory.
            if untyped.state.admission.deferrals.is_engaged()
                && untyped.state.admission.deferrals.holds(&topic_of(draft.record()))
            {
                untyped.state.release(&untyped.client, draft.charge());
                return Err(self.refuse_pending(draft, "the schema of a record before it"));
            }
            if untyped.state.is_behind_absent(draft.record()) {
                return Err(untyped.turn_absent_away(draft, code::UNKNOWN_PARTITION));
            }
            return untyped.accept(draft).map_err(|rejected| match rejected {
                Rejected::Absent(draft, code) => untyped.turn_absent_away(draft, code),
                Rejected::Failed(error) => error,
            });
        }
        let error = Error::new(
            ErrorKind::BufferFull,
            format!(
                "no room in buffer.memory ({} bytes); await `send`, or try again later",
                untyped.state.admission.buffer_memory.limit()
            ),
        );
        untyped.reject(&topic_of(draft.record()), draft, &error);
        Err(error)
    }

    /// [`prepare`](Self::prepare) for calls that do not wait.
    fn prepare_now(&self, record: &mut ProducerRecord<'_, K, V>, completion: Completion) -> Result<Draft, Error> {
        let (draft, pending_serialization) = self.prepare(record, completion)?;
        let Some(pending_serialization) = pending_serialization else { return Ok(draft) };
        Err(self.refuse_pending(draft, pending_serialization.what()))
    }

    /// Rejects a record that would have to wait for a serializer.
    fn refuse_pending(&self, draft: Draft, what: &str) -> Error {
        let topic = topic_of(draft.record());
        let message = format!("topic {topic}: {what} is not available yet; await `send`, or try again later");
        let error = Error::new(ErrorKind::SchemaPending, message);
        self.0.untyped.reject(&topic, draft, &error);
        error
    }
}

/// What has to be put back into a record that is refused, since sending takes it out or changes it.
pub(crate) enum Given<'a, K: ?Sized, V: ?Sized> {
    Nothing,
    Headers(Headers),
    /// With interceptors, which may change all of it.
    Record(ProducerRecord<'a, K, V>),
}

impl<'a, K: ?Sized, V: ?Sized> Given<'a, K, V> {
    /// Copies only what may be lost: nothing of a record without headers.
    pub(crate) fn new(record: &ProducerRecord<'a, K, V>, is_intercepted: bool) -> Self {
        if is_intercepted {
            Self::Record(record.clone())
        } else if record.headers_ref().is_empty() {
            Self::Nothing
        } else {
            Self::Headers(record.headers_ref().clone())
        }
    }

    /// The record as it was given.
    pub(crate) fn restore(self, sent: ProducerRecord<'a, K, V>) -> ProducerRecord<'a, K, V> {
        match self {
            Self::Nothing => sent.headers(Headers::new()),
            Self::Headers(headers) => sent.headers(headers),
            Self::Record(record) => record,
        }
    }
}

/// The error of a call that does not wait, with the record.
pub struct TrySendError<'a, K: ?Sized, V: ?Sized> {
    error: Error,
    record: Box<ProducerRecord<'a, K, V>>,
}

impl<'a, K: ?Sized, V: ?Sized> TrySendError<'a, K, V> {
    pub(crate) fn new(error: Error, record: ProducerRecord<'a, K, V>) -> Self {
        Self { error, record: Box::new(record) }
    }

    /// Why the record was not accepted.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The unchanged record, to send it again.
    pub fn into_record(self) -> ProducerRecord<'a, K, V> {
        *self.record
    }
}

impl<K: ?Sized, V: ?Sized> From<TrySendError<'_, K, V>> for Error {
    fn from(refused: TrySendError<'_, K, V>) -> Self {
        refused.error
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Display for TrySendError<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<K: ?Sized, V: ?Sized> fmt::Debug for TrySendError<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySendError").field("error", &self.error).field("record", &self.record).finish()
    }
}

impl<K: ?Sized, V: ?Sized> StdError for TrySendError<'_, K, V> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
