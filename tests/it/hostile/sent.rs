//! [`send`]: sends records and collects the outcome of each.

use futures::executor::block_on;
use ottla::{Error, Producer, ProducerRecord, RecordMetadata};

use ottla_test_support::chain;

use crate::log::Found;

/// The outcome of some records.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) accepted: usize,
    pub(crate) acknowledged: Vec<RecordMetadata>,
    /// Errors of accepted records.
    pub(crate) failed: Vec<Error>,
    /// Errors of records that were not accepted.
    pub(crate) refused: Vec<Error>,
}

impl Sent {
    /// The first error with its causes; `nothing` if there is none.
    pub(crate) fn told(&self) -> String {
        self.refused.iter().chain(&self.failed).next().map_or_else(|| "nothing".to_owned(), |error| chain(error))
    }
}

/// How many acknowledged records are not in the log.
pub(crate) fn lost(acknowledged: &[RecordMetadata], log: &[Found]) -> usize {
    let exists = |partition, offset| log.iter().any(|found| (found.partition, found.offset) == (partition, offset));
    let is_lost = |metadata: &&RecordMetadata| metadata.offset().is_some_and(|offset| !exists(metadata.partition(), offset));
    acknowledged.iter().filter(is_lost).count()
}

/// Sends the records in order, and waits for all reports.
pub(crate) fn send<'a, K, V>(producer: &Producer<K, V>, records: impl IntoIterator<Item = ProducerRecord<'a, K, V>>) -> Sent
where
    K: ?Sized + 'static,
    V: ?Sized + 'static,
{
    let mut sent = Sent::default();
    block_on(async {
        let mut deliveries = Vec::new();
        for record in records {
            match producer.send(record).await {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => sent.refused.push(error),
            }
        }
        sent.accepted = deliveries.len();
        for delivery in deliveries {
            match delivery.await {
                Ok(metadata) => sent.acknowledged.push(metadata),
                Err(error) => sent.failed.push(error),
            }
        }
    });
    sent
}
