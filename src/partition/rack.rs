//! [`Rack`] and [`RackLeaders`]: which partitions have their leader in the client's rack (KIP-1123).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::lock::lock;

/// The client's rack and the brokers in it, for all topics of a producer.
#[derive(Debug)]
pub(crate) struct Rack {
    name: String,
    /// Whether each broker is in the rack, by id; `None` until the brokers are known.
    brokers: Mutex<Option<HashMap<i32, bool>>>,
    is_outdated: AtomicBool,
}

/// The leaders of one topic's partitions. Senders read them when the next partition for records without a key is drawn, not for each record.
#[derive(Debug)]
pub(crate) struct RackLeaders {
    rack: Arc<Rack>,
    leaders: Mutex<Leaders>,
}

#[derive(Debug, Default)]
struct Leaders {
    /// The leader of each partition; -1 for none.
    brokers: Vec<i32>,
    /// Whether it is in the rack.
    are_local: Vec<bool>,
}

/// The partitions that have a leader, and those whose leader is in the rack.
#[derive(Debug)]
pub(super) struct Local<'a>(MutexGuard<'a, Leaders>);

impl Rack {
    pub(crate) fn new(name: String) -> Self {
        Self { name, brokers: Mutex::new(None), is_outdated: AtomicBool::new(false) }
    }

    /// Replaces the brokers, each with its id and rack.
    pub(crate) fn set_brokers<'a>(&self, brokers: impl IntoIterator<Item = (i32, &'a str)>) {
        let brokers = brokers.into_iter().map(|(id, rack)| (id, rack == self.name)).collect();
        *lock(&self.brokers) = Some(brokers);
    }

    /// Whether the racks of these brokers are known; -1 is no broker.
    pub(crate) fn knows(&self, brokers: &[i32]) -> bool {
        lock(&self.brokers).as_ref().is_some_and(|known| brokers.iter().all(|id| *id < 0 || known.contains_key(id)))
    }

    /// Whether a leader is another broker than was reported, since the last call.
    pub(crate) fn take_outdated(&self) -> bool {
        self.is_outdated.load(Ordering::Relaxed) && self.is_outdated.swap(false, Ordering::Relaxed)
    }
}

impl RackLeaders {
    pub(crate) fn new(rack: Arc<Rack>) -> Self {
        Self { rack, leaders: Mutex::default() }
    }

    /// Replaces the leaders, by partition; -1 for none. Returns `false` if the racks of brokers are not known yet.
    pub(crate) fn set(&self, leaders: &[i32]) -> bool {
        let brokers = lock(&self.rack.brokers);
        let Some(known) = brokers.as_ref() else { return false };
        let are_local = leaders.iter().map(|id| known.get(id).copied().unwrap_or(false)).collect();
        drop(brokers);
        *lock(&self.leaders) = Leaders { brokers: leaders.to_vec(), are_local };
        true
    }

    /// A broker has written records of a partition. It is the leader, perhaps a new one.
    pub(crate) fn note_writer(&self, partition: i32, broker: i32) {
        let known = usize::try_from(partition).ok().and_then(|partition| lock(&self.leaders).brokers.get(partition).copied());
        if known.is_some_and(|known| known != broker) {
            self.rack.is_outdated.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn local(&self) -> Local<'_> {
        Local(lock(&self.leaders))
    }
}

impl Local<'_> {
    pub(super) fn contains(&self, partition: i32) -> bool {
        usize::try_from(partition).ok().and_then(|partition| self.0.are_local.get(partition)).is_some_and(|is_local| *is_local)
    }

    /// Whether the metadata name a leader of the partition, which librdkafka may not be connected to yet.
    pub(super) fn has_leader(&self, partition: i32) -> bool {
        usize::try_from(partition).ok().and_then(|partition| self.0.brokers.get(partition)).is_some_and(|broker| *broker >= 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(leaders: &RackLeaders, partitions: i32) -> Vec<i32> {
        let local = leaders.local();
        (0..partitions).filter(|partition| local.contains(*partition)).collect()
    }

    #[test]
    fn local_partitions_are_those_whose_leader_is_in_the_rack() {
        let rack = Arc::new(Rack::new("b".to_owned()));
        let leaders = RackLeaders::new(Arc::clone(&rack));
        assert!(!leaders.set(&[1, 2, 3]), "the racks are unknown");
        assert!(!rack.knows(&[]) && local(&leaders, 3).is_empty());
        rack.set_brokers([(1, "a"), (2, "b"), (3, "")]);
        assert!(rack.knows(&[1, 2, 3, -1]) && !rack.knows(&[4]));
        assert!(leaders.set(&[1, 2, 3, -1, 2, 4]));
        assert_eq!(local(&leaders, 9), [1, 4]);
        rack.set_brokers([(1, "b"), (2, "B")]);
        assert!(leaders.set(&[1, 2, 1]));
        assert_eq!(local(&leaders, 9), [0, 2], "names of racks are compared exactly");
    }

    #[test]
    fn records_written_by_another_broker_make_the_leaders_outdated() {
        let rack = Arc::new(Rack::new("b".to_owned()));
        rack.set_brokers([(1, "a"), (2, "b")]);
        let leaders = RackLeaders::new(Arc::clone(&rack));
        leaders.note_writer(0, 1);
        assert!(!rack.take_outdated(), "unknown leaders are not outdated");
        leaders.set(&[1, 2]);
        leaders.note_writer(0, 1);
        leaders.note_writer(7, 1);
        assert!(!rack.take_outdated());
        leaders.note_writer(1, 1);
        assert!(rack.take_outdated() && !rack.take_outdated());
    }
}
