//! Adapters from the partitioners of [`partition`](crate::partition) to librdkafka.

use std::{num::NonZeroU32, sync::Arc};

use crate::{
    config::{PartitionerName, ProducerParameters},
    native::{Choice, Chosen, Contained, PartitionReport, TopicPartitioner},
    partition::{BuiltIn, PartitionContext, Partitioner, Placing, Queues, Rack, RackLeaders, RoundRobin, UniformSticky},
};

/// A function that creates the partitioner of a topic; `None` to use librdkafka's own. `given` takes precedence over the settings. `rack` comes
/// from [`rack_of`].
pub(super) fn partition_for(
    parameters: &ProducerParameters,
    given: Option<Arc<dyn Partitioner>>,
    rack: Option<Arc<Rack>>,
) -> Option<impl Fn() -> Box<dyn TopicPartitioner> + Send + Sync + use<>> {
    let name = parameters.partitioner;
    let given = given.map(Contained::new);
    if given.is_none() && matches!(name, PartitionerName::Native(_)) {
        return None;
    }
    let (sticky_bytes, ignore_keys) = (parameters.sticky_bytes, parameters.ignore_keys);
    let (adaptive, availability_timeout) = (parameters.adaptive_partitioning, parameters.availability_timeout);
    Some(move || -> Box<dyn TopicPartitioner> {
        match (&given, name) {
            (Some(partitioner), _) => Box::new(Given(partitioner.clone())),
            (None, PartitionerName::RoundRobin) => Box::new(RoundRobin::new()),
            (None, PartitionerName::UniformSticky) => Box::new(UniformSticky::new(sticky_bytes)),
            (None, _) => {
                let queues = adaptive.then(|| Queues::new(availability_timeout));
                let leaders = rack.as_ref().map(|rack| RackLeaders::new(Arc::clone(rack)));
                Box::new(BuiltIn::new(sticky_bytes, ignore_keys, queues, leaders))
            }
        }
    })
}

/// The rack for the built-in partitioner; `None` if it is not rack-aware, or not used.
pub(super) fn rack_of(parameters: &ProducerParameters, given: Option<&Arc<dyn Partitioner>>) -> Option<Arc<Rack>> {
    let is_built_in = given.is_none() && parameters.partitioner == PartitionerName::BuiltIn;
    parameters.rack.as_ref().filter(|_| is_built_in).map(|rack| Arc::new(Rack::new(rack.clone())))
}

/// The program's partitioner for one topic. Dropped with the client, usually on the delivery thread.
struct Given(Contained<Arc<dyn Partitioner>>);

impl TopicPartitioner for Given {
    fn choose(&self, choice: &Choice<'_>) -> Chosen {
        let available = |partition| choice.is_available(partition);
        let mut context =
            PartitionContext::new(choice.topic(), partitions(choice)).with_headers(choice.headers()).with_available(&available);
        if let Some(key) = choice.key {
            context = context.with_key(key);
        }
        if let Some(value) = choice.value() {
            context = context.with_value(value);
        }
        Chosen { partition: self.0.partition(&context), is_counted: false }
    }

    fn wants_value(&self) -> bool {
        true
    }
}

impl TopicPartitioner for BuiltIn {
    fn choose(&self, choice: &Choice<'_>) -> Chosen {
        let (partition, is_counted) = self.place(&placing(choice), |partition| choice.is_available(partition));
        Chosen { partition, is_counted }
    }

    fn count(&self, partition: i32, bytes: usize) -> bool {
        Self::count(self, partition, bytes)
    }

    fn needs_leaders(&self, key: Option<&[u8]>) -> bool {
        self.leaders().is_some() && !self.hashes(key)
    }

    fn on_leaders(&self, leaders: &[i32]) -> bool {
        self.leaders().is_none_or(|known| known.set(leaders))
    }

    fn on_reported(&self, reported: PartitionReport) {
        if let Some(leaders) = self.leaders().filter(|_| reported.any_written && reported.broker >= 0) {
            leaders.note_writer(reported.partition, reported.broker);
        }
        if let Some(queues) = self.queues() {
            queues.remove(reported.partition, reported.bytes, reported.any_written);
        }
    }
}

impl TopicPartitioner for RoundRobin {
    fn choose(&self, choice: &Choice<'_>) -> Chosen {
        let partition = self.next(partitions(choice), |partition| choice.is_available(partition));
        Chosen { partition, is_counted: false }
    }
}

impl TopicPartitioner for UniformSticky {
    fn choose(&self, choice: &Choice<'_>) -> Chosen {
        let partition = self.place(&placing(choice), |partition| choice.is_available(partition));
        Chosen { partition, is_counted: true }
    }

    fn on_reported(&self, reported: PartitionReport) {
        self.queues().remove(reported.partition, reported.bytes, reported.any_written);
    }
}

fn placing<'a>(choice: &Choice<'a>) -> Placing<'a> {
    Placing { key: choice.key, size: choice.size(), queued_size: choice.queued_size(), partitions: partitions(choice) }
}

/// The number of partitions, which is at least 1 whenever librdkafka calls a partitioner.
fn partitions(choice: &Choice<'_>) -> NonZeroU32 {
    u32::try_from(choice.partitions).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
