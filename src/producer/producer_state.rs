//! [`ProducerState`]: the state that a producer's handles share with its delivery thread.

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use super::{
    admission::{Admission, admit::Entrant, buffer_memory::BufferMemory},
    authentication::Authentication,
    delivery::{DeliveryState, listeners::Listeners},
    metadata::{MetadataState, absence::name_of},
    transaction::{Failure, Transactions},
};
use crate::{
    Error, ErrorKind,
    metrics::Meter,
    native::{Audience as _, Client, Draft, Outcome, PreparedRecord, Topic, TransactionRefused, code},
    secret::Secrets,
};

pub(super) struct ProducerState {
    pub(super) admission: Admission,
    pub(super) metadata: MetadataState,
    pub(super) delivery: DeliveryState,
    pub(super) authentication: Authentication,
    /// With a `transactional.id`.
    pub(super) transactions: Option<Transactions>,
    pub(super) meter: Meter,
    pub(super) client_id: String,
    pub(super) bootstrap_servers: String,
}

impl ProducerState {
    pub(super) fn new(
        buffer_memory: BufferMemory<Entrant>,
        listeners: Listeners,
        transactions: Option<Transactions>,
        client_id: String,
        bootstrap_servers: String,
        max_request_size: usize,
        secrets: Secrets,
    ) -> Self {
        Self {
            metadata: MetadataState::new(buffer_memory.max_block()),
            admission: Admission::new(buffer_memory, max_request_size),
            delivery: DeliveryState::new(listeners),
            authentication: Authentication::new(secrets),
            transactions,
            meter: Meter::new(Instant::now()),
            client_id,
            bootstrap_servers,
        }
    }

    /// Fails the transaction of a draft that librdkafka rejected. Called for every such record, even if its sender has already learned that it was
    /// accepted.
    pub(super) fn fail_transaction(&self, client: &Client, draft: &Draft, code: i32) {
        let Some(transactions) = &self.transactions else { return };
        // librdkafka's own transaction has already failed or accepts no more records.
        if matches!(code, code::STATE | code::FATAL) {
            return;
        }
        let record = draft.record();
        let context = name_of(record);
        let what = match record.details.as_ref().and_then(|details| details.partitioner.as_ref()) {
            Some(answered) => format!("{context}: the partitioner {answered}"),
            None => Error::from_code(code, &context).to_string(),
        };
        if transactions.fail(|| Failure::new(what)) {
            if let Some(topic) = &record.topic {
                refresh_metadata_of(client, topic, code);
            }
        }
    }

    /// Rejects a record that was never accepted.
    pub(super) fn refuse(&self, draft: Draft, code: i32) -> Option<Waker> {
        self.meter.refuse(1);
        if code == code::TIMED_OUT_QUEUE {
            self.meter.exhaust();
        }
        if self.delivery.listeners.observes_reports() || self.transactions.is_some() {
            let error = self.refusal(code);
            self.note_refusal(&error);
            self.tell_refused(&topic_of(draft.record()), draft.record(), &error);
        }
        draft.refuse(code)
    }

    /// The error of a draft that librdkafka rejected.
    pub(super) fn refusal_of(&self, client: &Client, draft: &mut Draft, code: i32) -> Error {
        if let details @ Some(_) = draft.take_details() {
            return Error::from_report(&topic_of(draft.record()), &Outcome { details, ..Outcome::unwritten(code) });
        }
        match code {
            code::DESTROY | code::TIMED_OUT_QUEUE | code::STATE | code::FATAL => self.refusal_by(client, code),
            _ => Error::from_code(code, &name_of(draft.record())),
        }
    }

    /// The error of a record that was not accepted, with the cause of a fatal one.
    pub(super) fn refusal_by(&self, client: &Client, code: i32) -> Error {
        match client.fatal_error().filter(|_| code == code::FATAL) {
            Some((code, text)) => {
                if let Some(transactions) = &self.transactions {
                    return transactions.end_by(code, &text).error();
                }
                let cause = TransactionRefused { code, text, retriable: false, abortable: false, fatal: true };
                Error::from_transaction(&cause, "the record was not accepted")
            }
            None => self.refusal(code),
        }
    }

