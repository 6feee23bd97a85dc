//! What the clients on ottla share.

use std::time::Duration;

use anyhow::Result;
use bench_workload::{Arguments, Records};
use ottla::{Producer, ProducerConfig, ProducerRecord};

pub(super) type Bytes = Producer<[u8], [u8]>;

pub(super) fn producer(arguments: &Arguments) -> Result<Bytes> {
    Ok(Producer::builder(config(arguments)?).build()?)
}

pub(super) fn config(arguments: &Arguments) -> Result<ProducerConfig> {
    let config = ProducerConfig::new()
        .set("bootstrap.servers", &arguments.bootstrap)?
        .set("compression.type", arguments.compression.name())?
        .linger(Duration::from_millis(arguments.linger_ms))
        .batch_size(arguments.batch_bytes);
    Ok(match arguments.buffer_memory {
        Some(bytes) => config.buffer_memory(bytes),
        None => config,
    })
}

/// A record; `key` has to be there for as long.
pub(super) fn record<'a>(records: &'a Records, index: usize, key: &'a [u8; 8]) -> ProducerRecord<'a, [u8], [u8]> {
    let record = ProducerRecord::to(records.topic(index)).value(records.value(index));
    if records.is_keyed() { record.key(&key[..]) } else { record }
}

pub(super) fn version() -> String {
    format!("ottla on librdkafka {}", ottla::librdkafka_version())
}
