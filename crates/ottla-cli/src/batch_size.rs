//! Limits `batch.size` to the topic's `max.message.bytes`: the broker rejects a larger batch whole, and librdkafka does not know
//! the limit.

use ottla::{Producer, ProducerConfig, config::settings};

const BATCH_SIZE: &str = "batch.size";

/// Returns the topic's maximum batch size if it is less than the default of `batch.size`. `None` if the user has set
/// `batch.size`, or if the brokers do not report the limit: without permission to describe the topic, and with an old or embedded
/// broker.
pub(crate) async fn lowered(config: &ProducerConfig, producer: &Producer<[u8], [u8]>, topic: &str) -> Option<usize> {
    if config.get(BATCH_SIZE).is_some() || config.get("librdkafka.batch.size").is_some() {
        return None;
    }
    let default: usize = settings().find(|setting| setting.name() == BATCH_SIZE)?.default()?.parse().ok()?;
    producer.max_message_bytes(topic).await.ok().filter(|limit| *limit < default)
}
