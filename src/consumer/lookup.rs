//! Queries of offsets and partitions.

use std::time::Duration;

use super::{
    Consumer, TopicPartition, all,
    topic_partition::{native_list, native_partitions, native_topic},
};
use crate::{
    Error, OffsetAndMetadata, Offsets,
    native::{ConsumerClient, ListedOffset, code},
    producer::PartitionInfo,
};

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// The offsets and metadata that are committed for the group in these partitions. Partitions without a commit are not included.
    ///
    /// It waits for the brokers, for `default.api.timeout.ms` at most, as do the methods below.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) without a `group.id`; errors of the group coordinator, or a timeout.
    pub async fn committed<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        let context = format!("group {}: fetching committed offsets failed", self.group_id("fetch committed offsets")?);
        let partitions = all(partitions);
        let list = native_partitions(&partitions)?;
        self.ask(
            context,
            move |client, timeout| {
                if partitions.is_empty() { Ok(Offsets::new()) } else { offsets_of(client.committed(list, timeout)?) }
            },
        )
        .await
    }

    /// For each partition the first offset whose record is not older than the given time, in milliseconds since the Unix epoch. Partitions
    /// without such a record are not included (Java: `offsetsForTimes`).
    ///
    /// # Errors
    /// Errors of the brokers, or a timeout.
    pub async fn offsets_for_times<P: Into<TopicPartition>>(
        &self,
        times: impl IntoIterator<Item = (P, i64)>,
    ) -> Result<Offsets, Error> {
        let times: Vec<_> = times.into_iter().map(|(partition, time)| (partition.into(), time)).collect();
        let list = native_list(&times)?;
        self.ask("looking up offsets by time failed".to_owned(), move |client, timeout| {
            if times.is_empty() { Ok(Offsets::new()) } else { offsets_of(client.offsets_for_times(list, timeout)?) }
        })
        .await
    }

    /// The first offset of each partition.
    ///
    /// # Errors
    /// Errors of the brokers, or a timeout.
    pub async fn beginning_offsets<P: Into<TopicPartition>>(
        &self,
        partitions: impl IntoIterator<Item = P>,
    ) -> Result<Offsets, Error> {
        self.watermarks(all(partitions), |(low, _)| low).await
    }

    /// The offset after the last record of each partition that the `isolation.level` makes visible: with `read_committed` it is before the
    /// first open transaction.
    ///
    /// # Errors
    /// Errors of the brokers, or a timeout.
    pub async fn end_offsets<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        self.watermarks(all(partitions), |(_, high)| high).await
    }

    /// The partitions of the topic (Java: `partitionsFor`).
    ///
    /// # Errors
    /// [`UnknownTopicOrPartition`](crate::ErrorKind::UnknownTopicOrPartition) if the topic does not exist; other errors of the brokers, or a
    /// timeout.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        let name = native_topic(topic)?;
        let known = self.ask(format!("topic {topic}: looking up its partitions failed"), move |client, timeout| {
            let metadata = client.metadata(&name, timeout)?;
            match metadata.code {
                code::NO_ERROR if metadata.partitions.is_empty() => Err(code::UNKNOWN_TOPIC),
                code::NO_ERROR => Ok(metadata.partitions),
                code => Err(code),
            }
        });
        let partitions = known.await?.into_iter();
        Ok(partitions.map(|it| PartitionInfo::new(it.id, it.leader, it.replicas, it.in_sync_replicas)).collect())
    }

    async fn watermarks(&self, partitions: Vec<TopicPartition>, end: fn((i64, i64)) -> i64) -> Result<Offsets, Error> {
        let topics = partitions.iter().map(TopicPartition::native_topic).collect::<Result<Vec<_>, _>>()?;
        self.ask("looking up offsets failed".to_owned(), move |client, timeout| {
            let mut offsets = Offsets::new();
            for (partition, topic) in partitions.iter().zip(&topics) {
                let found = client.watermarks(topic, partition.partition(), timeout)?;
                offsets.set_next(partition.topic(), partition.partition(), end(found));
            }
            Ok(offsets)
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        context: String,
        call: impl FnOnce(&ConsumerClient, Duration) -> Result<T, i32> + Send + 'static,
    ) -> Result<T, Error> {
        let timeout = self.untyped.state.api_timeout;
        self.untyped.state.ask(move |client| call(client, timeout).map_err(|code| Error::from_code(code, &context))).await
    }
}

/// The elements that have an offset. The error of one element fails the call.
fn offsets_of(elements: Vec<ListedOffset>) -> Result<Offsets, i32> {
    let mut offsets = Offsets::new();
    for element in elements {
        if element.code != code::NO_ERROR {
            return Err(element.code);
        }
        if element.offset >= 0 {
            let next = OffsetAndMetadata::new(element.offset).with_metadata(element.metadata);
            let next = element.leader_epoch.into_iter().fold(next, OffsetAndMetadata::with_leader_epoch);
            offsets.set(&element.topic, element.partition, next);
        }
    }
    Ok(offsets)
}