    /// The error of a record that was never accepted.
    pub(super) fn refusal(&self, code: i32) -> Error {
        match code {
            code::DESTROY => Error::new(ErrorKind::Closed, "the producer is closed"),
            code::TIMED_OUT_QUEUE => self.authentication.broker_errors.blame(Error::new(
                ErrorKind::BufferTimeout,
                format!(
                    "no room in buffer.memory ({} bytes) within max.block.ms ({} ms): the records sent before this one left too little of it",
                    self.admission.buffer_memory.limit(),
                    self.admission.buffer_memory.max_block().as_millis()
                ),
            )),
            code::STATE if self.transactions.is_some() => {
                Error::new(ErrorKind::TransactionFailed, "the transaction accepts no more records: it has failed, or is being committed or aborted")
            }
            code => Error::from_code(code, "the record was not accepted"),
        }
    }

    /// Reports a record that failed before it was accepted to its transaction.
    pub(super) fn note_refusal(&self, error: &Error) {
        if let Some(transactions) = &self.transactions {
            transactions.note_refusal(error);
        }
    }

    /// Reports a record that failed before it was accepted to the interceptors.
    pub(super) fn tell_refused(&self, topic: &str, record: &PreparedRecord, error: &Error) {
        self.delivery.listeners.tell_refused(topic, record, error);
    }
}

/// Refreshes the metadata of a topic without authorization, and does not wait for the response. librdkafka would otherwise reject every record of
/// the topic for up to `metadata.max.age.ms`, even after the ACLs have changed. Java's producer refreshes the metadata when a record is sent.
pub(super) fn refresh_metadata_of(client: &Client, topic: &Topic, code: i32) {
    if code::NOT_AUTHORIZED.contains(&code) {
        let _ = client.metadata(topic, Duration::ZERO);
    }
}

/// The name of a record's topic; empty for a record without one.
pub(super) fn topic_of(record: &PreparedRecord) -> Arc<str> {
    record.topic.as_ref().map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        lock::lock,
        native::{Completion, Contained, Outcome, RecordView, Tally},
        producer::admission::{admit::Entrant, buffer_memory::Claim},
    };

    pub(in crate::producer) fn client() -> Arc<Client> {
        let properties = [("bootstrap.servers".to_owned(), "localhost:1".into())];
        Arc::new(Client::new(&properties, Box::new(|| None)).unwrap_or_else(|refused| panic!("{refused:?}")))
    }

    /// The failed records of a batch, and the number of counted ones.
    #[derive(Default)]
    struct Counted(Mutex<(Vec<u32>, usize)>);

    impl Tally for Counted {
        fn fail(&self, index: u32, _: &RecordView<'_>, _: &Outcome) {
            lock(&self.0).0.push(index);
        }

        fn close(&self, records: usize) -> Option<Waker> {
            lock(&self.0).1 += records;
            None
        }
    }

    pub(in crate::producer) fn state() -> ProducerState {
        let buffer_memory = BufferMemory::new(1, Duration::from_secs(60));
        ProducerState::new(
            buffer_memory,
            Listeners::new(None),
            None,
            "test".to_owned(),
            String::new(),
            usize::MAX,
            Secrets::default(),
        )
    }

    #[test]
    fn a_waiting_record_that_is_rejected_is_counted_in_its_batch() {
        let client = client();
        let state = state();
        let counted = Arc::new(Counted::default());
        assert!(state.admission.buffer_memory.try_take(1));
        let mut draft = client.pool().take();
        draft.set_charge(1);
        draft.record_mut().completion =
            Completion::Member { tally: Contained::new(Arc::clone(&counted) as Arc<dyn Tally>), index: 7 };
        let _pending = draft.pending();
        assert!(matches!(state.admission.buffer_memory.take_or_wait(1, Entrant::Whole(draft)), Claim::Waiting { .. }));
        state.admission.outstanding.close();
        state.release(&client, 1);
        assert_eq!(*lock(&counted.0), (vec![7], 1));
        assert_eq!(state.admission.buffer_memory.available(), 1);
    }
}
