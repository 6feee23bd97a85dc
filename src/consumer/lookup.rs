//! What the brokers tell of offsets and partitions.

use std::time::Duration;

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::Consumer as _,
    error::KafkaResult,
    types::{RDKafkaErrorCode as Code, RDKafkaRespErr},
};

use super::{Consumer, TopicPartition, all, context::NativeConsumer, trouble::error_of};
use crate::{Error, OffsetAndMetadata, Offsets, native::kept_with, producer::PartitionInfo};

impl<K: Send + 'static, V: Send + 'static> Consumer<K, V> {
    /// What is committed for the group, of these partitions, with what is kept with it; those of which nothing is are not among them. Waits for the brokers for
    /// `default.api.timeout.ms` at most, as do the calls below.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) without a `group.id`; what the group's coordinator answers, or that it does not.
    pub async fn committed<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        let context = format!("group {}: what is committed", self.group_id("ask for what is committed")?);
        let list = TopicPartition::list_of(&all(partitions));
        self.ask(context, move |consumer, timeout| offsets_of(&consumer.committed_offsets(list, timeout)?)).await
    }

    /// The first offset of each partition whose record is not older than the time given, in milliseconds since the Unix epoch; partitions that
    /// have no such record are not among them (Java: `offsetsForTimes`).
    ///
    /// # Errors
    /// What the brokers answer, or that they do not.
    pub async fn offsets_for_times<P: Into<TopicPartition>>(
        &self,
        times: impl IntoIterator<Item = (P, i64)>,
    ) -> Result<Offsets, Error> {
        let times: Vec<_> = times.into_iter().map(|(partition, time)| (partition.into(), time)).collect();
        self.ask("the offsets of times".to_owned(), move |consumer, timeout| {
            let mut list = TopicPartitionList::new();
            for (partition, time) in &times {
                list.add_partition_offset(partition.topic(), partition.partition(), Offset::Offset(*time))?;
            }
            offsets_of(&consumer.offsets_for_times(list, timeout)?)
        })
        .await
    }

    /// The first offset that each partition has.
    ///
    /// # Errors
    /// What the brokers answer, or that they do not.
    pub async fn beginning_offsets<P: Into<TopicPartition>>(
        &self,
        partitions: impl IntoIterator<Item = P>,
    ) -> Result<Offsets, Error> {
        self.watermarks(all(partitions), |(low, _)| low).await
    }

    /// The offset behind the last record of each partition, as the `isolation.level` lets it be seen: with `read_committed`, before the first
    /// open transaction.
    ///
    /// # Errors
    /// What the brokers answer, or that they do not.
    pub async fn end_offsets<P: Into<TopicPartition>>(&self, partitions: impl IntoIterator<Item = P>) -> Result<Offsets, Error> {
        self.watermarks(all(partitions), |(_, high)| high).await
    }

    /// The topic's partitions (Java: `partitionsFor`).
    ///
    /// # Errors
    /// [`UnknownTopicOrPartition`](crate::ErrorKind::UnknownTopicOrPartition) if there is no such topic; what else the brokers answer, or that they
    /// do not.
    pub async fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, Error> {
        let (context, topic) = (format!("topic {topic}"), topic.to_owned());
        let failed = context.clone();
        let known = self.ask(context, move |consumer, timeout| {
            let metadata = consumer.fetch_metadata(Some(&topic), timeout)?;
            let Some(known) = metadata.topics().iter().find(|known| known.name() == topic) else {
                return Ok(Err(Code::UnknownTopic));
            };
            let trouble = known.error().filter(|code| *code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
            Ok(match trouble {
                Some(code) => Err(code.into()),
                None => Ok(known
                    .partitions()
                    .iter()
                    .map(|it| PartitionInfo::new(it.id(), it.leader(), it.replicas().to_vec(), it.isr().to_vec()))
                    .collect()),
            })
        });
        known.await?.map_err(|code: Code| Error::from_code(code as i32, &failed))
    }

    async fn watermarks(&self, partitions: Vec<TopicPartition>, end: fn((i64, i64)) -> i64) -> Result<Offsets, Error> {
        self.ask("the partitions' offsets".to_owned(), move |consumer, timeout| {
            let mut offsets = Offsets::new();
            for partition in &partitions {
                let found = consumer.fetch_watermarks(partition.topic(), partition.partition(), timeout)?;
                offsets.set_next(partition.topic(), partition.partition(), end(found));
            }
            Ok(offsets)
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        context: String,
        call: impl FnOnce(&NativeConsumer, Duration) -> KafkaResult<T> + Send + 'static,
    ) -> Result<T, Error> {
        let timeout = self.core.shared.api_timeout;
        self.core.shared.ask(move |consumer| call(consumer, timeout).map_err(|error| error_of(&error, &context))).await
    }
}

/// The offsets that are some; an element's error is the error of all.
fn offsets_of(list: &TopicPartitionList) -> KafkaResult<Offsets> {
    let mut offsets = Offsets::new();
    for (index, element) in list.elements().iter().enumerate() {
        element.error()?;
        if let Offset::Offset(next) = element.offset() {
            let (leader_epoch, metadata) = kept_with(list, index).unwrap_or_default();
            let next = OffsetAndMetadata::new(next).with_metadata(metadata);
            let next = leader_epoch.into_iter().fold(next, OffsetAndMetadata::with_leader_epoch);
            offsets.set(element.topic(), element.partition(), next);
        }
    }
    Ok(offsets)
}
