//! The state of a [`MockProducer`](super::MockProducer): its records and the offsets of its topics.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroU32,
    sync::Arc,
};

use super::{
    MockRecord,
    mock_errors::{MockCall, MockErrors},
    mock_transaction::Transactions,
};
use crate::{
    Error, ErrorKind,
    native::{Draft, Outcome, Pool, PreparedRecord, Topic, code},
    partition::partition_for,
};

#[derive(Default)]
pub(super) struct State {
    pub(super) topics: HashMap<String, Log>,
    pub(super) transactions: Transactions,
    pub(super) history: Vec<MockRecord>,
    /// Records that are sent and not reported, the oldest first.
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) errors: MockErrors,
    pub(super) closed: bool,
    pub(super) flushes: usize,
}

/// The offsets of a topic.
pub(super) struct Log {
    pub(super) topic: Arc<Topic>,
    /// The next offset of each partition.
    pub(super) ends: Vec<i64>,
    /// The partition of the next record without a key.
    turn: usize,
}

pub(super) struct Waiting {
    pub(super) draft: Draft,
    pub(super) outcome: Outcome,
}

impl State {
    pub(super) fn check_closed(&self) -> Result<(), Error> {
        if self.closed { Err(Error::new(ErrorKind::Closed, "the producer is closed")) } else { Ok(()) }
    }

    /// Assigns partition and offset.
    pub(super) fn log(&mut self, prepared: &PreparedRecord) -> Result<MockRecord, Error> {
        let name = prepared.topic.as_ref().map_or_else(|| Arc::from(""), |topic| Arc::clone(topic.name()));
        self.check_closed()?;
        self.transactions.admit()?;
        self.errors.check(MockCall::Send)?;
        let log = self.topics.get_mut(&*name);
        let place = log.and_then(|log| {
            let partition = prepared.partition.unwrap_or_else(|| log.choose(prepared.key()));
            let end = log.ends.get_mut(usize::try_from(partition).ok()?)?;
            *end += 1;
            Some((partition, *end - 1))
        });
        let Some((partition, offset)) = place else {
            // Like a real producer that knows the topic.
            let context = format!("topic {name}, partition {}", prepared.partition.unwrap_or(-1));
            return Err(Error::from_code(code::UNKNOWN_PARTITION, &context));
        };
        Ok(MockRecord {
            topic: name,
            partition,
            offset,
            timestamp: prepared.timestamp.map(i64::from),
            headers: prepared.headers.clone(),
            key: prepared.key().map(<[u8]>::to_vec),
            value: prepared.value().map(<[u8]>::to_vec),
        })
    }
}

impl Log {
    pub(super) fn new(name: &str, partitions: NonZeroU32, pool: &Arc<Pool>) -> Self {
        Self { topic: Arc::new(Topic::detached(name, pool)), ends: vec![0; partitions.get() as usize], turn: 0 }
    }

    pub(super) fn partitions(&self) -> NonZeroU32 {
        u32::try_from(self.ends.len()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    }

    /// Keys are placed as in Java. Records without a key are distributed in turn, so that tests can predict their partition.
    fn choose(&mut self, key: Option<&[u8]>) -> i32 {
        match key {
            Some(key) => partition_for(key, self.partitions()),
            None => {
                let turn = self.turn;
                self.turn = (turn + 1) % self.ends.len();
                i32::try_from(turn).unwrap_or_default()
            }
        }
    }
}
